"""Sorting: sorted order, the largest few, and medians.

The values that these functions return are taken from the input at the places found, so gradients flow to
just those elements. NaN counts as the largest number, as in PyTorch and NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from .arguments import one_axis
from .extrema import chosen_along, shared
from .kinds import reducing
from .picking import ValuesIndices, at, picking

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["argsort", "kthvalue", "median", "msort", "sort", "topk"]


_sort_at = picking("sort")
_topk_at = picking("topk")
_kthvalue_at = picking("kthvalue")
_median_at = picking("median")


@primitive(saves=(), cases=lambda draw: [(draw(2, 3), 1, False), (draw(4), 0, True), (draw(0, 2), 0, True)])
def _argsort(x: Operand, axis: int, descending: bool) -> Operand:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return x.shape[axis] - 1 - backwards  # flipped twice, equal elements are in their old order again


def argsort(
    x: Operand, dim: int = -1, descending: bool = False, stable: bool = True, *, axis: int | None = None
) -> Tensor:
    """The indices that sort the elements along one axis.

    Args:
        x: tensor of at least one axis.
        dim: the axis.
        descending: the largest first.
        stable: accepted for compatibility with PyTorch; equal elements always keep their order.
        axis: the same as `dim`.

    Returns:
        Tensor of int64, of the shape of `x`.

    Raises:
        ShapeError: if the axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([3.0, 1.0, 2.0]).argsort()
    tensor([1, 2, 0])
    """
    return _argsort(x, _axis("argsort", x, dim, axis), descending)


def sort(
    x: Operand, dim: int = -1, descending: bool = False, stable: bool = True, *, axis: int | None = None
) -> ValuesIndices:
    """The elements sorted along one axis, and their indices.

    Args:
        x: tensor of at least one axis.
        dim: the axis.
        descending: the largest first.
        stable: accepted for compatibility with PyTorch; equal elements always keep their order.
        axis: the same as `dim`.

    Returns:
        A named tuple (values, indices). (`np.sort` of a Tensor gives the values alone.)

    Raises:
        ShapeError: if the axis is out of range.

    >>> import tinygrad_edu as tg
    >>> values, indices = tg.tensor([3.0, 1.0, 2.0]).sort(descending=True)
    >>> values, indices
    (tensor([3., 2., 1.]), tensor([0, 2, 1]))
    """
    place = _axis("sort", x, dim, axis)
    return at(_sort_at, x, _argsort(x, place, descending), place)


def msort(x: Operand) -> Tensor:
    """The elements sorted along the first axis.

    Args:
        x: tensor of one axis or more.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ShapeError: for a 0-d tensor.

    >>> import tinygrad_edu as tg
    >>> tg.msort(tg.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(x, 0).values


@implements(np.sort)
def _sort_numpy(a: Operand, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    return sort(a.reshape(-1) if axis is None else a, -1 if axis is None else axis).values


@implements(np.argsort)
def _argsort_numpy(a: Operand, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    return argsort(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)


@primitive(saves=(), cases=lambda draw: [(draw(2, 5), 2, 1, True, True), (draw(4), 4, 0, False, False)])
def _largest(x: Operand, k: int, axis: int, largest: bool, in_order: bool) -> Operand:
    n = x.shape[axis]
    start, stop = (n - k, n) if largest else (0, k)
    if 0 < k < n:
        found = np.argpartition(x, n - k if largest else k - 1, axis=axis)
        found = np.sort(np.take(found, range(start, stop), axis=axis), axis=axis)
        if not in_order:
            return found
        # Equal elements in the order of their places, whatever the partition made of them.
        order: Any = _argsort(np.take_along_axis(x, found, axis), axis, largest)
        return np.take_along_axis(found, order, axis)
    return np.take(_argsort(x, axis, largest), range(k), axis=axis)


def topk(
    x: Operand, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, axis: int | None = None
) -> ValuesIndices:
    """The k largest (or smallest) elements along one axis, and their indices.

    Args:
        x: tensor of at least one axis.
        k: how many.
        dim: the axis.
        largest: the largest ones; else the smallest.
        sorted: the largest (smallest) first; else in the order of their places.
        axis: the same as `dim`.

    Returns:
        A named tuple (values, indices), whose axis has size k.

    Raises:
        ShapeError: if the axis is out of range, or has fewer than k elements.

    >>> import tinygrad_edu as tg
    >>> tg.topk(tg.tensor([3.0, 1.0, 2.0]), 2)
    ValuesIndices(values=tensor([3., 2.]), indices=tensor([0, 2]))
    """
    place = _axis("topk", x, dim, axis)
    if not 0 <= k <= x.shape[place]:
        raise ShapeError(f"topk: k={k} of axis {place} of shape {x.shape}: use 0 to {x.shape[place]}")
    return at(_topk_at, x, _largest(x, k, place, largest, sorted), place)


def kthvalue(
    x: Operand,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> ValuesIndices:
    """The k-th smallest element along one axis (k counts from 1), and its index.

    Args:
        x: tensor of at least one axis.
        k: which one: 1 for the smallest.
        dim: the axis.
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        A named tuple (values, indices).

    Raises:
        ShapeError: if the axis is out of range, or has fewer than k elements.

    >>> import tinygrad_edu as tg
    >>> tg.kthvalue(tg.tensor([3.0, 1.0, 2.0]), 2)
    ValuesIndices(values=tensor(2.), indices=tensor(2))
    """
    place = _axis("kthvalue", x, dim, axis)
    if not 1 <= k <= x.shape[place]:
        raise ShapeError(f"kthvalue: k={k} of axis {place} of shape {x.shape}: use 1 to {x.shape[place]}")
    return at(_kthvalue_at, x, _ranked(x, (k - 1,), place), place, keepdim or keepdims)


@primitive(saves=(), cases=lambda draw: [(draw(2, 5), (1, 2), 1), (draw(4), (0,), 0)])
def _ranked(x: Operand, ranks: tuple[int, ...], axis: int) -> Operand:
    """Where the elements of these ranks (0 for the smallest) are."""
    return np.take(np.argsort(x, axis=axis, kind="stable"), ranks, axis=axis)


@primitive(saves=(), cases=lambda draw: [(draw(2, 5), (2,), 1), (draw(4), (1, 2), 0)])
def _middle(x: Operand, ranks: tuple[int, ...], axis: int) -> Operand:
    """As `_ranked`, but where there is a NaN, it is the middle of everything."""
    order = np.argsort(x, axis=axis, kind="stable")
    last = np.take(order, [-1], axis=axis)
    found = np.take(order, ranks, axis=axis)
    return np.where(np.isnan(np.take_along_axis(x, last, axis)), last, found) if x.dtype.kind == "f" else found


@reducing(
    vjps=(lambda g, out, x: shared(g, out, x, None, False),),
    saves=("out x",),
    cases=lambda draw: [(draw(5),), (draw(2, 2),), (draw(),), (draw(1),)],
)
def _lower_median(x: Operand) -> Operand:
    flat = x.reshape(-1)
    return flat[_middle(flat, ((flat.size - 1) // 2,), 0)].reshape(())


@overload
def median(x: Operand, dim: None = None, keepdim: bool = False, *, keepdims: bool = False) -> Tensor: ...
@overload
def median(x: Operand, dim: int, keepdim: bool = False, *, keepdims: bool = False) -> ValuesIndices: ...
@overload
def median(x: Operand, *, keepdim: bool = False, axis: int, keepdims: bool = False) -> ValuesIndices: ...
def median(
    x: Operand,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """The median, of all elements or along one axis; for an even number of elements the lower middle one.

    Args:
        x: tensor of any shape, not empty.
        dim: the axis; None for all elements (those that tie share the gradient evenly).
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor; for an axis a named tuple (values, indices). NaN where any element is.
        (`np.median` of a Tensor averages the two middle elements.)

    Raises:
        ShapeError: if the axis is out of range or has no elements.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[4.0, 1.0, 3.0, 2.0]])
    >>> x.median()
    tensor(2.)
    >>> x.median(dim=1)
    ValuesIndices(values=tensor([2.]), indices=tensor([3]))
    """
    place = chosen_along("median", x, one_axis("median", x, dim, axis))
    if place is None:
        return _lower_median(x)
    return at(_median_at, x, _middle(x, ((x.shape[place] - 1) // 2,), place), place, keepdim or keepdims)


@implements(np.median)
def _median_numpy(a: Operand, axis: int | None = None, *, keepdims: bool = False) -> Any:
    place = chosen_along("np.median", a, one_axis("np.median", a, axis))
    x = a.reshape(-1) if place is None else a
    along = place or 0
    n = x.shape[along]
    values: Any = _median_at(x, _middle(x, ((n - 1) // 2, n // 2), along), along)
    out = values.mean(axis=along, keepdims=keepdims and place is not None)
    return out.reshape((1,) * len(a.shape)) if keepdims and place is None else out


def _axis(op: str, x: Any, dim: int, axis: int | None) -> int:
    return one_axis(op, x, dim if axis is None else axis)
