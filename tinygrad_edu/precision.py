"""Keeping the digits that float16 and float32 have: sums in blocks, and float16 computed in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .dtypes import float16, float32, float64

F = TypeVar("F", bound=Callable[..., Any])

_BLOCK = 32
_reduce: Any = np.add.reduce
_ONES = {dtype: np.ones(_BLOCK, dtype) for dtype in (float32, float64)}


def add_up(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of an array over axes, with an error that hardly grows with the number of terms.

    NumPy adds pairwise along the last axis only. Along others it adds row after row, and the errors add up,
    to more than one digit in ten thousand rows. Here rows are added 32 at a time, by products with ones, which is
    faster as well; and float16 is added up in float32.

    Args:
        x: array.
        axis: an axis, several, or None for all.
        keepdims: keep the axes, with size 1.

    >>> import numpy as np
    >>> add_up(np.full((4096, 1), 0.75, np.float16), 0).tolist()
    [3072.0]
    """
    if x.dtype is float16:
        return _reduce(x, axis=axis, dtype=float32, keepdims=keepdims).astype(float16)
    if axis is None or x.dtype not in _ONES or (axis == 0 and len(x) <= _BLOCK):
        return _reduce(x, axis=axis, keepdims=keepdims)
    if axis == 0 and x.ndim == 2:  # a bias: the common case
        return _add_rows(x)[None] if keepdims else _add_rows(x)
    axes = sorted([a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))])
    first, last = (axes[0], axes[-1]) if axes else (0, -1)
    if last in (-1, x.ndim - 1) or last - first >= len(axes) or not x.size:
        return _reduce(x, axis=axis, keepdims=keepdims)
    before, behind = x.shape[:first], x.shape[last + 1 :]
    out = _add_rows(x.reshape(*before, math.prod(x.shape[first : last + 1]), math.prod(behind)))
    return out.reshape(*before, *((1,) * len(axes) if keepdims else ()), *behind)


def _add_rows(x: Any) -> Any:
    """The sum over the last axis but one: of 32 parts of it, which leaves one part, and so on."""
    count, width = x.shape[-2:]
    front, ones = x.shape[:-2], _ONES[x.dtype]
    while count > _BLOCK:
        size = count // _BLOCK
        whole = size * _BLOCK
        total = ones @ x[..., :whole, :].reshape(*front, _BLOCK, size * width)
        total = total.reshape(*front, size, width)
        if whole < count:
            total[..., -1, :] += ones[: count - whole] @ x[..., whole:, :]
        x, count = total, size
    return ones[:count] @ x


def in_float32(function: F) -> F:
    """`function`, with float16 arrays raised to float32, and its results rounded to float16 once, at the end.

    The squares of numbers above 256 overflow in float16, and every rounding on the way costs a digit in three.
    """

    @wraps(function)
    def call(first: Any, *rest: Any, **more: Any) -> Any:
        if getattr(first, "dtype", None) is not float16:
            return function(first, *rest, **more)
        result = function(_raised(first), *[_raised(value) for value in rest], **more)
        return result if any(_is_wider(value) for value in rest) else _rounded(result)

    return call  # type: ignore[return-value]


def _is_wider(value: Any) -> bool:
    return hasattr(value, "dtype") and value.dtype in _ONES and not isinstance(value, np.generic)


def _raised(value: Any) -> Any:
    return value.astype(float32) if hasattr(value, "astype") and value.dtype == float16 else value


def _rounded(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_rounded(part) for part in result)
    return result.astype(float16) if hasattr(result, "astype") and result.dtype == float32 else result


def by_float64(function: Callable[[Any], Any], x: Any) -> Any:
    """`function` of float32 with the rounding of float64, where each term of an approximation would cost an ulp."""
    is_single = hasattr(x, "dtype") and x.dtype == float32
    return function(x.astype(float64)).astype(float32) if is_single else function(x)


def is_in_range(sums: Any, count: int) -> bool:
    """Whether sums of `count` powers, an array or a Tensor, neither overflowed nor lost terms that were too small."""
    sums = getattr(sums, "array", sums)
    least = max(count, 1) * np.finfo(sums.dtype).tiny
    return bool(((sums >= least) & (sums < np.inf)).all())


def toward_one(x: Any, axis: Any, pick: Callable[..., Any] = np.max, at_least: float = 0) -> Any:
    """A power of two for each slice of an array: times it, the largest size (or what `pick` takes) is about 1.

    To multiply by it rounds nothing, and then powers of the numbers can be added. Slices below `at_least` are raised
    no more than that number would be.
    """
    info = np.finfo(x.dtype)
    size = np.maximum(pick(np.abs(x), axis=axis, keepdims=True), x.dtype.type(at_least))
    exponents = np.frexp(np.where(np.isfinite(size), size, 1))[1]
    return np.ldexp(x.dtype.type(1), -np.clip(exponents, info.minexp + 2, info.maxexp - 2))
