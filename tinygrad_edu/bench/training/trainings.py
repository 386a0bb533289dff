"""Running trainings, and remembering each that finished."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..advice.lab import Learner
from ..runs.target import until
from ..timing.clock import Budget

# Why a training did not reach the target, in words.
LATE = {"diverged": "diverged", "steps": "ran out of steps", "budget": "ran out of time"}

Start = Callable[[int, float, int], Learner]


class OutOfTime(Exception):
    """The budget is spent."""


@dataclass
class Training:
    """How one training went.

    Attributes:
        batch_size: samples in a step.
        rate: the learning rate.
        seed: of weights, order and other random numbers.
        target: the mean loss a sample to reach; None to train on to the end.
        most: the number of steps after which to give up.
        every: steps between two looks at the loss.
        steps: to the target, interpolated between two looks; NaN if it was not reached.
        taken: how many steps were taken.
        first_loss: before any step.
        train_loss: at the end, over a fixed part of the training data; NaN if it diverged.
        test_loss: at the end, over samples that were held out; NaN if it diverged or there are none.
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
        """What decides how it goes."""
        return self.batch_size, self.rate, self.seed, self.target, self.most, self.every


class Trainings:
    """Runs trainings that are decided by their options, so that none has to be run twice.

    Args:
        start: begins a training: batch size, rate, seed.
        budget: when it is over, `OutOfTime` is raised before the next step, and the training is lost.
        finished: those that are known already.
        keep: called after each one that finishes.

    Attributes:
        finished: all that are known, in the order in which they were run.
        cut: the one that ran when the budget was over.
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
        """The training with these options, run to its end if it was not before."""
        if asked.key in self._known:
            return self._known[asked.key]
        self.check_time()
        done = self._run(asked)
        self.finished.append(done)
        self._known[done.key] = done
        self._keep()
        return done

    def watch(self, asked: Training, look: Callable[[Learner, int, float], None]) -> None:
        """Run a training with somebody looking on: at the learner, the steps taken and the loss."""
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
    """A learner that takes no step once the budget is spent."""

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
