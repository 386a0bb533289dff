"""Trainings to a target, and rates for them."""
