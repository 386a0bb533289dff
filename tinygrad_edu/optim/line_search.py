"""How far to go along a direction: a step that meets the strong Wolfe conditions.

With the loss f(t) after a step of length t these are f(t) ≤ f(0) + c₁·t·f'(0), it falls enough, and
|f'(t)| ≤ c₂·|f'(0)|, it is flat enough. Steps are lengthened until an interval is known to hold such a step; then the
interval is narrowed down. Each trial is where a cubic through two known values and slopes is least.

Source: Nocedal and Wright 2006, "Numerical optimization", 2nd edition, algorithms 3.5 and 3.6, and formula 3.59.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..dtypes import Array

_FALLS = 1e-4  # c₁
_FLAT = 0.9  # c₂
_LONGER = 10.0  # a trial is at most so many times the last one,
_AT_LEAST = 0.01  # and longer by at least this part of what was added last
_MARGIN = 0.1  # a trial nearer to an end of the interval than this part of it narrows it down too little


class Trial(NamedTuple):
    """A step length, and what was found there: the loss, its slope along the direction, its gradient."""

    t: float
    loss: float
    slope: float
    gradient: Array


def strong_wolfe(
    evaluate: Callable[[float], Trial], start: Trial, first: float, narrowest: float, trials: int
) -> Trial:
    """A step that meets the strong Wolfe conditions, or the best one that was found.

    Args:
        evaluate: tries a step length.
        start: what is known at step length 0; its slope is negative.
        first: the step length to try first.
        narrowest: the width of an interval that is not narrowed down further.
        trials: how many may follow the first.

    >>> import numpy as np
    >>> def parabola(t):
    ...     return Trial(t, (t - 3) ** 2, 2 * (t - 3), np.array([2 * (t - 3)]))
    >>> strong_wolfe(parabola, parabola(0.0), 0.1, 1e-9, 25).t  # 0.1 is not flat enough, ten times as far is
    1.0
    """
    last, trial = start, evaluate(first)
    for used in range(trials):
        if _too_high(trial, start) or (used > 1 and trial.loss >= last.loss):
            return _narrowed(evaluate, start, [last, trial], narrowest, trials - used)
        if _is_flat(trial, start):
            return trial
        if trial.slope >= 0.0:
            return _narrowed(evaluate, start, [last, trial], narrowest, trials - used)
        longer = least_of_cubic(last, trial, trial.t + _AT_LEAST * (trial.t - last.t), trial.t * _LONGER)
        last, trial = trial, evaluate(longer)
    return trial if trial.loss < start.loss else start


def _narrowed(
    evaluate: Callable[[float], Trial], start: Trial, ends: list[Trial], narrowest: float, trials: int
) -> Trial:
    """The step in an interval that meets the conditions, or the end of what is left where the loss is lower."""
    low = _lower(ends)
    stuck = False
    for _ in range(trials):
        left, right = sorted(end.t for end in ends)
        if right - left < narrowest:
            break
        t = least_of_cubic(ends[0], ends[1], left, right)
        margin = _MARGIN * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or not left < t < right):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        stuck = near
        trial = evaluate(t)
        if _too_high(trial, start) or trial.loss >= ends[low].loss:
            ends[1 - low] = trial
            low = _lower(ends)
            continue
        if _is_flat(trial, start):
            return trial
        if trial.slope * (ends[1 - low].t - ends[low].t) >= 0.0:
            ends[1 - low] = ends[low]
        ends[low] = trial
    return ends[low]


def _too_high(trial: Trial, start: Trial) -> bool:
    """Whether the loss does not fall enough; a NaN does not."""
    return not trial.loss <= start.loss + _FALLS * trial.t * start.slope


def _is_flat(trial: Trial, start: Trial) -> bool:
    return abs(trial.slope) <= -_FLAT * start.slope


def _lower(ends: list[Trial]) -> int:
    """Which of two ends has the lower loss: the second only if it is lower."""
    return int(ends[1].loss < ends[0].loss)


def least_of_cubic(a: Trial, b: Trial, low: float, high: float) -> float:
    """Where the cubic with the values and slopes of two trials has its minimum, held between `low` and `high`.

    If it has none, or cannot be computed, the middle.

    >>> import numpy as np
    >>> g = np.zeros(1)
    >>> least_of_cubic(Trial(0.0, 9.0, -6.0, g), Trial(5.0, 4.0, 4.0, g), 0.0, 5.0)
    3.0
    """
    a, b = (a, b) if a.t <= b.t else (b, a)
    with np.errstate(all="ignore"):  # of a straight line the minimum is at infinity
        width, slope_a, slope_b = np.float64(b.t - a.t), np.float64(a.slope), np.float64(b.slope)
        tilt = slope_a + slope_b - 3.0 * (np.float64(b.loss) - a.loss) / width
        root = np.sqrt(tilt * tilt - slope_a * slope_b)
        t = float(b.t - width * ((slope_b + root - tilt) / (slope_b - slope_a + 2.0 * root)))
    return (low + high) / 2.0 if math.isnan(t) else min(max(t, low), high)
