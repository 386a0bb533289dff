"""What is to be trained: batch sizes, seeds, and how long at the utmost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BenchError
from ..problem.sizes import check_sizes, powers_of_two
from ..runs.target import check_target
from .rules import RULES

LARGEST = 2048  # of the batch sizes that are taken where none are named
USUAL = 8  # the smallest of them
PATIENCE = 500  # steps that a training may take whatever the number of epochs: a full batch makes one step in each
SHORT = 300  # steps of a training that shows whether a rate works
SHORTEST = 30
STRIDE = 10  # between seeds: a training uses a few numbers from its seed on
TUNING_SEEDS = 2


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Attributes:
        batch_sizes: in ascending order.
        count: how many samples there are to learn from.
        rule: for the learning rate, one of "tune", "constant", "sqrt" and "linear".
        target: the mean loss a sample to reach; None for what a short training reaches.
        seeds: how many trainings are reported for each batch size.
        seed: where random numbers start.
        max_epochs: how many passes over the data a training may take, but always at least 500 steps.
        gradual: whether the optimizer is plain SGD.
        sums: whether a rate divided by the batch size does the same to a loss that is a sum.
    """

    batch_sizes: tuple[int, ...]
    count: int
    rule: str = "tune"
    target: float | None = None
    seeds: int = 3
    seed: int = 0
    max_epochs: float = 50
    gradual: bool = True
    sums: bool = True

    @classmethod
    def of(cls, batch_sizes: Sequence[int] | None, count: int, largest: int | None = None, **options: Any) -> Plan:
        """A plan whose numbers make sense.

        Args:
            batch_sizes: None for powers of two, up to `largest`.
            count: how many samples there are to learn from.
            largest: the largest batch that fits into memory; None for all samples.
            options: the other attributes.

        Raises:
            BenchError: names the option that does not.

        >>> Plan.of(None, 300).batch_sizes
        (8, 16, 32, 64, 128, 256)
        """
        plan = cls(
            tuple(_default(largest or count) if batch_sizes is None else check_sizes(batch_sizes, count)),
            count,
            **options,
        )
        if plan.rule not in RULES:
            raise BenchError(f"lr_rule={plan.rule!r}: take one of {', '.join(map(repr, RULES))}")
        seeds: Any = plan.seeds
        if not isinstance(seeds, int) or seeds < 1:
            raise BenchError(f"seeds={seeds!r}: give the number of trainings for each batch size, 1 or more")
        if not plan.max_epochs > 0 or not math.isfinite(plan.max_epochs):
            raise BenchError(f"max_epochs={plan.max_epochs!r}: give the passes over the data after which to stop")
        check_target(plan.target)
        return plan

    @property
    def middle(self) -> int:
        """The batch size to begin with.

        >>> Plan((8, 16, 32, 64, 128), 1000).middle
        32
        """
        return self.batch_sizes[(len(self.batch_sizes) - 1) // 2]

    @property
    def order(self) -> list[int]:
        """The batch sizes from the middle outwards: every other one first, so that a budget shows the whole range.

        >>> Plan((8, 16, 32, 64, 128, 256), 1000).order
        [32, 128, 8, 64, 16, 256]
        """
        start = self.batch_sizes.index(self.middle)
        places = sorted(range(len(self.batch_sizes)), key=lambda i: ((i - start) % 2, abs(i - start), i < start))
        return [self.batch_sizes[i] for i in places]

    @property
    def run_seeds(self) -> list[int]:
        """The seeds of the trainings that are reported; the same ones at each batch size."""
        return [self.seed + STRIDE * k for k in range(self.seeds)]

    @property
    def tuning_seeds(self) -> list[int]:
        """The seeds that rates are compared on; none that is reported, as the winner of a race was lucky too."""
        return [self.seed + STRIDE * k + STRIDE // 2 for k in range(TUNING_SEEDS)]

    @property
    def short(self) -> int:
        """The steps of a short training: so many that all batch sizes can get as far within the epochs allowed."""
        return min(SHORT, max(SHORTEST, math.ceil(self.max_epochs * self.count / (3 * self.middle))))

    def most(self, batch_size: int) -> int:
        """The steps after which a training is given up.

        >>> Plan((8, 16), 1000, max_epochs=50).most(16), Plan((8, 1000), 1000, max_epochs=50).most(1000)
        (3125, 500)
        """
        return max(PATIENCE, math.ceil(self.max_epochs * self.count / batch_size))


def _default(largest: int) -> list[int]:
    """Powers of two from 8 on, or from 1 on where there are few samples."""
    lowest = USUAL if largest >= 8 * USUAL else 1
    return [size for size in powers_of_two(min(largest, LARGEST)) if size >= lowest]
