"""Questions about many elements at once: are all true, is any, how many are not 0?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from .arguments import Axes, some_axes
from .reductions import reduction_cases

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["all", "any", "count_nonzero"]


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
