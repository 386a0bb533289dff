"""What a step costs: t(B) = a + b·B, an overhead and a cost for each sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .rounds import Timing

SURE = 2.0  # standard errors on each side of an estimate


@dataclass
class StepCost:
    """The cost of a step of B samples: about ``overhead + per_sample · B`` seconds.

    Attributes:
        overhead: a, in seconds: the cost of a step whatever its size.
        per_sample: b, in seconds per sample.
        overhead_interval, per_sample_interval: their intervals, two standard errors on each side.
        sizes: the batch sizes that were timed.
        medians: the median latency of each, in seconds.
        spreads: the interquartile range of each, as a share of the median.
    """

    overhead: float
    per_sample: float
    overhead_interval: tuple[float, float]
    per_sample_interval: tuple[float, float]
    sizes: list[int]
    medians: list[float]
    spreads: list[float]

    def line(self, batch_size: float) -> float:
        """a + b·B: the seconds of a step according to the line alone."""
        return self.overhead + self.per_sample * batch_size

    def at(self, batch_size: float) -> float:
        """The seconds of a step: as measured for the sizes timed, interpolated between them, and a + b·B beyond."""
        if not self.sizes[0] <= batch_size <= self.sizes[-1]:
            return self.line(batch_size)
        return float(np.interp(batch_size, self.sizes, self.medians))

    @property
    def balance(self) -> float:
        """a/b: the number of samples whose arithmetic costs as much as the overhead; infinite if b is 0."""
        return self.overhead / self.per_sample if self.per_sample > 0 else math.inf

    def bend(self, batch_size: float) -> float:
        """The measured time of a step divided by that of the line; 1 beyond the sizes timed."""
        line = self.line(batch_size)
        return self.at(batch_size) / line if line > 0 else 1.0

    @property
    def uncertainty(self) -> float:
        """The factor by which a/b may be wrong: both intervals at their ends, in opposite directions."""
        (low_a, high_a), (low_b, high_b) = self.overhead_interval, self.per_sample_interval
        if not (low_a > 0 and low_b > 0):
            return math.inf
        return math.sqrt(high_a / low_a * high_b / low_b)


def fit_line(timings: Mapping[int, Timing], known: StepCost | None = None) -> StepCost:
    """Fit a and b to the medians, by least squares of the relative errors; neither is negative.

    The standard errors come from the residuals: from noise, and from how far t(B) is from a line. With only two sizes
    there are none: then a and b may be up to three times as large.

    Args:
        timings: by batch size; two or more, together with those of `known`.
        known: an earlier fit, whose sizes are included.

    >>> cost = fit_line({size: Timing([10.0 + 2.0 * size]) for size in (1, 2, 4, 8)})
    >>> round(cost.overhead, 9), round(cost.per_sample, 9), round(cost.balance, 9)
    (10.0, 2.0, 5.0)
    """
    measured = dict(zip(known.sizes, zip(known.medians, known.spreads))) if known else {}
    measured |= {size: (timing.median, timing.spread) for size, timing in timings.items()}
    sizes = np.array(sorted(measured), dtype=float)
    medians = np.array([measured[int(size)][0] for size in sizes])
    design = np.stack([1 / medians, sizes / medians], 1)
    found, errors = _least_squares(design)
    for negative, other in ((0, 1), (1, 0)):
        if found[negative] < 0:  # then fit the other one alone
            one, error = _least_squares(design[:, [other]])
            found[negative], found[other] = 0.0, one[0]
            errors[other] = error[0]
    a, b = (float(value) for value in found)
    (low_a, low_b), (high_a, high_b) = np.maximum(found - SURE * errors, 0), found + SURE * errors
    return StepCost(
        a,
        b,
        (float(low_a), float(high_a)),
        (float(low_b), float(high_b)),
        [int(size) for size in sizes],
        [float(median) for median in medians],
        [float(measured[int(size)][1]) for size in sizes],
    )


def _least_squares(design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients with which the columns add up to 1 as nearly as possible, and their standard errors."""
    ones = np.ones(len(design))
    found = np.linalg.lstsq(design, ones, rcond=None)[0]
    freedom = len(design) - design.shape[1]
    if freedom <= 0:
        return found, np.abs(found)
    variance = np.square(ones - design @ found).sum() / freedom
    return found, np.sqrt(variance * np.diag(np.linalg.pinv(design.T @ design)))
