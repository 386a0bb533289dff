"""Patches: what lies under each window of a batch of images, as columns, and such columns added up to images.

`unfold` and `fold` are each other's derivatives. Convolution takes the patches a tile at a time: those of a few images,
or of some rows of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import Node
from ..engine.primitives import Operand, primitive
from ..sample_rules.families import Custom
from ..sample_rules.ids import Use
from ..sample_rules.rule import Found, value_of
from .buffers import buffer, turn
from .window_ids import of_image, under_windows
from .windows import Sizes, Windows

ROOM = 2**19  # numbers in the patches of a tile: they are to be in the cache when they are multiplied


class Tile(NamedTuple):
    """The patches of some images, or of some rows of one. The next tile is in the same memory.

    Attributes:
        images: which ones.
        windows: which of their windows, in memory order.
        patches: what is under them: as columns, (images, channels x kernel, windows), or as rows,
            (images x windows, kernel x channels).
    """

    images: slice
    windows: slice
    patches: Any


def each_tile(x: Any, windows: Windows, as_rows: bool = False) -> Iterator[Tile]:
    """All patches of an array (N, C, *sizes), a tile at a time."""
    n, c = x.shape[:2]
    counts = windows.counts(x.shape[2:])
    lines = math.prod(counts[1:])
    if windows.are_places and not as_rows:
        yield Tile(slice(0, n), slice(0, counts[0] * lines), x.reshape((n, c, counts[0] * lines)))
        return
    axes = windows.axes
    order = (0, *range(2, 2 + 2 * axes), 1) if as_rows else _exchanged(axes)
    before = (slice(None),) * (1 if as_rows else 2 + axes)  # the axes of a tile before that of its rows
    numbers = c * windows.size

    def seen(whole: Any) -> Any:
        return windows.view(whole).transpose(order)

    for images, patches in each_padded(x, windows, numbers * counts[0] * lines, as_rows, seen):
        for rows in row_tiles(counts, numbers * lines):
            part = patches[(*before, rows)]
            copied = buffer("patches", part.shape, part.dtype)
            np.copyto(copied, part)
            places = slice(rows.start * lines, rows.stop * lines)
            m, t = len(part), places.stop - places.start
            yield Tile(images, places, copied.reshape((m * t, numbers) if as_rows else (m, numbers, t)))


def row_tiles(counts: Sequence[int], numbers: int) -> Iterator[slice]:
    """Rows of windows, as many at a time as go into a tile if each takes so many numbers; about equally many."""
    rows = counts[0]
    parts = -(-rows * numbers // ROOM) or 1
    step = max(1, -(-rows // parts))
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def each_padded(
    x: Any, windows: Windows, numbers: int, as_rows: bool = False, seen: Callable[[Any], Any] | None = None
) -> Iterator[tuple[slice, Any]]:
    """As many images (n, C, *sizes) at a time as go into a tile if each takes so many numbers, with their padding.

    For patches as rows, the channels of each place lie side by side in memory. The images are shown as `seen` makes of
    them, which is asked once.
    """
    n, c = x.shape[:2]
    step = max(1, min(n, ROOM // max(numbers, 1)))
    if not windows.is_padded and not as_rows:
        shown = x if seen is None else seen(x)
        for first in range(0, n, step):
            images = slice(first, min(first + step, n))
            yield images, shown[images]
        return
    padded = windows.padded_sizes(x.shape[2:])
    shape = (step, *padded, c) if as_rows else (step, c, *padded)
    whole = buffer("padded", shape, x.dtype)
    if windows.is_padded:
        whole[...] = 0
    whole = np.moveaxis(whole, -1, 1) if as_rows else whole
    inner = windows.cropped(whole)
    shown = whole if seen is None else seen(whole)
    for first in range(0, n, step):
        images = slice(first, min(first + step, n))
        count = images.stop - first
        if as_rows:
            turn(inner[:count], x[images])
        else:
            inner[:count] = x[images]
        yield images, shown[:count]


def add_columns(whole: Any, columns: Any, windows: Windows, counts: Sequence[int], first: int = 0) -> None:
    """Add columns (n, C, *kernel, *counts) where they came from in padded images, from row `first` of windows on."""
    for place, target in slices_of(whole, windows, counts, first):
        np.add(target, columns[(slice(None), slice(None), *place)], out=target)


def slices_of(whole: Any, windows: Windows, counts: Sequence[int], first: int = 0) -> Iterator[tuple[Sizes, Any]]:
    """Each place of the kernel, and what so many windows have there in padded images, from row `first` of them on."""
    part = whole[:, :, first * windows.stride[0] :]
    for place, slices in windows.places(counts):
        yield place, part[(..., *slices)]


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
    """The order of axes that puts the kernel's before those of the windows, or after them."""
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
