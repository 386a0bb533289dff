"""A polynomial fitted to many values, whose residuals tell how much rounding they have.

Rounding inside a function cannot be seen in the size of its output: (x + 1e12) - 1e12 is of the size of x, and its last
twelve digits are noise. It can be seen in the values themselves. A smooth function is a polynomial of a low degree
over a short way; what is left when that is taken away is noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ...dtypes import Array

_DEGREE = 7
_COUNT = 17
PLACES = np.cos(np.pi * (np.arange(_COUNT) + 0.5) / _COUNT)
"""Where values are taken, as parts of the longest step; Chebyshev points, which are not multiples of each other."""


class Fit(NamedTuple):
    """A polynomial's fit to values at `PLACES`, element by element.

    Attributes:
        slope: its derivative at the requested point.
        error: how far that may be off: by the noise, four standard deviations, and by terms of a higher degree.
        noise: the standard deviation of the values from the polynomial.
        grain: the smallest difference between two of the values that differ; infinite if none do.
    """

    slope: Array
    error: Array
    noise: Array
    grain: Array


def fit(values: Array, at: int = 0) -> Fit:
    """The polynomial of degree 7 that is nearest to the values, by least squares.

    Where the function is smooth `error` is small; where it is not, or is known with few digits, it is not.

    Args:
        values: at each of the 17 `PLACES`, along axis 0; each an array, or a number.
        at: where the derivative is wanted: 0, or -1 or 1 for the ends of the way.

    Returns:
        For each element what there is to know; NaN where a value is not finite.

    Source of the formulas: linear regression with an orthogonal basis, e.g. Seber and Lee, *Linear Regression
    Analysis*, sections 3.1 and 7.2.

    >>> import numpy as np
    >>> found = fit((1e12 + 3 * PLACES) - 1e12)
    >>> bool(abs(found.slope - 3) < found.error < 1e-3), bool(1e-5 < found.noise < 1e-4)
    (True, True)
    """
    rows = np.reshape(values, (_COUNT, -1))
    level = rows[_COUNT // 2]  # the value at 0: the rest is small, and keeps its digits
    parts = _BASIS.T @ (rows - level)
    residuals = rows - level - _BASIS @ parts
    noise = np.sqrt(np.square(residuals).sum(0) / (_COUNT - _DEGREE - 1))
    slopes = _SLOPES[at][:, None] * parts
    slope = slopes.sum(0)
    error = np.abs(slopes[-2:].sum(0)) + 4 * noise * np.sqrt(np.square(_SLOPES[at]).sum())
    gaps = np.diff(np.sort(rows, axis=0), axis=0)
    grain = np.where(gaps > 0, gaps, np.inf).min(0)
    shape = np.shape(values)[1:]
    return Fit(*[np.asarray(part.reshape(shape)) for part in (slope, error, noise, grain)])


def fit_along(f: Callable[[float], Array], step: float, side: int = 0) -> Fit:
    """The polynomial nearest to a function, from 17 values up to a step away.

    Args:
        f: a function of the step; its result is an array.
        step: the longest step. `slope` and `error` are per unit of the step.
        side: 0 for values on both sides; 1 or -1 for those on one side only, and the slope on that side.
    """
    middle, reach = side * step / 2, step / 2 if side else step
    found = fit(np.stack([np.asarray(f(middle + reach * place)) for place in PLACES]), -side)
    return found._replace(slope=found.slope / reach, error=found.error / reach)


def _orthogonal() -> tuple[Array, dict[int, Array]]:
    """Orthonormal polynomials at the places, one in each column, and the derivative of each at 0 and at both ends."""
    values, slopes = chebyshev.chebvander(PLACES, _DEGREE), chebyshev.chebder(np.eye(_DEGREE + 1))
    norms = np.linalg.norm(values, axis=0)
    return values / norms, {at: chebyshev.chebval(float(at), slopes) / norms for at in (-1, 0, 1)}


_BASIS, _SLOPES = _orthogonal()
