"""Convolution: three ops that are linear in two arrays each, and one another's derivatives.

Of an input x, a weight w and a gradient g of the result, all three are parts of one number::

    Σ  w[o, c, k] x[n, c, stride·t + dilation·k - padding] g[n, o, t]      over n, o, c, k, t

Its derivative by g is `convolve(x, w)`, that by x `convolve_transposed(g, w)`, that by w `correlate(x, g)`; and the
derivatives of these three are the three again. With groups, o and c run within each group. Any number of axes that
windows slide along: k, t, stride, dilation and padding have an entry for each.

All is computed as products of matrices: of a tile of patches at a time, in memory that is kept from call to call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..precision import add_up
from .buffers import buffer
from .convolution_rule import IMAGE, RESULT, WEIGHT, Bilinear
from .patches import add_columns, each_padded, each_tile, row_tiles
from .windows import Sizes, Windows

_FEW = 100  # windows an image: below, those of several images go into one product


# ---- the products


def _convolved(x: Any, w: Any, bias: Any, windows: Windows, groups: int) -> Any:
    """For each tile of patches the product of the weight, a matrix, with it."""
    n, counts = x.shape[0], windows.counts(x.shape[2:])
    out = np.empty((n, w.shape[0], *counts), np.result_type(x, w))
    flat = out.reshape((n, groups, w.shape[0] // groups, math.prod(counts)))
    matrix = w.reshape((groups, w.shape[0] // groups, math.prod(w.shape[1:])))
    joined = n > 1 and flat.shape[3] < _FEW
    for images, places, patches in each_tile(x, windows, joined):
        target = flat[images, :, :, places]
        m, _, o, t = target.shape
        if joined:
            product = buffer("product", (groups, o, m * t), out.dtype)
            np.matmul(matrix, patches.reshape((groups, matrix.shape[2], m * t)), out=product)
            target[...] = product.reshape((groups, o, m, t)).transpose((2, 0, 1, 3))
        else:
            np.matmul(matrix, patches.reshape((m, groups, matrix.shape[2], t)), out=target)
        if bias is not None:
            target += bias.reshape((groups, o, 1))
    return out


def _transposed(g: Any, w: Any, bias: Any, windows: Windows, sizes: Sequence[int], groups: int) -> Any:
    """By the cheaper of two ways: patches of the gradient, or columns that are added up; a stride leaves the second."""
    turned = _turned(windows, sizes, g.shape[2:])
    if turned is not None and (w.shape[0] <= 1.5 * w.shape[1] * groups or w.shape[0] == groups):
        o, c = w.shape[0] // groups, w.shape[1]
        flipped = w.reshape((groups, o, *w.shape[1:])).swapaxes(1, 2)[(..., *[slice(None, None, -1)] * windows.axes)]
        return _convolved(g, flipped.reshape((groups * c, o, *windows.kernel)), bias, turned, groups)
    out = np.zeros((g.shape[0], w.shape[1] * groups, *sizes), np.result_type(g, w))
    if out.size and g.size:
        _add_all_columns(out, g, w, windows, groups)
    if bias is not None:
        out += bias.reshape((-1, *[1] * windows.axes))
    return out


def _turned(windows: Windows, sizes: Sequence[int], counts: Sequence[int]) -> Windows | None:
    """The windows over the gradient that give what these give backwards; None where a stride leaves gaps."""
    padding = [
        (span - 1 - before, span - 1 - after)
        for span, (before, after) in zip(windows.spans, windows.padding, strict=True)
    ]
    if math.prod(windows.stride) != 1 or min(map(min, padding)) < 0:
        return None
    return windows._replace(padding=tuple(padding))


def _add_all_columns(out: Any, g: Any, w: Any, windows: Windows, groups: int) -> None:
    """Add to zeros, for each place of the kernel, the slices of the columns that belong there."""
    counts, (o, c) = g.shape[2:], (w.shape[0] // groups, w.shape[1])
    n, lines, whole_counts = g.shape[0], math.prod(counts[1:]), math.prod(counts)
    matrix = w.reshape((groups, o, c * windows.size)).swapaxes(1, 2)
    flat = g.reshape((n, groups, o, whole_counts))
    for images, whole in each_padded(out, windows, out.shape[1] * windows.size * whole_counts):
        m = whole.shape[0]
        for rows in row_tiles(counts, out.shape[1] * windows.size * lines):
            part = flat[images, :, :, rows.start * lines : rows.stop * lines]
            t = part.shape[3]
            tile = (*windows.kernel, rows.stop - rows.start, *counts[1:])
            if m > 1 and whole_counts < _FEW:
                joined = buffer("product", (groups, o, m, t), out.dtype)
                joined[...] = part.transpose((1, 2, 0, 3))
                columns = buffer("patches", (groups, c * windows.size, m * t), out.dtype)
                np.matmul(matrix, joined.reshape((groups, o, m * t)), out=columns)
                columns = columns.reshape((groups * c, *windows.kernel, m, *tile[windows.axes :]))
                columns = np.moveaxis(columns, 1 + windows.axes, 0)
            else:
                columns = buffer("patches", (m, groups, c * windows.size, t), out.dtype)
                np.matmul(matrix, part, out=columns)
                columns = columns.reshape((m, groups * c, *tile))
            add_columns(whole, columns, windows, tile[windows.axes :], rows.start)
        if windows.is_padded:
            out[images] = windows.cropped(whole)


def _correlated(x: Any, g: Any, windows: Windows, groups: int) -> Any:
    """The sum over all tiles of the product of the gradient with the patches."""
    n, o, c = x.shape[0], g.shape[1] // groups, x.shape[1] // groups
    total = np.zeros((groups, o, c * windows.size), np.result_type(x, g))
    flat = g.reshape((n, groups, o, math.prod(g.shape[2:])))
    joined = n > 1
    for images, places, patches in each_tile(x, windows, joined):
        part = flat[images, :, :, places]
        m, _, _, t = part.shape
        if m > 1:
            gradient = buffer("product", (groups, o, m, t), total.dtype)
            gradient[...] = part.transpose((1, 2, 0, 3))
            part = gradient.reshape((1, groups, o, m * t))
        columns = patches.reshape((groups, c * windows.size, m * t))
        total += np.matmul(part[0], columns.mT)
    return total.reshape((groups * o, c, *windows.kernel))


# ---- the ops


def _cases(draw: Any, kinds: str) -> list[tuple[Any, ...]]:
    """Arguments for one, two and three axes: i is an input, r a result, w a weight, s are the input's sizes."""
    plain = Windows((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1))
    chosen = [
        (2, 1, 2, (4,), Windows((2,), (1,), ((1, 1),), (1,)), 1),
        (2, 2, 4, (6,), Windows((2,), (2,), ((1, 0),), (2,)), 2),
        (2, 2, 1, (3, 4), plain, 1),
        (1, 3, 3, (4, 3), plain._replace(stride=(2, 1), padding=((2, 1), (0, 1))), 3),
        (1, 1, 2, (2, 3, 2), Windows((1, 2, 2), (1, 1, 1), ((0, 0), (0, 1), (0, 0)), (1, 1, 1)), 1),
        (2, 1, 1, (2, 2), Windows((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)), 1),
        (0, 2, 1, (3, 3), plain, 1),
    ]
    found = []
    for n, c, o, sizes, windows, groups in chosen:
        image, result, weight = (n, c, *sizes), (n, o, *windows.counts(sizes)), (o, c // groups, *windows.kernel)
        made = {"i": image, "r": result, "w": weight, "b": (o,), "c": (c,)}
        arrays = [sizes if kind == "s" else windows if kind == "v" else draw(*made[kind]) for kind in kinds]
        found.append((*arrays, groups))
    return found


def _over_places(g: Any) -> Any:
    """The sum of a gradient over samples and places, which leaves the channels."""
    if type(g) is not np.ndarray:
        return g.sum((0, *range(2, len(g.shape))))
    return add_up(g.reshape((*g.shape[:2], math.prod(g.shape[2:]))).sum(-1), 0)


def _input_of_convolve(g: Any, out: Any, x: Any, w: Any, bias: Any, windows: Windows, groups: int) -> Any:
    return convolve_transposed(g, w, None, windows, x.shape[2:], groups)


def _weight_of_convolve(g: Any, out: Any, x: Any, w: Any, bias: Any, windows: Windows, groups: int) -> Any:
    return correlate(x, g, windows, groups)


@primitive(
    vjps=(_input_of_convolve, _weight_of_convolve, lambda g, out, *args: _over_places(g)),
    saves=("w", "x", ""),
    fresh=True,
    single=True,
    cases=lambda draw: _cases(draw, "iwbv"),
    samples=Bilinear(IMAGE, WEIGHT, "go", result=RESULT),
)
def convolve(x: Operand, w: Operand, bias: Operand, windows: Windows, groups: int) -> Any:
    """The sum over channels and kernel of w[o, c, k] x[n, c, under the window t], plus bias[o].

    Args:
        x: (N, C, *sizes).
        w: (O, C / groups, *kernel).
        bias: (O,), or None.
        windows: where they lie; as many axes as sizes.
        groups: divides C and O; channels of one group meet those of the same group alone.

    Returns:
        (N, O, *counts).
    """
    return _convolved(x, w, bias, windows, groups)


def _weight_of_transposed(h: Any, out: Any, g: Any, w: Any, bias: Any, windows: Windows, _: Sizes, groups: int) -> Any:
    return correlate(h, g, windows, groups)


@primitive(
    vjps=(
        lambda h, out, g, w, bias, windows, sizes, groups: convolve(h, w, None, windows, groups),
        _weight_of_transposed,
        lambda h, out, *args: _over_places(h),
    ),
    saves=("w", "g", ""),
    fresh=True,
    single=True,
    cases=lambda draw: _cases(draw, "rwcvs"),
    samples=Bilinear(RESULT, WEIGHT, "gc", result=IMAGE),
)
def convolve_transposed(g: Operand, w: Operand, bias: Operand, windows: Windows, sizes: Sizes, groups: int) -> Any:
    """The sum, at each place of an input, over all windows it lies under, of w[o, c, k] g[n, o, t]; plus bias[c].

    Args:
        g: (N, O, *counts).
        w: (O, C / groups, *kernel).
        bias: (C,), or None.
        windows: as for `convolve`.
        sizes: those of the input; `windows.counts(sizes)` are the counts.
        groups: as for `convolve`.

    Returns:
        (N, C, *sizes).
    """
    return _transposed(g, w, bias, windows, sizes, groups)


@primitive(
    vjps=(
        lambda h, out, x, g, windows, groups: convolve_transposed(g, h, None, windows, x.shape[2:], groups),
        lambda h, out, x, g, windows, groups: convolve(x, h, None, windows, groups),
    ),
    saves=("g", "x"),
    fresh=True,
    single=True,
    cases=lambda draw: _cases(draw, "irv"),
    samples=Bilinear(IMAGE, RESULT, result=WEIGHT),
)
def correlate(x: Operand, g: Operand, windows: Windows, groups: int) -> Any:
    """The sum over samples and windows of x[n, c, under the window t] g[n, o, t].

    Args:
        x: (N, C, *sizes).
        g: (N, O, *counts).
        windows: as for `convolve`.
        groups: as for `convolve`.

    Returns:
        (O, C / groups, *kernel).
    """
    return _correlated(x, g, windows, groups)
