"""Transposing: the axes in another order. Every function here gives a view, by the one primitive `_transpose`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from ..sample_rules.families import transposing
from .arguments import Axes, each_axis, one_axis, some_axes
from .shape import sizes

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["moveaxis", "movedim", "permute", "swapaxes", "swapdims", "t", "transpose"]


def inverse(axes: Sequence[int] | None, ndim: int) -> tuple[int, ...] | None:
    """The permutation that undoes `axes`; None, which reverses all, undoes itself."""
    if axes is None:
        return None
    order = [axis % ndim for axis in axes]
    return tuple(sorted(range(ndim), key=order.__getitem__))


@primitive(
    vjps=(lambda g, out, a, axes: np.transpose(g, inverse(axes, len(a.shape))),),
    saves=("",),
    cases=lambda draw: [
        (draw(2, 3), None),
        (draw(2, 3, 4), (1, -1, 0)),
        (draw(0, 3), (1, 0)),
        (draw(), None),
    ],
    samples=transposing,
    view=True,
)
def _transpose(a: Operand, axes: Sequence[int] | None = None) -> Operand:
    return np.transpose(a, axes)


@implements(np.transpose, np.permute_dims)
def _np_transpose(a: Operand, axes: int | Sequence[int] | None = None) -> Tensor:
    """NumPy's transpose, whose axes may be an integer or an array, too."""
    return _transpose(a, None if axes is None else tuple(np.atleast_1d(axes).tolist()))


def transpose(x: Operand, dim0: int, dim1: int) -> Tensor:
    """`x` with two axes swapped; a view.

    Args:
        x: tensor of any shape.
        dim0: one axis.
        dim1: the other.

    Returns:
        Tensor with these two axes exchanged. (`np.transpose` of a Tensor is `permute`.)

    Raises:
        ShapeError: if an axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3, 4).transpose(1, 2).shape
    (2, 4, 3)
    """
    a, b = one_axis("transpose", x, dim0), one_axis("transpose", x, dim1)
    order = list(range(len(x.shape)))
    order[a], order[b] = b, a
    return _transpose(x, tuple(order))


@implements(np.swapaxes)
def swapaxes(x: Operand, axis1: int, axis2: int) -> Tensor:
    """The same as `transpose`, under NumPy's name.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3).swapaxes(0, 1).shape
    (3, 2)
    """
    return transpose(x, axis1, axis2)


swapdims = swapaxes


def permute(x: Operand, *places: Any, dims: Axes = None, axis: Axes = None) -> Tensor:
    """`x` with its axes in the given order; a view.

    Args:
        x: tensor of any shape.
        places: every axis once, ``permute(x, 2, 0, 1)`` or ``permute(x, (2, 0, 1))``.
        dims: every axis once, by name.
        axis: the same as `dims`.

    Returns:
        Tensor whose axis i is axis ``places[i]`` of `x`.

    Raises:
        ShapeError: if an axis is missing, out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    axes = some_axes("permute", x, sizes("permute", places) if places or dims is axis is None else dims, axis)
    order = () if axes is None else each_axis(axes, len(x.shape))
    if len(order) != len(x.shape):
        raise ShapeError(f"permute: dims {order} must name each axis of shape {x.shape} once")
    return _transpose(x, order)


@implements(np.moveaxis)
def moveaxis(x: Operand, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """The tensor with the axes `source` moved to the positions `destination`, the others in their order; a view.

    Raises:
        ShapeError: if an axis is out of range or named twice, or there are more sources than destinations.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3, 4).moveaxis(0, -1).shape
    (3, 4, 2)
    """
    start = each_axis(some_axes("moveaxis", x, source), len(x.shape))
    end = each_axis(some_axes("moveaxis", x, destination), len(x.shape))
    if len(start) != len(end):
        raise ShapeError(f"moveaxis: {len(start)} axes {start} cannot go to {len(end)} places {end}")
    order = [i for i in range(len(x.shape)) if i not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        order.insert(place, axis)
    return _transpose(x, tuple(order))


movedim = moveaxis


def t(x: Operand) -> Tensor:
    """The transpose of a matrix; a vector or a 0-d tensor is itself.

    Raises:
        ShapeError: for more than two axes.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3).t().shape
    (3, 2)
    """
    if len(x.shape) > 2:
        raise ShapeError(f"t: needs at most 2 axes, got shape {x.shape}. Use .mT for the last two, or .transpose(i, j)")
    return _transpose(x, None)


def reverse_axes(x: Operand) -> Tensor:
    """`x.T`: with the axes in reverse order."""
    return _transpose(x, None)


def matrix_transpose(x: Operand) -> Tensor:
    """`x.mT`: with the last two axes swapped."""
    if len(x.shape) < 2:
        raise ShapeError(f"mT: needs at least 2 axes, got shape {x.shape}")
    return transpose(x, -1, -2)


implements(np.matrix_transpose)(matrix_transpose)
