"""Convolution where each group has one channel of the input: place by place of the kernel, without matrices.

Images lie side by side for each channel. Without a stride they are then one long row, with their padding, in which the
numbers at one place of the kernel of all windows follow one another, with some in between that belong to none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product as each_of
from typing import Any

import numpy as np

from .buffers import buffer, unbuffered
from .patches import ROOM, each_padded
from .windows import Sizes, Windows


def fits(w: Any, groups: int) -> bool:
    """Whether a weight (O, C / groups, *kernel) is one of these, and does not give many channels for each."""
    return groups > 1 and w.shape[1] == 1 and w.shape[0] <= 4 * groups


class _Rows:
    """Some images of a few channels, (c, n, *padded).

    Attributes:
        flat: whether they are seen as long rows, there being no stride.
        shape: of what is computed from them: (length,) if they are, else (n, *counts).
    """

    def __init__(self, whole: Any, windows: Windows, counts: Sizes) -> None:
        self._whole = whole
        self._windows = windows
        self._counts = counts
        self.flat: bool = math.prod(windows.stride) == 1
        self.shape: Sizes = (math.prod(whole.shape[1:]),) if self.flat else (whole.shape[1], *counts)

    def places(self) -> Iterator[tuple[Sizes, Any]]:
        """Each place of the kernel, and what all windows have there: (c, 1, *shape), or nearly as long rows."""
        if not self.flat:
            for place, slices in self._windows.places(self._counts):
                yield place, self._whole[(slice(None), None, slice(None), *slices)]
            return
        padded = self._whole.shape[2:]
        steps = [math.prod(padded[axis + 1 :]) for axis in range(len(padded))]
        rows = self._whole.reshape((len(self._whole), 1, *self.shape))
        last = sum(
            [(k - 1) * d * s for k, d, s in zip(self._windows.kernel, self._windows.dilation, steps, strict=True)]
        )
        for place in each_of(*[range(k) for k in self._windows.kernel]):
            start = sum([p * d * s for p, d, s in zip(place, self._windows.dilation, steps, strict=True)])
            yield place, rows[..., start : start + self.shape[0] - last]

    def of_windows(self, computed: Any) -> Any:
        """What belongs to windows, of something computed (c, m, *shape): a view (n, c, m, *counts)."""
        if self.flat:
            computed = computed.reshape((*computed.shape[:2], *self._whole.shape[1:]))
            computed = computed[(..., *[slice(n) for n in self._counts])]
        return np.moveaxis(computed, 2, 0)


def _blocks(x: Any, windows: Windows) -> Iterator[tuple[slice, slice, _Rows]]:
    """Which images and channels of (N, C, *sizes), and these themselves: as many as computing in the cache allows."""
    counts, padded = windows.counts(x.shape[2:]), math.prod(windows.padded_sizes(x.shape[2:]))
    step = max(1, ROOM // max(padded, 1))
    for first in range(0, len(x), step):
        images = slice(first, min(first + step, len(x)))
        some = x[images].swapaxes(0, 1)
        for channels, whole in each_padded(some, windows, some.shape[1] * padded):
            yield images, channels, _Rows(whole, windows, counts)


def _at(w: Any, place: Sizes, axes: int) -> Any:
    """The numbers of a weight (C, m, *kernel) at one place, (C, m, 1, …)."""
    return w[(slice(None), slice(None), *place)].reshape((*w.shape[:2], *[1] * axes))


@unbuffered
def convolved(x: Any, w: Any, bias: Any, windows: Windows) -> Any:
    """x (N, C, *sizes) and w (O, 1, *kernel) to (N, O, *counts)."""
    (n, c), o = x.shape[:2], w.shape[0]
    counts, w = windows.counts(x.shape[2:]), w.reshape((c, o // c, *windows.kernel))
    out = np.empty((n, c, o // c, *counts), np.result_type(x, w))
    for images, channels, rows in _blocks(x, windows):
        mine = w[channels]
        whole = buffer("product", (*mine.shape[:2], *rows.shape), out.dtype)
        total = term = whole
        for i, (place, there) in enumerate(rows.places()):
            if i == 0:
                total = whole[..., : there.shape[-1]]
                term = buffer("patches", whole.shape, out.dtype)[..., : there.shape[-1]]
            np.multiply(there, _at(mine, place, whole.ndim - 2), out=term if i else total)
            if i:
                np.add(total, term, out=total)
        out[images, channels] = rows.of_windows(whole)
    out = out.reshape((n, o, *counts))
    if bias is not None:
        out += bias.reshape((-1, *[1] * windows.axes))
    return out


@unbuffered
def correlated(x: Any, g: Any, windows: Windows) -> Any:
    """x (N, C, *sizes) and g (N, O, *counts) to (O, 1, *kernel)."""
    c, o = x.shape[1], g.shape[1]
    total: Any = np.zeros((c, o // c, *windows.kernel), np.result_type(x, g))
    g = g.reshape((len(g), c, o // c, *g.shape[2:]))
    for images, channels, rows in _blocks(x, windows):
        mine = g[images, channels]
        gradient = buffer("product", (*mine.shape[1:3], *rows.shape), total.dtype)
        if rows.flat:
            gradient[...] = 0  # for what is in between
        rows.of_windows(gradient)[...] = mine
        for place, there in rows.places():
            if rows.flat:
                found = np.vecdot(there, gradient[..., : there.shape[-1]])
            else:
                term = buffer("patches", gradient.shape, total.dtype)
                found = np.multiply(there, gradient, out=term).sum(tuple(range(2, term.ndim)))
            total[(channels, slice(None), *place)] += found
    return total.reshape((o, 1, *windows.kernel))


@unbuffered
def transposed(g: Any, w: Any, bias: Any, windows: Windows, sizes: Sequence[int], groups: int) -> Any:
    """g (N, O, *counts) and w (O, 1, *kernel) to (N, groups, *sizes)."""
    (n, o), counts = g.shape[:2], g.shape[2:]
    out = np.zeros((n, groups, *sizes), np.result_type(g, w))
    g, w = g.reshape((n, groups, o // groups, *counts)), w.reshape((groups, o // groups, *windows.kernel))
    for images, whole in each_padded(out, windows, 4 * o * math.prod(counts)):
        whole[...] = 0
        term = buffer("product", (len(whole), *g.shape[1:]), out.dtype)
        for place, slices in windows.places(counts):
            np.multiply(g[images], _at(w, place, windows.axes), out=term)
            target = whole[(..., *slices)]
            np.add(target, term.sum(2) if o > groups else term[:, :, 0], out=target)
        if windows.is_padded:
            out[images] = windows.cropped(whole)
    if bias is not None:
        out += bias.reshape((-1, *[1] * windows.axes))
    return out
