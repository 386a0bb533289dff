"""The gradient noise scale: how large a batch has to be for its gradient to stand out of its noise.

Of one sample's gradient g, let G be the mean and Σ the covariance. The mean over B samples has the squared length
|G|² + tr Σ / B on average, so that at B = tr Σ / |G|² signal and noise are equal. Both are estimated from a batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StateError
from .model_grads import ModelSampleGrads
from .results import array_of
from .sample_grads import SampleGrads

if TYPE_CHECKING:
    from .gradient_sum import GradientSum

__all__ = ["NoiseScale", "NoiseScaleMeter", "noise_scale"]

_CLEARLY = 2.0  # how many standard errors the signal must be away from 0
_ROUNDING = 0.01  # by how much ‖Σ g‖² may exceed what it can be: gradients may be float16


@dataclass(frozen=True)
class NoiseScale:
    """An estimate of the simple noise scale, tr Σ / |G|², and of what it is the ratio of.

    Far below this batch size twice the batch is worth nearly twice the step; far above it is hardly worth more. The
    estimates of tr Σ and of |G|² are unbiased; the first is never negative, the second often is when the noise of a
    small batch hides the gradient. The ratio says nothing then: such a result is not usable, and says why.

    Source: McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training" (2018), appendix A.

    Attributes:
        trace: the estimate of tr Σ, the sum over all weights of the variance of one sample's gradient.
        signal: the estimate of |G|², the squared length of the mean gradient.
        samples: how many samples it is made from.
        steps: how many batches it is made from; 1 unless it comes from a `NoiseScaleMeter`.
        signal_error: the standard error of `signal`, from how it differs from step to step; NaN for one step.

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

    @classmethod
    def from_sums(cls, square_norms: float, square_of_sum: float, count: int) -> NoiseScale:
        """The estimate from Σ‖g_m‖² and ‖Σ g_m‖² of B samples.

        tr Σ ≈ (Σ‖g_m‖² - ‖Σ g_m‖²/B) / (B - 1) and |G|² ≈ (‖Σ g_m‖² - Σ‖g_m‖²) / (B(B - 1)).

        Args:
            square_norms: Σ‖g_m‖², the sum of the samples' squared norms.
            square_of_sum: ‖Σ g_m‖², of the sum of these gradients alone: `.grad` may hold a penalty's as well.
            count: the number of samples, B.

        Raises:
            ValueError: for fewer than two samples, or numbers that cannot be of the same gradients.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> estimate = NoiseScale.from_sums(14.0, 36.0, 3)
        >>> estimate.trace, round(estimate.signal, 3)
        (1.0, 3.667)
        """
        return cls.from_weighted_sums(square_norms, square_of_sum, count, count, count)

    @classmethod
    def from_weighted_sums(
        cls, square_norms: float, square_of_sum: float, weight: float, weight_squares: float, count: int
    ) -> NoiseScale:
        """The estimate from the sums of samples that count by weights, fixed numbers of 0 or more.

        With W = Σ w and V = Σ w², on average Σ w‖g‖² is W(|G|² + tr Σ) and ‖Σ w g‖² is W²|G|² + V tr Σ. These two
        equations are solved for |G|² and tr Σ; with weights of 1 it is what `from_sums` computes.

        Args:
            square_norms: Σ w_m‖g_m‖².
            square_of_sum: ‖Σ w_m g_m‖².
            weight: Σ w_m.
            weight_squares: Σ w_m².
            count: the number of samples.

        Raises:
            ValueError: for fewer than two samples with a weight, or numbers that cannot be of the same gradients.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> twice = NoiseScale.from_weighted_sums(28.0, 144.0, 6.0, 12.0, 3)  # 1, 2 and 3, each with the weight 2
        >>> twice.trace, round(twice.signal, 3)
        (1.0, 3.667)
        """
        square_norms, square_of_sum = float(square_norms), float(square_of_sum)
        pairs = weight * weight - weight_squares
        if count < 2 or pairs <= 1e-12 * weight * weight:
            have = f"got {count}" if count < 2 else f"of {count} at most one has a weight above 0"
            raise ValueError(
                f"the noise scale needs at least two samples, {have}: noise is how samples differ from one another. "
                "Take a larger batch, or put several together before zero_grad()"
            )
        limit = weight * square_norms
        if square_of_sum > (1 + _ROUNDING) * limit:
            raise ValueError(
                f"‖Σ g‖² = {square_of_sum:g} cannot be of gradients with Σ‖g‖² = {square_norms:g}: it is at most "
                f"{limit:g}. It must be of the sum of the samples' own gradients; .grad may hold other terms as well"
            )
        trace = (limit - square_of_sum) / pairs
        signal = (square_of_sum - weight_squares * square_norms / weight) / pairs
        return cls(0.0 if trace < 0 else float(trace), float(signal), int(count))  # below 0 by rounding alone

    @property
    def value(self) -> float:
        """tr Σ / |G|², a number of samples; NaN where it is not usable."""
        return self.trace / self.signal if self.usable else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where the value lies if |G|² is within two standard errors of its estimate; (NaN, NaN) for one step.

        The upper end is infinite where |G|² may be 0. The error of tr Σ, much the smaller one, is left out.

        >>> from tinygrad_edu.samples import NoiseScale
        >>> NoiseScale(trace=6.0, signal=2.0, samples=80, steps=10, signal_error=0.5).interval
        (2.0, 6.0)
        """
        if math.isnan(self.signal_error):
            return math.nan, math.nan
        low, high = (self.signal + side * _CLEARLY * self.signal_error for side in (-1, 1))
        return self.trace / high if high > 0 else math.inf, self.trace / low if low > 0 else math.inf

    @property
    def usable(self) -> bool:
        """Whether |G|² is clearly above 0: by two standard errors, or, with one step alone, at all."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it is not usable, and what to do; empty if it is."""
        if not self.steps:
            return "no batch of two samples or more was fed yet: call update() after losses.backward(per_sample=True)"
        if not (math.isfinite(self.trace) and math.isfinite(self.signal)):
            return "the gradients are not finite: look for the cause with tg.detect_anomaly()"
        if self.trace == self.signal == 0:
            return "all gradients are 0: there is neither signal nor noise"
        advice = "Take a larger batch, or put several steps together with tg.samples.noise_scale()"
        if self.steps > 1:
            advice = "Feed more batches, or larger ones"
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
        return f"{self.samples} samples" + (f" in {self.steps} steps" if self.steps > 1 else "")


@dataclass
class _Sums:
    """What a meter keeps. A step that is `age` steps old counts by d = decay^age; it had n samples."""

    steps: int = 0
    samples: int = 0
    freedom: float = 0.0  # Σ d (n - 1)
    trace: float = 0.0  # mean of the steps' traces with these weights
    pairs: float = 0.0  # Σ v, where v = d n(n - 1)
    signal: float = 0.0  # mean of the steps' signals with the weights v
    squares: float = 0.0  # Σ v²
    centre: float = 0.0  # mean of the steps' signals with the weights v²
    spread: float = 0.0  # Σ v² (signal of the step - centre)²

    def add(self, trace: float, signal: float, n: float, decay: float) -> None:
        """Add a step; the means are moved rather than divided out, which keeps their digits."""
        pairs, older = n * (n - 1), decay**2 * self.squares
        self.freedom = decay * self.freedom + n - 1
        self.trace += (trace - self.trace) * (n - 1) / self.freedom
        self.pairs = decay * self.pairs + pairs
        self.signal += (signal - self.signal) * pairs / self.pairs
        self.squares = older + pairs**2
        off, share = signal - self.centre, pairs**2 / self.squares
        self.centre += off * share
        self.spread = decay**2 * self.spread + off**2 * older * share

    def signal_error(self) -> float:
        """The standard error of the mean signal, whatever the variances of the steps are.

        With weights p that sum to 1 it is the root of Σ p² (signal of the step - mean)² / (1 - Σ p²). Its square is
        unbiased where p is in proportion to the steps' precision, and for steps that are all alike.
        """
        left = 1 - self.squares / self.pairs**2 if self.steps > 1 else 0.0
        total = self.spread + self.squares * (self.centre - self.signal) ** 2
        return math.sqrt(total / left) / self.pairs if left > 1e-12 else math.nan


class NoiseScaleMeter:
    """The noise scale over the steps of a training.

    One batch is mostly too small for a usable estimate, and the mean of many steps' ratios is no better: it is ruled
    by those whose |G|² came out near 0. The meter takes the means of tr Σ and of |G|² apart, and their ratio last.

    A step of n samples counts by n - 1 in the mean of tr Σ and by n(n - 1) in that of |G|²: so every degree of freedom,
    and every pair of samples of one step, has the same say, and a small last batch does no harm. Because a step of 1 or
    0 samples has no pair, it changes nothing. The weights of older steps shrink by `decay` with each new step; they
    are divided by their sum, so that the mean is not drawn to 0 at the start (Adam corrects its means alike).

    From the second step on, |G|² comes with a standard error: how much it differs from step to step. That |G|² changes
    while the model learns makes it larger, not smaller. The estimate is usable if |G|² is two standard errors above 0.
    After two or three steps the error itself is hardly known: wait for ten before you decide something.

    Args:
        decay: from 0 to 1; 0.95 remembers about 20 steps, 1 takes the mean of all, for a model that stands still.

    Attributes:
        decay: as given.

    Raises:
        ValueError: if `decay` is out of range.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> meter = tg.samples.NoiseScaleMeter()
    >>> for x in ([[1.0], [2.0], [3.0]], [[1.0], [2.0]], [[2.0]]):
    ...     model.zero_grad()
    ...     model(tg.tensor(x)).squeeze(1).backward(per_sample=True)
    ...     estimate = meter.update(model.sample_grads())
    >>> print(estimate)
    noise scale 0.256, 0.176 to 0.467 (tr Σ = 0.828, |G|² = 3.23 ± 0.731; 5 samples in 2 steps)
    """

    def __init__(self, decay: float = 0.95) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"noise_scale(): decay={decay!r}, from 0 (only the last step) to 1 (all steps alike)")
        self.decay: float = float(decay)
        self._sums = _Sums()

    def update(self, grads: ModelSampleGrads | SampleGrads | GradientSum) -> NoiseScale:
        """Take in one step's gradients.

        Args:
            grads: `model.sample_grads()`, or one parameter's, or a `GradientSum` of what several micro-batches or
                workers have for this step. Weights of the backward pass multiply the terms of the first two; if they
                say how much a sample counts, `GradientSum.of(model)` is right.

        Returns:
            The estimate from all steps up to now.

        Raises:
            ValueError: if the gradients are not finite. Nothing is changed then.
            TypeError: for anything else.

        >>> import tinygrad_edu as tg
        >>> model, meter = tg.nn.Linear(1, 1, bias=False), tg.samples.noise_scale()
        >>> model(tg.tensor([[1.0], [2.0], [3.0]])).squeeze(1).backward(per_sample=True)
        >>> round(meter.update(model.sample_grads()).value, 3)
        0.273
        """
        found = _estimate(grads)
        if found is not None:
            step, n = found
            if not (math.isfinite(step.trace) and math.isfinite(step.signal)):
                raise ValueError(
                    "update(): the gradients of this step are not finite, and would stay in the means. "
                    "Nothing was changed; look for the cause with tg.detect_anomaly(), or skip the step"
                )
            self._sums.add(step.trace, step.signal, n, self.decay)
            self._sums.steps += 1
            self._sums.samples += step.samples
        return self.estimate

    @property
    def estimate(self) -> NoiseScale:
        """The estimate from all steps up to now."""
        sums = self._sums
        if not sums.steps:
            return NoiseScale(math.nan, math.nan, 0, 0)
        return NoiseScale(sums.trace, sums.signal, sums.samples, sums.steps, sums.signal_error())

    @property
    def value(self) -> float:
        """The noise scale, NaN where it is not usable: short for ``estimate.value``."""
        return self.estimate.value

    @property
    def usable(self) -> bool:
        """Short for ``estimate.usable``; ``estimate.reason`` says why it is not."""
        return self.estimate.usable

    def __repr__(self) -> str:
        return f"NoiseScaleMeter(decay={self.decay:g}): {self.estimate}"

    def reset(self) -> None:
        """Forget all steps.

        >>> import tinygrad_edu as tg
        >>> meter = tg.samples.noise_scale()
        >>> meter.reset()
        >>> meter.estimate.reason
        'no batch of two samples or more was fed yet: call update() after losses.backward(per_sample=True)'
        """
        self._sums = _Sums()

    def state_dict(self) -> dict[str, float]:
        """All that the meter knows, as numbers.

        >>> import tinygrad_edu as tg
        >>> tg.samples.noise_scale(decay=0.9).state_dict()["decay"]
        0.9
        """
        return {"decay": self.decay, **asdict(self._sums)}

    def load_state_dict(self, state_dict: Mapping[str, float]) -> None:
        """Take over what `state_dict` of another meter returned, its decay included.

        Raises:
            StateError: if a number is missing, or there is one too many. Nothing is loaded then.

        >>> import tinygrad_edu as tg
        >>> meter = tg.samples.noise_scale()
        >>> meter.load_state_dict(tg.samples.noise_scale(decay=0.9).state_dict())
        >>> meter.decay
        0.9
        """
        wanted = self.state_dict().keys()
        if wanted != state_dict.keys():
            different = ", ".join(sorted(wanted ^ state_dict.keys()))
            raise StateError(f"NoiseScaleMeter.load_state_dict(): missing or unknown: {different}. Nothing was loaded")
        numbers = dict(state_dict)
        decay = NoiseScaleMeter(numbers.pop("decay")).decay
        self._sums = _Sums(**numbers)  # type: ignore[arg-type]
        self.decay = decay


def noise_scale(decay: float = 0.95) -> NoiseScaleMeter:
    """A meter of the noise scale that is fed with every step of a training.

    Args:
        decay: how much of the weight of older steps each new one leaves; 1 for the mean of all steps.

    Raises:
        ValueError: if `decay` is not from 0 to 1.

    >>> import tinygrad_edu as tg
    >>> model, meter = tg.nn.Linear(4, 1), tg.samples.noise_scale(decay=1)
    >>> for step in range(20):
    ...     x = tg.randn(8, 4)
    ...     model.zero_grad()
    ...     ((model(x).squeeze(1) - x.sum(1) - 9) ** 2).backward(per_sample=True)
    ...     estimate = meter.update(model.sample_grads())
    >>> estimate.usable, estimate.steps, estimate.samples
    (True, 20, 160)
    """
    return NoiseScaleMeter(decay)


def _estimate(grads: Any) -> tuple[NoiseScale, float] | None:
    """The estimate of one step, and how many samples it is worth; None where there is no pair of samples."""
    from .gradient_sum import GradientSum

    if isinstance(grads, GradientSum):
        n = grads.effective_count
        return (grads.noise_scale(), n) if n > 1 + 1e-9 else None
    if isinstance(grads, ModelSampleGrads):
        return (GradientSum._of(grads, "update()").noise_scale(), grads.count) if grads.count > 1 else None
    if not isinstance(grads, SampleGrads):
        raise TypeError(
            "update() needs model.sample_grads(), a parameter's .sample_grads or a GradientSum, got a "
            f"{type(grads).__name__}: losses.backward(per_sample=True) makes them"
        )
    if len(grads) < 2:
        return None
    total = np.square(grads.total("update()").array, dtype=np.float64).sum()
    each = array_of(grads.squares(), np.dtype(np.float64)).sum()
    return NoiseScale.from_sums(float(each), float(total), len(grads)), len(grads)
