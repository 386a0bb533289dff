"""Derivatives by differences, accurate enough to judge a rule by, and honest about how accurate they are.

The derivative along a direction is taken from central differences at three steps, extrapolated to step 0
(Richardson 1911; Press et al., *Numerical Recipes*, section 5.7). Where the estimate of its own error is not
small, smaller steps are tried. The slopes on both sides are compared, since a kink has a perfectly good central
difference. The complex step, for functions that take complex arrays, has no rounding error at all (Squire and
Trapp 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...dtypes import Array

Magnitude: TypeAlias = "Array | float | Callable[[], float]"

STEP = 1e-3  # the first step, as a multiple of the size of what is moved
_EPS = 2.0**-52
_TINY = 2.0**-26  # a step at which half of the digits are lost


class Slope(NamedTuple):
    """The derivative of a function of one number, element by element.

    Attributes:
        value: the derivative.
        error: an estimate of how far it may be off.
        left, right: the slopes on both sides.
        kink: where these differ, so that there is no derivative.
        step: the longest of the steps that it is taken from.
        noise: the rounding in the function's values, as their standard deviation, where that has been looked for.
    """

    value: Array
    error: Array
    left: Array
    right: Array
    kink: Array
    step: Array | float = STEP
    noise: Array | float = 0.0

    def per(self, size: float) -> Slope:
        """The derivative with respect to what was moved in steps of `size`."""
        value, error, left, right = (part / size for part in (self.value, self.error, self.left, self.right))
        return self._replace(value=value, error=error, left=left, right=right)


def scale_of(x: Array) -> Array:
    """The size of each number, but never nothing: what steps are taken in proportion to."""
    return np.maximum(np.abs(x), 1e-2)


def richardson(
    f: Callable[[float], Array],
    centre: Array,
    magnitude: Magnitude,
    *,
    enough: Array | float,
    tries: int = 3,
    first: float = STEP,
) -> Slope:
    """The derivative of `f` at 0.

    Args:
        f: a function of the step, in multiples of the direction; its result is an array.
        centre: its value at 0.
        magnitude: the size of the numbers that were added up for each result, of which rounding is a share; or a
            function without arguments that returns it, called once `f` has been computed.
        enough: the error with which to be content.
        tries: how many ladders of ever smaller steps to try.
        first: the first step.
    """
    best: Slope | None = None
    step = first
    for _ in range(tries):
        slope = _ladder(f, centre, step, magnitude)
        best = slope if best is None else _better(best, slope)
        if not (best.error > enough).any():
            break
        step /= 16
    assert best is not None
    return best if step == STEP else _confirmed(best, f, centre, magnitude)


def _ladder(f: Callable[[float], Array], centre: Array, step: float, magnitude: Magnitude) -> Slope:
    steps = (step, step / 2, step / 4)
    above, below = [f(h) for h in steps], [f(-h) for h in steps]
    magnitude = magnitude() if callable(magnitude) else magnitude
    d0, d1, d2 = [(a - b) / (2 * h) for a, b, h in zip(above, below, steps, strict=True)]
    first, second = (4 * d1 - d0) / 3, (4 * d2 - d1) / 3
    value = (16 * second - first) / 15
    rounding = 4 * _EPS * (np.abs(centre) + magnitude + np.abs(value)) / step  # the steps are rounded, too
    error = np.abs(second - first) + 8 * rounding
    right = _one_sided(*[(a - centre) / h for a, h in zip(above, steps, strict=True)])
    left = _one_sided(*[(centre - b) / h for b, h in zip(below, steps, strict=True)])
    gap = np.abs(right[0] - left[0])
    size = np.maximum(np.abs(right[0]), np.abs(left[0]))
    kink = gap > 1e-4 * size + 4 * (right[1] + left[1]) + 64 * rounding
    finite = np.isfinite(value) & np.isfinite(error)
    return Slope(value, np.where(finite, error, np.inf), left[0], right[0], kink, np.full(kink.shape, step))


def _confirmed(slope: Slope, f: Callable[[float], Array], centre: Array, magnitude: Magnitude) -> Slope:
    """The slope, with an infinite error where a tiny step shows it to be far off.

    Steps that are longer than a function's waves may agree with each other by chance; so may steps of a function
    computed with few digits.
    """
    plain = (f(_TINY) - f(-_TINY)) / (2 * _TINY)
    magnitude = magnitude() if callable(magnitude) else magnitude
    gap = np.abs(plain - slope.value)
    doubt = 1e-3 * np.abs(slope.value) + 64 * _EPS * (np.abs(centre) + magnitude) / _TINY + 10 * slope.error
    return slope._replace(error=np.where(gap > doubt, np.inf, slope.error))


def _one_sided(d0: Array, d1: Array, d2: Array) -> tuple[Array, Array]:
    """The slope on one side from differences at steps h, h/2, h/4, and how much the last refinement changed it."""
    first, second = 2 * d1 - d0, 2 * d2 - d1
    value = (4 * second - first) / 3
    return value, np.abs(value - second)


def _better(one: Slope, other: Slope) -> Slope:
    """Element by element the one with the smaller error."""
    pick = other.error < one.error
    return Slope(*[np.where(pick, b, a) for a, b in zip(one, other, strict=True)])


def complex_step(f: Callable[[complex], Any]) -> Array:
    """The derivative of `f` at 0, from one evaluation at an imaginary step.

    Raises:
        TypeError: if `f` gives no complex result, because it is not made for complex numbers.
    """
    step = 1e-30
    result = np.asarray(f(1j * step))
    if result.dtype.kind != "c":
        raise TypeError("method='complex': the function gave no complex result: use method='richardson'")
    return np.asarray(result.imag / step)
