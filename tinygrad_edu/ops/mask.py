"""Reading and writing where a mask of booleans is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import TensorBase, make_tensor
from ..errors import DtypeError, ShapeError, broadcast_clash
from ..sample_rules.families import Choosing
from .indexing import _set_item, getitem

if TYPE_CHECKING:
    from ..dtypes import Array
    from ..engine.typing import Tensor

__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero"]


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
    """`x` with `value` where `mask` is true.

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
    where = _plain(mask)
    clash = broadcast_clash([x.shape, where.shape])
    if clash:
        raise ShapeError(f"masked_select: {clash}")
    shape = np.broadcast_shapes(x.shape, where.shape)
    where = _mask("masked_select", _plain(np.broadcast_to(_plain(x), shape)), mask)
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


def nonzero(x: Operand, *, as_tuple: bool = False) -> Any:
    """Where `x` is not zero.

    Args:
        x: tensor of any shape.
        as_tuple: give one vector of places for each axis, as `np.nonzero` of a Tensor does.

    Returns:
        int64 Tensor of shape (count, number of axes); or the tuple.

    >>> import tinygrad_edu as tg
    >>> tg.nonzero(tg.tensor([0.0, 5.0, 6.0]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(make_tensor(places, None) for places in np.nonzero(np.atleast_1d(_plain(x))))
    return make_tensor(np.argwhere(_plain(x)), None)


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
    return cast("Tensor", nonzero(a))


@implements(np.flatnonzero)
def _np_flatnonzero(a: Operand) -> Tensor:
    return make_tensor(np.flatnonzero(_plain(a)), None)


def _plain(x: Any) -> Any:
    return x.array if isinstance(x, TensorBase) else np.asarray(x)


def _mask(op: str, x: Any, mask: Any) -> Array:
    where = _plain(mask)
    if where.dtype.kind != "b":
        raise DtypeError(
            f"{op}: the mask has dtype {where.dtype}; it must be of booleans: use mask.bool() or mask != 0"
        )
    if where.shape != x.shape and (
        len(where.shape) > len(x.shape)
        or any(n not in (1, m) for n, m in zip(where.shape[::-1], x.shape[::-1], strict=False))
    ):
        raise ShapeError(f"{op}: the mask of shape {where.shape} does not broadcast to the tensor's shape {x.shape}")
    return cast("Array", where)
