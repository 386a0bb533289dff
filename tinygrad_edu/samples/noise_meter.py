"""Noise scale during training: over many steps, of which one alone mostly says too little."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from ..errors import StateError
from .gradient_sum import GradientSum
from .model_grads import ModelSampleGrads
from .noise import NoiseScale, size_of_population
from .results import in_dtype
from .sample_grads import SampleGrads


@dataclass
class _Spread:
    """How two series of numbers, x and y, differ together from their means: Σ w (x - x̄)(y - ȳ)."""

    weight: float = 0.0  # Σ w
    x: float = 0.0  # mean with these weights
    y: float = 0.0
    product: float = 0.0  # Σ w (x - mean)(y - mean)

    def add(self, weight: float, x: float, y: float, decay: float) -> None:
        """Add a pair; the means are moved rather than divided out, which keeps their digits."""
        older = decay * self.weight
        self.weight = older + weight
        off_x, off_y, share = x - self.x, y - self.y, weight / self.weight
        self.x += off_x * share
        self.y += off_y * share
        self.product = decay * self.product + off_x * off_y * older * share

    def covariance(self, x: float, y: float, total: float) -> float:
        """The covariance of the errors of two weighted means, x and y, whatever the variances of the steps are.

        With weights p and q that sum to 1 each it is Σ pq (x of the step - x̄)(y of the step - ȳ) / (1 - Σ pq). It is
        unbiased where the weights are in proportion to the steps' precision, and for steps that are all alike.

        Args:
            x, y: the means.
            total: the product of the sums of both weights.
        """
        left = 1 - self.weight / total
        if left <= 1e-12:
            return math.nan
        return (self.product + self.weight * (self.x - x) * (self.y - y)) / (left * total)


_SPREADS = ("traces", "signals", "both")


@dataclass
class _Sums:
    """What a meter keeps. A step that is `age` steps old counts by d = decay^age; it had n samples."""

    steps: int = 0
    samples: int = 0
    freedom: float = 0.0  # Σ f, where f = d (n - 1)
    trace: float = 0.0  # mean of the steps' traces with these weights
    pairs: float = 0.0  # Σ v, where v = d n(n - 1)
    signal: float = 0.0  # mean of the steps' signals with these
    traces: _Spread = field(default_factory=_Spread)  # of the traces, with the weights f²
    signals: _Spread = field(default_factory=_Spread)  # of the signals, with v²
    both: _Spread = field(default_factory=_Spread)  # of traces and signals, with fv

    def add(self, trace: float, signal: float, n: float, decay: float) -> None:
        """Add a step."""
        freedom, pairs = n - 1, n * (n - 1)
        self.freedom = decay * self.freedom + freedom
        self.trace += (trace - self.trace) * freedom / self.freedom
        self.pairs = decay * self.pairs + pairs
        self.signal += (signal - self.signal) * pairs / self.pairs
        self.traces.add(freedom**2, trace, trace, decay**2)
        self.signals.add(pairs**2, signal, signal, decay**2)
        self.both.add(freedom * pairs, trace, signal, decay**2)

    def errors(self) -> dict[str, Any]:
        """The standard errors of the mean trace and the mean signal, and their covariance, from the second step on."""
        if self.steps < 2:
            return {}
        of_trace = self.traces.covariance(self.trace, self.trace, self.freedom**2)
        of_signal = self.signals.covariance(self.signal, self.signal, self.pairs**2)
        of_both = self.both.covariance(self.trace, self.signal, self.freedom * self.pairs)
        trace_error, signal_error = math.sqrt(max(of_trace, 0.0)), math.sqrt(max(of_signal, 0.0))
        return {"trace_error": trace_error, "signal_error": signal_error, "covariance": of_both}

    def numbers(self) -> dict[str, float]:
        """All of it under plain names: ``traces.weight`` and so on."""
        found = asdict(self)
        for name in _SPREADS:
            found |= {f"{name}.{key}": part for key, part in found.pop(name).items()}
        return found

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> _Sums:
        """What `numbers` were of."""
        given: dict[str, Any] = {name: value for name, value in numbers.items() if "." not in name}
        for spread in _SPREADS:
            given[spread] = _Spread(**{field.name: numbers[f"{spread}.{field.name}"] for field in fields(_Spread)})
        return cls(**given)


class NoiseScaleMeter:
    """The noise scale over the steps of a training run.

    A single batch is usually too small for a usable estimate. The mean of many steps' ratios is no better: those whose
    |G|² is near 0 dominate it. The meter averages tr Σ and |G|² separately, and takes their ratio last.

    A step of n samples has the weight n - 1 in the mean of tr Σ and n(n - 1) in that of |G|². So every degree of
    freedom, and every pair of samples of one step, counts the same, and a small last batch does no harm. A step of 1
    or 0 samples has no pair, and changes nothing. The weights of older steps shrink by the factor `decay` with each new
    step; they are divided by their sum, so that the mean is not biased towards 0 at the start (as in Adam).

    From the second step on, both have standard errors, estimated from how much they differ from step to step. If |G|²
    changes while the model learns, its error gets larger, not smaller. The estimate is usable if |G|² is two standard
    errors above 0. After two or three steps the error itself is hardly known: wait for ten before you decide something.

    Args:
        decay: from 0 to 1. 0.95 remembers about 20 steps; 1 takes the mean of all, for a model that does not change.
        population: the size of the data set, if each batch is drawn from it without replacement, as in epochs; None if
            samples are drawn with replacement or come from a stream. It corrects each step by itself; see `NoiseScale`.

    Attributes:
        decay, population: as given.

    Raises:
        ValueError: if `decay` is out of range, or `population` below 1.
        TypeError: if `population` is not an integer.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> meter = tg.samples.NoiseScaleMeter()
    >>> for x in ([[1.0], [2.0], [3.0]], [[1.0], [2.0]], [[2.0]]):
    ...     model.zero_grad()
    ...     model(tg.tensor(x)).squeeze(1).backward(per_sample=True)
    ...     estimate = meter.update(model.sample_grads())
    >>> print(estimate)
    noise scale 0.256, 0.191 to 0.288 (tr Σ = 0.828, |G|² = 3.23 ± 0.731; 5 samples in 2 steps)
    """

    def __init__(self, decay: float = 0.95, population: int | None = None) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"noise_scale(): decay={decay!r}, from 0 (only the last step) to 1 (all steps alike)")
        self.decay: float = float(decay)
        self.population: int | None = size_of_population(population)
        self._sums = _Sums()

    def update(self, grads: ModelSampleGrads | SampleGrads | GradientSum) -> NoiseScale:
        """Add the gradients of one step.

        Args:
            grads: `model.sample_grads()`, that of one parameter, or the merged `GradientSum` of several micro-batches
                or workers. With ``weights=`` in the backward pass a sample counts by its weight; for a single
                parameter the weights are factors of the terms.

        Returns:
            The estimate from all steps so far.

        Raises:
            ValueError: if the gradients are not finite, or there are more samples than `population`. Nothing is changed
                then.
            TypeError: for anything else.

        >>> import tinygrad_edu as tg
        >>> model, meter = tg.nn.Linear(1, 1, bias=False), tg.samples.noise_scale()
        >>> model(tg.tensor([[1.0], [2.0], [3.0]])).squeeze(1).backward(per_sample=True)
        >>> round(meter.update(model.sample_grads()).value, 3)
        0.273
        """
        found = _estimate(grads, self.population)
        if found is not None:
            step, n = found
            if not (math.isfinite(step.trace) and math.isfinite(step.signal)):
                raise ValueError(
                    "update(): the gradients of this step are not finite, and would spoil the means. "
                    "Nothing was changed; look for the cause with tg.detect_anomaly(), or skip the step"
                )
            self._sums.add(step.trace, step.signal, n, self.decay)
            self._sums.steps += 1
            self._sums.samples += step.samples
        return self.estimate

    @property
    def estimate(self) -> NoiseScale:
        """The estimate from all steps so far."""
        sums = self._sums
        if not sums.steps:
            return NoiseScale(math.nan, math.nan, 0, 0, population=self.population)
        numbers = (sums.trace, sums.signal, sums.samples, sums.steps)
        return NoiseScale(*numbers, population=self.population, **sums.errors())

    @property
    def value(self) -> float:
        """The noise scale, NaN where it is not usable: short for ``estimate.value``."""
        return self.estimate.value

    @property
    def usable(self) -> bool:
        """Short for ``estimate.usable``; ``estimate.reason`` says why it is not."""
        return self.estimate.usable

    def __float__(self) -> float:
        """Short for ``float(meter.estimate)``, its value."""
        return self.value

    def __repr__(self) -> str:
        population = "" if self.population is None else f", population={self.population}"
        return f"NoiseScaleMeter(decay={self.decay:g}{population}): {self.estimate}"

    def reset(self) -> None:
        """Forget all steps.

        >>> import tinygrad_edu as tg
        >>> meter = tg.samples.noise_scale()
        >>> meter.reset()
        >>> meter.estimate.reason
        'there was no batch of two or more samples yet: call update() after losses.backward(per_sample=True)'
        """
        self._sums = _Sums()

    def state_dict(self) -> dict[str, float | None]:
        """The state of the meter, as numbers; None where there is no population.

        >>> import tinygrad_edu as tg
        >>> tg.samples.noise_scale(decay=0.9).state_dict()["decay"]
        0.9
        """
        return {"decay": self.decay, "population": self.population, **self._sums.numbers()}

    def load_state_dict(self, state_dict: Mapping[str, float | None]) -> None:
        """Load what `state_dict` of another meter returned, including its decay and its population.

        The sums were corrected for that population, and mean nothing with another one.

        Raises:
            StateError: if a number is missing, or there is one too many. Nothing is loaded then.
            ValueError, TypeError: if the decay or the population is not valid. Nothing is loaded then.

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
        numbers: dict[str, Any] = dict(state_dict)
        other = NoiseScaleMeter(numbers.pop("decay"), numbers.pop("population"))
        self._sums = _Sums.of(numbers)
        self.decay, self.population = other.decay, other.population


def noise_scale(decay: float = 0.95, population: int | None = None) -> NoiseScaleMeter:
    """A meter of the noise scale, to be updated at every step of a training run.

    Args:
        decay: the factor by which each step reduces the weight of the older ones; 1 for the mean of all steps.
        population: the size of the data set, if each batch is drawn from it without replacement, as in epochs; None if
            samples are drawn with replacement or come from a stream.

    Raises:
        ValueError: if `decay` is not from 0 to 1, or `population` below 1.
        TypeError: if `population` is not an integer.

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
    return NoiseScaleMeter(decay, population)


def _estimate(grads: Any, population: int | None) -> tuple[NoiseScale, float] | None:
    """The estimate of one step, and how many samples it is worth; None where there is no pair of samples."""
    if isinstance(grads, ModelSampleGrads):
        grads = grads.sums("update()")
    if isinstance(grads, GradientSum):
        n = grads.effective_count
        return (grads.noise_scale(population=population), n) if n > 1 + 1e-9 else None
    if not isinstance(grads, SampleGrads):
        raise TypeError(
            "update() needs model.sample_grads(), a parameter's .sample_grads or a GradientSum, got a "
            f"{type(grads).__name__}: losses.backward(per_sample=True) makes them"
        )
    if len(grads) < 2:
        return None
    total = np.square(grads.total("update()").array, dtype=np.float64).sum()
    each = in_dtype(grads.squares(), np.float64).sum()
    return NoiseScale.from_sums(float(each), float(total), len(grads), population=population), len(grads)
