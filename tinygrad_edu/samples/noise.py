"""Gradient noise scale: how large a batch has to be for its gradient to stand out of its noise.

Of one sample's gradient g, let G be the mean and Σ the covariance. The mean over B samples has the squared length
|G|² + tr Σ / B on average, so that at B = tr Σ / |G|² signal and noise are equal. Both are estimated from a batch.

Samples drawn without replacement from n are not independent: with Σ the covariance over the n, divided by n - 1, the
gradients of two of them have the mean product |G|² - tr Σ / n (Cochran, "Sampling Techniques", 1977, section 2.5).
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from typing import Any

_CLEARLY = 2.0  # how many standard errors the signal must be away from 0
_ROUNDING = 0.01  # by how much ‖Σ g‖² may exceed what it can be: gradients may be float16


@dataclass(frozen=True)
class NoiseScale:
    """An estimate of the simple noise scale, tr Σ / |G|², and of its numerator and denominator.

    Far below this batch size, doubling the batch allows nearly twice the step; far above it, doubling gains hardly
    anything. The estimates of tr Σ and of |G|² are unbiased. The first is never negative; the second often is, when the
    noise of a small batch hides the gradient. The ratio then means nothing: such a result is not usable, and says why.
    Nor is that of a single sample, or of none. `float(estimate)` is its value.

    Where batches are drawn from a data set without replacement, as in epochs, pass its size as `population`: G and Σ
    are then those of the data set, and all samples together give them exactly. Without it the samples are taken to be
    independent, as they are if drawn with replacement or from a stream. For a batch that is a large part of a data set,
    |G|² would then be underestimated.

    Source: McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training" (2018), appendix A.

    Attributes:
        trace: the estimate of tr Σ, the sum over all weights of the variance of one sample's gradient.
        signal: the estimate of |G|², the squared length of the mean gradient.
        samples: the number of samples behind it.
        steps: the number of batches behind it; 1 unless it comes from a `NoiseScaleMeter`.
        signal_error: the standard error of `signal`, from how it differs from step to step; NaN for one step.
        population: the size of the data set from which each batch was drawn without replacement; None for independent
            samples.
        trace_error: the standard error of `trace`, likewise.
        covariance: the covariance of the two errors.

    >>> from tinygrad_edu.samples import NoiseScale
    >>> print(NoiseScale.from_sums(14.0, 36.0, 3))  # of the gradients 1, 2 and 3
    noise scale 0.273 (tr Σ = 1, |G|² = 3.67; 3 samples)
    >>> print(NoiseScale.from_sums(10.0, 4.0, 2))  # of 3 and -1
    noise scale not usable: the estimate of |G|² is -3, not above 0: the noise of 2 samples hides the gradient. Take a
    larger batch, or put several steps together with tg.samples.noise_scale()
    """

    trace: float
    signal: float
    samples: int
    steps: int = 1
    signal_error: float = math.nan
    population: int | None = None
    trace_error: float = math.nan
    covariance: float = math.nan
    _lack: str = field(default="", repr=False)  # of what there is too little, for any estimate

    @classmethod
    def from_sums(
        cls, square_norms: float, square_of_sum: float, count: int, *, population: int | None = None
    ) -> NoiseScale:
        """The estimate from Σ‖g_m‖² and ‖Σ g_m‖² of B samples.

        tr Σ ≈ (Σ‖g_m‖² - ‖Σ g_m‖²/B) / (B - 1) and |G|² ≈ (‖Σ g_m‖² - Σ‖g_m‖²) / (B(B - 1)), to which tr Σ / n is added
        for a population of n.

        Args:
            square_norms: Σ‖g_m‖², the sum of the samples' squared norms.
            square_of_sum: ‖Σ g_m‖², of the sum of these gradients alone: `.grad` may hold a penalty's as well.
            count: the number of samples, B.
            population: the size n of the data set, if the samples were drawn from it without replacement; None if they
                were drawn with replacement or come from a stream.

        Returns:
            The estimate; NaN and not usable for fewer than two samples.

        Raises:
            ValueError: for numbers that cannot be of the same gradients, or more samples than the population has.
            TypeError: if the population is not an integer.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> estimate = NoiseScale.from_sums(14.0, 36.0, 3)
        >>> estimate.trace, round(estimate.signal, 3)
        (1.0, 3.667)
        >>> NoiseScale.from_sums(14.0, 36.0, 3, population=3).signal  # 1, 2 and 3 are all there are: their mean is 2
        4.0
        """
        return cls.from_weighted_sums(square_norms, square_of_sum, count, count, count, population=population)

    @classmethod
    def from_weighted_sums(
        cls,
        square_norms: float,
        square_of_sum: float,
        weight: float,
        weight_squares: float,
        count: int,
        *,
        population: int | None = None,
    ) -> NoiseScale:
        """The estimate from the sums of weighted samples, with fixed weights of 0 or more.

        With W = Σ w and V = Σ w², on average Σ w‖g‖² is W(|G|² + tr Σ) and ‖Σ w g‖² is W²|G|² + V tr Σ. These two
        equations are solved for |G|² and tr Σ; with weights of 1 it is what `from_sums` computes. In a population of n
        both hold with |G|² - tr Σ / n in the place of |G|²; all n samples are exact if their weights are equal.

        Args:
            square_norms: Σ w_m‖g_m‖².
            square_of_sum: ‖Σ w_m g_m‖².
            weight: Σ w_m.
            weight_squares: Σ w_m².
            count: the number of samples, including those with the weight 0.
            population: as for `from_sums`.

        Returns:
            The estimate; NaN and not usable for fewer than two samples with a weight above 0.

        Raises:
            ValueError: for numbers that cannot be of the same gradients, or more samples than the population has.
            TypeError: if the population is not an integer.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> twice = NoiseScale.from_weighted_sums(28.0, 144.0, 6.0, 12.0, 3)  # 1, 2 and 3, each with the weight 2
        >>> twice.trace, round(twice.signal, 3)
        (1.0, 3.667)
        """
        population = size_of_population(population, count)
        square_norms, square_of_sum = float(square_norms), float(square_of_sum)
        limit = weight * square_norms
        if square_of_sum > (1 + _ROUNDING) * limit:
            of = f"of {count} sample" if count == 1 else f"of {count} samples"
            raise ValueError(
                f"‖Σ g‖² = {square_of_sum:g} cannot be of gradients with Σ‖g‖² = {square_norms:g}: {of} it is at most "
                f"{limit:g}. It must be of the sum of the samples' own gradients; .grad may hold other terms as well"
            )
        pairs = weight * weight - weight_squares
        if count < 2 or pairs <= 1e-12 * weight * weight:
            lack = f"got {count}" if count < 2 else f"of {count} at most one has a weight above 0"
            return cls(math.nan, math.nan, int(count), population=population, _lack=lack)
        trace = (limit - square_of_sum) / pairs
        left, each = square_of_sum, weight_squares / weight
        if population is not None:  # tr Σ / n is added in such a way that square_norms cancels for all n samples
            left, each = left - left / population, each - weight / population
        signal = (left - each * square_norms) / pairs
        trace = 0.0 if trace < 0 else float(trace)  # below 0 by rounding alone
        return cls(trace, float(signal), int(count), population=population)

    @property
    def value(self) -> float:
        """tr Σ / |G|², a number of samples; NaN where it is not usable."""
        return self.trace / self.signal if self.usable else math.nan

    def __float__(self) -> float:
        """The value, NaN where it is not usable.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> float(NoiseScale(trace=6.0, signal=2.0, samples=80))
        3.0
        """
        return self.value

    @property
    def interval(self) -> tuple[float, float]:
        """Where the value lies, two standard errors on each side; (NaN, NaN) for one step.

        It holds all N for which tr Σ - N |G|² is within two of its standard errors from 0, as both are estimated
        (Fieller, "Some Problems in Interval Estimation", 1954). The upper end is infinite where |G|² may be 0.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> NoiseScale(6.0, 2.0, 80, steps=10, signal_error=0.5, trace_error=0.0, covariance=0.0).interval
        (2.0, 6.0)
        """
        if math.isnan(self.signal_error):
            return math.nan, math.nan
        trace, signal, wide = self.trace, self.signal, _CLEARLY**2
        of_trace = 0.0 if math.isnan(self.trace_error) else self.trace_error
        of_both = 0.0 if math.isnan(self.covariance) else self.covariance
        # (tr Σ - N |G|²)² = wide (its variance) is a N² - 2 b N + c = 0
        a = signal * signal - wide * self.signal_error**2
        b = trace * signal - wide * of_both
        c = trace * trace - wide * of_trace**2
        far = b + math.sqrt(max(b * b - a * c, 0.0))
        return max(c, 0.0) / far if far > 0 else math.inf, far / a if a > 0 and signal > 0 else math.inf

    @property
    def usable(self) -> bool:
        """Whether |G|² is clearly above 0: by two standard errors, or, with one step alone, at all."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it is not usable, and what to do; empty if it is."""
        if self._lack:
            return (
                f"it needs at least two samples, {self._lack}: noise is how samples differ from one another. "
                "Take a larger batch, or put several together before zero_grad()"
            )
        if not self.steps:
            return "there was no batch of two or more samples yet: call update() after losses.backward(per_sample=True)"
        if not (math.isfinite(self.trace) and math.isfinite(self.signal)):
            return "the gradients are not finite: look for the cause with tg.detect_anomaly()"
        if self.trace == self.signal == 0:
            return "all gradients are 0: there is neither signal nor noise"
        advice = "Take a larger batch, or put several steps together with tg.samples.noise_scale()"
        if self.steps > 1:
            advice = "Feed more batches, or larger ones"
        if self.signal <= 0 and self.steps == 1 and self.samples == self.population:
            return (
                f"the estimate of |G|² from all {self.samples} samples is {self.signal:.3g}, not above 0: their mean "
                "gradient is 0, or nearly so, and all that is left is noise"
            )
        if self.signal <= 0:
            why = f"the noise of {self._made_from()} hides the gradient"
            return f"the estimate of |G|² is {self.signal:.3g}, not above 0: {why}. {advice}"
        if self.signal < _CLEARLY * self.signal_error:
            known = f"{self.signal:.3g} ± {self.signal_error:.3g}"
            return f"|G|² is known as {known} after {self.steps} steps, too close to 0 for a ratio. {advice}"
        return ""

    def __str__(self) -> str:
        if not self.usable:
            return f"noise scale not usable: {self.reason}"
        between = error = ""
        if not math.isnan(self.signal_error):
            between, error = ", {:.3g} to {:.3g}".format(*self.interval), f" ± {self.signal_error:.3g}"
        parts = f"tr Σ = {self.trace:.3g}, |G|² = {self.signal:.3g}{error}; {self._made_from()}"
        return f"noise scale {self.value:.3g}{between} ({parts})"

    def _made_from(self) -> str:
        if self.steps > 1:
            return f"{self.samples} samples in {self.steps} steps"
        return f"{self.samples} samples" if self.population is None else f"{self.samples} of {self.population} samples"


def size_of_population(population: Any, count: int = 0) -> int | None:
    """`population` as a Python integer, or None, if it has at least `count` samples.

    Raises:
        ValueError: if it has not.
        TypeError: if it is not a number of samples.
    """
    if population is None:
        return None
    wrong = f"population={population!r} is not a number of samples: it must be"
    try:
        size = operator.index(population)
    except TypeError:
        raise TypeError(f"{wrong} an integer, or None for samples drawn with replacement or from a stream") from None
    if size < 1:
        raise ValueError(f"{wrong} at least 1, or None for samples drawn with replacement or from a stream")
    if count > size:
        raise ValueError(
            f"{count} samples cannot be drawn without replacement from population={size}. If they were drawn with "
            "replacement, or come from a stream or from several epochs, leave it None"
        )
    return size
