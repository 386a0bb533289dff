"""What is benchmarked: model, loss, data and optimizer, and a training run with them."""

from .problem import Problem
from .run import TIMING_RATE, Run

__all__ = ["TIMING_RATE", "Problem", "Run"]
