"""Unpooling: numbers put back where max pooling found them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.graph import array_of
from ..errors import DtypeError, ShapeError, describe
from .creation import zeros
from .gather import scatter
from .pooling import spatial, windows_of
from .windows import Windows

if TYPE_CHECKING:
    from ..engine.typing import Tensor


def max_unpool(
    op: str,
    axes: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Sequence[int] | None,
) -> Tensor:
    """The numbers of x at the places `indices` in the last axes, which are longer, and 0 elsewhere."""
    windows = windows_of(op, axes, kernel_size, stride, padding)
    have = spatial(op, x, axes)
    sizes = _sizes(op, windows, have, output_size)
    places = np.asarray(array_of(indices))
    if places.dtype != np.int64:
        raise DtypeError(f"{op}: indices have dtype {places.dtype}, they must be int64: use indices.long()")
    if places.shape != tuple(x.shape):
        raise ShapeError(
            f"{op}: indices of shape {places.shape} for an input of shape {x.shape}: both must be alike, as max_pool "
            "returns them"
        )
    volume = math.prod(sizes)
    wrong = places[(places < 0) | (places >= volume)]
    if wrong.size:
        raise IndexError(
            f"{op}: index {wrong[0]} lies outside of an output of {volume} places ({sizes}). Pass output_size= for "
            "the sizes that were pooled"
        )
    front = tuple(x.shape[: len(x.shape) - axes])
    flat = (*front, math.prod(have))
    empty = zeros((*front, volume), dtype=x.dtype)
    return scatter(empty, -1, places.reshape(flat), x.reshape(flat)).reshape((*front, *sizes))


def _sizes(op: str, windows: Windows, have: Sequence[int], output_size: Sequence[int] | None) -> tuple[int, ...]:
    """How long the axes were; of what is given, they may be less than one stride shorter or longer than the default."""
    rows = zip(have, windows.kernel, windows.stride, windows.padding, strict=True)
    default = [(n - 1) * stride + kernel - before - after for n, kernel, stride, (before, after) in rows]
    if output_size is None:
        return tuple(default)
    axes = windows.axes
    if len(output_size) not in (axes, axes + 2):
        raise ValueError(f"{op}: output_size={describe(output_size)} must have {axes} sizes, or {axes + 2}")
    wanted = tuple(output_size)[-axes:]
    for i, (size, usual, stride) in enumerate(zip(wanted, default, windows.stride, strict=True)):
        if not usual - stride < size < usual + stride:
            raise ValueError(
                f"{op}: output_size={tuple(output_size)}: axis {i - axes} must be from {usual - stride + 1} to "
                f"{usual + stride - 1} to be pooled to {have[i]}, not {size}"
            )
    return wanted
