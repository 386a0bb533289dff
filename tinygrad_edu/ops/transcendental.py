"""Exponential, log and trigonometric functions.

Shapes that do not broadcast raise a ShapeError; integers become the default dtype.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.primitives import Operand
from .activations import sigmoid
from .kinds import pointwise

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh",
    "atan", "atan2", "atanh", "cos", "cosh", "exp", "exp2", "expm1", "hypot", "log", "log10", "log1p", "log2",
    "logaddexp", "sin", "sinh", "tan", "tanh", "xlogy",
]  # fmt: skip

_LN2, _LN10 = math.log(2), math.log(10)


@pointwise(vjps=(lambda g, out, x: g * out,), saves=("out",), numpy=np.exp)
def exp(x: Operand) -> Operand:
    """e to the power x.

    >>> import tinygrad_edu as tg
    >>> tg.exp(tg.tensor([0.0]))
    tensor([1.])
    """
    return np.exp(x)


@pointwise(vjps=(lambda g, out, x: g * out * _LN2,), saves=("out",), numpy=np.exp2)
def exp2(x: Operand) -> Operand:
    """2 to the power x.

    >>> import tinygrad_edu as tg
    >>> tg.exp2(tg.tensor([3.0]))
    tensor([8.])
    """
    return np.exp2(x)


@pointwise(vjps=(lambda g, out, x: g * (out + 1),), saves=("out",), numpy=np.expm1)
def expm1(x: Operand) -> Operand:
    """exp(x) - 1, to full precision where x is small.

    >>> import tinygrad_edu as tg
    >>> tg.expm1(tg.tensor([0.0, 1e-10]))
    tensor([0.e+00, 1.e-10])
    """
    return np.expm1(x)


@pointwise(vjps=(lambda g, out, x: g / x,), saves=("x",), numpy=np.log, domain=(0.2, 3.0))
def log(x: Operand) -> Operand:
    """The natural logarithm.

    >>> import tinygrad_edu as tg
    >>> tg.log(tg.tensor([1.0]))
    tensor([0.])
    """
    return np.log(x)


@pointwise(vjps=(lambda g, out, x: g / (x * _LN2),), saves=("x",), numpy=np.log2, domain=(0.2, 3.0))
def log2(x: Operand) -> Operand:
    """The logarithm to the base 2.

    >>> import tinygrad_edu as tg
    >>> tg.log2(tg.tensor([8.0]))
    tensor([3.])
    """
    return np.log2(x)


@pointwise(vjps=(lambda g, out, x: g / (x * _LN10),), saves=("x",), numpy=np.log10, domain=(0.2, 3.0))
def log10(x: Operand) -> Operand:
    """The logarithm to the base 10.

    >>> import tinygrad_edu as tg
    >>> tg.log10(tg.tensor([1.0, 10.0]))
    tensor([0., 1.])
    """
    return np.log10(x)


@pointwise(vjps=(lambda g, out, x: g / (1 + x),), saves=("x",), numpy=np.log1p, domain=(-0.7, 2.0))
def log1p(x: Operand) -> Operand:
    """log(1 + x), to full precision where x is small.

    >>> import tinygrad_edu as tg
    >>> tg.log1p(tg.tensor([1e-10]))
    tensor([1.e-10])
    """
    return np.log1p(x)


def _safe_log(y: Operand, used: Operand, one: Operand = 1) -> Operand:
    """log(y) where it is used, else log(one) = 0, without a warning about the log of 0."""
    return np.log(np.where(used, y, one))


def _share(out: Any, part: Any, other: Any) -> Any:
    """exp(part - out), by the difference of the two parts: in `out` their digits are lost where they are large."""
    return sigmoid(part - np.where(out == -math.inf, np.zeros_like(out), other))  # where both are -inf it is 0


@pointwise(
    vjps=(lambda g, out, x, y: g * _share(out, x, y), lambda g, out, x, y: g * _share(out, y, x)),
    saves=("out x y", "out x y"),
    single=True,
    numpy=np.logaddexp,
)
def logaddexp(x: Operand, y: Operand) -> Operand:
    """log(exp(x) + exp(y)), without overflow, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.logaddexp(tg.tensor([1000.0]), tg.tensor([0.0]))
    tensor([1000.])
    """
    return np.logaddexp(x, y)


@pointwise(
    vjps=(
        lambda g, out, x, y: g * _safe_log(y, (x != 0) | (y > 0), np.ones_like(x)),
        lambda g, out, x, y: g * x / y,
    ),
    saves=("x y", "x y"),
    domain=(0.2, 3.0),
)
def xlogy(x: Operand, y: Operand) -> Operand:
    """x log(y), and 0 where x is 0, whatever y is: the term of an entropy, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.xlogy(tg.tensor([0.0, 2.0]), tg.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    return np.multiply(x, _safe_log(y, np.not_equal(x, 0)))


@pointwise(vjps=(lambda g, out, x: g * np.cos(x),), saves=("x",), numpy=np.sin)
def sin(x: Operand) -> Operand:
    """The sine of x, in radians.

    >>> import tinygrad_edu as tg
    >>> tg.sin(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.sin(x)


@pointwise(vjps=(lambda g, out, x: -g * np.sin(x),), saves=("x",), numpy=np.cos)
def cos(x: Operand) -> Operand:
    """The cosine of x, in radians.

    >>> import tinygrad_edu as tg
    >>> tg.cos(tg.tensor([0.0]))
    tensor([1.])
    """
    return np.cos(x)


@pointwise(vjps=(lambda g, out, x: g * (1 + out * out),), saves=("out",), numpy=np.tan, domain=(-1.2, 1.2))
def tan(x: Operand) -> Operand:
    """The tangent of x, in radians.

    >>> import tinygrad_edu as tg
    >>> tg.tan(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.tan(x)


@pointwise(vjps=(lambda g, out, x: g / np.sqrt(1 - x * x),), saves=("x",), numpy=np.arcsin, domain=(-0.9, 0.9))
def asin(x: Operand) -> Operand:
    """The angle in [-pi/2, pi/2] whose sine is x.

    >>> import tinygrad_edu as tg
    >>> tg.asin(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.arcsin(x)


@pointwise(vjps=(lambda g, out, x: -g / np.sqrt(1 - x * x),), saves=("x",), numpy=np.arccos, domain=(-0.9, 0.9))
def acos(x: Operand) -> Operand:
    """The angle in [0, pi] whose cosine is x.

    >>> import tinygrad_edu as tg
    >>> tg.acos(tg.tensor([1.0]))
    tensor([0.])
    """
    return np.arccos(x)


@pointwise(vjps=(lambda g, out, x: g / (1 + x * x),), saves=("x",), numpy=np.arctan)
def atan(x: Operand) -> Operand:
    """The angle in [-pi/2, pi/2] whose tangent is x.

    >>> import tinygrad_edu as tg
    >>> tg.atan(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.arctan(x)


def _square_length(x: Operand, y: Operand) -> Operand:
    """x² + y², and 1 at the origin, where it divides zeros."""
    total = x * x + y * y
    return np.where(total == 0, 1, total)


@pointwise(
    vjps=(lambda g, out, y, x: g * x / _square_length(x, y), lambda g, out, y, x: -g * y / _square_length(x, y)),
    saves=("x y", "x y"),
    numpy=np.arctan2,
)
def atan2(y: Operand, x: Operand) -> Operand:
    """The angle in [-pi, pi] of the point (x, y). At the origin both derivatives are 0, as in PyTorch.

    >>> import tinygrad_edu as tg
    >>> tg.atan2(tg.tensor([0.0]), tg.tensor([1.0]))
    tensor([0.])
    """
    return np.arctan2(y, x)


@pointwise(vjps=(lambda g, out, x: g * np.cosh(x),), saves=("x",), numpy=np.sinh)
def sinh(x: Operand) -> Operand:
    """The hyperbolic sine.

    >>> import tinygrad_edu as tg
    >>> tg.sinh(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.sinh(x)


@pointwise(vjps=(lambda g, out, x: g * np.sinh(x),), saves=("x",), numpy=np.cosh)
def cosh(x: Operand) -> Operand:
    """The hyperbolic cosine.

    >>> import tinygrad_edu as tg
    >>> tg.cosh(tg.tensor([0.0]))
    tensor([1.])
    """
    return np.cosh(x)


@pointwise(vjps=(lambda g, out, x: g * (1 - out * out),), saves=("out",), numpy=np.tanh)
def tanh(x: Operand) -> Operand:
    """The hyperbolic tangent.

    >>> import tinygrad_edu as tg
    >>> tg.tanh(tg.tensor([0.0, 1000.0]))
    tensor([0., 1.])
    """
    return np.tanh(x)


@pointwise(vjps=(lambda g, out, x: g / np.hypot(x, 1),), saves=("x",), numpy=np.arcsinh)
def asinh(x: Operand) -> Operand:
    """The inverse of the hyperbolic sine.

    >>> import tinygrad_edu as tg
    >>> tg.asinh(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.arcsinh(x)


@pointwise(
    vjps=(lambda g, out, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)),), saves=("x",), numpy=np.arccosh, domain=(1.3, 4.0)
)
def acosh(x: Operand) -> Operand:
    """The inverse of the hyperbolic cosine, not negative.

    >>> import tinygrad_edu as tg
    >>> tg.acosh(tg.tensor([1.0]))
    tensor([0.])
    """
    return np.arccosh(x)


@pointwise(vjps=(lambda g, out, x: g / (1 - x * x),), saves=("x",), numpy=np.arctanh, domain=(-0.9, 0.9))
def atanh(x: Operand) -> Operand:
    """The inverse of the hyperbolic tangent.

    >>> import tinygrad_edu as tg
    >>> tg.atanh(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.arctanh(x)


def _part_of(g: Operand, x: Operand, length: Operand) -> Operand:
    return g * x / np.where(length == 0, 1, length)


@pointwise(
    vjps=(lambda g, out, x, y: _part_of(g, x, out), lambda g, out, x, y: _part_of(g, y, out)),
    saves=("out x", "out y"),
    numpy=np.hypot,
    domain=(0.3, 2.0),
)
def hypot(x: Operand, y: Operand) -> Operand:
    """sqrt(x^2 + y^2), without overflow. The gradient at (0, 0) is 0, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.hypot(tg.tensor([3.0]), tg.tensor([4.0]))
    tensor([5.])
    """
    return np.hypot(x, y)


# NumPy's names, which PyTorch has too.
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
