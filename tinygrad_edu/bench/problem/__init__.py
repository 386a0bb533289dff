"""What is benchmarked: model, loss, data and optimizer, and a training of them."""

from .problem import Problem
from .run import Run

__all__ = ["Problem", "Run"]
