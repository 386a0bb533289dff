"""Run training, and remember each run that finished."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..advice.lab import Learner
from ..runs.target import until
from ..timing.clock import Budget

# Why a run did not reach the target, in words.
LATE = {"diverged": "diverged", "steps": "ran out of steps", "budget": "ran out of time"}

Start = Callable[[int, float, int], Learner]


class OutOfTime(Exception):
    """The budget is spent."""


@dataclass
class Training:
    """The result of one training run.

    Attributes:
        batch_size: samples in a step.
        rate: the learning rate.
        seed: the seed of weights, order and other random numbers.
        target: the mean loss per sample to reach; None to train to the end.
        most: the number of steps after which to give up.
        every: steps between two evaluations of the loss.
        steps: steps to the target, interpolated between two evaluations; NaN if it was not reached.
        taken: the number of steps taken.
        first_loss: the loss before any step.
        train_loss: the final loss over a fixed part of the training data; NaN if the run diverged.
        test_loss: the final loss over held-out samples; NaN if the run diverged or there are none.
        why: why the target was not reached: "diverged", "steps", "budget"; empty if it was.
    """

    batch_size: int
    rate: float
    seed: int
    target: float | None
    most: int
    every: int
    steps: float = math.nan
    taken: int = 0
    first_loss: float = math.nan
    train_loss: float = math.nan
    test_loss: float = math.nan
    why: str = ""

    @property
    def key(self) -> tuple[int, float, int, float | None, int, int]:
        """The options that determine the run."""
        return self.batch_size, self.rate, self.seed, self.target, self.most, self.every


class Trainings:
    """Runs training; a run is determined by its options, so none is run twice.

    Args:
        start: starts a training run from batch size, rate and seed.
        budget: when it is spent, `OutOfTime` is raised before the next step, and the run is lost.
        finished: runs that are already known.
        keep: called after each run.

    Attributes:
        finished: all known runs, in the order in which they were run.
        cut: the run that was cut short by the budget.
    """

    def __init__(
        self,
        start: Start,
        budget: Budget,
        finished: Iterable[Training] = (),
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        self.start: Start = start
        self.finished: list[Training] = list(finished)
        self.cut: Training | None = None
        self._budget = budget
        self._keep = keep
        self._known = {training.key: training for training in self.finished}

    def run(self, asked: Training) -> Training:
        """The run with these options, which is run unless it is known."""
        if asked.key in self._known:
            return self._known[asked.key]
        self.check_time()
        done = self._run(asked)
        self.finished.append(done)
        self._known[done.key] = done
        self._keep()
        return done

    def watch(self, asked: Training, look: Callable[[Learner, int, float], None]) -> None:
        """Run training with a callback that gets the learner, the steps taken and the loss."""
        self.check_time()
        self._run(asked, look)

    def check_time(self) -> None:
        """Raise `OutOfTime` if the budget is spent."""
        if not self._budget.left:
            raise OutOfTime

    def _run(self, asked: Training, look: Callable[[Learner, int, float], None] = lambda *_: None) -> Training:
        learner = self.start(asked.batch_size, asked.rate, asked.seed)
        bounded = _Bounded(learner, self._budget)
        target = -math.inf if asked.target is None else asked.target
        try:
            end = until(bounded, target, most=asked.most, every=asked.every, look=functools.partial(look, learner))
        except OutOfTime:
            self.cut = Training(*asked.key, taken=bounded.taken, why="budget")
            raise
        loss = end.curve[-1][1] if end.why != "diverged" else math.nan
        return Training(*asked.key, end.steps, end.taken, end.curve[0][1], loss, end.test_loss, end.why)


class _Bounded:
    """A learner that stops once the budget is spent."""

    def __init__(self, learner: Learner, budget: Budget) -> None:
        self.taken = 0
        self._learner = learner
        self._budget = budget
        self.loss = learner.loss
        self.test_loss = learner.test_loss

    def step(self) -> None:
        if not self._budget.left:
            raise OutOfTime
        self._learner.step()
        self.taken += 1
