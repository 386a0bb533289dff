"""Where trainings are run for an answer: what can be started, what measures, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ...samples.noise import NoiseScale
from ..progress import Tell, silent
from ..runs.target import Trainable
from ..timing.clock import Budget, Clock


class Learner(Trainable, Protocol):
    """A training that can be timed at other batch sizes, and whose gradients can be taken apart."""

    def load(self) -> object:
        """The next batch."""

    def sized(self, batch_size: int) -> Learner:
        """The same model with batches of another size, for timing."""

    def probe(self) -> NoiseScale:
        """The noise scale as the weights are now."""

    def coupling(self) -> str:
        """The layer that makes samples depend on one another; empty where none can be named."""


@dataclass
class Lab:
    """What an answer is worked out with.

    Attributes:
        start: begins a training: batch size, rate, seed.
        count: the largest batch that is possible: as many samples as there are, or as fit into the memory allowed.
        gradual: whether the optimizer is plain SGD.
        clock: what measures.
        budget: how long it may take.
        seed: where random numbers start.
        allowed: the batch sizes to choose from; empty for all.
        tell: hears of the stage, and of the share of the budget that is spent.
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
        """Tell what is being done now."""
        self.tell(stage, self.budget.share)

    def part(self, share: float) -> Budget:
        """A budget of its own for a stage: this share of the whole, or what is left."""
        return self.budget.part(self.budget.seconds * share)

    @property
    def usual(self) -> int:
        """The batch size to begin with: 32, or the nearest that there is."""
        if self.allowed:
            return min(self.allowed, key=lambda size: abs(size - 32))
        return min(32, self.count)
