"""Arithmetic: sums, products, quotients and powers, element by element.

Shapes that do not broadcast raise a ShapeError. Numbers and integers do not widen a floating dtype; integers alone
become the default dtype where results need not be whole. A rule reads as the derivative does on paper. Where a function
has a kink, the rule takes PyTorch's choice, and the docstring says which.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import float64
from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import make_tensor
from ..sample_rules.families import elementwise
from .casting import astype
from .kinds import pointwise

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "abs", "absolute", "add", "addcdiv", "addcmul", "div", "divide", "float_power", "floor_divide", "fmod",
    "lerp", "mul", "multiply", "neg", "negative", "positive", "pow", "reciprocal", "remainder", "rsqrt",
    "sqrt", "square", "sub", "subtract", "true_divide",
]  # fmt: skip


def no_change(g: Any, out: Any, *args: Any) -> Any:
    """The rule of a function that is constant almost everywhere: a gradient of zeros."""
    return np.zeros(g.shape, g.dtype)


@primitive(vjps=(lambda g, out, x, y: g, lambda g, out, x, y: g), saves=("", ""), numpy=np.add, samples=elementwise)
def add(x: Operand, y: Operand) -> Operand:
    """x + y, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.add(tg.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return np.add(x, y)


@primitive(
    vjps=(lambda g, out, x, y: g, lambda g, out, x, y: -g), saves=("", ""), numpy=np.subtract, samples=elementwise
)
def sub(x: Operand, y: Operand) -> Operand:
    """x - y, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.sub(tg.tensor([1.0, 2.0]), 10)
    tensor([-9., -8.])
    """
    return np.subtract(x, y)


@pointwise(vjps=(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x), saves=("y", "x"), numpy=np.multiply)
def mul(x: Operand, y: Operand) -> Operand:
    """x * y, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.mul(tg.tensor([1.0, 2.0]), tg.tensor([[3.0], [4.0]]))
    tensor([[3., 6.],
            [4., 8.]])
    """
    return np.multiply(x, y)


@pointwise(
    vjps=(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y),
    saves=("y", "out y"),
    numpy=(np.divide, np.true_divide),
    domain=(0.5, 2.0),
)
def div(x: Operand, y: Operand) -> Operand:
    """x / y, with broadcasting.

    Integers alone become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.div(tg.tensor([1, 2]), 4)
    tensor([0.25, 0.5 ])
    """
    return np.divide(x, y)


@pointwise(vjps=(lambda g, out, x: -g,), saves=("",), numpy=np.negative)
def neg(x: Operand) -> Operand:
    """-x. The dtype is kept; booleans raise a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.neg(tg.tensor([1, -2]))
    tensor([-1,  2])
    """
    return np.negative(x)


@primitive(
    vjps=(lambda g, out, x, y: g, lambda g, out, x, y: -g * np.floor(x / y)),
    saves=("", "x y"),
    numpy=(np.remainder, np.mod),
    domain=(0.5, 2.0),
    samples=elementwise,
)
def remainder(x: Operand, y: Operand) -> Operand:
    """x - floor(x / y) * y, the operator `%`: the result has the sign of `y`.

    >>> import tinygrad_edu as tg
    >>> tg.remainder(tg.tensor([-3.0, 3.0]), 2)
    tensor([1., 1.])
    """
    return np.remainder(x, y)


@primitive(
    vjps=(lambda g, out, x, y: g, lambda g, out, x, y: -g * np.trunc(x / y)),
    saves=("", "x y"),
    numpy=np.fmod,
    domain=(0.5, 2.0),
    samples=elementwise,
)
def fmod(x: Operand, y: Operand) -> Operand:
    """x - trunc(x / y) * y, C's remainder: the result has the sign of `x`.

    >>> import tinygrad_edu as tg
    >>> tg.fmod(tg.tensor([-3.0, 3.0]), 2)
    tensor([-1.,  1.])
    """
    return np.fmod(x, y)


@pointwise(vjps=(no_change, no_change), saves=("", ""), numpy=np.floor_divide, domain=(0.5, 2.0))
def floor_divide(x: Operand, y: Operand) -> Operand:
    """floor(x / y), the operator `//`. Its gradient is zero.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([-3, 3]) // 2
    tensor([-2,  1])
    """
    return np.floor_divide(x, y)


def _power_by_base(g: Any, out: Any, x: Any, y: Any) -> Any:
    """y x^(y-1), and 0 where y is 0, whatever x is."""
    if isinstance(y, int | float):
        if y == 2:
            return 2 * g * x
        return g * (y * x ** (y - 1)) if y else no_change(g, out)
    y = y.astype(x.dtype) if y.dtype.kind == "b" else y
    constant = y == 0
    return g * np.where(constant, 0, y * x ** np.where(constant, 1, y - 1))


def _power_by_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    """x^y log(x): where x is 0, 0 or (where y is negative) -inf; NaN where x is negative."""
    if isinstance(x, int | float) and x:
        return g * out * (math.log(x) if x > 0 else math.nan)
    log_of_zero = -np.isinf(out).astype(g.dtype)  # its sign is enough, as the power is infinite or 0
    if isinstance(x, int | float):
        return g * out * log_of_zero
    x = x.astype(y.dtype) if x.dtype.kind == "b" else x
    log = np.where(x == 0, log_of_zero, np.log(np.where(x > 0, x, 1)))
    return np.where(x < 0, math.nan, g * out * log)


@pointwise(vjps=(_power_by_base, _power_by_exponent), saves=("x y", "out x"), numpy=np.power, domain=(0.3, 2.0))
def pow(x: Operand, y: Operand) -> Operand:
    """x to the power y, with broadcasting; 0 to the power 0 is 1.

    The derivative with respect to `x` is 0 where `y` is 0. That with respect to `y` is, where `x` is 0, 0 or (where
    `y` is negative) -inf; and NaN where `x` is negative.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    >>> (x**2).backward()
    >>> x.grad
    tensor([-4.,  0.,  6.])
    """
    return x**y


@implements(np.float_power)
def float_power(x: Operand, y: Operand) -> Tensor:
    """x to the power y, computed in float64, as NumPy and PyTorch do.

    >>> import tinygrad_edu as tg
    >>> tg.float_power(tg.tensor([2, 4]), -1)
    tensor([0.5 , 0.25], dtype=float64)
    """
    return pow(*[astype(value, float64) if hasattr(value, "dtype") else value for value in (x, y)])


@pointwise(vjps=(lambda g, out, x: -g * out * out,), saves=("out",), domain=(0.4, 2.0))
def reciprocal(x: Operand) -> Operand:
    """1 / x.

    >>> import tinygrad_edu as tg
    >>> tg.reciprocal(tg.tensor([2.0, 4.0]))
    tensor([0.5 , 0.25])
    """
    return np.divide(1, x)


@implements(np.reciprocal)
def _np_reciprocal(x: Operand) -> Tensor:
    """NumPy's: among integers it is an integer."""
    return reciprocal(x) if x.dtype.kind == "f" else make_tensor(np.reciprocal(x.array), None)


@pointwise(vjps=(lambda g, out, x: 2 * g * x,), saves=("x",), numpy=np.square)
def square(x: Operand) -> Operand:
    """x * x. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.square(tg.tensor([2.0, -3.0]))
    tensor([4., 9.])
    """
    return np.square(x)


@pointwise(vjps=(lambda g, out, x: 0.5 * g / out,), saves=("out",), numpy=np.sqrt, domain=(0.3, 3.0))
def sqrt(x: Operand) -> Operand:
    """The square root; its derivative at 0 is infinite.

    >>> import tinygrad_edu as tg
    >>> tg.sqrt(tg.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return np.sqrt(x)


@pointwise(vjps=(lambda g, out, x: -0.5 * g * out * out * out,), saves=("out",), domain=(0.4, 3.0))
def rsqrt(x: Operand) -> Operand:
    """1 / sqrt(x).

    >>> import tinygrad_edu as tg
    >>> tg.rsqrt(tg.tensor([4.0, 16.0]))
    tensor([0.5 , 0.25])
    """
    return np.divide(1, np.sqrt(x))


@pointwise(vjps=(lambda g, out, x: g * np.sign(x),), saves=("x",), numpy=(np.absolute, np.fabs))
def abs(x: Operand) -> Operand:
    """|x|; the derivative at 0 is 0. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([-1.5, 2.0]).abs()
    tensor([1.5, 2. ])
    """
    return np.absolute(x)


@pointwise(
    vjps=(
        lambda g, out, x, end, weight: g * (1 - weight),
        lambda g, out, x, end, weight: g * weight,
        lambda g, out, x, end, weight: g * (end - x),
    ),
    saves=("weight", "weight", "x end"),
    cases=lambda draw: [
        (draw(2, 3), draw(3), 0.25),
        (draw(2), draw(2), draw(2, 1)),
        (draw(), draw(), draw(2)),
    ],
)
def lerp(x: Operand, end: Operand, weight: Operand) -> Operand:
    """x + weight * (end - x): linear interpolation between `x` and `end`.

    >>> import tinygrad_edu as tg
    >>> tg.lerp(tg.tensor([0.0, 10.0]), tg.tensor([4.0, 20.0]), 0.25)
    tensor([ 1. , 12.5])
    """
    return x + weight * (end - x)


def addcmul(x: Operand, a: Operand, b: Operand, *, value: float = 1) -> Tensor:
    """x + value * a * b, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.addcmul(tg.tensor([1.0]), tg.tensor([2.0]), tg.tensor([3.0]), value=10)
    tensor([61.])
    """
    return add(x, times(mul(a, b), value))


def addcdiv(x: Operand, a: Operand, b: Operand, *, value: float = 1) -> Tensor:
    """x + value * a / b, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.addcdiv(tg.tensor([1.0]), tg.tensor([6.0]), tg.tensor([3.0]))
    tensor([3.])
    """
    return add(x, times(div(a, b), value))


def times(x: Any, factor: Operand) -> Any:
    """x times `factor`, or x itself if that is the number 1: a tensor that is 1 has a gradient."""
    return x if type(factor) in (int, float) and factor == 1 else x * factor


@implements(np.positive)
def positive(x: Operand) -> Tensor:
    """x itself. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.positive(tg.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return x  # type: ignore[no-any-return]


# The same functions under their other names.
absolute = abs
divide = div
multiply = mul
negative = neg
subtract = sub
true_divide = div
