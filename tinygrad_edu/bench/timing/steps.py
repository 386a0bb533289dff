"""What is timed of training: a step, its parts, and a step with per-sample gradient norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

PARTS = ("loading", "forward", "backward", "optimizer")


class Steps(Protocol):
    """A training run whose step has four parts, like `bench.problem.Run`."""

    model: Any

    def step(self) -> None:
        """All four parts."""

    def load(self) -> tuple[Any, Any]:
        """The next batch."""

    def forward(self, x: Any, y: Any) -> Any:
        """The losses of a batch."""

    def backward(self, losses: Any) -> None:
        """The gradients of their sum."""

    def update(self, count: int) -> None:
        """A step of the optimizer."""


class SplitStep:
    """A step whose four parts are timed one by one, and summed over all calls.

    Slow moments hit each part in proportion to its time, so the shares of the sums are right.

    Args:
        run: takes the steps.
        clock: returns the time, in seconds.
    """

    def __init__(self, run: Steps, clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._sums = np.zeros(len(PARTS))

    def __call__(self) -> None:
        run, clock = self._run, self._clock
        with np.errstate(all="ignore"):
            times = [clock()]
            x, y = run.load()
            times.append(clock())
            losses = run.forward(x, y)
            times.append(clock())
            run.backward(losses)
            times.append(clock())
            run.update(len(y))
            times.append(clock())
        self._sums += np.diff(times)

    @property
    def shares(self) -> dict[str, float]:
        """The share of each part, which add up to 1; NaN before the first call."""
        with np.errstate(all="ignore"):
            shares = self._sums / self._sums.sum()
        return dict(zip(PARTS, shares.tolist()))


def with_norms(run: Steps) -> Callable[[], None]:
    """A step that also computes the norm of each sample's gradient.

    Raises:
        SampleCouplingError: when called, if the samples depend on one another.
    """

    def step() -> None:
        with np.errstate(all="ignore"):
            x, y = run.load()
            losses = run.forward(x, y)
            losses.backward(per_sample=True, keep="norms")
            run.model.sample_grads().norms()
            run.update(len(y))

    return step
