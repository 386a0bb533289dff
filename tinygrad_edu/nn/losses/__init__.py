"""Losses: the functions and the modules."""
