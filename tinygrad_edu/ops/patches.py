"""Patches: what lies under each window of a batch of images, as columns, and such columns added up to images.

`unfold` and `fold` are each other's derivatives. Convolution takes the patches a tile at a time: those of a few images,
or of some rows of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import Node
from ..engine.primitives import Operand, primitive
from ..sample_rules.families import Custom
from ..sample_rules.ids import Use
from ..sample_rules.rule import Found, value_of
from .buffers import buffer
from .window_ids import of_image, under_windows
from .windows import Windows

_ROOM = 2**17  # numbers in the patches of a tile: they are to be in the cache when they are multiplied


class Tile(NamedTuple):
    """The patches of some images, or of some rows of one.

    Attributes:
        images: which ones.
        windows: which of their windows, in memory order.
        patches: what is under them, (images, channels x kernel, windows); where tiles are joined,
            (channels x kernel, images x windows). The next tile overwrites it.
    """

    images: slice
    windows: slice
    patches: Any


def each_tile(x: Any, windows: Windows, joined: bool = False) -> Iterator[Tile]:
    """All patches of an array (N, C, *sizes), a tile at a time."""
    n, c = x.shape[:2]
    counts = windows.counts(x.shape[2:])
    if not joined and windows.are_places:
        yield Tile(slice(0, n), slice(0, math.prod(counts)), x.reshape((n, c, math.prod(counts))))
        return
    lines = math.prod(counts[1:])
    for images, whole in each_padded(x, windows, c * windows.size * math.prod(counts)):
        view = windows.view(whole)
        for rows in row_tiles(counts, c * windows.size * lines):
            copied = _copied(view[:, :, rows], windows.axes, joined)
            yield Tile(images, slice(rows.start * lines, rows.stop * lines), copied)


def row_tiles(counts: Sequence[int], numbers: int) -> Iterator[slice]:
    """Rows of windows, as many at a time as go into a tile if each takes so many numbers; about equally many."""
    rows = counts[0]
    parts = -(-rows * numbers // _ROOM) or 1
    step = max(1, -(-rows // parts))
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def each_padded(x: Any, windows: Windows, numbers: int) -> Iterator[tuple[slice, Any]]:
    """As many images at a time as go into a tile if each takes so many numbers, with the padding around them."""
    n = x.shape[0]
    step = max(1, min(n, _ROOM // max(numbers, 1)))
    whole: Any = None
    inner: Any = None
    if windows.is_padded:
        whole = buffer("padded", (step, x.shape[1], *windows.padded_sizes(x.shape[2:])), x.dtype)
        whole[...] = 0
        inner = windows.cropped(whole)
    for first in range(0, n, step):
        images = slice(first, min(first + step, n))
        if whole is None:
            yield images, x[images]
        else:
            count = images.stop - first
            inner[:count] = x[images]
            yield images, whole[:count]


def _copied(view: Any, axes: int, joined: bool) -> Any:
    """Windows (n, C, *counts, *kernel) as columns, in kept memory."""
    n, c = view.shape[:2]
    rows, columns = c * math.prod(view.shape[2 + axes :]), math.prod(view.shape[2 : 2 + axes])
    inner = (*range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    order = (1, *inner[:axes], 0, *inner[axes:]) if joined else (0, 1, *inner)
    ordered = view.transpose(order)
    copied = buffer("patches", ordered.shape, view.dtype)
    np.copyto(copied, ordered)
    return copied.reshape((rows, n * columns) if joined else (n, rows, columns))


def add_columns(whole: Any, columns: Any, windows: Windows, counts: Sequence[int], first: int = 0) -> None:
    """Add columns (n, C, *kernel, *counts) where they came from in padded images, from row `first` of windows on."""
    down = first * windows.stride[0]
    part = whole[:, :, down:]
    for place, slices in windows.places(counts):
        target = part[(..., *slices)]
        np.add(target, columns[(slice(None), slice(None), *place)], out=target)


def seen_through(x: Any, windows: Windows) -> Any:
    """The windows of an array or a Tensor (N, C, *sizes), as (N, C, *counts, *kernel); of an array, a view."""
    if isinstance(x, np.ndarray):
        return windows.view(windows.padded(x))
    return np.transpose(unfold_windows(x, windows), _exchanged(windows.axes))


def _cases(draw: Any) -> list[tuple[Any, ...]]:
    """Images and windows over them, of one, two and three axes."""
    square = Windows((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1))
    return [
        (draw(2, 1, 5), Windows((2,), (2,), ((1, 0),), (2,))),
        (draw(1, 2, 3, 4), square),
        (draw(2, 1, 3, 3), square._replace(stride=(2, 1), padding=((1, 1), (0, 2)))),
        (draw(1, 1, 2, 3, 2), Windows((1, 2, 2), (1, 1, 1), ((0, 0), (0, 1), (0, 0)), (1, 1, 1))),
        (draw(0, 1, 3, 3), square),
    ]


def _exchanged(axes: int) -> tuple[int, ...]:
    """The order of axes that puts the kernel's before those of the windows, or behind them."""
    return (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))


def _ids_of_unfolded(node: Node, ids: Any) -> list[Found]:
    windows, link = value_of(node, "windows"), node.inputs[0]
    assert link is not None
    own = of_image(ids.transpose(_exchanged(windows.axes)), link.shape[2:], windows)
    return [Use.MIXED if own is None else own]


def _ids_of_folded(node: Node, ids: Any) -> list[Found]:
    windows = value_of(node, "windows")
    return [under_windows(ids, node.shape[2:], windows).transpose(_exchanged(windows.axes))]


def _input_of_unfold(g: Any, out: Any, x: Any, windows: Windows) -> Any:
    return fold_windows(g, windows, x.shape[2:])


@primitive(
    vjps=(_input_of_unfold,),
    saves=("",),
    fresh=True,
    cases=_cases,
    samples=Custom(_ids_of_unfolded),
)
def unfold_windows(x: Operand, windows: Windows) -> Any:
    """What is under each window of (N, C, *sizes): (N, C, *kernel, *counts)."""
    return windows.view(windows.padded(x)).transpose(_exchanged(windows.axes)).copy()


@primitive(
    vjps=(lambda g, out, columns, windows, sizes: unfold_windows(g, windows),),
    saves=("",),
    fresh=True,
    cases=lambda draw: [
        (draw(*x.shape[:2], *windows.kernel, *windows.counts(x.shape[2:])), windows, x.shape[2:])
        for x, windows in _cases(draw)
    ],
    samples=Custom(_ids_of_folded),
)
def fold_windows(columns: Operand, windows: Windows, sizes: tuple[int, ...]) -> Any:
    """What is under each window, (N, C, *kernel, *counts), added up at the places of an array (N, C, *sizes)."""
    whole = np.zeros((*columns.shape[:2], *windows.padded_sizes(sizes)), columns.dtype)
    add_columns(whole, columns, windows, columns.shape[2 + windows.axes :])
    return windows.cropped(whole).copy() if windows.is_padded else whole
