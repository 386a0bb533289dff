"""What an answer is worked out with: training runs, a clock and a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ...samples.noise import NoiseScale
from ..progress import Tell, silent
from ..runs.target import Trainable
from ..timing.clock import Budget, Clock


class Learner(Trainable, Protocol):
    """A training run that can be timed with other batch sizes, and whose noise scale can be measured."""

    def load(self) -> object:
        """The next batch."""

    def sized(self, batch_size: int) -> Learner:
        """The same model with batches of another size, for timing."""

    def probe(self) -> NoiseScale:
        """The noise scale at the current weights."""

    def coupling(self) -> str:
        """The layer that makes samples depend on one another; empty if none can be named."""


@dataclass
class Lab:
    """What an answer is worked out with.

    Attributes:
        start: starts a training run from batch size, rate and seed.
        count: the largest possible batch: all samples, or as many as fit into the memory allowed.
        gradual: whether the optimizer is plain SGD.
        clock: the clock that times.
        budget: how long it may take.
        seed: the first seed.
        allowed: the batch sizes to choose from; empty for all.
        tell: called with the current stage and the share of the budget spent.
    """

    start: Callable[[int, float, int], Learner]
    count: int
    gradual: bool
    clock: Clock
    budget: Budget
    seed: int = 0
    allowed: list[int] = field(default_factory=list)
    tell: Tell = silent

    def say(self, stage: str) -> None:
        """Report the current stage."""
        self.tell(stage, self.budget.share)

    def part(self, share: float) -> Budget:
        """The budget of a stage: this share of the whole, or what is left."""
        return self.budget.part(self.budget.seconds * share)

    @property
    def usual(self) -> int:
        """The batch size to begin with: 32, or the nearest possible one."""
        if self.allowed:
            return min(self.allowed, key=lambda size: abs(size - 32))
        return min(32, self.count)
