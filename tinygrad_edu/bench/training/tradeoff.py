"""The trade-off between steps and samples, fitted to training runs with several batch sizes.

Of the steps S and the samples E = B·S that it takes to reach a loss, (S/Smin - 1)(E/Emin - 1) = 1. Solved for the
steps at the batch size B this is S(B) = Smin·(1 + C/B), where C = Emin/Smin is the critical batch size: there a
training takes twice the fewest steps and twice the fewest samples.

Source: McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training" (2018), section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dtypes import Array
from ..errors import needed

PERFECT = "perfect scaling"
DIMINISHING = "diminishing returns"
PLATEAU = "plateau"

CONFIDENCE = 0.95
SHARE = 4.0  # a regime ends where training takes 1/SHARE more samples, or steps, than the fewest
FEWEST = 3  # batch sizes: two parameters, and one to see how well they fit
BEYOND = 1e4  # how far from the batch sizes tried C is looked for: there S(B) is as good as its limit
EXACT = 1e-6  # steps are known no better than to this share, whatever the scatter says

Interval = tuple[float, float | None]


@dataclass
class TradeOff:
    """The fit, with 95 % intervals.

    An interval whose lower end is 0 or whose upper end is None is open on that side: the batch sizes tried do not bound
    it.

    Attributes:
        smin: the fewest steps, with batches of any size; NaN if the fit cannot tell.
        emin: the fewest samples, with batches of one sample; NaN if the fit cannot tell.
        critical: the critical batch size, emin/smin; NaN if the fit cannot tell.
        smin_interval: the interval of `smin`.
        emin_interval: the interval of `emin`.
        critical_interval: the interval of `critical`.
        scatter: the standard deviation of the logarithm of the steps between seeds; NaN for one seed.
        left_out: the number of runs that did not reach the loss; the fit ignores them.
        reason: why there is no fit, or an open interval, and other remarks; may be empty.
    """

    smin: float
    emin: float
    critical: float
    smin_interval: Interval
    emin_interval: Interval
    critical_interval: Interval
    scatter: float
    left_out: int
    reason: str

    @property
    def usable(self) -> bool:
        """Whether there is a critical batch size."""
        return math.isfinite(self.critical)

    def steps(self, batch_size: float) -> float:
        """The steps that the fit predicts for a batch size; NaN if it is not usable."""
        return self.smin * (1 + self.critical / batch_size)

    def regime(self, batch_size: float) -> str:
        """The regime of a batch size, one of three; empty if the fit cannot tell.

        Perfect scaling: up to a quarter of the critical batch size, where training takes at most a quarter more samples
        than the fewest. Plateau: from four times the critical batch size on, where it takes at most a quarter more
        steps than the fewest. Diminishing returns: in between.

        >>> found = fit_tradeoff({b: [100 * (1 + 64 / b)] for b in (4, 16, 64, 256, 1024)})
        >>> found.regime(16), found.regime(64), found.regime(256)
        ('perfect scaling', 'diminishing returns', 'plateau')
        """
        low, high = self.critical_interval
        if not self.usable:  # then the end that is known decides
            if low > 0 and batch_size <= low / SHARE:
                return PERFECT
            return PLATEAU if high is not None and batch_size >= SHARE * high else ""
        if batch_size <= self.critical / SHARE * (1 + EXACT):
            return PERFECT
        return PLATEAU if batch_size >= self.critical * SHARE * (1 - EXACT) else DIMINISHING


def fit_tradeoff(steps: Mapping[int, Sequence[float]]) -> TradeOff:
    """Fit S(B) = Smin·(1 + C/B) to the steps of training runs to one loss, which scatter by a factor between seeds.

    Least squares of the logarithms of the steps. The intervals come from an F test at 95 %: they hold all values for
    which some curve is not rejected. If the batch sizes scatter around the curve by more than the seeds explain (an F
    test at 5 %), as they do if some rates are tuned better than others, their scatter is used instead.

    Args:
        steps: for each batch size, the steps of its runs; NaN for a run that did not reach the loss.

    Raises:
        BenchError: if SciPy is not installed.

    >>> found = fit_tradeoff({b: [100 * (1 + 64 / b)] for b in (8, 32, 128, 512)})
    >>> round(found.smin), round(found.critical), round(found.steps(64))
    (100, 64, 200)
    >>> fit_tradeoff({8: [900.0], 32: [300.0]}).reason
    'no fit: it needs 3 batch sizes whose runs reach the loss, and there are 2'
    """
    logs = {size: np.log([s for s in runs if s > 0]) for size, runs in steps.items()}
    left_out = sum(map(len, steps.values())) - sum(map(len, logs.values()))
    logs = {size: found for size, found in logs.items() if len(found)}
    remarks = [f"{left_out} of {sum(map(len, steps.values()))} runs did not finish and are left out"] * bool(left_out)
    if len(logs) < FEWEST:
        few = f"no fit: it needs {FEWEST} batch sizes whose runs reach the loss, and there are {len(logs)}"
        nan, none = math.nan, (0.0, None)
        return TradeOff(nan, nan, nan, none, none, none, nan, left_out, "; ".join([few, *remarks]))
    points = _Points(logs)
    variance, freedom, misfit = points.variance()
    if misfit:
        remarks.append("the batch sizes scatter around the curve by more than the seeds do: the intervals allow for it")
    quantile = needed("scipy.stats", "the fit of the trade-off").f.ppf(CONFIDENCE, 1, freedom)
    return _described(points, points.squares(points.best) + variance * quantile, left_out, remarks)


class _Points:
    """Logarithms of steps, and their distances from the curves with a given logarithm of C."""

    def __init__(self, logs: Mapping[int, Array]) -> None:
        self.sizes: Array = np.array(list(logs), float)
        self.counts: Array = np.array([len(found) for found in logs.values()], float)
        self.means: Array = np.array([found.mean() for found in logs.values()])
        self.total: float = float(self.counts.sum())
        self.within: float = float(sum(((found - found.mean()) ** 2).sum() for found in logs.values()))
        self.range: tuple[float, float] = (
            math.log(self.sizes.min() / BEYOND),
            math.log(self.sizes.max() * BEYOND),
        )
        self.best: float = self._best()

    def level(self, log_c: Any) -> Any:
        """The best log Smin for a log C, or an array of them."""
        return ((self.means - self._shape(log_c)) * self.counts).sum(-1) / self.total

    def residuals(self, log_c: Any) -> Any:
        """Distances of the means over the seeds from the best curve, each weighted by the root of its seeds."""
        return np.sqrt(self.counts) * (self.means - self._shape(log_c) - np.expand_dims(self.level(log_c), -1))

    def squares(self, log_c: Any) -> Any:
        """The sum of the squared residuals."""
        return (self.residuals(log_c) ** 2).sum(-1)

    def variance(self) -> tuple[float, int, bool]:
        """The variance of the logarithms around the curve, its degrees of freedom, and whether the fit is poor."""
        sizes, seeds = len(self.sizes) - 2, int(self.total) - len(self.sizes)
        about = float(self.squares(self.best))
        if seeds and self.within > 0:
            ratio = (about / sizes) / (self.within / seeds)
            if needed("scipy.stats", "the fit of the trade-off").f.sf(ratio, sizes, seeds) < 1 - CONFIDENCE:
                return about / sizes, sizes, True
        return max((about + self.within) / (sizes + seeds), EXACT**2), sizes + seeds, False

    def scatter(self) -> float:
        """The standard deviation between seeds."""
        seeds = self.total - len(self.sizes)
        return math.sqrt(self.within / seeds) if seeds else math.nan

    def _shape(self, log_c: Any) -> Any:
        return np.log1p(np.exp(np.expand_dims(log_c, -1)) / self.sizes)

    def _best(self) -> float:
        grid = np.linspace(*self.range, 401)
        start = grid[np.argmin(self.squares(grid))]
        optimize = needed("scipy.optimize", "the fit of the trade-off")
        found = optimize.least_squares(lambda c: self.residuals(c[0]), [start], bounds=self.range, xtol=1e-12)
        return float(found.x[0])


def _described(points: _Points, limit: float, left_out: int, remarks: list[str]) -> TradeOff:
    """The best curve, and the ends of all curves whose squares are within the limit."""
    low, high = _ends(points, limit)
    open_low, open_high = low == points.range[0], high == points.range[1]
    grid = np.linspace(low, high, 2001)
    level = points.level(grid)
    reach = np.sqrt(np.maximum(0.0, limit - points.squares(grid)) / points.total)
    log_c, log_s = points.best, float(points.level(points.best))
    far_low, far_high = (open_low and log_c - low < 1), (open_high and high - log_c < 1)
    if open_low and open_high:
        remarks.append("the critical batch size is not known: use more seeds, or batch sizes further apart")
    elif open_high:
        remarks.append("the critical batch size is not bounded above: use larger batch sizes")
    elif open_low:
        remarks.append("the critical batch size is not bounded below: use smaller batch sizes")
    return TradeOff(
        smin=math.nan if far_high else math.exp(log_s),
        emin=math.nan if far_low else math.exp(log_s + log_c),
        critical=math.nan if far_low or far_high else math.exp(log_c),
        smin_interval=_interval(level, reach, open_high, False),
        emin_interval=_interval(level + grid, reach, open_low, False),
        critical_interval=(0.0 if open_low else math.exp(low), None if open_high else math.exp(high)),
        scatter=points.scatter(),
        left_out=left_out,
        reason="; ".join(remarks),
    )


def _ends(points: _Points, limit: float) -> tuple[float, float]:
    """The least and the greatest log C within the limit; an end of its range where that is within it too."""
    brentq = needed("scipy.optimize", "the fit of the trade-off").brentq

    def over(log_c: float) -> float:
        return float(points.squares(log_c)) - limit

    grid = np.linspace(*points.range, 2001)
    outside = points.squares(grid) > limit
    below, above = grid[outside & (grid < points.best)], grid[outside & (grid > points.best)]
    low = points.range[0] if not outside[0] or not len(below) else brentq(over, below[-1], points.best)
    high = points.range[1] if not outside[-1] or not len(above) else brentq(over, points.best, above[0])
    return float(low), float(high)


def _interval(middle: Array, reach: Array, open_low: bool, open_high: bool) -> Interval:
    low = 0.0 if open_low else math.exp((middle - reach).min())
    return low, None if open_high else math.exp((middle + reach).max())
