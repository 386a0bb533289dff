"""Find by trial the learning rate at which something costs least."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

FIRST_RATE = {True: 0.1, False: 0.003}  # where a search begins without prior knowledge: plain SGD, others


def none_works(tried: Collection[float]) -> str:
    """The message that no rate lowers the loss, after a complete search."""
    return (
        f"No learning rate from {min(tried):.2g} to {max(tried):.2g} lowered the training loss with this optimizer: "
        "check that the model can learn from these data, and that its losses stay finite."
    )


class Climb:
    """Goes from rate to rate, each `factor` times the previous one, to the lowest cost.

    The cost as a function of the logarithm of the rate is assumed to have one valley, outside of which training fails
    or is very slow. Costs are remembered.

    Args:
        cost: maps a rate to any number that is smaller for a better rate, and infinite if the rate fails.
        start: the first rate.

    Attributes:
        costs: the costs so far, by rate.

    >>> climb = Climb(lambda rate: abs(rate - 4.1), 1.0)
    >>> climb.search(2.0), sorted(climb.costs)
    (4.0, [1.0, 2.0, 4.0, 8.0])
    """

    def __init__(self, cost: Callable[[float], float], start: float) -> None:
        self._cost = cost
        self.start: float = start
        self.costs: dict[float, float] = {}

    @property
    def best(self) -> float:
        """The rate of the lowest cost; NaN if none has a finite one."""
        finite = {rate: cost for rate, cost in self.costs.items() if math.isfinite(cost)}
        return min(finite, key=finite.__getitem__) if finite else math.nan

    def search(self, factor: float, most: int = 24) -> float:
        """The best rate on a grid of steps of `factor`, with both neighbours tried; NaN if none works.

        If the first rate fails, smaller ones are tried until one works.

        Args:
            factor: greater than 1.
            most: how many rates to try at most, including earlier ones.
        """
        rate = self.best if self.costs and math.isfinite(self.best) else self.start
        while not math.isfinite(self._of(rate)):
            if len(self.costs) >= most:
                return math.nan
            rate /= factor
        while len(self.costs) < most:
            neighbours = [n for n in (rate * factor, rate / factor) if self._key(n) is None]
            if not neighbours:
                break
            self._of(neighbours[0])
            rate = self.best
        return self.best

    def _of(self, rate: float) -> float:
        known = self._key(rate)
        if known is None:
            known = rate
            self.costs[rate] = self._cost(rate)
        return self.costs[known]

    def _key(self, rate: float) -> float | None:
        """The rate that was tried already, up to rounding."""
        return next((known for known in self.costs if math.isclose(known, rate, rel_tol=1e-6)), None)
