"""Benchmarks of your own training: which batch size to use, and why."""

from .. import absent as _absent
from . import report
from .advice.advice import Advice
from .advice.advise import advise
from .comparison import Comparison, compare
from .errors import BenchError
from .latency.result import SpeedResult
from .latency.speed import speed
from .loading import load
from .training.result import TrainResult
from .training.train import train

__all__ = [
    "Advice",
    "BenchError",
    "Comparison",
    "SpeedResult",
    "TrainResult",
    "advise",
    "compare",
    "load",
    "report",
    "speed",
    "train",
]

_absent.explain_names(__name__)
