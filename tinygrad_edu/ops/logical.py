"""Logical and bitwise operations: element by element, and `all` and `any`.

Shapes that do not broadcast raise a ShapeError; there is no gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from .arguments import Axes, some_axes
from .reductions import reduction_cases

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "all",
    "any",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "count_nonzero",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
]


def _bits(draw: Any) -> list[tuple[Any, ...]]:
    """Test cases of booleans and integers."""
    return [(draw(2, 3) > 0, draw(3) > 0), (np.arange(4), np.array(6))]


@primitive(saves=(), numpy=np.logical_and)
def logical_and(x: Operand, y: Operand) -> Operand:
    """Whether x and y are both true (not 0), with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.logical_and(tg.tensor([0, 1, 2]), True)
    tensor([False,  True,  True])
    """
    return np.logical_and(x, y)


@primitive(saves=(), numpy=np.logical_or)
def logical_or(x: Operand, y: Operand) -> Operand:
    """Whether x or y is true (not 0), with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.logical_or(tg.tensor([0, 1]), tg.tensor([0, 0]))
    tensor([False,  True])
    """
    return np.logical_or(x, y)


@primitive(saves=(), numpy=np.logical_xor)
def logical_xor(x: Operand, y: Operand) -> Operand:
    """Whether just one of x and y is true (not 0), with broadcasting.

    >>> import tinygrad_edu as tg
    >>> tg.logical_xor(tg.tensor([0, 1]), tg.tensor([1, 2]))
    tensor([ True, False])
    """
    return np.logical_xor(x, y)


@primitive(saves=(), numpy=np.logical_not)
def logical_not(x: Operand) -> Operand:
    """Whether x is false (0).

    >>> import tinygrad_edu as tg
    >>> tg.logical_not(tg.tensor([0, 3]))
    tensor([ True, False])
    """
    return np.logical_not(x)


@primitive(saves=(), numpy=np.bitwise_and, cases=_bits)
def bitwise_and(x: Operand, y: Operand) -> Operand:
    """x & y, of booleans or of the bits of integers.

    Floats are a DtypeError.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0])
    >>> (x > 1) & (x < 3)
    tensor([False,  True, False])
    """
    return np.bitwise_and(x, y)


@primitive(saves=(), numpy=np.bitwise_or, cases=_bits)
def bitwise_or(x: Operand, y: Operand) -> Operand:
    """x | y, of booleans or of the bits of integers.

    Floats are a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]) | 4
    tensor([5, 6])
    """
    return np.bitwise_or(x, y)


@primitive(saves=(), numpy=np.bitwise_xor, cases=_bits)
def bitwise_xor(x: Operand, y: Operand) -> Operand:
    """x ^ y, of booleans or of the bits of integers.

    Floats are a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]) ^ 3
    tensor([2, 1])
    """
    return np.bitwise_xor(x, y)


@primitive(saves=(), numpy=np.invert, cases=lambda draw: [(a,) for a, _ in _bits(draw)])
def bitwise_not(x: Operand) -> Operand:
    """~x, of booleans or of the bits of integers. Floats are a DtypeError.

    >>> import tinygrad_edu as tg
    >>> ~tg.tensor([True, False])
    tensor([False,  True])
    """
    return np.invert(x)


@primitive(saves=(), cases=reduction_cases)
def _all(x: Operand, axis: Any, keepdims: bool) -> Operand:
    return np.all(x, axis=axis, keepdims=keepdims)


@primitive(saves=(), cases=reduction_cases)
def _any(x: Operand, axis: Any, keepdims: bool) -> Operand:
    return np.any(x, axis=axis, keepdims=keepdims)


@primitive(saves=(), cases=reduction_cases)
def _count_nonzero(x: Operand, axis: Any, keepdims: bool) -> Operand:
    return np.sum(x != 0, axis=axis, keepdims=keepdims)  # count_nonzero gives a plain int in NumPy 2.2


@implements(np.all)
def all(x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements (along the given axes) are true.

    Args:
        x: tensor of any shape; a number counts as true unless it is 0.
        dim: the axis, or a tuple of axes; None for all.
        keepdim: keep these axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Boolean tensor without these axes, or with them as size 1.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> (tg.tensor([1.0, 2.0]) > 0).all()
    tensor(True)
    """
    return _all(x, some_axes("all", x, dim, axis), keepdim or keepdims)


@implements(np.any)
def any(x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether any element (along the given axes) is true.

    Args:
        x: tensor of any shape; a number counts as true unless it is 0.
        dim: the axis, or a tuple of axes; None for all.
        keepdim: keep these axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Boolean tensor without these axes, or with them as size 1.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> (tg.tensor([[1, -2], [3, 4]]) < 0).any(dim=1)
    tensor([ True, False])
    """
    return _any(x, some_axes("any", x, dim, axis), keepdim or keepdims)


@implements(np.count_nonzero)
def count_nonzero(
    x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False
) -> Tensor:
    """How many elements (along the given axes) are not 0.

    Args:
        x: tensor of any shape.
        dim: the axis, or a tuple of axes; None for all.
        keepdim: keep these axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        int64 tensor without these axes, or with them as size 1.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.count_nonzero(tg.tensor([0, 3, 4]))
    tensor(2)
    """
    return _count_nonzero(x, some_axes("count_nonzero", x, dim, axis), keepdim or keepdims)
