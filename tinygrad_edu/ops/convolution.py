"""Convolution: three ops, each linear in two arrays, which are one another's derivatives.

Of an input x, a weight w and a gradient g of the result, all three are parts of one number::

    Σ  w[o, c, k] x[n, c, stride·t + dilation·k - padding] g[n, o, t]      over n, o, c, k, t

Its derivative with respect to g is `convolve(x, w)`, to x `convolve_transposed(g, w)`, to w `correlate(x, g)`; and the
derivatives of these three are the three again. With groups, o and c run within each group. Any number of axes that
windows slide along: k, t, stride, dilation and padding have an entry for each.

All is computed as products of matrices: of a tile of patches at a time, in memory that is kept from call to call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..precision import add_up
from .convolution_rule import IMAGE, RESULT, WEIGHT, Bilinear
from .convolving import convolved, correlated, transposed
from .windows import Sizes, Windows


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
    return convolved(x, w, bias, windows, groups)


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
    return transposed(g, w, bias, windows, sizes, groups)


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
    return correlated(x, g, windows, groups)
