"""The noise scale of a whole training, from gradients taken apart at checkpoints along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REACH = 3  # checkpoints on each side that a smoothed value looks at


@dataclass
class Checkpoint:
    """What the gradients were like at one moment of a training.

    Attributes:
        step: after how many steps.
        loss: the mean loss a sample.
        trace: tr Σ, the variance of one sample's gradient; the noise.
        signal: |G|², the squared length of the mean gradient.
        smoothed: the noise scale, both smoothed over the neighbours; NaN where the noise hides the gradient.
    """

    step: int
    loss: float
    trace: float
    signal: float
    smoothed: float = math.nan

    @property
    def alone(self) -> float:
        """The noise scale, not smoothed; NaN where the noise hides the gradient."""
        return self.trace / self.signal if self.signal > 0 else math.nan


def smoothed(checkpoints: Sequence[Checkpoint]) -> tuple[np.ndarray, np.ndarray]:
    """tr Σ and |G|² of each checkpoint, as means over it and up to three neighbours on either side.

    Numerator and denominator apart: a mean of ratios would be ruled by the checkpoints whose |G|² came out near 0.
    Neighbours are weighted so that each has the same noise, or those with long gradients would stand for all.
    """
    traces = np.array([c.trace for c in checkpoints])
    signals = np.array([c.signal for c in checkpoints])
    out_traces, out_signals = np.empty(len(traces)), np.empty(len(traces))
    for i in range(len(traces)):
        near = slice(max(0, i - REACH), i + REACH + 1)
        weights = 1 / np.maximum(traces[near], 1e-300)
        out_traces[i] = len(weights) / weights.sum()
        out_signals[i] = (signals[near] * weights).sum() / weights.sum()
    return out_traces, out_signals


def weighted_noise(checkpoints: Sequence[Checkpoint], batch_size: int) -> float:
    """N = Σ wₜNₜ / Σ wₜ with wₜ = 1/(1 + Nₜ/B), for a training with batches of B; sets `smoothed` of each.

    wₜ is how far a step at that moment brings the training compared with one without noise. Where |G|² cannot be told
    from 0 the noise scale counts as infinite: it adds its limit, wₜNₜ = B, to the first sum and 0 to the second. To
    leave such moments out would bias the mean towards the easy ones.

    Source: McCandlish et al. (2018), appendix C: the mean that predicts the steps of a whole training.

    Returns:
        N; NaN where no checkpoint says anything.

    >>> weighted_noise([Checkpoint(0, 1.0, 6.0, 2.0), Checkpoint(9, 0.5, 6.0, 2.0)], 32)
    3.0
    """
    usable = [c for c in checkpoints if math.isfinite(c.trace) and math.isfinite(c.signal) and c.trace > 0]
    if not usable:
        return math.nan
    traces, signals = smoothed(usable)
    signals = np.maximum(signals, 0.0)
    with np.errstate(divide="ignore"):
        ratios = traces / signals
    for checkpoint, ratio in zip(usable, ratios):
        checkpoint.smoothed = float(ratio) if math.isfinite(ratio) else math.nan
    whole = signals + traces / batch_size
    weights = signals / whole
    total = float(weights.sum())
    return float((traces / whole).sum()) / total if total > 0 else math.nan
