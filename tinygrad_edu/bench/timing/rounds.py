"""Side-by-side timing on a machine shared with other programs.

The contenders take turns, round by round, in changing order; in its turn each runs for a few milliseconds. The results
are the median of each contender and the median of the ratios round by round: a slow moment affects neighbours alike,
and cancels.
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

TURN = 5e-3  # seconds: long compared with a clock's tick and a call's overhead


@dataclass
class Timing:
    """Seconds per call of one contender, one number per round.

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
        """The lower and the upper quartile, in seconds."""
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
    """The time of `a` divided by that of `b`: the median of the ratios round by round.

    >>> ratio(Timing([2.0, 8.0, 3.0]), Timing([1.0, 4.0, 3.0]))
    2.0
    """
    return statistics.median(_paired(a, b))


def ratio_interval(a: Timing, b: Timing, *, level: float = LEVEL, seed: int = 0) -> Interval:
    """`ratio` and its bootstrap interval; if that contains 1, no difference is shown.

    >>> ratio_interval(Timing([2.0, 8.0] * 5), Timing([1.0, 4.0] * 5))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    return median_interval(_paired(a, b), level=level, seed=seed)


class Rounds(Generic[Name]):
    """Contenders that take turns. After an interrupt, the whole rounds so far are kept.

    Args:
        contenders: by name; each is called without arguments.
        clock: the clock that times.
        turn: seconds in a turn; a call that takes longer is one turn.
        seed: the seed of the order.

    Attributes:
        timings: by name, one number for each round that counts.
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
        """Run some rounds: fewer if one more would exceed the budget, but at least one.

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
        """The number of calls that fill a turn."""
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
    """Time each contender over `rounds` turns of about `turn` seconds, in changing order.

    Args:
        contenders: by name; each is called without arguments.
        clock: the clock that times.
        rounds: how many turns each gets: fewer if the budget ends, but at least one.
        turn: seconds in a turn; a call that takes longer is one turn.
        warm_up: rounds that do not count.
        budget: when to end early.
        seed: the seed of the order.
    """
    race = Rounds(contenders, clock=clock, turn=turn, seed=seed)
    race.run(rounds, warm_up=warm_up, budget=budget)
    return race.timings


def _paired(a: Timing, b: Timing) -> list[float]:
    return [x / y for x, y in zip(a.seconds, b.seconds, strict=True)]
