"""Trainings at many batch sizes: how many steps, samples and seconds a loss takes."""
