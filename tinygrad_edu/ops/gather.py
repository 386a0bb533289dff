"""Gather and scatter: reading and writing along one axis by an array of indices, and relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..dtypes import Array
from ..engine.graph import array_of
from ..engine.primitives import Operand, implements
from ..engine.promotion import beside
from ..errors import DtypeError, ShapeError
from .arguments import on_axis, one_axis
from .indexing import _put_add, _set_item, getitem

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "gather",
    "scatter",
    "scatter_add",
    "take",
    "take_along_axis",
    "take_along_dim",
]


def along(shape: tuple[int, ...], indices: Array, axis: int) -> tuple[Array, ...]:
    """The index that reads, at each place of `indices`, that element of axis `axis`, which `indices` may lack."""
    depth = len(indices.shape)
    grid = [np.arange(n).reshape((-1,) + (1,) * (depth - 1 - i)) for i, n in enumerate(indices.shape)]
    return (*grid[:axis], indices, *grid[axis + 1 if depth == len(shape) else axis :])


@implements(np.take_along_axis)
def take_along_axis(arr: Operand, indices: Operand, axis: int | None = -1) -> Tensor:
    """The elements of axis `axis` at the places `indices`, as `np.argsort` or `argmax` give them.

    Args:
        arr: tensor of any shape.
        indices: integers; the other axes broadcast against those of `arr`.
        axis: the axis; None takes both flattened.

    Returns:
        Tensor of the broadcast shape. Where an element is read more than once its gradients add up.

    Raises:
        IndexError: if a place is out of range.
        ShapeError: if the shapes do not fit.

    >>> import numpy as np, tinygrad_edu as tg
    >>> x = tg.tensor([[30.0, 10.0, 20.0]])
    >>> tg.take_along_axis(x, np.array([[1, 2, 0]]), axis=1)
    tensor([[10., 20., 30.]])
    """
    places = np.asarray(array_of(indices))
    if axis is None:
        return getitem(arr.reshape(-1), places)
    place = one_axis("take_along_axis", arr, axis)
    if len(places.shape) != len(arr.shape):
        raise ShapeError(
            f"take_along_axis: indices of shape {places.shape} and a tensor of shape {arr.shape} must have "
            "equally many axes"
        )
    other = tuple(1 if i == place else n for i, n in enumerate(arr.shape))
    places = np.broadcast_to(places, np.broadcast_shapes(places.shape, other))
    shape = tuple(n if i == place else m for i, (n, m) in enumerate(zip(arr.shape, places.shape, strict=True)))
    return getitem(arr if arr.shape == shape else np.broadcast_to(arr, shape), along(shape, places, place))


def take_along_dim(x: Operand, indices: Operand, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """`take_along_axis` under PyTorch's name; without an axis, both are flattened. Errors are the same.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[30.0, 10.0, 20.0]])
    >>> x.take_along_dim(tg.tensor([[1]]), dim=1)
    tensor([[10.]])
    """
    places = indices.reshape(-1) if dim is None and axis is None else indices
    return take_along_axis(x, places, dim if axis is None else axis)


def gather(x: Operand, dim: int | None = None, index: Operand = None, *, axis: int | None = None) -> Tensor:
    """For each element of `index`, the element of `x` at its position, but with the index as position along `dim`.

    ``out[i, j] = x[index[i, j], j]`` for ``dim=0``, and ``x[i, index[i, j]]`` for ``dim=1``.

    Args:
        x: tensor of any shape.
        dim: the axis along which `index` counts.
        index: integers, of as many axes as `x`, each no longer than that of `x` except along `dim`.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `index`.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.gather(1, tg.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    place, places = _aligned("gather", x, dim, axis, index)
    return getitem(x, along(x.shape, places, place))


def scatter(
    x: Operand,
    dim: int | None = None,
    index: Operand = None,
    src: Operand = None,
    *,
    axis: int | None = None,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy of `x` with the elements of `src` where `gather` with this `index` would read.

    Where an index occurs more than once, the last element wins, and the gradient goes to it.

    Args:
        x: tensor of any shape.
        dim: the axis along which `index` counts.
        index: integers, of as many axes as `x`.
        src: tensor, at least as long as `index` along each axis; or a number.
        axis: the same as `dim`.
        value: the same as `src`, for a number.
        reduce: ``"add"`` adds instead, as `scatter_add` does.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3).scatter(1, tg.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    place, places = _aligned("scatter", x, dim, axis, index)
    source = _source("scatter", value if src is None else src, places.shape)
    where = along(x.shape, places, place)
    if reduce == "add":
        source = np.broadcast_to(beside(x, source), places.shape)
        return cast("Tensor", x + _put_add(source, tuple(x.shape), where))
    if reduce is not None:
        raise ValueError(f"scatter: reduce={reduce!r} is not known: use None or 'add'")
    return _set_item(x, where, source)


def scatter_add(
    x: Operand, dim: int | None = None, index: Operand = None, src: Operand = None, *, axis: int | None = None
) -> Tensor:
    """`x` with the elements of `src` added where `gather` with this `index` would read, as often as it would.

    Args:
        x: tensor of any shape.
        dim: the axis along which `index` counts.
        index: integers, of as many axes as `x`.
        src: tensor, at least as long as `index` along each axis; or a number.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).scatter_add(0, tg.tensor([0, 0, 2]), tg.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    return scatter(x, dim, index, src, axis=axis, reduce="add")


def take(x: Operand, index: Operand) -> Tensor:
    """The elements of the flattened tensor at `index`, in the shape of `index`.

    (`np.take` of a Tensor has an axis, too.)

    Raises:
        IndexError: if an index is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1, 2], [3, 4]]).take(tg.tensor([0, 3]))
    tensor([1, 4])
    """
    return getitem(x.reshape(-1), _integers("take", index))


@implements(np.take)
def _np_take(a: Operand, indices: Operand, axis: int | None = None, out: Any = None, mode: str = "raise") -> Tensor:
    if out is not None or mode != "raise":
        raise TypeError("np.take of a Tensor does not take the arguments out= and mode=")
    if axis is None:
        return take(a, indices)
    place = one_axis("take", a, axis)
    return getitem(a, on_axis(place, _integers("take", indices)))


# What the arguments must be


def _integers(op: str, index: Any) -> Array:
    places = np.asarray(array_of(index))
    if places.dtype.kind not in "iu":
        if places.size:
            raise DtypeError(f"{op}: index has dtype {places.dtype}; indices are integers: use .long()")
        places = places.astype(np.intp)
    return places


def axis_and_places(op: str, x: Any, dim: int | None, axis: int | None, index: Any) -> tuple[int, Array]:
    """The axis, and the places along it as an array."""
    place = one_axis(op, x, dim, axis)
    if place is None or index is None:
        raise TypeError(f"{op}: pass dim= and index=")
    return place, _integers(op, index)


def _aligned(op: str, x: Any, dim: int | None, axis: int | None, index: Any) -> tuple[int, Array]:
    """The axis, and the places as an array that fits `x` along all other axes."""
    place, places = axis_and_places(op, x, dim, axis, index)
    shape = x.shape
    if len(places.shape) != len(shape):
        raise ShapeError(f"{op}: index of shape {places.shape} must have as many axes as the tensor of shape {shape}")
    for i, (n, m) in enumerate(zip(places.shape, shape, strict=True)):
        if i != place and n > m:
            raise ShapeError(
                f"{op}: along dim={place}, index of shape {places.shape} does not fit the tensor of shape "
                f"{shape}: axis {i} is {n}, more than {m}"
            )
    return place, places


def _source(op: str, source: Any, shape: tuple[int, ...]) -> Any:
    """As much of `source` as there are places."""
    if source is None:
        raise TypeError(f"{op}: pass src=, a tensor or a number")
    have = np.shape(source)
    if not have:
        return source
    if len(have) != len(shape) or any(n < m for n, m in zip(have, shape, strict=True)):
        raise ShapeError(f"{op}: src of shape {have} is smaller than index, of shape {shape}")
    return source if have == shape else source[tuple(slice(n) for n in shape)]
