"""Measuring on a machine that is not ours alone: clocks, rounds in turn, intervals, threads, memory."""

from .clock import Budget, Clock
from .intervals import Interval
from .rounds import Rounds, Step, Timing, ratio, ratio_interval, side_by_side

__all__ = ["Budget", "Clock", "Interval", "Rounds", "Step", "Timing", "ratio", "ratio_interval", "side_by_side"]
