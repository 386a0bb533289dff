"""What is known so far, and the answer that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..timing.line import StepCost
from .formula import near_sizes, optimum, within
from .probing import Probing
from .race import Lane, RaceNoise

ADAPTIVE = 3.0  # factor by which the gradients' noise scale is too low for momentum and Adam: 2 to 4.6 in trials
GRADIENT_ERROR = 0.8  # of the logarithm of N from gradients: off by 2.2 in trials, by more where noise does not matter
FAR = 10.0  # noise scales that differ by more than this factor give a wide range
VAGUE = 4.0  # and so does an a/b that is only known to within this factor
WIDER = 2.0  # factor on the noise scale of momentum or Adam without a race
BENT = 1.2  # times what the line says: more than measurements differ
SHARE = 0.1  # the most that a size within the range costs


@dataclass
class Findings:
    """What is known.

    Attributes:
        count: the largest batch that is possible.
        gradual: whether the optimizer is plain SGD.
        allowed: batch sizes to choose from; empty for all.
        cost: the cost of a step.
        loading: the share of it spent on drawing the batch.
        probing: the first training run.
        target: the loss to reach.
        wanted: the target loss that the user gave, or None.
        lanes: the lanes of the race.
        race_noise: N as fitted to their steps, with its error.
        final: the search for the learning rate.
        obstacle: why there cannot be an answer.
        threads: the number of threads with which steps were timed.
        interrupted: whether the user ended it.
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
        """N from the gradients; three times that for momentum and Adam."""
        return self.probing.noise * (1.0 if self.gradual else ADAPTIVE)

    @property
    def noise_from_race(self) -> float:
        """N from the race."""
        return self.race_noise.value

    @property
    def race_weight(self) -> float:
        """The weight of the race in the logarithm of N: the more precise it is, the larger."""
        race = self.race_noise.error
        if not math.isfinite(self.noise_from_gradients):
            return 1.0 if math.isfinite(race) else math.nan
        return GRADIENT_ERROR**2 / (GRADIENT_ERROR**2 + race**2)

    @property
    def noise(self) -> float:
        """N: the weighted geometric mean of both, or the one that is known."""
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
        """The sizes around B*; if steps there take far longer than on the line, the best size as measured."""
        assert self.cost is not None
        time = {size: self.cost.at(size) * (1 + self.noise / size) for size in [*self.cost.sizes, near[0]]}
        best = min((size for size in time if size in (self.allowed or time)), key=time.__getitem__)
        return [best] if best <= self.count and time[near[0]] > BENT * time[best] else near

    def _unbent(self, edge: float, size: int) -> float:
        """An end of the range, moved inwards until steps there take no longer than a line through those of `size`."""
        assert self.cost is not None
        while abs(math.log(edge / size)) > 0.05 and self.cost.bend(edge) > BENT * self.cost.bend(size):
            edge = size * (edge / size) ** 0.95
        return edge

    def _fastest(self, near: list[int]) -> int:
        """Of the sizes around B*, the one that won the race if all took part in it, else the nearest."""
        seconds = {lane.batch_size: lane.seconds for lane in self.lanes if lane.finished}
        return min(near, key=seconds.__getitem__) if all(size in seconds for size in near) else near[0]

    @property
    def rate(self) -> float:
        """The learning rate found for the answer by running it; NaN if there was no time for that."""
        answer, lanes = self.answer, [self.final, *self.lanes]
        fitting = [lane for lane in lanes if lane and lane.finished and answer and lane.batch_size == answer.size]
        return fitting[0].rate if fitting else math.nan

    @property
    def is_vague(self) -> bool:
        """Whether a/b is only known to within a factor of 4."""
        return self.cost is not None and self.cost.uncertainty > VAGUE

    @property
    def is_torn(self) -> bool:
        """Whether the two noise scales differ by more than a factor of 10."""
        ratio = self.noise_from_gradients / self.noise_from_race
        return math.isfinite(ratio) and not 1 / FAR <= ratio <= FAR

    @property
    def is_blind(self) -> bool:
        """Whether there is only the gradients' noise scale for momentum or Adam."""
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
    """A batch size, B* before rounding, and the range within 10 %, outside which a forced size may lie.

    `near` are the sizes around B*, of which it is one.
    """

    size: int
    best: float
    low: int
    high: int
    near: list[int]
