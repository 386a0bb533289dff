"""Maxima and minima, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..dtypes import Array
from ..engine.graph import TensorBase
from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from .arguments import Axes, one_axis, some_axes
from .kinds import reducing
from .picking import ValuesIndices, at, picking
from .piecewise import maximum, minimum
from .reductions import count, reduction_cases, spread

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]


def shared(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The rule of a reduction that picks one value: all elements that have it share the gradient evenly."""
    chosen = ((x == spread(out, x, axis, keepdims)) | (x != x)).astype(g.dtype)  # NaN wins over all
    return spread(g, x, axis, keepdims) * chosen / chosen.sum(axis=axis, keepdims=True)


@reducing(vjps=(shared,), saves=("out x",), cases=reduction_cases)
def _amax(x: Operand, axis: Any = None, keepdims: bool = False) -> Operand:
    return np.max(x, axis=axis, keepdims=keepdims)


@reducing(vjps=(shared,), saves=("out x",), cases=reduction_cases)
def _amin(x: Operand, axis: Any = None, keepdims: bool = False) -> Operand:
    return np.min(x, axis=axis, keepdims=keepdims)


@implements(np.max, np.amax)
def amax(x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest element along the given axes, or of all. Elements that tie share the gradient evenly.

    Args:
        x: tensor of any shape, not empty.
        dim: the axis or axes to reduce; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without those axes; NaN where any element is.

    Raises:
        ShapeError: if an axis is out of range, named twice, or has no elements.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 5.0], [4.0, 2.0]]).amax(dim=1)
    tensor([5., 4.])
    """
    return _amax(x, chosen_along("amax", x, some_axes("amax", x, dim, axis)), keepdim or keepdims)


@implements(np.min, np.amin)
def amin(x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest element along the given axes, or of all. Elements that tie share the gradient evenly.

    Args:
        x: tensor of any shape, not empty.
        dim: the axis or axes to reduce; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without those axes; NaN where any element is.

    Raises:
        ShapeError: if an axis is out of range, named twice, or has no elements.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 5.0], [4.0, 2.0]]).amin(dim=1)
    tensor([1., 2.])
    """
    return _amin(x, chosen_along("amin", x, some_axes("amin", x, dim, axis)), keepdim or keepdims)


def aminmax(
    x: Operand, *, dim: int | None = None, keepdim: bool = False, axis: int | None = None, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """The smallest and the largest element, as a pair.

    Args:
        x: tensor of any shape.
        dim: the axis; None for all.
        keepdim: keep that axis, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Two tensors without that axis, or with it as size 1, of the dtype of `x`.

    Raises:
        ShapeError: if there is no such axis, or no element.

    >>> import tinygrad_edu as tg
    >>> tg.aminmax(tg.tensor([3.0, 1.0, 2.0]))
    (tensor(1.), tensor(3.))
    """
    dim, keepdim = one_axis("aminmax", x, dim, axis), keepdim or keepdims
    return amin(x, dim, keepdim), amax(x, dim, keepdim)


_max_at = picking("max")
_min_at = picking("min")


def _argument_cases(draw: Any) -> list[Any]:
    return [case for case in reduction_cases(draw) if not isinstance(case[1], tuple)]


@primitive(saves=(), cases=_argument_cases)
def _argmax(x: Operand, axis: Any, keepdims: bool) -> Operand:
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(saves=(), cases=_argument_cases)
def _argmin(x: Operand, axis: Any, keepdims: bool) -> Operand:
    return np.argmin(x, axis=axis, keepdims=keepdims)


@implements(np.argmax)
def argmax(
    x: Operand,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The index of the largest element along one axis; the first one if several tie.

    Args:
        x: tensor of any shape, not empty.
        dim: the axis; None for the place in the flattened tensor.
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of int64. NaN counts as the largest.

    Raises:
        ShapeError: if the axis is out of range or has no elements.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 5.0], [4.0, 2.0]]).argmax(dim=1)
    tensor([1, 0])
    """
    place = chosen_along("argmax", x, one_axis("argmax", x, dim, axis))
    return _argmax(x, place, keepdim or keepdims)


@implements(np.argmin)
def argmin(
    x: Operand,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The index of the smallest element along one axis; the first one if several tie.

    Args:
        x: tensor of any shape, not empty.
        dim: the axis; None for the place in the flattened tensor.
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of int64. NaN counts as the smallest.

    Raises:
        ShapeError: if the axis is out of range or has no elements.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 5.0], [4.0, 2.0]]).argmin(dim=1)
    tensor([0, 1])
    """
    place = chosen_along("argmin", x, one_axis("argmin", x, dim, axis))
    return _argmin(x, place, keepdim or keepdims)


@overload
def max(x: Operand, dim: None = None, keepdim: bool = False, *, keepdims: bool = False) -> Tensor: ...
@overload
def max(x: Operand, dim: int, keepdim: bool = False, *, keepdims: bool = False) -> ValuesIndices: ...
@overload
def max(x: Operand, *, keepdim: bool = False, axis: int, keepdims: bool = False) -> ValuesIndices: ...
@overload
def max(x: Operand, dim: Tensor | Array) -> Tensor: ...
def max(x: Operand, dim: Any = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The largest element: of all, along one axis, or of two tensors, as the arguments say.

    Args:
        x: tensor of any shape, not empty.
        dim: None for the largest element of all (ties share the gradient evenly); an axis for the largest
            along it (the gradient goes to the one at the index found); a tensor for `maximum(x, dim)`.
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`, for an axis.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor; for an axis a named tuple (values, indices).

    Raises:
        ShapeError: if the axis is out of range or has no elements.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[1.0, 5.0], [4.0, 2.0]])
    >>> x.max()
    tensor(5.)
    >>> values, indices = x.max(dim=1)
    >>> values, indices
    (tensor([5., 4.]), tensor([1, 0]))
    """
    if isinstance(dim, TensorBase | np.ndarray):
        return maximum(x, dim)
    place = one_axis("max", x, dim, axis)
    return amax(x) if place is None else at(_max_at, x, argmax(x, place, keepdim or keepdims), place)


@overload
def min(x: Operand, dim: None = None, keepdim: bool = False, *, keepdims: bool = False) -> Tensor: ...
@overload
def min(x: Operand, dim: int, keepdim: bool = False, *, keepdims: bool = False) -> ValuesIndices: ...
@overload
def min(x: Operand, *, keepdim: bool = False, axis: int, keepdims: bool = False) -> ValuesIndices: ...
@overload
def min(x: Operand, dim: Tensor | Array) -> Tensor: ...
def min(x: Operand, dim: Any = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The smallest element: of all, along one axis, or of two tensors, as the arguments say.

    Args:
        x: tensor of any shape, not empty.
        dim: None for the smallest element of all (ties share the gradient evenly); an axis for the smallest
            along it (the gradient goes to the one at the index found); a tensor for `minimum(x, dim)`.
        keepdim: keep the axis, with size 1.
        axis: the same as `dim`, for an axis.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor; for an axis a named tuple (values, indices).

    Raises:
        ShapeError: if the axis is out of range or has no elements.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 5.0], [4.0, 2.0]]).min(dim=0).indices
    tensor([0, 1])
    """
    if isinstance(dim, TensorBase | np.ndarray):
        return minimum(x, dim)
    place = one_axis("min", x, dim, axis)
    return amin(x) if place is None else at(_min_at, x, argmin(x, place, keepdim or keepdims), place)


def chosen_along(op: str, x: Any, axes: Any) -> Any:
    """`axes`, along which an element of `x` is chosen: a ShapeError if there is none."""
    if not count(x, axes):
        raise ShapeError(
            f"{op}: no element to choose from: x has shape {x.shape}"
            + ("" if axes is None else f", and it reduces axis {axes}")
            + ". Skip empty input, or pass a dim whose size is not 0"
        )
    return axes
