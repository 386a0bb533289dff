"""Convolution where each group has one channel of the input, so that there are no large matrices.

Images lie side by side for each channel. Without a stride they are then one long row, with their padding, in which the
numbers at one place of the kernel of all windows follow one another, with some in between that belong to none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .buffers import buffer, unbuffered
from .patches import ROOM, each_padded
from .windows import Sizes, Windows


def fits(w: Any, groups: int) -> bool:
    """Whether a weight (O, C / groups, *kernel) is one of these, and does not give many channels for each."""
    return groups > 1 and w.shape[1] == 1 and w.shape[0] <= 4 * groups


class _Rows:
    """Some images of a few channels, (c, n, *padded).

    Attributes:
        flat: whether they are seen as long rows.
        shape: of what is computed from them: (length,) if they are, else (n, *counts).
        used: how many of these numbers are computed: in long rows, up to the last window.
    """

    def __init__(self, whole: Any, windows: Windows, counts: Sizes, flat: bool) -> None:
        self.flat = flat
        self._whole = np.ascontiguousarray(whole) if self.flat else whole
        self._windows = windows
        self._counts = counts
        self.shape: Sizes = (math.prod(whole.shape[1:]),) if self.flat else (whole.shape[1], *counts)
        self.used: int = math.prod(self.shape) - self._reach(1)

    def _reach(self, size: int) -> int:
        """From the first place of a window to its last, in a long row of numbers of this size."""
        if not self.flat:
            return 0
        rows = zip(self._windows.kernel, self._apart(size), strict=True)
        return sum([(k - 1) * step for k, step in rows])

    def _apart(self, size: int) -> list[int]:
        """How far apart neighbours in a window are along each axis, in a long row of numbers of this size."""
        padded = self._whole.shape[2:]
        return [d * size * math.prod(padded[axis + 1 :]) for axis, d in enumerate(self._windows.dilation)]

    def seen(self) -> Any:
        """What all windows have at each place of the kernel: a view (c, *kernel, used) or (c, *kernel, n, *counts)."""
        whole, kernel, axes = self._whole, self._windows.kernel, self._windows.axes
        if self.flat:
            size = whole.itemsize
            return as_strided(whole, (len(whole), *kernel, self.used), (whole.strides[0], *self._apart(size), size))
        view = self._windows._replace(padding=((0, 0),) * axes).view(whole)
        return view.transpose((0, *range(2 + axes, 2 + 2 * axes), *range(1, 2 + axes)))

    def columns(self) -> Any:
        """The same as (c, places, used), in kept memory."""
        view = self.seen()
        found = buffer("patches", view.shape, view.dtype)
        np.copyto(found, view)
        return found.reshape((len(view), self._windows.size, self.used))

    def of_windows(self, computed: Any) -> Any:
        """What belongs to windows, of something computed (c, m, *shape): a view (n, c, m, *counts)."""
        if self.flat:
            computed = computed.reshape((*computed.shape[:2], *self._whole.shape[1:]))
            computed = computed[(..., *[slice(n) for n in self._counts])]
        return np.moveaxis(computed, 2, 0)


def _without_stride(windows: Windows) -> bool:
    return math.prod(windows.stride) == 1


def _blocks(x: Any, windows: Windows, flat: bool) -> Iterator[tuple[slice, slice, _Rows]]:
    """Which images and channels of (N, C, *sizes), and these themselves: as many as computing in the cache allows."""
    counts, padded = windows.counts(x.shape[2:]), math.prod(windows.padded_sizes(x.shape[2:]))
    step = max(1, ROOM // max(padded * windows.size, 1))
    for first in range(0, len(x), step):
        images = slice(first, min(first + step, len(x)))
        some = x[images].swapaxes(0, 1)
        for channels, whole in each_padded(some, windows, some.shape[1] * padded * windows.size):
            yield images, channels, _Rows(whole, windows, counts, flat)


@unbuffered
def convolved(x: Any, w: Any, bias: Any, windows: Windows) -> Any:
    """x (N, C, *sizes) and w (O, 1, *kernel) to (N, O, *counts)."""
    (n, c), o = x.shape[:2], w.shape[0]
    counts, w = windows.counts(x.shape[2:]), np.ascontiguousarray(w).reshape((c, o // c, windows.size))
    out = np.empty((n, c, o // c, *counts), np.result_type(x, w))
    for images, channels, rows in _blocks(x, windows, _without_stride(windows)):
        mine = w[channels]
        total = buffer("product", (*mine.shape[:2], math.prod(rows.shape)), out.dtype)
        np.matmul(mine, rows.columns(), out=total[..., : rows.used])
        out[images, channels] = rows.of_windows(total.reshape((*mine.shape[:2], *rows.shape)))
    out = out.reshape((n, o, *counts))
    if bias is not None:
        out += bias.reshape((-1, *[1] * windows.axes))
    return out


@unbuffered
def correlated(x: Any, g: Any, windows: Windows) -> Any:
    """x (N, C, *sizes) and g (N, O, *counts) to (O, 1, *kernel)."""
    if _without_stride(windows):
        with np.errstate(invalid="ignore"):
            found = _correlated(x, g, windows, flat=True)
        if np.isfinite(found).all():
            return found
    # In long rows, 0 stands between windows. Where x is not finite there, 0 times it would be NaN.
    return _correlated(x, g, windows, flat=False)


def _correlated(x: Any, g: Any, windows: Windows, flat: bool) -> Any:
    c, o = x.shape[1], g.shape[1]
    total: Any = np.zeros((c, o // c, windows.size), np.result_type(x, g))
    g = g.reshape((len(g), c, o // c, *g.shape[2:]))
    for images, channels, rows in _blocks(x, windows, flat):
        mine = g[images, channels]
        gradient = buffer("product", (*mine.shape[1:3], math.prod(rows.shape)), total.dtype)
        if rows.flat:
            gradient[...] = 0  # for what is in between
        rows.of_windows(gradient.reshape((*mine.shape[1:3], *rows.shape)))[...] = mine
        gradient = gradient[..., : rows.used]
        if rows.flat:
            scale = gradient.reshape((*gradient.shape[:2], *[1] * windows.axes, rows.used))
            found = np.vecdot(rows.seen()[:, None], scale)
        else:
            found = np.matmul(gradient, rows.columns().mT)
        total[channels] += found.reshape(found.shape[:2] + total.shape[2:])
    return total.reshape((o, 1, *windows.kernel))


def _at(w: Any, place: Sizes, axes: int) -> Any:
    """The numbers of a weight (C, m, *kernel) at one place, (C, m, 1, …)."""
    return w[(slice(None), slice(None), *place)].reshape((*w.shape[:2], *[1] * axes))


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
