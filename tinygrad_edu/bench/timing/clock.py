"""Clocks: what times the steps, and how much of a budget is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...errors import describe
from ..errors import BenchError

FINE = 1e-5  # seconds; a clock that ticks more coarsely than this is of no use


@dataclass(frozen=True)
class Clock:
    """Two clocks, in seconds: one for budgets, one for steps.

    Attributes:
        wall: wall-clock time, for which people wait.
        busy: the time that measures steps.
        unit: what `busy` measures, "CPU" or "wall".
    """

    wall: Callable[[], float] = field(default_factory=lambda: time.perf_counter)
    busy: Callable[[], float] = field(default_factory=lambda: time.perf_counter)
    unit: str = "wall"

    def took(self, work: Callable[[], object]) -> float:
        """The wall-clock seconds of a call."""
        begin = self.wall()
        work()
        return self.wall() - begin

    @classmethod
    def for_threads(cls, threads: int) -> Clock:
        """CPU time for one thread, as other programs on the core do not lengthen it; else wall time.

        >>> Clock.for_threads(2).unit
        'wall'
        """
        if threads == 1 and time.get_clock_info("process_time").resolution <= FINE:
            return cls(busy=time.process_time, unit="CPU")
        return cls()


class Budget:
    """Seconds that may be spent, by the wall clock.

    Args:
        seconds: how many; None for no limit.
        wall: the clock; None for the real one.

    >>> now = iter([0.0, 2.0, 2.0, 11.0])
    >>> budget = Budget(10.0, lambda: next(now))
    >>> budget.left, budget.spent, budget.left
    (8.0, 2.0, 0.0)
    """

    def __init__(self, seconds: float | None, wall: Callable[[], float] | None = None) -> None:
        self.seconds: float = math.inf if seconds is None else float(seconds)
        self._wall = Clock().wall if wall is None else wall
        self._begin = self._wall()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._wall() - self._begin

    @property
    def share(self) -> float:
        """The share that is spent, from 0 to 1."""
        return min(1.0, self.spent / self.seconds)

    @property
    def left(self) -> float:
        """Seconds that are left; never negative."""
        return max(0.0, self.seconds - self.spent)

    def part(self, seconds: float) -> Budget:
        """A budget by the same clock for a part of the work: so many seconds, or those left if they are fewer."""
        return Budget(min(max(seconds, 0.0), self.left), self._wall)


def check_budget(seconds: Any) -> float | None:
    """Check a budget: seconds, or None for no limit.

    Raises:
        BenchError: if it is anything else.

    >>> check_budget(60)
    60.0
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise BenchError(f"budget: got {describe(seconds)}; give seconds, greater than 0, or None for no limit")
    return float(seconds)
