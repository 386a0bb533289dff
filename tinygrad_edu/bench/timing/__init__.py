"""Measurements on a machine shared with other programs: clocks, rounds, intervals, threads, memory."""

from .clock import Budget, Clock
from .intervals import Interval
from .rounds import Rounds, Step, Timing, ratio, ratio_interval, side_by_side

__all__ = ["Budget", "Clock", "Interval", "Rounds", "Step", "Timing", "ratio", "ratio_interval", "side_by_side"]
