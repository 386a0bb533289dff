"""A training run that is advanced step by step, and reports its losses."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from ...samples.noise import NoiseScale
from .coupling import coupling_layer
from .problem import Problem
from .randomness import draws, seeded
from .trial import mean_loss

TIMING_RATE = 1e-6  # of steps that are only timed or measured: the weights should hardly change

COUPLED = 8  # samples used to find the layer that couples them


class Run:
    """A new model, trained with one batch size and one learning rate.

    `step()` does what a user's training loop does; its four parts can be called one by one. NumPy's overflow warnings
    are off: the loss itself shows that it is not finite.

    Args:
        problem: what to train.
        batch_size: samples in a step; the last one of an epoch may have fewer.
        rate: the learning rate, as used with `optimizer.step(samples=len(batch))`.
        seed: the seed of weights, order of the samples and other random numbers.
        even: leave out a smaller last batch, so that all steps cost the same.
    """

    def __init__(self, problem: Problem, batch_size: int, rate: float, seed: int, *, even: bool = False) -> None:
        self.problem = problem
        self.model: Any = problem.make(seed)
        self.model.train()
        self.optimizer: Any = problem.optimizer(list(self.model.parameters()), lr=rate)
        self._batches = problem.train.stream(batch_size, seed, even=even)
        self._probed = draws(seed + 1)
        seeded(seed + 2)  # for dropout and the like; the factory may have drawn any number of random numbers

    def sized(self, batch_size: int) -> Run:
        """The same model with batches of another size, all of equal size: for timing without a second model."""
        other = copy.copy(self)
        other._batches = self.problem.train.stream(batch_size, batch_size, even=True)
        return other

    def step(self) -> None:
        """Draw a batch, and take a step with it."""
        x, y = self.load()
        with np.errstate(all="ignore"):
            losses = self.forward(x, y)
            self.backward(losses)
            self.update(len(losses))

    def load(self) -> tuple[Any, Any]:
        """The next batch."""
        return next(self._batches)

    def forward(self, x: Any, y: Any) -> Any:
        """The losses of a batch, (B,)."""
        self.optimizer.zero_grad()
        return self.problem.losses(self.model(x), y)

    def backward(self, losses: Any) -> None:
        """The gradients of their sum."""
        losses.backward()

    def update(self, count: int) -> None:
        """A step of the optimizer, with the mean over so many samples."""
        self.optimizer.step(samples=count)

    def loss(self) -> float:
        """The mean loss over the fixed part of the training data, in evaluation mode."""
        return mean_loss(self.model, self.problem.losses, self.problem.judged)

    def test_loss(self) -> float:
        """The mean loss over the held-out samples, at most 1024 of them; NaN if there are none."""
        if self.problem.test_batch is None:
            return math.nan
        return mean_loss(self.model, self.problem.losses, self.problem.test_batch)

    def probe(self) -> NoiseScale:
        """The noise scale at the current weights, from per-sample gradients in training mode.

        It uses as many samples as the loss is evaluated over, up to 1024.

        Raises:
            SampleCouplingError: if the samples depend on one another.
        """
        total = len(self.problem.train)
        x, y = self.problem.train.batch(self._probed.permutation(total)[: len(self.problem.judged[1])])
        self.optimizer.zero_grad()
        with np.errstate(all="ignore"):
            self.problem.losses(self.model(x), y).backward(per_sample=True, keep="norms")
            found: NoiseScale = self.model.sample_grads().noise_scale(population=total)
        self.optimizer.zero_grad()
        return found

    def coupling(self) -> str:
        """The layer that makes samples depend on one another, as ``'path' (Class)``; empty if none can be named."""
        return coupling_layer(self.model, self.problem.train.batch(range(min(COUPLED, len(self.problem.train))))[0])
