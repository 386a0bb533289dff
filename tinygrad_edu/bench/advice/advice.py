"""Advice: a batch size, a learning rate, and the reasons for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..results import Result
from ..timing.line import StepCost
from .noise import Checkpoint
from .race import Lane


@dataclass
class Advice(Result):
    """Which batch size to use, at which learning rate, and why.

    Attributes:
        batch_size: the answer; None if there is none, and `reason` says why.
        low, high: the range in which the time to the target is within 10 % of the shortest. `batch_size` may lie
            outside if there were only a few sizes to choose from.
        learning_rate: for `batch_size`, as used with ``optimizer.step(samples=len(batch))``; the same as PyTorch's for
            mean losses.
        reason: the reason in words, in paragraphs separated by empty lines.
        target_loss: the mean loss per sample that defines the target.
        optimum: B*, before rounding.
        noise_from_gradients, noise_from_race: the noise scale, measured in two ways; None if it was not.
        noise: the noise scale that the answer is based on.
        step_cost: what a step costs; None if nothing was timed.
        probe_batch, probe_rate: batch size and learning rate of the training run in which the noise scale was measured
            from per-sample gradients.
        checkpoints: the noise scale along that run.
        race: the batch sizes that were run to the target.
        rates: steps to the target by learning rate, with `batch_size`; NaN if it was not reached.
    """

    kind: ClassVar[str] = "advise"

    batch_size: int | None
    low: int | None
    high: int | None
    learning_rate: float | None
    reason: str
    target_loss: float | None
    optimum: float | None
    noise_from_gradients: float | None
    noise_from_race: float | None
    noise: float | None
    step_cost: StepCost | None
    probe_batch: int
    probe_rate: float | None
    checkpoints: list[Checkpoint]
    race: list[Lane]
    rates: dict[float, float]

    @property
    def answered(self) -> bool:
        """Whether there is a batch size."""
        return self.batch_size is not None

    def __str__(self) -> str:
        return "\n\n".join([self.headline, self.reason, *[f"note: {text}" for text in self.notes]])

    @property
    def headline(self) -> str:
        """The answer in one line."""
        if self.batch_size is None:
            return "No answer"
        rate = f", learning rate {self.learning_rate:g}" if self.learning_rate else ""
        return f"Batch size {self.batch_size}{rate} ({self.low} to {self.high} is within 10 %)"
