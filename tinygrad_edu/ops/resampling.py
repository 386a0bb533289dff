"""An axis with another number of places: the nearest element, one between two, or the mean of several.

Except for the nearest, each is a matrix along the axis, (new size, old size), which depends on the sizes alone and has
few numbers other than 0 in a row; the gradient is its transpose.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import Array, float32
from ..engine.primitives import Operand, primitive
from ..errors import ShapeError
from ..sample_rules.families import along_axis
from .pooling import adaptive_sizes, require_floating
from .products import product
from .shape import reshape
from .taps import Taps, adaptive_bounds, of_runs, placed

if TYPE_CHECKING:
    from ..engine.typing import Tensor

_BLOCK = 32  # rows of the matrix: with more, there is more beside the numbers that are not 0


# The matrices


@lru_cache(maxsize=64)
def means(size: int, count: int) -> Array:
    """For each of the windows that share an axis, one over its length at its elements."""
    starts, ends = adaptive_bounds(size, count)
    at = np.arange(size)
    inside = (starts[:, None] <= at) & (at < ends[:, None])
    return _constant(inside / (ends - starts)[:, None])


@lru_cache(maxsize=64)
def between(size: int, count: int, scale: float, align_corners: bool) -> Array:
    """For each new place the weights of the two elements beside it; `scale` is how far apart new places are.

    Elements are cells, whose middles are half a place from their corners; with `align_corners` they are points, and the
    first and the last one stay where they are.
    """
    places = np.arange(count) * scale if align_corners else np.maximum((np.arange(count) + 0.5) * scale - 0.5, 0)
    left = np.minimum(places.astype(np.intp), size - 1)
    right = np.minimum(left + 1, size - 1)
    weight = np.clip(places - left, 0, 1)
    matrix = np.zeros((count, size))
    rows = np.arange(count)
    matrix[rows, left] = 1 - weight
    matrix[rows, right] += weight  # at the end, left and right are one
    return _constant(matrix)


def _constant(matrix: Array) -> Array:
    matrix.flags.writeable = False
    return matrix


# What they do


def _map_rule(g: Any, out: Any, x: Any, axis: int, matrix: Array) -> Any:
    return mapped(g, axis, matrix.T)


@primitive(
    vjps=(_map_rule, None, None),
    saves=("matrix",),
    fresh=True,
    name="resample",
    cases=lambda draw: [
        (draw(2, 4), 1, between(4, 7, 4 / 7, False)),
        (draw(5, 2, 2), 0, means(5, 3)),
        (draw(3, 40), 1, between(40, 70, 39 / 69, True)),
        (draw(0, 4), 1, means(4, 2)),
        (draw(4), 0, means(4, 1)),
    ],
    samples=along_axis,
)
def mapped(x: Operand, axis: int, matrix: Array) -> Operand:
    """The product of a constant matrix with each vector along `axis`."""
    new, old = matrix.shape
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    inner = np.promote_types(x.dtype, float32)  # of float16, the sums are rounded once
    matrix = matrix.astype(inner, copy=False)
    vectors = x.reshape((math.prod(before), old, math.prod(after))).astype(inner, copy=False)
    with np.errstate(invalid="ignore"):
        out = _in_blocks(matrix, vectors, _BLOCK)
        if not np.isfinite(out if new < old else x).all():
            # 0 times infinity is NaN. So that none comes where PyTorch has numbers, a row gets what it needs alone.
            out = _in_blocks(matrix, vectors, 1)
    return out.reshape((*before, new, *after)).astype(x.dtype, copy=False)


def _in_blocks(matrix: Any, vectors: Any, block: int) -> Any:
    """(new, old) times (n, old, m), so many rows of the matrix at a time, and of the vectors what these need."""
    parts = []
    if matrix.shape[1] <= block:  # there is nothing to leave out
        block = max(len(matrix), 1)
    for first in range(0, len(matrix), block):
        rows = matrix[first : first + block]
        used = np.flatnonzero(rows.any(0))
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        parts.append(_times(rows[:, span], vectors[:, span]))
    if not parts:
        return vectors[:, :0]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _times(matrix: Any, vectors: Any) -> Any:
    """(new, old) times (n, old, m). Where m is 1, the vectors are rows of one matrix."""
    if matrix.shape[1] == 1:
        return matrix * vectors
    if vectors.shape[2] == 1:
        return product(vectors[:, :, 0], matrix.T)[:, :, None]
    return product(matrix, vectors)


@lru_cache(maxsize=64)
def nearest(size: int, count: int, scale: float, exact: bool) -> Taps:
    """Which new places each element has: those whose start, or middle if `exact`, lies in its cell."""
    starts = np.arange(count, dtype=np.float32) + np.float32(0.5 if exact else 0)
    sources = np.minimum((starts * np.float32(scale)).astype(np.intp), size - 1)
    elements = np.arange(size)
    return of_runs(count, np.searchsorted(sources, elements), np.searchsorted(sources, elements, side="right"))


# Several axes


def adaptive_avg_pool(op: str, x: Any, output_size: Any, axes: int) -> Tensor:
    """The mean of each of the windows that share the last axes."""
    have, wanted = adaptive_sizes(op, x, output_size, axes)
    require_floating(op, x)
    if set(wanted) == {1}:  # the mean of all: one product
        front, count = tuple(x.shape[: len(x.shape) - axes]), math.prod(have)
        return reshape(mapped(reshape(x, (*front, count)), len(front), means(count, 1)), (*front, *wanted))
    return _along_last(x, [means(n, m) for n, m in zip(have, wanted, strict=True)])


def _along_last(x: Any, matrices: list[Array]) -> Tensor:
    """x mapped along each of its last axes, the last one first."""
    for i, matrix in enumerate(reversed(matrices)):
        x = mapped(x, len(x.shape) - 1 - i, matrix)
    return x  # type: ignore[no-any-return]


def resample(x: Any, sizes: tuple[int, ...], scales: tuple[float | None, ...], mode: str, corners: bool) -> Tensor:
    """x with these sizes of its last axes.

    Args:
        x: floating tensor of shape (N, C, *).
        sizes: the sizes.
        scales: for each axis how many times as long it is said to become; None for what the sizes say.
        mode: "linear", "nearest" or "nearest-exact".
        corners: with "linear", whether the first and the last element stay where they are.
    """
    have = x.shape[2:]
    if min((*have, *sizes, x.shape[1])) < 1:
        raise ShapeError(
            f"interpolate: {tuple(x.shape)} to sizes {sizes}: each axis but the batch must have an element, before and "
            "after. Use a larger size or scale_factor"
        )
    # As in PyTorch, whose 1-d and 3-d "nearest" does so in the backward pass alone: the scale that was named does not
    # count where the size stays, nor with "nearest" where it doubles.
    plain = {"linear": (1,), "nearest": (1, 2), "nearest-exact": ()}[mode]
    rows = zip(have, sizes, scales, strict=True)
    steps = [n / m if s is None or any(m == n * k for k in plain) else 1 / s for n, m, s in rows]
    if mode == "linear":
        if corners:
            steps = [(n - 1) / (m - 1) if m > 1 else 0.0 for n, m in zip(have, sizes, strict=True)]
        return _along_last(x, [between(*row, corners) for row in zip(have, sizes, steps, strict=True)])
    for axis in reversed(range(len(have))):
        taps = nearest(have[axis], sizes[axis], steps[axis], mode == "nearest-exact")
        x = placed(x, axis + 2, taps)
    return x  # type: ignore[no-any-return]
