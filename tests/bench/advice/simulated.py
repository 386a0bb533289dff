"""A machine and a training that exist in numbers alone: time passes when a step is taken, as the formula says."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_edu.bench.advice.lab import Lab
from tinygrad_edu.bench.timing.clock import Budget, Clock
from tinygrad_edu.errors import SampleCouplingError
from tinygrad_edu.samples import NoiseScale


class World:
    """A clock, and what trainings are like.

    A step of B samples takes a + b·B seconds. At the best rate for its batch size it takes a share `pace`/(1 + N/B)
    off the logarithm of the loss; at u times that rate 2u - u² of it, so that from twice the rate on the loss grows.
    """

    def __init__(self, a=1e-4, b=1e-6, noise=50.0, *, count=10_000, pace=0.02, rate=0.1, jitter=0.02, seed=0):
        self.a, self.b, self.noise, self.count, self.pace, self.rate = a, b, noise, count, pace, rate
        self.jitter = jitter
        self.now = 0.0
        self.rng = np.random.default_rng(seed)
        self.coupled = False
        self.first = 2.0
        self.gradients_say = noise

    def clock(self):
        return Clock(wall=lambda: self.now, busy=lambda: self.now, unit="CPU")

    def start(self, batch_size, rate, seed):
        return SimulatedRun(self, batch_size, rate, seed)

    def lab(self, budget=60.0, *, gradual=True, allowed=(), tell=None):
        clock = self.clock()
        extra = {} if tell is None else {"tell": tell}
        return Lab(self.start, self.count, gradual, clock, Budget(budget, clock.wall), 0, list(allowed), **extra)


class SimulatedRun:
    def __init__(self, world, batch_size, rate, seed):
        self.world, self.batch_size = world, min(batch_size, world.count)
        self.rng = np.random.default_rng([seed, batch_size])
        self.level = math.log(world.first)
        best = world.rate / (1 + world.noise / self.batch_size)
        u = rate / best
        self.gain = world.pace / (1 + world.noise / self.batch_size) * (2 * u - u * u)

    def sized(self, batch_size):
        other = SimulatedRun(self.world, batch_size, 0.0, 0)
        return other

    def load(self):
        self.world.now += 0.02 * self.world.a

    def step(self):
        world = self.world
        world.now += (world.a + world.b * self.batch_size) * math.exp(world.jitter * world.rng.normal())
        self.level -= self.gain * math.exp(0.3 * self.rng.normal())

    def loss(self):
        self.world.now += self.world.b * 300
        return math.exp(min(self.level, 700.0))

    def test_loss(self):
        return 1.1 * self.loss()

    def probe(self):
        world = self.world
        if world.coupled:
            raise SampleCouplingError("'mean' takes samples together", "mean", "net.py:3")
        world.now += world.b * 1500
        size = self.loss() ** 2
        trace = world.gradients_say * size * math.exp(0.03 * self.rng.normal())
        return NoiseScale(trace, size + trace / 1024 * self.rng.normal(), 1024)

    def coupling(self):
        return "'norm' (Centre)"
