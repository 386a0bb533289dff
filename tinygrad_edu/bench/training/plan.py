"""What to train: batch sizes, seeds, and for how long at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BenchError
from ..problem.sizes import check_sizes, powers_of_two
from ..runs.target import check_target
from .rules import RULES

LARGEST = 2048  # of the default batch sizes
USUAL = 8  # the smallest of them
PATIENCE = 500  # steps allowed whatever the number of epochs: a full batch makes one step per epoch
SHORT = 300  # steps of a run that shows whether a learning rate works
SHORTEST = 30
STRIDE = 10  # between seeds: a run uses a few numbers from its seed on
TUNING_SEEDS = 2


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Attributes:
        batch_sizes: in ascending order.
        count: the number of training samples.
        rule: for the learning rate, one of "tune", "constant", "sqrt" and "linear".
        target: the mean loss per sample to reach; None for the loss that a short run reaches.
        seeds: the number of training runs reported for each batch size.
        seed: the first seed.
        max_epochs: the most epochs of a training run, but always at least 500 steps.
        gradual: whether the optimizer is plain SGD.
        sums: whether dividing the rate by the batch size gives the equivalent rate for a loss that is a sum.
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
        """Make a plan, and check its options.

        Args:
            batch_sizes: None for powers of two, up to `largest`.
            count: the number of training samples.
            largest: the largest batch that fits into memory; None for all samples.
            options: the other attributes.

        Raises:
            BenchError: if an option is invalid; names it.

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
            raise BenchError(f"seeds={seeds!r}: give the number of training runs for each batch size, 1 or more")
        if not plan.max_epochs > 0 or not math.isfinite(plan.max_epochs):
            raise BenchError(f"max_epochs={plan.max_epochs!r}: give the number of epochs after which to stop")
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
        """The batch sizes from the middle outwards, every other one first, so that a short budget covers the whole
        range.

        >>> Plan((8, 16, 32, 64, 128, 256), 1000).order
        [32, 128, 8, 64, 16, 256]
        """
        start = self.batch_sizes.index(self.middle)
        places = sorted(range(len(self.batch_sizes)), key=lambda i: ((i - start) % 2, abs(i - start), i < start))
        return [self.batch_sizes[i] for i in places]

    @property
    def run_seeds(self) -> list[int]:
        """The seeds of the reported training runs, the same for each batch size."""
        return [self.seed + STRIDE * k for k in range(self.seeds)]

    @property
    def tuning_seeds(self) -> list[int]:
        """The seeds for comparing learning rates; none of them is reported, as the winner was also lucky."""
        return [self.seed + STRIDE * k + STRIDE // 2 for k in range(TUNING_SEEDS)]

    @property
    def short(self) -> int:
        """The steps of a short run: few enough that all batch sizes can get as far within the epochs allowed."""
        return min(SHORT, max(SHORTEST, math.ceil(self.max_epochs * self.count / (3 * self.middle))))

    def most(self, batch_size: int) -> int:
        """The number of steps after which a run is given up.

        >>> Plan((8, 16), 1000, max_epochs=50).most(16), Plan((8, 1000), 1000, max_epochs=50).most(1000)
        (3125, 500)
        """
        return max(PATIENCE, math.ceil(self.max_epochs * self.count / batch_size))


def _default(largest: int) -> list[int]:
    """Powers of two from 8 on, or from 1 on if there are few samples."""
    lowest = USUAL if largest >= 8 * USUAL else 1
    return [size for size in powers_of_two(min(largest, LARGEST)) if size >= lowest]
