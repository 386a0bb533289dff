"""Selecting and filling: slices of an axis at given places, and elements where a mask is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..dtypes import Array
from ..engine.graph import array_of
from ..engine.primitives import Operand, primitive
from ..engine.promotion import beside
from ..errors import DtypeError, ShapeError, broadcast_clash
from ..sample_rules.families import Choosing
from .arguments import broadcasts_to, on_axis, one_axis
from .arithmetic import times
from .gather import axis_and_places
from .indexing import _put_add, _set_item, check_value, getitem
from .transpose import moveaxis

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "narrow",
    "select",
]


def index_select(x: Operand, dim: int | None = None, index: Operand = None, *, axis: int | None = None) -> Tensor:
    """The slices of an axis at the places `index`.

    Args:
        x: tensor of any shape.
        dim: the axis.
        index: integers of one axis.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`, but with len(index) slices along the axis.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1, 2, 3]]).index_select(1, tg.tensor([2, 0]))
    tensor([[3, 1]])
    """
    _, where = _slices("index_select", x, dim, axis, index)
    return getitem(x, where)


def select(x: Operand, dim: int | None = None, index: int | None = None, *, axis: int | None = None) -> Tensor:
    """One slice of an axis, without that axis; a view.

    Args:
        x: tensor of one axis or more.
        dim: the axis.
        index: the place on it; counted from the end if negative.
        axis: the same as `dim`.

    Returns:
        Tensor with one axis less.

    Raises:
        IndexError: if the index is out of range.
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    place = one_axis("select", x, dim, axis)
    if place is None or index is None:
        raise TypeError("select: needs an axis and an index, as in x.select(1, 0)")
    return getitem(x, on_axis(place, index.__index__()))


def narrow(
    x: Operand,
    dim: int | None = None,
    start: int | None = None,
    length: int | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """The `length` slices of an axis from `start` on; a view.

    Raises:
        ShapeError: if the axis does not have them.

    >>> import tinygrad_edu as tg
    >>> tg.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    place = one_axis("narrow", x, dim, axis)
    if place is None or start is None or length is None:
        raise TypeError("narrow: needs an axis, a start and a length, as in x.narrow(0, 1, 3)")
    have = x.shape[place]
    first = start + have if start < 0 else start
    if not 0 <= first <= first + length <= have:
        raise ShapeError(f"narrow: axis {place} of shape {x.shape} has no {length} slices from {start} on")
    return getitem(x, on_axis(place, slice(first, first + length)))


def unfold(
    x: Operand,
    dim: int | None = None,
    size: int | None = None,
    step: int | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """The sliding windows of an axis: `size` elements each, `step` apart.

    In PyTorch they are a view, in which a place of `x` may occur several times. Here they are a copy that cannot be
    written to.

    Args:
        x: tensor of one axis or more.
        dim: the axis.
        size: how many elements a window has.
        step: the distance between the beginnings of two windows.
        axis: the same as `dim`.

    Returns:
        Tensor with the windows in place of the axis, and a new last axis for the elements of each.

    Raises:
        ShapeError: if there is no such axis, or it is shorter than one window.
        ValueError: if `size` is negative, or `step` not positive.

    >>> import tinygrad_edu as tg
    >>> tg.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    place = one_axis("unfold", x, dim, axis)
    if place is None or size is None or step is None:
        raise TypeError("unfold: needs an axis, a size and a step, as in x.unfold(0, 3, 1)")
    if size < 0 or step < 1:
        raise ValueError(f"unfold: size={size}, step={step}: a size is at least 0, a step at least 1")
    have = x.shape[place]
    if size > have:
        raise ShapeError(f"unfold: axis {place} of shape {x.shape} is shorter than a window of {size}")
    where = np.arange(0, have - size + 1, step)[:, None] + np.arange(size)
    windows = moveaxis(getitem(x, on_axis(place, where)), place + 1, -1)
    windows.array.flags.writeable = False
    return windows


def index_add(
    x: Operand,
    dim: int | None = None,
    index: Operand = None,
    source: Operand = None,
    *,
    alpha: float = 1,
    axis: int | None = None,
) -> Tensor:
    """`x` with the slices of `source`, times `alpha`, added at the places `index` of an axis.

    Args:
        x: tensor of any shape.
        dim: the axis.
        index: integers of one axis.
        source: tensor of the shape of `x`, but with len(index) slices along the axis.
        alpha: factor of `source`.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`; where an index occurs more than once, all its slices are added.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if there is no such axis, or the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).index_add(0, tg.tensor([0, 0]), tg.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    place, where = _slices("index_add", x, dim, axis, index)
    wanted = (*x.shape[:place], len(where[place]), *x.shape[place + 1 :])
    check_value(array_of(x), where, source, "index_add")
    source = np.broadcast_to(beside(x, source), wanted)
    return cast("Tensor", x + _put_add(times(source, alpha), tuple(x.shape), where))


def index_copy(
    x: Operand,
    dim: int | None = None,
    index: Operand = None,
    source: Operand = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """A copy of `x` with the slices of `source` at the places `index` of an axis.

    Args:
        x: tensor of any shape.
        dim: the axis.
        index: integers of one axis.
        source: tensor of the shape of `x`, but with len(index) slices along the axis.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if there is no such axis, or the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).index_copy(0, tg.tensor([2, 0]), tg.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    _, where = _slices("index_copy", x, dim, axis, index)
    check_value(array_of(x), where, source, "index_copy")
    return _set_item(x, where, source)


def index_fill(
    x: Operand, dim: int | None = None, index: Operand = None, value: Operand = 0, *, axis: int | None = None
) -> Tensor:
    """A copy of `x` with one number in all slices at the places `index` of an axis.

    Args:
        x: tensor of any shape.
        dim: the axis.
        index: integers of one axis.
        value: the number, or a 0-d tensor.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        IndexError: if an index is out of range.
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.ones(3).index_fill(0, tg.tensor([0, 2]), 5)
    tensor([5., 1., 5.])
    """
    _, where = _slices("index_fill", x, dim, axis, index)
    return _set_item(x, where, value)


def _slices(op: str, x: Any, dim: int | None, axis: int | None, index: Any) -> tuple[int, tuple[Any, ...]]:
    """The axis, and the index that selects its slices at the places `index`."""
    place, places = axis_and_places(op, x, dim, axis, index)
    places = np.atleast_1d(places)
    if places.ndim != 1:
        raise ShapeError(f"{op}: index must be a vector, got shape {places.shape}")
    return place, on_axis(place, places)


def _taken(node: Any) -> tuple[Any, Any, Any]:
    """Of which elements of x, and of the value, the result is made."""
    mask = np.asarray(node.args[1], bool)
    return ~mask, None, mask


@primitive(
    vjps=(
        lambda g, out, x, mask, value: np.where(mask, 0.0, g),
        None,
        lambda g, out, x, mask, value: g * mask,
    ),
    saves=("mask", "", "mask"),
    name="masked_fill",
    cases=lambda draw: [
        (draw(2, 3), np.array([True, False, True]), 0.5),
        (draw(2, 2), np.array([[True, False], [False, True]]), draw()),
        (draw(), np.array(True), 1.0),
        (draw(0), np.zeros(0, bool), 1.0),
    ],
    samples=Choosing(_taken),
)
def _masked_fill(x: Operand, mask: Operand, value: Operand) -> Operand:
    return np.where(mask, value, x)


def masked_fill(x: Operand, mask: Operand, value: Operand) -> Tensor:
    """A copy of `x` with `value` where `mask` is true.

    Args:
        x: tensor of any shape.
        mask: booleans that broadcast to the shape of `x`.
        value: number, or tensor of one element.

    Returns:
        Tensor of the shape and dtype of `x`. No gradient flows to `x` where the mask is true.

    Raises:
        DtypeError: if the mask is not of booleans.
        ShapeError: if it does not broadcast to the shape of `x`.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0]).masked_fill(tg.tensor([True, False]), -1)
    tensor([-1.,  2.])
    """
    where = _mask("masked_fill", x, mask)
    if hasattr(value, "dtype"):
        if value.shape:
            raise ShapeError(f"masked_fill: value must be a number or a 0-d tensor, got shape {value.shape}")
        value = value.astype(x.dtype)
    return _masked_fill(x, where, value)


def masked_select(x: Operand, mask: Operand) -> Tensor:
    """The elements of `x` where `mask` is true, one after the other; both broadcast.

    Args:
        x: tensor of any shape.
        mask: booleans that broadcast against `x`.

    Returns:
        Tensor of shape (count,), of the dtype of `x`.

    Raises:
        DtypeError: if the mask is not of booleans.
        ShapeError: if the shapes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0])
    >>> tg.masked_select(x, tg.tensor([True, False, True]))
    tensor([1., 3.])
    """
    where = np.asarray(array_of(mask))
    clash = broadcast_clash([x.shape, where.shape])
    if clash:
        raise ShapeError(f"masked_select: {clash}")
    shape = np.broadcast_shapes(x.shape, where.shape)
    where = _mask("masked_select", np.broadcast_to(array_of(x), shape), mask)
    return getitem(x if x.shape == shape else np.broadcast_to(x, shape), np.broadcast_to(where, shape))


def masked_scatter(x: Operand, mask: Operand, source: Operand) -> Tensor:
    """A copy of `x` with the elements of `source`, in their order, where `mask` is true.

    Args:
        x: tensor of any shape.
        mask: booleans that broadcast to the shape of `x`.
        source: tensor of at least as many elements as are true.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        DtypeError: if the mask is not of booleans.
        ShapeError: if `source` is too short, or the mask does not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).masked_scatter(tg.tensor([True, False, True]), tg.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    where = np.broadcast_to(_mask("masked_scatter", x, mask), x.shape)
    count, flat = int(where.sum()), source.reshape(-1)
    if flat.shape[0] < count:
        raise ShapeError(f"masked_scatter: the mask has {count} true elements, source only {flat.shape[0]}")
    return _set_item(x, where, flat[:count])


def _mask(op: str, x: Any, mask: Any) -> Array:
    where = np.asarray(array_of(mask))
    if where.dtype.kind != "b":
        raise DtypeError(
            f"{op}: the mask has dtype {where.dtype}; it must be of booleans: use mask.bool() or mask != 0"
        )
    if not broadcasts_to(where.shape, x.shape):
        raise ShapeError(f"{op}: the mask of shape {where.shape} does not broadcast to the tensor's shape {x.shape}")
    return where
