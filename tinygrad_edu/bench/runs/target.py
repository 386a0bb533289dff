"""Train until a loss is reached, and count the steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import BenchError
from ..timing.clock import Budget

LOOKS = 40  # how often the loss is evaluated on the way to a target
HOPELESS = 20.0  # times the first loss: from there a run does not recover in time


class Trainable(Protocol):
    """What can be trained step by step."""

    def step(self) -> None:
        """Take a step."""

    def loss(self) -> float:
        """The mean loss over a fixed part of the training data."""

    def test_loss(self) -> float:
        """The mean loss over held-out samples; NaN if there are none."""


@dataclass
class Reached:
    """The course of a training run towards a target.

    Attributes:
        steps: steps to the target, interpolated between two evaluations; NaN if it was not reached.
        taken: the number of steps taken.
        curve: (steps, loss) at every evaluation; ends with an infinite loss if the run failed.
        test_loss: the final loss on held-out samples; NaN if it was not requested.
        why: why it was not reached: "diverged", "steps" or "budget"; empty if it was.
    """

    steps: float
    taken: int
    curve: list[tuple[int, float]] = field(default_factory=list)
    test_loss: float = math.nan
    why: str = ""

    @property
    def finished(self) -> bool:
        """Whether the target was reached."""
        return not self.why


def check_target(target: float | None) -> None:
    """Raise a `BenchError` if the target is not a possible loss."""
    if target is not None and not math.isfinite(target):
        raise BenchError(f"target_loss={target!r}: give a mean loss per sample, or None")


def obstacle(first: float, target: float | None) -> str:
    """Why a target is useless, given the loss of the untrained model; empty if it is not."""
    if not math.isfinite(first):
        return "The loss of the new model is not a finite number: there is nothing to compare."
    if target is not None and target >= first:
        return f"The target, {target:g}, is no lower than the loss before any training, {first:.4g}."
    return ""


def until(
    run: Trainable,
    target: float,
    *,
    most: int,
    every: int | None = None,
    budget: Budget | None = None,
    look: Callable[[int, float], None] | None = None,
) -> Reached:
    """Train until the loss reaches the target, or the run is given up.

    A loss that explodes ends the run, even if it would come down again. So the loss is evaluated more often at the
    beginning, where a rate that is too large shows itself.

    Args:
        run: the run, which continues from where it is.
        target: the mean loss per sample to reach.
        most: the number of steps after which to stop.
        every: steps between two evaluations of the loss; by default a fortieth of `most`.
        budget: when to stop in any case.
        look: called with steps and loss at every evaluation.
    """
    every = max(1, -(-most // LOOKS)) if every is None else every
    first = run.loss()
    hopeless = HOPELESS * max(abs(first), abs(target) if math.isfinite(target) else 0.0)
    curve = [(0, first)]
    taken = 0
    while True:
        loss = curve[-1][1]
        if look is not None:
            look(taken, loss)
        if loss <= target:
            return Reached(crossing(curve, target), taken, curve, run.test_loss())
        if not loss <= hopeless:  # NaN too
            curve[-1] = (taken, math.inf)
            return Reached(math.nan, taken, curve, why="diverged")
        if taken >= most:
            return Reached(math.nan, taken, curve, run.test_loss(), why="steps")
        if budget is not None and not budget.left:
            return Reached(math.nan, taken, curve, why="budget")
        for _ in range(min(every, most - taken)):
            run.step()
            taken += 1
            if taken < every and taken & (taken - 1) == 0 and not run.loss() <= hopeless:  # after 1, 2, 4, … steps
                return Reached(math.nan, taken, [*curve, (taken, math.inf)], why="diverged")
        curve.append((taken, run.loss()))


def crossing(curve: list[tuple[int, float]], target: float) -> float:
    """The number of steps at which a curve first reaches the target, by linear interpolation.

    >>> crossing([(0, 2.0), (10, 1.0), (20, 0.5)], 0.75)
    15.0
    >>> crossing([(0, 2.0), (10, 1.0)], 0.5)
    nan
    """
    for (before, high), (after, low) in itertools.pairwise(curve):
        if low <= target:
            share = (high - target) / (high - low) if math.isfinite(high) and high > low else 1.0
            return before + share * (after - before)
    return 0.0 if curve and curve[0][1] <= target else math.nan
