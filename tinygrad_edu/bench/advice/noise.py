"""The noise scale of a whole training run, from per-sample gradients at checkpoints along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REACH = 3  # checkpoints on each side that a smoothed value uses


@dataclass
class Checkpoint:
    """The gradients at one moment of a training run.

    Attributes:
        step: the number of steps before it.
        loss: the mean loss per sample.
        trace: tr Σ, the variance of a per-sample gradient: the noise.
        signal: |G|², the squared length of the mean gradient.
        smoothed: the noise scale with both smoothed over neighbours; NaN if the noise hides the gradient.
    """

    step: int
    loss: float
    trace: float
    signal: float
    smoothed: float = math.nan

    @property
    def alone(self) -> float:
        """The noise scale, not smoothed; NaN if the noise hides the gradient."""
        return self.trace / self.signal if self.signal > 0 else math.nan


def smoothed(checkpoints: Sequence[Checkpoint]) -> tuple[np.ndarray, np.ndarray]:
    """tr Σ and |G|² of each checkpoint, as means over it and up to three neighbours on either side.

    Numerator and denominator are smoothed separately: checkpoints with |G|² near 0 would dominate a mean of ratios.
    Neighbours are weighted so that each has the same noise; otherwise those with long gradients would dominate.
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
    """N = Σ wₜNₜ / Σ wₜ with wₜ = 1/(1 + Nₜ/B), for a training run with batches of B; also sets `smoothed`.

    wₜ is the progress of a step at that moment, compared with a step without noise. If |G|² cannot be distinguished
    from 0, the noise scale counts as infinite: it adds its limit, wₜNₜ = B, to the first sum and 0 to the second.
    Leaving such moments out would bias the mean towards the easy ones.

    Source: McCandlish et al. (2018), appendix C: the mean that predicts the steps of a whole training run.

    Returns:
        N; NaN if no checkpoint is informative.

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
