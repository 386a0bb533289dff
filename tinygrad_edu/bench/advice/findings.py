"""What was found out so far, and the answer that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..timing.line import StepCost
from .formula import near_sizes, optimum, within
from .probing import Probing
from .race import Lane, RaceNoise

ADAPTIVE = 3.0  # by what the gradients' noise scale is too low for momentum and Adam: 2 to 4.6 in trials
GRADIENT_ERROR = 0.8  # of the logarithm of N from gradients: off by 2.2 in trials, by more where noise is no matter
FAR = 10.0  # two noise scales that differ by more than this leave a wide range
VAGUE = 4.0  # so does a/b that is known no better than within this factor
WIDER = 2.0  # of a noise scale for momentum or Adam without a race
BENT = 1.2  # times what the line says: more than what measurements differ by
SHARE = 0.1  # what a size within the range costs at most


@dataclass
class Findings:
    """What was found out.

    Attributes:
        count: the largest batch that is possible.
        gradual: whether the optimizer is plain SGD.
        allowed: batch sizes to choose from; empty for all.
        cost: what a step takes.
        loading: the share of it that draws the batch.
        probing: the first training.
        target: the loss to reach.
        wanted: the one that the user named; None for none.
        lanes: of the race.
        race_noise: N fitted to their steps, with its error.
        final: the search for the rate.
        obstacle: why there can be no answer.
        threads: with how many steps were timed.
        interrupted: whether somebody ended it.
    """

    count: int
    gradual: bool
    allowed: list[int] = field(default_factory=list)
    cost: StepCost | None = None
    loading: float = math.nan
    probing: Probing = field(default_factory=Probing)
    target: float = math.nan
    wanted: float | None = None
    lanes: list[Lane] = field(default_factory=list)
    race_noise: RaceNoise = field(default_factory=RaceNoise)
    final: Lane | None = None
    obstacle: str = ""
    threads: int = 1
    interrupted: bool = False

    @property
    def noise_from_gradients(self) -> float:
        """N from the gradients, and three times that for momentum and Adam."""
        return self.probing.noise * (1.0 if self.gradual else ADAPTIVE)

    @property
    def noise_from_race(self) -> float:
        """N from the race."""
        return self.race_noise.value

    @property
    def race_weight(self) -> float:
        """How much the race counts in the logarithm of N, by the errors of both: the more precise, the more."""
        race = self.race_noise.error
        if not math.isfinite(self.noise_from_gradients):
            return 1.0 if math.isfinite(race) else math.nan
        return GRADIENT_ERROR**2 / (GRADIENT_ERROR**2 + race**2)

    @property
    def noise(self) -> float:
        """N: the weighted geometric mean of both; or the one that is known."""
        gradients, race, weight = self.noise_from_gradients, self.noise_from_race, self.race_weight
        if not math.isfinite(race):
            return gradients
        if not math.isfinite(gradients):
            return race
        return math.exp(weight * math.log(race) + (1 - weight) * math.log(gradients))

    @property
    def answer(self) -> Answer | None:
        """The batch size that follows; None while too little is known."""
        if self.obstacle or self.cost is None or not self.noise > 0:
            return None
        balance = min(self.cost.balance, 1e12)
        best = optimum(self.noise, max(balance, 1e-12))
        near = self._not_bent(near_sizes(best, self.count, self.allowed))
        size = self._fastest(near)
        edges = [edge for noise in self._noises() for edge in within(SHARE, noise, max(balance, 1e-12), 1, self.count)]
        if self.is_vague:
            factor = math.sqrt(min(self.cost.uncertainty, 100.0))
            edges += [min(edges) / factor, max(edges) * factor]
        low, high = (min(max(edge, 1.0), float(self.count)) for edge in (min(edges), max(edges)))
        low, high = self._unbent(low, size), self._unbent(high, size)
        if self.allowed and not low <= size <= high:
            return Answer(size, best, math.floor(low), math.ceil(high), near)
        return Answer(size, best, min(math.ceil(low), size), max(math.floor(high), size), near)

    def _not_bent(self, near: list[int]) -> list[int]:
        """The sizes about B*; where steps there take far longer than on a line, the one that is best as measured."""
        assert self.cost is not None
        time = {size: self.cost.at(size) * (1 + self.noise / size) for size in [*self.cost.sizes, near[0]]}
        best = min((size for size in time if size in (self.allowed or time)), key=time.__getitem__)
        return [best] if best <= self.count and time[near[0]] > BENT * time[best] else near

    def _unbent(self, edge: float, size: int) -> float:
        """An end of the range, drawn in until steps there take no longer than a line through those of `size` says."""
        assert self.cost is not None
        while abs(math.log(edge / size)) > 0.05 and self.cost.bend(edge) > BENT * self.cost.bend(size):
            edge = size * (edge / size) ** 0.95
        return edge

    def _fastest(self, near: list[int]) -> int:
        """Of the sizes about B* the one that won the race, if all took part in it; else the nearest."""
        seconds = {lane.batch_size: lane.seconds for lane in self.lanes if lane.finished}
        return min(near, key=seconds.__getitem__) if all(size in seconds for size in near) else near[0]

    @property
    def rate(self) -> float:
        """The rate that was found for the answer, by running it; NaN if there was no time for that."""
        answer, lanes = self.answer, [self.final, *self.lanes]
        fitting = [lane for lane in lanes if lane and lane.finished and answer and lane.batch_size == answer.size]
        return fitting[0].rate if fitting else math.nan

    @property
    def is_vague(self) -> bool:
        """Whether a/b is known no better than within a factor of 4."""
        return self.cost is not None and self.cost.uncertainty > VAGUE

    @property
    def is_torn(self) -> bool:
        """Whether the two noise scales differ by more than a factor of 10."""
        ratio = self.noise_from_gradients / self.noise_from_race
        return math.isfinite(ratio) and not 1 / FAR <= ratio <= FAR

    @property
    def is_blind(self) -> bool:
        """Whether momentum or Adam has to do with the gradients' noise scale alone."""
        return not self.gradual and not math.isfinite(self.race_noise.error)

    def _noises(self) -> list[float]:
        """The noise scales that the range has to cover."""
        if self.is_torn:
            return [self.noise_from_gradients, self.noise_from_race]
        if self.is_blind:
            return [self.noise / WIDER, self.noise * WIDER]
        return [self.noise]


@dataclass(frozen=True)
class Answer:
    """A batch size, B* before rounding, and the range within 10 %: a size that had to be taken may lie outside.

    `near` are the sizes about B*, of which it is one.
    """

    size: int
    best: float
    low: int
    high: int
    near: list[int]
