"""Searching and counting: which numbers there are, where, and how often. None has a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from ..dtypes import float64
from ..engine.graph import TensorBase, array_of
from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import make_tensor
from ..errors import ShapeError
from .arguments import one_axis, rows_of

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["argwhere", "bincount", "bucketize", "nonzero", "searchsorted", "unique"]

_np_unique: Any = np.unique  # its types ask for constants where we pass on what was asked for


@overload
def nonzero(x: Operand, *, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(x: Operand, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(x: Operand, *, as_tuple: bool = False) -> Any:
    """The indices at which `x` is not zero.

    Args:
        x: tensor of any shape.
        as_tuple: give one vector of indices for each axis, as `np.nonzero` of a Tensor does.

    Returns:
        int64 Tensor of shape (count, number of axes); or the tuple.

    >>> import tinygrad_edu as tg
    >>> tg.nonzero(tg.tensor([0.0, 5.0, 6.0]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(make_tensor(places, None) for places in np.nonzero(np.atleast_1d(array_of(x))))
    return make_tensor(np.argwhere(array_of(x)), None)


@implements(np.nonzero)
def _np_nonzero(a: Operand) -> Any:
    return nonzero(a, as_tuple=True)


@implements(np.argwhere)
def argwhere(a: Operand) -> Tensor:
    """The same as `nonzero`. An int64 tensor of shape (count, axes).

    >>> import tinygrad_edu as tg
    >>> tg.argwhere(tg.tensor([False, True]))
    tensor([[1]])
    """
    return nonzero(a)


@implements(np.flatnonzero)
def _np_flatnonzero(a: Operand) -> Tensor:
    return make_tensor(np.flatnonzero(array_of(a)), None)


def unique(
    x: Operand,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
    *,
    axis: int | None = None,
) -> Any:
    """The distinct elements, in ascending order. It has no gradient.

    Args:
        x: tensor of any shape.
        sorted: accepted for compatibility: the result is always sorted.
        return_inverse: also return where in the result each element of `x` is.
        return_counts: also return how often each element of the result occurs.
        dim: compare the slices along this axis; None for single elements.
        axis: the same as `dim`.

    Returns:
        Tensor, or a tuple of it and what else was asked for, in the order of the arguments.

    Raises:
        ShapeError: if the axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.unique(tg.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    place = one_axis("unique", x, dim, axis)
    return _unique_numpy(x, False, return_inverse, return_counts, place)


@implements(np.unique)
def _unique_numpy(
    ar: Operand,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    found: Any = _np_unique(array_of(ar), return_index, return_inverse, return_counts, axis, equal_nan=equal_nan)
    return tuple(_like(ar, part) for part in found) if isinstance(found, tuple) else _like(ar, found)


@primitive(
    saves=(),
    cases=lambda draw: [(np.array([0, 2, 2]), None, 0), (np.array([1, 1]), draw(2), 5)],
)
def _bincount(x: Operand, weights: Operand, minlength: int) -> Operand:
    counts = np.bincount(x, weights, minlength)
    return counts if weights is None else counts.astype(weights.dtype, copy=False)


@implements(np.bincount)
def bincount(x: Operand, weights: Operand = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs. It has no gradient.

    Args:
        x: tensor of shape (n,) of integers, none negative.
        weights: tensor of shape (n,): what each element adds, instead of 1.
        minlength: the smallest length of the result.

    Returns:
        Tensor of shape (max(x) + 1,) or longer: of int64, or of the dtype of the weights; of float64 where these
        are integers.

    Raises:
        ShapeError: if `x` does not have exactly one axis, or the weights another length.
        ValueError: if an element is negative.

    >>> import tinygrad_edu as tg
    >>> tg.bincount(tg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if len(x.shape) != 1:
        raise ShapeError(f"bincount: x has shape {x.shape}: it counts along one axis, so use x.flatten()")
    if weights is not None and weights.shape != x.shape:
        raise ShapeError(f"bincount: weights have shape {weights.shape}, x {x.shape}: there is one for each element")
    if weights is not None and weights.dtype.kind != "f":
        weights = weights.astype(float64)
    return _bincount(x, weights, minlength)


@primitive(
    saves=(),
    cases=lambda draw: [(np.array([0.0, 1.0]), draw(2, 3), False), (np.zeros((2, 1)), draw(2, 3), True)],
)
def _searchsorted(edges: Operand, values: Operand, right: bool) -> Operand:
    side = "right" if right else "left"
    if len(edges.shape) == 1:
        return np.searchsorted(edges, values, side)  # type: ignore[call-overload]
    rows = [np.searchsorted(e, v, side) for e, v in zip(rows_of(edges), rows_of(values), strict=True)]  # type: ignore[call-overload]
    return np.array(rows, dtype=np.int64).reshape(values.shape)


def searchsorted(sorted_sequence: Operand, values: Operand, *, right: bool = False, side: str | None = None) -> Tensor:
    """Where to insert `values` so that the sequence stays sorted. It has no gradient.

    Args:
        sorted_sequence: tensor of shape (n,), or (*, n) with a sequence for each row of `values`.
        values: tensor of any shape, or of shape (*, m).
        right: insert after equal elements; else before them.
        side: "right" or "left", the same as `right`.

    Returns:
        Tensor of int64, of the shape of `values`, from 0 to n.

    Raises:
        ShapeError: if there are several sequences, but not one for each row.

    >>> import tinygrad_edu as tg
    >>> tg.searchsorted(tg.tensor([1.0, 2.0, 3.0]), tg.tensor([2.0, 2.5]))
    tensor([1, 2])
    """
    rows = sorted_sequence.shape[:-1]
    if rows and rows != np.shape(array_of(values))[:-1]:
        raise ShapeError(
            f"searchsorted: sequences of shape {sorted_sequence.shape} and values of shape "
            f"{np.shape(array_of(values))}: all axes but the last must be equal"
        )
    return _searchsorted(sorted_sequence, values, right or side == "right")


@implements(np.searchsorted)
def _searchsorted_numpy(a: Operand, v: Operand, side: str = "left") -> Any:
    return searchsorted(a, v, side=side)


def bucketize(x: Operand, boundaries: Operand, *, right: bool = False) -> Tensor:
    """For each element, the number of the interval between boundaries that it lies in. It has no gradient.

    Args:
        x: tensor of any shape.
        boundaries: tensor of shape (n,), in ascending order.
        right: an element on a boundary belongs to the interval above it; else to the one below.

    Returns:
        Tensor of int64, of the shape of `x`, from 0 to n.

    >>> import tinygrad_edu as tg
    >>> tg.bucketize(tg.tensor([0.5, 2.0, 9.0]), tg.tensor([1.0, 2.0]))
    tensor([0, 1, 2])
    """
    return searchsorted(boundaries, x, right=right)


def _like(x: Any, array: Any) -> Any:
    """The array as what `x` is, a Tensor or an array."""
    return make_tensor(array, None) if isinstance(x, TensorBase) else array
