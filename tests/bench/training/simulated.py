"""A machine and trainings that are formulas: they take no time, and what is true of them is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinygrad_edu.bench.timing.clock import Clock
from tinygrad_edu.samples import NoiseScale

FIRST = 2.0  # the loss before any step
TICK = 2.0**-12  # seconds: sums of it are exact, and a step is longer than a turn of the timing


@dataclass
class Machine:
    """Counts what is asked of it, and may be interrupted at any of it.

    The loss falls exponentially, so that `target` is reached after Smin·(1 + N/B) steps at the best rate, and after
    more at others; at four times the best rate it becomes NaN.
    """

    smin: float = 20.0
    noise: float = 32.0
    target: float = 0.1
    scatter: float = 0.0
    best_rate: Callable[[int], float] = lambda size: 0.4 / (1 + 32.0 / size)
    overhead: int = 64  # ticks of a step
    per_sample: int = 1  # ticks
    look: int = 0  # ticks of a look at the loss
    coupled: Exception | None = None
    now: float = 0.0
    events: int = 0
    stop_at: int = -1
    started: list[tuple[int, float, int]] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, busy=lambda: self.now)

    def start(self, batch_size: int, rate: float, seed: int) -> Learner:
        self.happens(0)
        self.started.append((batch_size, rate, seed))
        return Learner(self, batch_size, rate, seed)

    def happens(self, ticks: int) -> None:
        if self.events == self.stop_at:
            raise KeyboardInterrupt
        self.events += 1
        self.now += ticks * TICK

    def steps(self, batch_size: int, rate: float, seed: int) -> float:
        """What a training takes to the target; NaN if it diverges."""
        ratio = rate / self.best_rate(batch_size)
        rng = np.random.default_rng([batch_size, seed])
        luck = math.exp(self.scatter * rng.standard_normal())
        off = (ratio + 1 / ratio) / 2
        return math.nan if ratio >= 4 else self.smin * (1 + self.noise / batch_size) * off * luck


class Learner:
    """One of the trainings."""

    def __init__(self, machine: Machine, batch_size: int, rate: float, seed: int) -> None:
        self.machine, self.batch_size = machine, batch_size
        self.taken = 0
        self.needed = machine.steps(batch_size, rate, seed)

    def step(self) -> None:
        self.machine.happens(self.machine.overhead + self.machine.per_sample * self.batch_size)
        self.taken += 1

    def loss(self) -> float:
        self.machine.happens(self.machine.look)
        if self.taken and math.isnan(self.needed):
            return math.nan
        return FIRST * (self.machine.target / FIRST) ** (self.taken / self.needed) if self.taken else FIRST

    def test_loss(self) -> float:
        return 1.5 * self.loss()

    def load(self) -> None:
        self.machine.happens(0)

    def sized(self, batch_size: int) -> Learner:
        return Learner(self.machine, batch_size, 1e-6, 0)

    def probe(self) -> NoiseScale:
        self.machine.happens(self.machine.look)
        if self.machine.coupled is not None:
            raise self.machine.coupled
        return NoiseScale(self.machine.noise, 1.0, 1024)

    def coupling(self) -> str:
        return "'norm' (Centre)"
