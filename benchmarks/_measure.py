"""Timing side by side on a machine that is not ours alone.

The contenders take turns, round by round, in an order that changes; in a turn each runs for a few
milliseconds on end. What is quoted is each one's median and the median of the ratios round by round, so
that a slow moment, which hits neighbours alike, cancels. Nothing here judges: it prints what it saw.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # one thread each, set before NumPy or PyTorch is imported

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Step = Callable[[], object]


@dataclass
class Timing:
    """Seconds per call of one contender, a figure per round."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """The interquartile range as a share of the median."""
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / self.median


def side_by_side(
    contenders: dict[str, Step], *, rounds: int = 21, turn: float = 5e-3, warm_up: int = 3
) -> dict[str, Timing]:
    """Time each contender over `rounds` turns of about `turn` seconds, taken in changing order."""
    calls = {name: _calls_in(turn, step) for name, step in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    gc.collect()
    for number in range(warm_up + rounds):
        shuffle(order)
        for name in order:
            step, count = contenders[name], calls[name]
            begin = time.perf_counter()
            for _ in range(count):
                step()
            elapsed = (time.perf_counter() - begin) / count
            if number >= warm_up:
                seconds[name].append(elapsed)
    return {name: Timing(values) for name, values in seconds.items()}


def ratio(a: Timing, b: Timing) -> float:
    """How long `a` takes as a multiple of `b`: the median over the rounds."""
    return statistics.median(x / y for x, y in zip(a.seconds, b.seconds, strict=True))


def _calls_in(turn: float, step: Step) -> int:
    for _ in range(3):
        step()
    begin = time.perf_counter()
    step()
    return max(1, round(turn / max(time.perf_counter() - begin, 1e-7)))


def against(value: float, goal: float) -> str:
    """A ratio and what it was meant to be."""
    return f"{value:5.2f} {'≤' if value <= goal else '>'} {goal:.2f}"
