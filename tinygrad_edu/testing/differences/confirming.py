"""A second opinion on a derivative, before a gradient is called wrong.

A ladder of few differences is exact where a function is smooth and computed with all digits. It does not see rounding
inside the function, and steps of a staircase may agree with each other by chance. Here the derivative is taken again
from many values, at several lengths of the way, each with an error that knows the noise; where they disagree, the true
value may lie anywhere between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...dtypes import Array
from .numeric import STEP, Slope
from .regression import Fit, fit_along

_EPS = 2.0**-52
_FIRST = (STEP / 256, STEP, 16 * STEP)
_FURTHER = (STEP / 16, 64 * STEP, 128 * STEP)
_FAR = 1024 * STEP  # how far to look for a change if there is none
_NEAR = 16 * STEP  # what moves farther off may do so at a kink
_KNOWN = 0.5  # the share of its error in a slope that clearly is not 0
_COARSE = 2.0**-30  # the share of rounding in a value beyond which it is as likely to be something else


def second_opinion(f: Callable[[float], Array], slope: Slope, size: float, enough: Array | float = 0.0) -> Slope:
    """The derivative of a function at 0 from many values, with an error that covers rounding inside the function.

    Args:
        f: a function of the step, in multiples of the direction; its result is an array, or a number.
        slope: the derivative as it has been found.
        size: that of the numbers of which the function is made, as far as it is known. Numbers of size 1 are assumed
            anyway: log(1 + exp(-x)) does not move at all where its derivative is below their last digit.
        enough: the error with which to be content.
    """
    fits = {length: fit_along(f, length) for length in sorted({*_FIRST, *_shortest(slope)})}
    found = _together(slope, fits, size)
    if ((found.error <= enough) & ~_still(fits[STEP])).all():
        return found
    fits |= {length: fit_along(f, length) for length in _FURTHER if length not in fits}
    if _still(fits[STEP]).any():
        fits[_FAR] = fit_along(f, _FAR)
    return _together(slope, dict(sorted(fits.items())), size)


def _shortest(slope: Slope) -> list[float]:
    """The length of the steps by which a derivative has been found, if it is below the usual one."""
    length = float(np.min(slope.step))
    return [length] if length < STEP else []


def _together(slope: Slope, fits: Mapping[float, Fit], size: float) -> Slope:
    """What ways of several lengths, from the shortest on, say of a derivative: the most exact one, or as far as they
    contradict each other, anything between them.
    """
    slopes, errors, noise = (np.stack(part) for part in zip(*[fit[:3] for fit in fits.values()], strict=True))
    finite = np.isfinite(slopes) & np.isfinite(errors)
    values, errors = np.where(finite, slopes, 0.0), np.where(finite, errors, np.inf)
    moves = (errors < _KNOWN * np.abs(values)).any(0)
    # Values that scatter, so that no digit of the slope is known, may do so by rounding; but if that is large beside
    # them, they may as well be waves that are shorter than the way, or a step: a slope over it says nothing.
    waves = (noise > _COARSE * size) & (errors > 0.1 * np.abs(values))
    errors = np.where(waves, np.inf, errors)
    still = np.stack([_still(fit) for fit in fits.values()])
    # Where nothing moves there may be a change that is too small for the last digit, or for the noise nearby.
    grain = np.min([fit.grain for fit in fits.values()], axis=0)
    near = np.max([4 * np.nan_to_num(fit.noise) for length, fit in fits.items() if length <= _NEAR], axis=0)
    fine = np.where(grain < _COARSE * max(size, 1.0), grain, 0.0)
    least = np.maximum(np.maximum(fine, near), _EPS * max(size, 1.0))
    lengths = np.reshape([min(length, STEP) for length in fits], (-1, *[1] * (still.ndim - 1)))
    errors = np.where(still, least / lengths, errors)
    errors = np.where(still & moves, np.inf, errors)
    best = np.argmin(errors, axis=0)[None]
    value, error = np.take_along_axis(values, best, 0)[0], np.take_along_axis(errors, best, 0)[0]
    gaps = np.where(np.isfinite(errors), np.abs(values - value), 0.0)
    doubt = np.where(gaps > 2 * (errors + error), gaps, 0.0).max(0)
    noise = np.where(still.any(0), least, _rounding(noise, best))
    noise = np.where(noise > 1e-2 * max(size, 1.0), 0.0, noise)  # which is no rounding
    return slope._replace(value=value, error=np.maximum(error, doubt), noise=noise)


def _still(fit: Fit) -> Array:
    """Where a function has not moved by a single bit."""
    return np.asarray((fit.slope == 0) & (fit.noise == 0))


def _rounding(noises: Array, best: Array) -> Array:
    """The noise around the best of some polynomials, unless it is a misfit, which would shrink with a shorter way."""
    noises = np.where(np.isfinite(noises), noises, 0.0)
    noise = np.take_along_axis(noises, best, 0)[0]
    shorter = np.arange(len(noises)).reshape(-1, *[1] * noise.ndim) <= best
    least = np.where(shorter & (noises > 0), noises, np.inf).min(0)
    return np.where(noise > 8 * least, 0.0, noise)


def is_kink(f: Callable[[float], Array]) -> Array:
    """Where the slopes on both sides of 0 differ by more than rounding inside the function, and bends, explain."""
    left, right = (fit_along(f, STEP, side) for side in (-1, 1))
    return np.asarray(np.abs(right.slope - left.slope) > 8 * (right.error + left.error))


def outside_of_kink(f: Callable[[float], Array], ours: Array | float, slack: Array | float) -> Array:
    """Where a gradient lies outside of the slopes on both sides of 0, at long steps and at short ones.

    Args:
        f: a function of the step.
        ours: the gradient along it.
        slack: how far outside it may lie, beside the error of the slopes.
    """
    found = np.asarray(True)
    for length in (STEP, STEP / 16):
        sides = [fit_along(f, length, side) for side in (-1, 1)]
        low = np.min([side.slope - 8 * side.error for side in sides], axis=0)
        high = np.max([side.slope + 8 * side.error for side in sides], axis=0)
        found = found & ((ours < low - slack) | (ours > high + slack))
    return found
