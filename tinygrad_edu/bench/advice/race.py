"""A race: several batch sizes, each with its own learning rate, to the same loss."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..runs.rates import Climb
from ..runs.target import LOOKS, Reached, until
from ..timing.clock import Budget
from .lab import Lab

SCATTER = 0.1  # of the steps to a target, over the seeds and the rates tried
NEAR = 1.05  # of the fewest steps: among equally good rates the lowest is taken, the farthest from failing ones
LOSING = 1.2  # a rate that needs so many times the steps of the best one is given up


@dataclass
class Lane:
    """The result of one batch size.

    Attributes:
        batch_size: samples in a step.
        rate: the best rate tried.
        steps: steps to the target, mean over the seeds; NaN if no rate reached it.
        seconds: the time of that many steps.
        seeds: the number of runs in the mean.
        train_loss, test_loss: final losses of the last run, on training samples and on held-out samples.
        rates: steps by rate; NaN if a run failed, or was stopped because it could not win.
    """

    batch_size: int
    rate: float = math.nan
    steps: float = math.nan
    seconds: float = math.nan
    seeds: int = 0
    train_loss: float = math.nan
    test_loss: float = math.nan
    rates: dict[float, float] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the target was reached."""
        return math.isfinite(self.steps)


def race_sizes(guess: float, count: int, allowed: Sequence[int]) -> list[int]:
    """Four batch sizes a factor of 4 apart, 8 to 512, or shifted so that they enclose the guess; fewer if few fit.

    >>> race_sizes(100, 1437, []), race_sizes(3000, 80_000, []), race_sizes(4, 40, [])
    ([8, 32, 128, 512], [128, 512, 2048, 8192], [2, 8, 32, 40])
    """
    if allowed:
        picks = np.unique(np.linspace(0, len(allowed) - 1, min(4, len(allowed))).round().astype(int))
        return [sorted(allowed)[i] for i in picks]
    lowest = 8
    while lowest > 1 and guess < 2 * lowest:
        lowest //= 4
    lowest = max(1, lowest)
    while lowest * 16 * 2 < guess and lowest * 64 < count:
        lowest *= 4
    return sorted({min(lowest * 4**k, count) for k in range(4)})


@dataclass
class Trials:
    """Training runs of one batch size to a target, with one rate after another.

    Attributes:
        lab: the lab in which to run them.
        size: the batch size.
        step_seconds: the time of a step.
        target: the loss to reach.
        most: the number of steps to wait for a run that has no rival yet.
        budget: when to stop searching; what is known by then counts.
        seeds: the number of runs for each rate.
        first_seed: the first of the seeds.
        tried: the rates for which there was time.
        steps: mean steps to the target by rate, for the rates with which all runs reached it.
        ends: the last run of each.
    """

    lab: Lab
    size: int
    step_seconds: float
    target: float
    most: int
    budget: Budget
    seeds: int = 2
    first_seed: int = 0
    tried: set[float] = field(default_factory=set)
    steps: dict[float, float] = field(default_factory=dict)
    ends: dict[float, Reached] = field(default_factory=dict)

    def lane(self, rate: float, factors: Sequence[float] = (2.0,)) -> Lane:
        """Find the rate that reaches the target in the fewest steps.

        Args:
            rate: the first one to try.
            factors: how far apart the rates are: coarse first, then finer.
        """
        climb = Climb(self._cost, rate)
        for factor in factors:
            if math.isnan(climb.search(factor, most=12)):
                break
        lane = Lane(self.size, rates={tried: self.steps.get(tried, math.nan) for tried in sorted(self.tried)})
        if self.steps:
            enough = NEAR * min(self.steps.values())
            lane.rate = min(tried for tried, steps in self.steps.items() if steps <= enough)
            lane.steps, lane.seeds = self.steps[lane.rate], self.seeds
            lane.seconds = lane.steps * self.step_seconds
            end = self.ends[lane.rate]
            lane.train_loss, lane.test_loss = end.curve[-1][1], end.test_loss
        return lane

    def _cost(self, rate: float) -> float:
        """The mean number of steps to the target; for a run that was too slow, an extrapolation.

        Infinite if a run fails.
        """
        found: list[float] = []
        for seed in range(self.first_seed, self.first_seed + self.seeds):
            if not self.budget.left:
                return math.inf
            # A loser is given up by its sum: one slow run among several is not enough.
            best = min(self.steps.values(), default=math.inf)
            limit = math.ceil(min(self.most, LOSING * best * self.seeds - sum(found)))
            end = self._train(rate, seed, max(limit, 1))
            if not end.finished:
                return statistics.fmean([*found, _extrapolated(end, self.target)])
            found.append(end.steps)
        mean = max(statistics.fmean(found), 0.5)
        self.steps[rate], self.ends[rate] = mean, end
        return mean

    def _train(self, rate: float, seed: int, limit: int) -> Reached:
        self.tried.add(rate)
        run = self.lab.start(self.size, rate, seed)
        look = self.lab.clock.took(run.loss)
        expected = min(self.steps.values(), default=limit / 2)
        # Evaluating the loss should take about a fifth of the time, but there are at least 8 evaluations.
        every = min(max(expected / LOOKS, 4 * look / self.step_seconds), expected / 8)
        return until(run, self.target, most=limit, every=max(1, round(every)), budget=self.budget)


def _extrapolated(end: Reached, target: float) -> float:
    """The number of steps that a slow run would take if it continued at its average pace."""
    first, last = end.curve[0][1], end.curve[-1][1]
    if end.why != "steps" or not last < first:
        return math.inf
    return end.taken * (first - target) / (first - last)


@dataclass(frozen=True)
class RaceNoise:
    """The noise scale from the steps of a race.

    Attributes:
        value: N; NaN with fewer than two lanes that finished.
        error: the standard error of its logarithm.
    """

    value: float = math.nan
    error: float = math.inf


def fitted_noise(lanes: Sequence[Lane]) -> RaceNoise:
    """The N of S(B) = Smin·(1 + N/B) that fits the steps of the lanes best.

    Least squares of the logarithms, with N between an eighth of the smallest batch and eight times the largest: beyond
    that, the steps carry no information. The error follows from how much log S changes with log N, N/(N + B), and from
    the scatter of the steps, which is assumed to be at least 10 %.

    >>> lanes = [Lane(size, steps=100 * (1 + 50 / size)) for size in (8, 32, 128, 512)]
    >>> round(fitted_noise(lanes).value), round(fitted_noise(lanes).error, 2)
    (50, 0.17)
    """
    done = [lane for lane in lanes if lane.finished]
    if len({lane.batch_size for lane in done}) < 2:
        return RaceNoise()
    sizes = np.array([lane.batch_size for lane in done], dtype=float)
    steps = np.log([lane.steps for lane in done])
    candidates = np.geomspace(sizes.min() / 8, sizes.max() * 8, 2001)
    rest = steps - np.log1p(candidates[:, None] / sizes)
    best = int(rest.var(1).argmin())
    noise = float(candidates[best])
    freedom = max(1, len(done) - 2)
    scatter = max(SCATTER**2, rest[best].var() * len(done) / freedom)
    slopes = noise / (noise + sizes)
    leverage = float(slopes.var()) * len(done)
    return RaceNoise(noise, math.sqrt(scatter / leverage) if leverage > 0 else math.inf)
