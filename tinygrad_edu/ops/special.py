"""Special functions: the error function and the logit, which NumPy lacks. Integers become the default dtype.

The approximations of the error function are the rational ones of W. J. Cody, "Rational Chebyshev Approximations for
the Error Function", Mathematics of Computation 23 (1969) 631-637: one for |x| <= 0.46875, one up to 4, one beyond.
Their relative error is below 1e-16; what remains is the rounding of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.primitives import Operand
from ..precision import by_float64
from .kinds import pointwise

__all__ = ["erf", "erfc", "logit"]

_NEAR, _FAR = 0.46875, 4.0
_NOTHING_LEFT = 27.5  # beyond it erfc is 0, even in float64

# Each pair holds the coefficients of a numerator and a denominator, the highest power first.
_SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip
_LARGE = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ),
    (
        1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # fmt: skip
_ONE_BY_ROOT_PI = 5.6418958354775628695e-1
_TWO_BY_ROOT_PI = 2 * _ONE_BY_ROOT_PI


def approximate_erf(x: Any) -> Any:
    """erf(x) of an array, in its own dtype.

    Args:
        x: array or number; float32 stays float32.

    >>> import numpy as np
    >>> approximate_erf(np.array([0.0, 1.0, -np.inf])).round(4).tolist()
    [0.0, 0.8427, -1.0]
    """
    return _evaluate(x, complement=False)


def approximate_erfc(x: Any) -> Any:
    """1 - erf(x) of an array, to full relative precision where that is small.

    >>> import numpy as np
    >>> f"{approximate_erfc(np.float64(10.0)):.3e}"
    '2.088e-45'
    """
    return _evaluate(x, complement=True)


def _evaluate(x: Any, complement: bool) -> Any:
    x = np.asarray(x) if isinstance(x, int | float) else x
    shape, dtype = x.shape, x.dtype
    if dtype.kind != "f" or dtype.itemsize < 4:
        x = x.astype(np.float32 if dtype.kind == "f" else np.float64)
    x = x.reshape(-1)
    size = np.abs(x)
    out = np.empty_like(x)
    near = size <= _NEAR
    part = x[near]
    value = part * _ratio(part * part, _SMALL)
    out[near] = 1 - value if complement else value
    far = ~near
    part = x[far]
    tail = _tail(size[far])
    if complement:
        out[far] = np.where(part < 0, 2 - tail, tail)
    else:
        out[far] = np.copysign(1 - tail, part)
    out = out.reshape(shape)
    return out.astype(dtype) if dtype.kind == "f" and out.dtype != dtype else out


def _tail(y: Any) -> Any:
    """erfc(y) for y > 0.46875."""
    y = np.minimum(y, _NOTHING_LEFT)
    far = y > _FAR
    scaled = _ratio(y, _MIDDLE)  # erfc(y) exp(y^2)
    if far.any():
        large = y[far]
        z = 1 / (large * large)
        scaled[far] = (_ONE_BY_ROOT_PI - z * _ratio(z, _LARGE)) / large
    # exp(-y^2) in two factors: the square of y cut to sixteenths is exact, so no rounding error is blown up.
    coarse = np.trunc(y * 16) / 16
    return np.exp(-coarse * coarse) * np.exp(-(y - coarse) * (y + coarse)) * scaled


def _ratio(t: Any, coefficients: tuple[Sequence[float], Sequence[float]]) -> Any:
    """The quotient of two polynomials in t, by Horner's rule."""
    above, below = coefficients
    numerator, denominator = t * above[0] + above[1], t * below[0] + below[1]
    for c in above[2:]:
        numerator *= t
        numerator += c
    for c in below[2:]:
        denominator *= t
        denominator += c
    numerator /= denominator
    return numerator


@pointwise(vjps=(lambda g, out, x: g / (x * (1 - x)),), saves=("x",), single=True, domain=(0.1, 0.9))
def logit(x: Operand) -> Operand:
    """log(x / (1 - x)): the inverse of the sigmoid.

    >>> import tinygrad_edu as tg
    >>> tg.logit(tg.tensor([0.5]))
    tensor([0.])
    """
    return np.log(x) - np.log1p(np.negative(x))


@pointwise(vjps=(lambda g, out, x: g * (_TWO_BY_ROOT_PI * np.exp(-x * x)),), saves=("x",))
def erf(x: Operand) -> Operand:
    """The error function: 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Computed by the approximations of Cody (1969), in float64 to about 1e-16.

    >>> import tinygrad_edu as tg
    >>> tg.erf(tg.tensor([0.0, 100.0]))
    tensor([0., 1.])
    """
    return by_float64(approximate_erf, x)


@pointwise(vjps=(lambda g, out, x: g * (-_TWO_BY_ROOT_PI * np.exp(-x * x)),), saves=("x",))
def erfc(x: Operand) -> Operand:
    """1 - erf(x), to full relative precision where that is small.

    >>> import tinygrad_edu as tg
    >>> tg.erfc(tg.tensor([0.0, 100.0]))
    tensor([1., 0.])
    """
    return by_float64(approximate_erfc, x)
