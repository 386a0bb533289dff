"""The product of two arrays of matrices, by whichever of NumPy's calls is fast for their shapes.

Every op that multiplies matrices calls it: `matmul`, `linear`, convolution, recurrence, attention, and their rules.
Which form is taken depends on shapes, strides and dtypes alone, and on the BLAS library of the machine: the same
product is computed in the same way each time. docs/design/0020 has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy import ndarray

from .arguments import rows_of
from .blas import SMALL_KERNELS
from .product_forms import by_einsum, by_matvec, in_rows, tiled, with_copy, with_zeros

TINY: Final = 2**16  # multiplications; below, choosing costs more than it gives
SMALL: Final = 10**6  # multiplications; up to here OpenBLAS computes without packing
SMALL_TURNED: Final = 1200  # numbers in the result: a second limit, where the right operand alone is a transpose
LARGE_RESULT: Final = 2**14  # bytes, above which np.matmul is faster than np.dot

FLOATS: Final = (np.dtype(np.float32), np.dtype(np.float64))

Form = Callable[[Any, Any, Any], Any]

_FEW_ROWS: Final[dict[str, Form]] = {"CC": np.vecmat, "CT": by_matvec}


def product(x: Any, y: Any, out: Any = None) -> Any:
    """x @ y, for arrays of any number of axes but 0; in a rule that is being recorded, for tensors as well.

    What is fastest lies row by row, or is the transpose of what does: `product(x, w.T)`, `product(g.T, x)`,
    `product(g, w)`. A caller that multiplies few rows by one `w.T` many times, as recurrence does, copies it once.

    Args:
        x: the left operand.
        y: the right operand.
        out: where the result goes, for arrays: row by row, of its shape and dtype, apart from x and y in memory.

    Raises:
        ValueError: if the shapes do not fit, as from NumPy.
    """
    if type(x) is not ndarray or type(y) is not ndarray:
        return x @ y if out is None else np.matmul(x, y, out=out)
    left, right = x.ndim, y.ndim
    if left == 2 == right:
        if x.size * y.shape[1] <= TINY or len(x) == 1:
            return np.dot(x, y, out)
        return _form(x.shape, y.shape, x.strides, y.strides, x.dtype, y.dtype)(x, y, out)
    if left <= 2 and right <= 2:
        return np.dot(x, y, out=out)
    if left == 1 or right == 1:
        return np.matmul(x, y, out=out)
    if right == 2:
        if x.shape[-1] != y.shape[0]:
            return np.matmul(x, y)  # raises
        rows = product(rows_of(x), y, None if out is None else rows_of(out))
        return rows.reshape((*x.shape[:-1], y.shape[1])) if out is None else out
    return _stack_form(x.shape, y.shape, x.strides, y.strides, x.dtype, y.dtype)(x, y, out)


@lru_cache(maxsize=1024)
def _form(x: Any, y: Any, x_strides: Any, y_strides: Any, x_dtype: Any, y_dtype: Any) -> Form:
    """The form for two matrices of these shapes, which have a large product."""
    size = x_dtype.itemsize
    if x[1] != y[0] or x_dtype != y_dtype or x_dtype not in FLOATS:
        return np.dot
    if x[1] == 1:
        return outer_form(x[0], y[1])
    return matrix_form(x[0], x[1], y[1], _lies(x, x_strides, size), _lies(y, y_strides, size), size)


@lru_cache(maxsize=1024)
def _stack_form(x: Any, y: Any, x_strides: Any, y_strides: Any, x_dtype: Any, y_dtype: Any) -> Form:
    """The form for two operands of which the right one is a stack."""
    if x[-1] != y[-2] or x_dtype != y_dtype or x_dtype not in FLOATS:
        return np.matmul
    turned = _lies(y[-2:], y_strides[-2:], x_dtype.itemsize) == "T"
    return stack_form(x[-2], x[-1], y[-1], turned)


def _lies(shape: Any, strides: Any, size: int) -> str:
    """How a matrix lies in memory: "C" for row by row, "T" for column by column, "" for anything else."""
    rows, columns = shape
    if strides == (columns * size, size):
        return "C"
    return "T" if strides == (size, rows * size) else ""


def matrix_form(m: int, k: int, n: int, left: str, right: str, size: int, small: bool = SMALL_KERNELS) -> Form:
    """The form for (m, k) @ (k, n), which lie as `left` and `right` say.

    Args:
        m: rows of the left operand.
        k: what is summed over.
        n: columns of the right operand.
        left: "C", "T" or "", as the left operand lies.
        right: the same of the right one.
        size: bytes of a number.
        small: whether there are kernels for small products.
    """
    plain: Form = np.matmul if m * n * size > LARGE_RESULT else np.dot
    if n == 1:
        return np.dot
    kind = left + right
    if not small:
        return _FEW_ROWS.get(kind, plain) if m <= 3 else plain
    rows = columns = 0
    if kind == "CT" and k >= 100 and (m * k * n > SMALL or m * n > SMALL_TURNED):
        rows, columns = _turned_tiles(m, k, n)
    elif kind == "TC" and m * k * n > SMALL:
        rows, columns = _gradient_tiles(m, k, n, size)
    elif kind == "CC" and m * k * n > SMALL:
        rows, columns = _row_tiles(m, k, n, size)
    return partial(tiled, rows=rows, columns=columns) if rows and columns else plain


def _turned_tiles(m: int, k: int, n: int) -> tuple[int, int]:
    """Rows and columns for x @ w.T: all rows, or eight where that leaves too few columns; few columns stay together."""
    if n <= 16:
        return min(m, 32, SMALL // (k * n)), n
    if m > 128:
        return 0, 0
    columns = min(SMALL_TURNED // m, SMALL // (m * k))
    if columns >= 8:
        return m, _even(n, columns)
    return min(m, 8), _even(n, SMALL // (min(m, 8) * k))


def _gradient_tiles(m: int, k: int, n: int, size: int) -> tuple[int, int]:
    """Rows and columns for g.T @ x, if x stays in the cache of a core."""
    if k * size > 512 or k * n * size > 2**21:
        return 0, 0
    rows = _gradient_rows(m, n)
    return rows, _even(n, SMALL // (rows * k), 256 // size)


def _gradient_rows(m: int, n: int) -> int:
    """So many rows that a block has some 6,000 numbers; the kernels take 12 at a time."""
    return min(m, 12 * -(-512 // n))


def _row_tiles(m: int, k: int, n: int, size: int) -> tuple[int, int]:
    """Rows and columns for g @ w, where a tile of w is a column of short pieces, far apart in memory."""
    line = 64 // size  # numbers that one line of the cache holds
    stride = n * size
    crowded = k * (stride & -stride) > 2**20  # the pieces meet in a few places of the cache
    most = 32 // size if crowded else 16 if stride % 64 else 128 if n <= 512 else 64
    if n < 2 * line or m > most:
        return 0, 0
    columns = min(n, (8 if min(m, 4) * 8 * line * k <= SMALL else 4) * line)
    rows = SMALL // (columns * k)
    return (m if rows >= m else rows // 4 * 4), columns


def _even(n: int, most: int, step: int = 4) -> int:
    """Columns for a few tiles, nearly all of one size, that cover n: at most so many, in whole steps; 0 if none fit."""
    if n <= most:
        return n
    steps = most // step
    tiles = -(-n // (steps * step)) if steps else 1
    return min(steps, -(-n // (tiles * step))) * step


def stack_form(m: int, k: int, n: int, turned: bool, small: bool = SMALL_KERNELS) -> Form:
    """The form for (..., m, k) @ (..., k, n), the right operand a stack, of transposes if `turned`."""
    if not small:
        return np.matmul
    if m * k * n > SMALL:
        rows = 32 if 32 * k * n <= SMALL else 8
        return partial(in_rows, rows=rows) if rows * k * n <= SMALL else np.matmul
    return with_copy if turned and m >= 64 else np.matmul


def outer_form(m: int, n: int, small: bool = SMALL_KERNELS) -> Form:
    """The form for (m, 1) @ (1, n), which np.matmul would not give to BLAS."""
    if m * n < (2**18 if small else 2**19):
        return np.dot
    if n >= 4096:
        return np.multiply
    return partial(with_zeros, rows=_gradient_rows(m, n)) if small and n >= 16 else by_einsum
