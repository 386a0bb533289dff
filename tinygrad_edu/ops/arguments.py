"""Arguments of ops: their shapes, and the axes to work along.

`dim` and `axis` are two spellings of one argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np

from ..errors import ShapeError, axis_error, axis_kind_error

Axes: TypeAlias = int | Sequence[int] | None
"""One axis, several, or (None) all of them."""


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a tensor, an array, a number or a nested list."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim_of(x: Any) -> int:
    """The number of axes of a tensor, an array, a number or a nested list."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


def on_axis(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes `part` of one axis, and all of those before it."""
    return (slice(None),) * axis + (part,)


def broadcasts_to(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether an array of `shape` can be repeated to the shape `wanted`."""
    pairs = zip(shape[::-1], wanted[::-1], strict=False)
    return len(shape) <= len(wanted) and all(n in (1, m) for n, m in pairs)


def rows_of(x: Any) -> Any:
    """A matrix with a row for each vector along the last axis of `x`."""
    return x if len(x.shape) == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


class Shaped(NamedTuple):
    """What an axis is counted in, where there is no tensor of that shape yet."""

    shape: tuple[int, ...]


@overload
def one_axis(op: str, x: Any, dim: int) -> int: ...
@overload
def one_axis(op: str, x: Any, dim: int | None, axis: int | None = None) -> int | None: ...
def one_axis(op: str, x: Any, dim: int | None, axis: int | None = None) -> int | None:
    """The axis asked for as `dim` or `axis`, counted from 0; None if neither was given."""
    dim = _either(op, dim, axis)
    return None if dim is None else _from_zero(op, dim, shape_of(x))


def some_axes(op: str, x: Any, dim: Axes, axis: Axes = None) -> int | tuple[int, ...] | None:
    """The axes asked for as `dim` or `axis`, counted from 0; None if neither was given."""
    dim = _either(op, dim, axis)
    if dim is None:
        return None
    shape = shape_of(x)
    if type(dim) in (int, str) or not isinstance(dim, Sequence):
        return _from_zero(op, dim, shape)
    axes = tuple(_from_zero(op, d, shape) for d in dim)
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{op}: dim={tuple(dim)} names an axis of shape {shape} twice")
    return axes


def each_axis(axes: Axes, ndim: int) -> tuple[int, ...]:
    """One or more axes as a tuple; None stands for all `ndim` of them."""
    if axes is None:
        return tuple(range(ndim))
    return tuple(axes) if isinstance(axes, Sequence) else (axes,)


def _either(op: str, dim: Any, axis: Any) -> Any:
    if dim is not None and axis is not None:
        raise TypeError(f"{op}: dim={dim} and axis={axis} are two names of one argument: pass one of them")
    return axis if dim is None else dim


def _from_zero(op: str, axis: Any, shape: tuple[int, ...]) -> int:
    try:
        index = axis.__index__()
    except (AttributeError, TypeError):
        raise axis_kind_error(op, axis, shape) from None
    if not -len(shape) <= index < len(shape):
        raise axis_error(op, index, shape)
    return int(index % len(shape))
