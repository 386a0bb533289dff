"""Convolution computed as products of matrices: of the patches of a tile, in kept memory, with the weight.

Patches are put side by side in one of two ways. As columns, (channels x kernel, windows), the numbers that are copied
lie side by side along the last axis of the image; and the product is the result as it is to be. As rows,
(windows, kernel x channels), they lie side by side along the channels; so does the product, which then is turned. Which
is less work depends on how many channels and how wide the images are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import depthwise
from .blas import SMALL_KERNELS
from .buffers import buffer, turn, unbuffered
from .patches import add_columns, each_padded, each_tile, row_tiles, slices_of
from .product_forms import in_rows
from .products import SMALL
from .products import product as matrix_product
from .windows import Windows

_ROWS = 48  # of a small product
_MANY = 16  # channels, from which on rows of them are long enough to be added up


@unbuffered
def convolved(x: Any, w: Any, bias: Any, windows: Windows, groups: int) -> Any:
    """x (N, C, *sizes) and w (O, C / groups, *kernel) to (N, O, *counts)."""
    if depthwise.fits(w, groups):
        return depthwise.convolved(x, w, bias, windows)
    counts = windows.counts(x.shape[2:])
    out = np.empty((x.shape[0], w.shape[0], *counts), np.result_type(x, w))
    flat = out.reshape((len(out), groups, w.shape[0] // groups, math.prod(counts)))
    if groups == 1 and not windows.are_places and _rows_are_less_work(x.shape[1], w.shape[0], windows, counts):
        _rows_times(x, w, bias, windows, flat[:, 0])
    else:
        _columns_times(x, w, bias, windows, flat)
    return out


def _rows_are_less_work(channels: int, outputs: int, windows: Windows, counts: Sequence[int]) -> bool:
    """Whether patches are to be copied as rows: in nanoseconds for a window, as seen on one machine.

    A piece of a column takes 6, a longer one of a row 10; and each number more where a stride leaves gaps. As rows, the
    image and the product are turned.
    """
    numbers = channels * windows.size
    along = windows.kernel[-1] if windows.dilation[-1] == 1 else 1
    as_columns = numbers * (6 / counts[-1] + (0.05 if windows.stride[-1] == 1 else 0.5))
    as_rows = windows.size / along * 10 + numbers * 0.05 + outputs * 0.6 + channels * math.prod(windows.stride) * 0.3
    return as_rows < as_columns


def _columns_times(x: Any, w: Any, bias: Any, windows: Windows, out: Any) -> None:
    """The product of the weight with patches as columns, into (N, groups, O / groups, windows)."""
    groups, o = out.shape[1:3]
    matrix = w.reshape((groups, o, math.prod(w.shape[1:])))
    for images, places, patches in each_tile(x, windows):
        target = out[images, :, :, places]
        columns = patches.reshape((len(target), groups, matrix.shape[2], target.shape[3]))
        _in_blocks_of_columns(matrix, columns, target)
        if bias is not None:
            target += bias.reshape((groups, o, 1))


def _rows_times(x: Any, w: Any, bias: Any, windows: Windows, out: Any) -> None:
    """The product of patches as rows with the weight, turned into (N, O, windows)."""
    turned = np.ascontiguousarray(w.transpose((*range(2, w.ndim), 1, 0)))
    matrix = turned.reshape((math.prod(turned.shape[:-1]), w.shape[0]))
    for images, places, patches in each_tile(x, windows, as_rows=True):
        target = out[images, :, places]
        m, o, t = target.shape
        product = buffer("product", (m, t, o), out.dtype)
        _in_blocks(patches, matrix, product.reshape((m * t, o)))
        np.add(product.transpose((0, 2, 1)), 0 if bias is None else bias[:, None], out=target)


def _block(k: int, n: int) -> int:
    """In blocks of how many rows a product with a matrix (k, n) is fastest: small ones, which BLAS does not pack.

    0 where there are no kernels for these, or not for one of 8 rows.
    """
    return min(_ROWS, SMALL // max(k * n, 1)) // 8 * 8 if SMALL_KERNELS else 0


def _in_blocks(x: Any, y: Any, out: Any) -> None:
    """x @ y for matrices, x in blocks of rows."""
    rows = _block(*y.shape)
    if 0 < rows < len(x):
        in_rows(x, y, out, rows)
    else:
        np.matmul(x, y, out=out)


def _in_blocks_of_columns(x: Any, y: Any, out: Any) -> None:
    """x @ y for stacks (groups, m, k) and (images, groups, k, n), y in blocks of columns."""
    columns, n = _block(*x.shape[1:]), y.shape[3]
    whole = n // columns * columns if 0 < columns < n else 0
    if whole:
        count = whole // columns
        right, target = (v[..., :whole].reshape((*v.shape[:3], count, columns)) for v in (y, out))
        np.matmul(x[:, None], right.transpose((0, 1, 3, 2, 4)), out=target.transpose((0, 1, 3, 2, 4)))
    if whole < n:
        np.matmul(x, y[..., whole:], out=out[..., whole:])


def correlated(x: Any, g: Any, windows: Windows, groups: int) -> Any:
    """x (N, C, *sizes) and g (N, O, *counts) to (O, C / groups, *kernel)."""
    o, c = g.shape[1] // groups, x.shape[1] // groups
    if c == 1 < groups:
        return depthwise.correlated(x, g, windows)
    flat = g.reshape((len(g), groups, o, math.prod(g.shape[2:])))
    dtype = np.result_type(x, g)
    if groups == 1 and c * windows.kernel[-1] >= _MANY:
        total = np.zeros((o, windows.size * c), dtype)
        part = buffer("sum", total.shape, dtype)
        for images, places, patches in each_tile(x, windows, as_rows=True):
            matrix_product(_rows_of(flat[images, 0, :, places], dtype).T, patches, part)
            total += part
        return np.ascontiguousarray(np.moveaxis(total.reshape((o, *windows.kernel, c)), -1, 1))
    total = np.zeros((groups, o, c * windows.size), dtype)
    for images, places, patches in each_tile(x, windows):
        target = flat[images, :, :, places]
        columns = patches.reshape((len(target), groups, c * windows.size, target.shape[3]))
        parts = buffer("product", (len(target), *total.shape), dtype)
        total += np.matmul(target, columns.mT, out=parts).sum(0)
    return total.reshape((groups * o, c, *windows.kernel))


@unbuffered
def correlated_apart(x: Any, g: Any, windows: Windows, groups: int) -> tuple[Any, tuple[int, ...]]:
    """As `correlated`, but not summed over N; and the order in which the axes of a weight are in it."""
    n, o, c, axes = len(x), g.shape[1] // groups, x.shape[1] // groups, windows.axes
    flat = g.reshape((n, groups, o, math.prod(g.shape[2:])))
    as_rows = groups == 1 and c * windows.kernel[-1] >= _MANY
    total = np.empty((n, groups, o, windows.size * c), np.result_type(x, g))
    for images, places, patches in each_tile(x, windows, as_rows):
        part, target = flat[images, :, :, places], total[images]
        m, _, _, t = part.shape
        if as_rows:
            part = _rows_of(part[:, 0], total.dtype).reshape((m, 1, t, o)).mT
            patches = patches.reshape((m, 1, t, windows.size * c))
        else:
            patches = patches.reshape((m, groups, windows.size * c, t)).mT
        if places.start:  # further rows of an image
            target += np.matmul(part, patches)
        else:
            np.matmul(part, patches, out=target)
    if as_rows:
        return total.reshape((n, o, *windows.kernel, c)), (0, *range(2, 2 + axes), 1)
    return total.reshape((n, groups * o, c, *windows.kernel)), tuple(range(2 + axes))


def _rows_of(g: Any, dtype: Any) -> Any:
    """A part (m, O, t) of the gradient as rows (m x t, O), in kept memory."""
    m, o, t = g.shape
    rows = buffer("product", (m, t, o), dtype)
    turn(rows.transpose((0, 2, 1)), g)
    return rows.reshape((m * t, o))


@unbuffered
def transposed(g: Any, w: Any, bias: Any, windows: Windows, sizes: Sequence[int], groups: int) -> Any:
    """g (N, O, *counts) and w (O, C / groups, *kernel) to (N, C, *sizes), by the cheaper of two ways.

    Patches of the gradient are multiplied with the weight turned round; or a product gives columns, which are added up
    where they belong: that is left where a stride makes gaps.
    """
    o, c = w.shape[0] // groups, w.shape[1]
    turned = _turned(windows)
    if turned is not None and (o <= (1.5 if c >= _MANY else 4) * c or windows.are_places):
        flipped = w.reshape((groups, o, *w.shape[1:])).swapaxes(1, 2)[(..., *[slice(None, None, -1)] * windows.axes)]
        flipped = flipped[0] if groups == 1 else flipped.reshape((groups * c, o, *windows.kernel))
        return convolved(g, flipped, bias, turned, groups)
    if depthwise.fits(w, groups):
        return depthwise.transposed(g, w, bias, windows, sizes, groups)
    out = np.zeros((len(g), groups * c, *sizes), np.result_type(g, w))
    if out.size and g.size:
        flat = g.reshape((len(g), groups, o, math.prod(g.shape[2:])))
        _add_products(out, flat, g.shape[2:], w, windows)
    if bias is not None:
        out += bias.reshape((-1, *[1] * windows.axes))
    return out


def _turned(windows: Windows) -> Windows | None:
    """The windows over the gradient that give what these give backwards; None where a stride leaves gaps."""
    around = zip(windows.spans, windows.padding, strict=True)
    padding = tuple([(span - 1 - before, span - 1 - after) for span, (before, after) in around])
    if math.prod(windows.stride) != 1 or min(map(min, padding)) < 0:
        return None
    return windows._replace(padding=padding)


def _add_products(out: Any, g: Any, counts: Sequence[int], w: Any, windows: Windows) -> None:
    """Add to zeros, for each place of the kernel, the product of the weight there with the gradient."""
    groups, o, c = g.shape[1], g.shape[2], w.shape[1]
    as_rows = groups == 1 and c >= _MANY
    numbers = groups * c * windows.size
    for images, whole in each_padded(out, windows, numbers * g.shape[3], as_rows):
        whole[...] = 0
        for rows in row_tiles(counts, numbers * math.prod(counts[1:])):
            there = (rows.stop - rows.start, *counts[1:])
            first = rows.start * math.prod(counts[1:])
            part = g[images, :, :, first : first + math.prod(there)]
            if as_rows:
                _add_rows(whole, part[:, 0], w, windows, there, rows.start)
                continue
            columns = buffer("patches", (len(part), groups, c * windows.size, part.shape[3]), out.dtype)
            np.matmul(w.reshape((groups, o, c * windows.size)).swapaxes(1, 2), part, out=columns)
            columns = columns.reshape((len(part), groups * c, *windows.kernel, *there))
            add_columns(whole, columns, windows, there, rows.start)
        if windows.is_padded or as_rows:
            out[images] = windows.cropped(whole)


def _add_rows(whole: Any, g: Any, w: Any, windows: Windows, counts: Sequence[int], first: int) -> None:
    """The same for a part (m, O, windows) of the gradient, where the channels of each place lie side by side."""
    gradient, c = _rows_of(g, whole.dtype), w.shape[1]
    product = buffer("patches", (len(g), *counts, c), whole.dtype)
    term = np.moveaxis(product, -1, 1)
    for place, target in slices_of(whole, windows, counts, first):
        _in_blocks(gradient, w[(..., *place)], product.reshape((len(gradient), c)))
        np.add(target, term, out=target)
