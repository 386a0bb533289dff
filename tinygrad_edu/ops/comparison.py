"""Comparisons: of elements, and tests for NaN and the infinities.

Shapes that do not broadcast raise a ShapeError; the results are booleans, which have no gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, implements, primitive

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "allclose", "array_equal", "eq", "equal", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite",
    "isinf", "isnan", "isneginf", "isposinf", "le", "less", "less_equal", "lt", "ne", "not_equal",
]  # fmt: skip


@primitive(saves=(), numpy=np.equal)
def eq(x: Operand, y: Operand) -> Operand:
    """x == y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]) == tg.tensor([1, 3])
    tensor([ True, False])
    """
    return np.equal(x, y)


@primitive(saves=(), numpy=np.not_equal)
def ne(x: Operand, y: Operand) -> Operand:
    """x != y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]) != tg.tensor([1, 3])
    tensor([False,  True])
    """
    return np.not_equal(x, y)


@primitive(saves=(), numpy=np.less)
def lt(x: Operand, y: Operand) -> Operand:
    """x < y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0]) < 2
    tensor([ True, False])
    """
    return np.less(x, y)


@primitive(saves=(), numpy=np.less_equal)
def le(x: Operand, y: Operand) -> Operand:
    """x <= y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0]) <= 1
    tensor([ True, False])
    """
    return np.less_equal(x, y)


@primitive(saves=(), numpy=np.greater)
def gt(x: Operand, y: Operand) -> Operand:
    """x > y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([-1.0, 2.0]) > 0
    tensor([False,  True])
    """
    return np.greater(x, y)


@primitive(saves=(), numpy=np.greater_equal)
def ge(x: Operand, y: Operand) -> Operand:
    """x >= y, element by element, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0]) >= 2
    tensor([False,  True])
    """
    return np.greater_equal(x, y)


@primitive(saves=(), numpy=np.isnan)
def isnan(x: Operand) -> Operand:
    """Whether x is not a number.

    >>> import tinygrad_edu as tg
    >>> tg.isnan(tg.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    return np.isnan(x)


@primitive(saves=(), numpy=np.isinf)
def isinf(x: Operand) -> Operand:
    """Whether x is infinite, of either sign.

    >>> import tinygrad_edu as tg
    >>> tg.isinf(tg.tensor([1.0, float("-inf")]))
    tensor([False,  True])
    """
    return np.isinf(x)


@primitive(saves=(), numpy=np.isposinf)
def isposinf(x: Operand) -> Operand:
    """Whether x is plus infinity.

    >>> import tinygrad_edu as tg
    >>> tg.isposinf(tg.tensor([float("inf"), float("-inf")]))
    tensor([ True, False])
    """
    return np.isposinf(x)


@primitive(saves=(), numpy=np.isneginf)
def isneginf(x: Operand) -> Operand:
    """Whether x is minus infinity.

    >>> import tinygrad_edu as tg
    >>> tg.isneginf(tg.tensor([float("inf"), float("-inf")]))
    tensor([False,  True])
    """
    return np.isneginf(x)


@primitive(saves=(), numpy=np.isfinite)
def isfinite(x: Operand) -> Operand:
    """Whether x is neither infinite nor NaN.

    >>> import tinygrad_edu as tg
    >>> tg.isfinite(tg.tensor([1.0, float("inf"), float("nan")]))
    tensor([ True, False, False])
    """
    return np.isfinite(x)


@primitive(saves=(), cases=lambda draw: [(draw(2, 3), draw(3), 0.1, 0.1, True)])
def _isclose(x: Operand, y: Operand, rtol: float, atol: float, equal_nan: bool) -> Operand:
    return np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


@implements(np.isclose)
def isclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol * |y|, element by element.

    Args:
        x: tensor of any shape.
        y: tensor that broadcasts against `x`.
        rtol: the relative tolerance, a factor of `y`.
        atol: the absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Raises:
        ShapeError: if the shapes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.isclose(tg.tensor([1.0, 2.0]), tg.tensor([1.0000001, 2.1]))
    tensor([ True, False])
    """
    return _isclose(x, y, rtol, atol, equal_nan)


@implements(np.allclose)
def allclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, in the sense of `isclose`, with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.allclose(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0000001]))
    True
    """
    return bool(np.all(array_of(_isclose(x, y, rtol, atol, equal_nan))))


@implements(np.array_equal)
def equal(x: Operand, y: Operand) -> bool:
    """Whether x and y have the same shape and the same elements. Of any two shapes.

    >>> import tinygrad_edu as tg
    >>> tg.equal(tg.tensor([1, 2]), tg.tensor([1, 2])), tg.equal(tg.tensor([1]), tg.tensor([1, 1]))
    (True, False)
    """
    return bool(np.array_equal(array_of(x), array_of(y)))


# The same functions under their other names.
array_equal = equal
greater = gt
greater_equal = ge
less = lt
less_equal = le
not_equal = ne
