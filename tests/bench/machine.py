"""A machine whose time passes only when it is told to: what the tests of benchmarks run on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygrad_edu.bench.timing import Clock


class Machine:
    """Work takes as long as it says, times a noise and a drift.

    Args:
        noise: standard deviation of the logarithm of a time.
        drift: what all times are multiplied by.
    """

    def __init__(self, noise: float = 0.0, drift: float = 1.0, seed: int = 0) -> None:
        self.now = 0.0
        self.noise = noise
        self.drift = drift
        self._rng = np.random.default_rng(seed)
        self.clock = Clock(wall=lambda: self.now, busy=lambda: self.now, unit="CPU")

    def work(self, seconds: float) -> None:
        """Let time pass."""
        noise = np.exp(self.noise * self._rng.standard_normal()) if self.noise else 1.0
        self.now += seconds * self.drift * float(noise)

    def job(self, seconds: float) -> Callable[[], None]:
        """Something that takes so long."""
        return lambda: self.work(seconds)


class Training:
    """Steps of a + b·B seconds on a simulated machine: a tenth to load, 3, 4 and 2 tenths for the rest.

    Args:
        machine: where it runs.
        batch_size: samples in a step.
        a: seconds of a step, whatever its size.
        b: seconds for each sample.
        norms: what per-sample norms multiply the backward pass by; an error that is raised instead.
        memory: bytes that a sample takes in a step.
    """

    def __init__(
        self,
        machine: Machine,
        batch_size: int,
        *,
        a: float = 1e-4,
        b: float = 1e-6,
        norms: float | Exception = 1.5,
        memory: int = 0,
    ) -> None:
        self.machine, self.batch_size, self.memory = machine, batch_size, memory
        self.slower = norms
        self.seconds = a + b * batch_size
        self.model = self
        self.held = np.zeros(100 * memory, np.uint8)

    def step(self) -> None:
        self.machine.work(self.seconds)

    def load(self) -> tuple[range, range]:
        self.machine.work(0.1 * self.seconds)
        return range(self.batch_size), range(self.batch_size)

    def forward(self, x: range, y: range) -> Losses:
        self.machine.work(0.3 * self.seconds)
        return Losses(self)

    def backward(self, losses: Losses) -> None:
        losses.backward()

    def update(self, count: int) -> None:
        assert count == self.batch_size
        self.machine.work(0.2 * self.seconds)

    def sample_grads(self) -> Training:
        return self

    def norms(self) -> None:
        """They are there after the backward pass."""


class Losses:
    """Knows how long a backward pass takes."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.kept = np.zeros(training.memory * training.batch_size, np.uint8)

    def backward(self, per_sample: bool = False, keep: str = "all") -> None:
        factor = 1.0
        if per_sample:
            assert keep == "norms"
            if isinstance(self.training.slower, Exception):
                raise self.training.slower
            factor = self.training.slower
        self.training.machine.work(0.4 * self.training.seconds * factor)
