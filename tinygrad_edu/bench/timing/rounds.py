"""Timing side by side on a machine that is not ours alone.

The contenders take turns, round by round, in an order that changes; in a turn each runs for a few milliseconds on
end. What is quoted is each one's median and the median of the ratios round by round, so that a slow moment, which
hits neighbours alike, cancels.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .clock import Budget, Clock
from .intervals import LEVEL, Interval, median_interval

Step = Callable[[], object]
Name = TypeVar("Name", bound=Hashable)

TURN = 5e-3  # seconds: a clock's tick and a call's overhead are nothing beside it


@dataclass
class Timing:
    """Seconds per call of one contender, a figure per round.

    >>> timing = Timing([2.0, 1.0, 3.0])
    >>> timing.median, timing.spread
    (2.0, 1.0)
    """

    seconds: list[float]

    @property
    def median(self) -> float:
        """The median over the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the rounds took less than the first, a quarter longer than the second."""
        if len(self.seconds) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return low, high

    @property
    def spread(self) -> float:
        """The interquartile range as a share of the median."""
        low, high = self.quartiles
        return (high - low) / self.median


def ratio(a: Timing, b: Timing) -> float:
    """How long `a` takes as a multiple of `b`: the median of the ratios round by round.

    >>> ratio(Timing([2.0, 8.0, 3.0]), Timing([1.0, 4.0, 3.0]))
    2.0
    """
    return statistics.median(_paired(a, b))


def ratio_interval(a: Timing, b: Timing, *, level: float = LEVEL, seed: int = 0) -> Interval:
    """`ratio` and its bootstrap interval; no difference can be told where that holds 1.

    >>> ratio_interval(Timing([2.0, 8.0] * 5), Timing([1.0, 4.0] * 5))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    return median_interval(_paired(a, b), level=level, seed=seed)


class Rounds(Generic[Name]):
    """Contenders that take turns. What was timed is kept in whole rounds, also when it is interrupted.

    Args:
        contenders: by name; each is called without arguments.
        clock: what measures.
        turn: seconds in a turn; a call that takes longer is one turn.
        seed: decides the order.

    Attributes:
        timings: by name, a figure for each round that counts.
    """

    def __init__(self, contenders: Mapping[Name, Step], *, clock: Clock, turn: float = TURN, seed: int = 0) -> None:
        self.timings: dict[Name, Timing] = {name: Timing([]) for name in contenders}
        self._contenders = dict(contenders)
        self._clock = clock
        self._turn = turn
        self._shuffle = random.Random(seed).shuffle

    def run(
        self,
        rounds: int,
        *,
        warm_up: int = 3,
        budget: Budget | None = None,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Some rounds, fewer where one more would go beyond the budget, but never less than one.

        Args:
            rounds: how many turns each contender gets.
            warm_up: rounds before those, which do not count.
            budget: when to end early.
            before: called before each round.
        """
        calls = {name: self._calls(step) for name, step in self._contenders.items()}
        order = list(self._contenders)
        gc.collect()
        took = 0.0
        for number in range(-warm_up, rounds):
            if budget is not None and (not budget.left or budget.left < took):
                if number > 0:
                    break
                if number < 0:
                    continue
            before()
            begin = self._clock.wall()
            self._shuffle(order)
            found = {name: self._timed(self._contenders[name], calls[name]) for name in order}
            took = self._clock.wall() - begin
            if number >= 0:
                for name, seconds in found.items():
                    self.timings[name].seconds.append(seconds)

    def _calls(self, step: Step) -> int:
        """How many calls fill a turn."""
        step()
        return max(1, round(self._turn / max(self._timed(step, 1), 1e-7)))

    def _timed(self, step: Step, count: int) -> float:
        begin = self._clock.busy()
        for _ in range(count):
            step()
        return (self._clock.busy() - begin) / count


def side_by_side(
    contenders: Mapping[Name, Step],
    *,
    clock: Clock,
    rounds: int = 21,
    turn: float = TURN,
    warm_up: int = 3,
    budget: Budget | None = None,
    seed: int = 0,
) -> dict[Name, Timing]:
    """Time each contender over `rounds` turns of about `turn` seconds, taken in changing order.

    Args:
        contenders: by name; each is called without arguments.
        clock: what measures.
        rounds: how many turns each gets; fewer where the budget ends, but never less than one.
        turn: seconds in a turn; a call that takes longer is one turn.
        warm_up: rounds that do not count.
        budget: when to end early.
        seed: decides the order.
    """
    race = Rounds(contenders, clock=clock, turn=turn, seed=seed)
    race.run(rounds, warm_up=warm_up, budget=budget)
    return race.timings


def _paired(a: Timing, b: Timing) -> list[float]:
    return [x / y for x, y in zip(a.seconds, b.seconds, strict=True)]
