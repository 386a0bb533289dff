"""Benchmarks of a user's own training: which batch size to use, and why."""

from .errors import BenchError

__all__ = ["BenchError"]
