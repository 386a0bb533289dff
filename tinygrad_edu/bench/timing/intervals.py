"""Bootstrap intervals of medians, of paired ratios, and of differences between two runs.

The method is the expanded percentile interval: medians of resampled rounds, cut off slightly further out than the plain
percentiles, which are too narrow for few rounds (Hesterberg, "What teachers should know about the bootstrap", 2015,
section 5.2). With 15 to 40 rounds, a 95 % interval contains the true median in 94 to 97 of 100 runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ...dtypes import Array

LEVEL = 0.95
RESAMPLES = 4000
NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds between which the true value is likely to be.

    Attributes:
        value: the estimate.
        low: the lower bound; NaN if there are too few rounds.
        high: the upper bound; NaN if there are too few rounds.

    >>> Interval(1.02, 0.99, 1.05).excludes(1.0), Interval(1.02, 1.01, 1.03).excludes(1.0)
    (False, True)
    """

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside the bounds; False without bounds."""
        return value < self.low or value > self.high

    @property
    def width(self) -> float:
        """The distance of the bounds; NaN without bounds."""
        return self.high - self.low


def median_interval(values: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Interval:
    """The median and its interval.

    Args:
        values: one for each round.
        level: how often such intervals should contain the true median.
        seed: decides which rounds are drawn.

    >>> found = median_interval([1.0] * 5 + [2.0] * 5 + [3.0] * 5)
    >>> found.value, found.low, found.high
    (2.0, 1.0, 3.0)

    In one of sixteen runs, all five rounds lie on one side of the true median: so no interval can be right in 95 of
    100.

    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    Interval(value=3.0, low=nan, high=nan)
    """
    sample = np.asarray(values, np.float64)
    value = float(np.median(sample)) if len(sample) else math.nan
    if not _enough(len(sample), level):
        return Interval(value, math.nan, math.nan)
    return _cut(value, _medians(sample, np.random.default_rng(seed)), len(sample), level)


def quotient_interval(
    above: Sequence[float], below: Sequence[float], *, level: float = LEVEL, seed: int = 0
) -> Interval:
    """The quotient of two medians and its interval, for rounds that do not form pairs.

    Args:
        above: positive numbers, one for each round.
        below: positive numbers, one for each round; not necessarily as many.
        level: how often such intervals should contain the true quotient.
        seed: decides which rounds are drawn.

    >>> quotient_interval([3.0] * 9, [2.0] * 9)
    Interval(value=1.5, low=1.5, high=1.5)
    """
    a, b = np.asarray(above, np.float64), np.asarray(below, np.float64)
    value = float(np.median(a) / np.median(b)) if len(a) and len(b) else math.nan
    fewer = min(len(a), len(b))
    if not _enough(fewer, level):
        return Interval(value, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    return _cut(value, _medians(a, rng) / _medians(b, rng), fewer, level)


def _medians(sample: Array, rng: np.random.Generator) -> Array:
    """The medians of that many samples drawn from this one with replacement.

    The entry of the sorted sample that is in the middle of a drawn one depends on the median of as many uniform
    numbers, which has a beta distribution (David and Nagaraja, "Order statistics", 2003, section 2.1). So only this
    median is drawn.
    """
    count, ordered = len(sample), np.sort(sample)
    lower = (count + 1) // 2
    middle = rng.beta(lower, count - lower + 1, RESAMPLES)
    medians: Array = ordered[_place(middle, count)]
    if count % 2 == 0:  # the mean of the two in the middle
        middle += (1.0 - middle) * rng.beta(1, count - lower, RESAMPLES)
        medians = (medians + ordered[_place(middle, count)]) / 2.0
    return medians


def _place(uniform: Array, count: int) -> Array:
    place: Array = np.minimum((uniform * count).astype(np.intp), count - 1)
    return place


def _cut(value: float, medians: Array, count: int, level: float) -> Interval:
    tail = _tail(count, level)
    low, high = np.quantile(medians, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high))


def _tail(count: int, level: float) -> float:
    """The share to cut off at each end: the normal tail beyond √(n/(n − 1)) times the quantile of Student's t."""
    return NORMAL.cdf(-math.sqrt(count / (count - 1)) * _student((1.0 + level) / 2.0, count - 1))


def _student(share: float, freedom: int) -> float:
    """A quantile of Student's t, by its expansion around the normal (Abramowitz and Stegun 26.7.5)."""
    z = NORMAL.inv_cdf(share)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _enough(count: int, level: float) -> bool:
    """Whether all rounds are on one side of the true median less often than the interval may be wrong."""
    return count > 1 and 2.0 * 0.5**count <= 1.0 - level
