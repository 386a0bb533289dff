"""Ways to compute a product of matrices by other calls than the plain one. `products.py` says which is taken when.

All give x @ y, to a few roundings of the sum of magnitudes, and write to `out` if there is one: it lies row by row,
has the shape and dtype of the result, and shares no memory with x and y.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def tiled(x: Any, y: Any, out: Any, rows: int, columns: int) -> Any:
    """x @ y for matrices, as one stack of small products: blocks of x of so many rows, tiles of y of so many columns.

    Nothing is copied: a stack of views is multiplied, into a stack of views of the result. Tiles come one after the
    other, each with all blocks, so that a large y is read once; order="C" keeps NumPy from turning that round.
    """
    m, k = x.shape
    n = y.shape[1]
    if out is None:
        out = np.empty((m, n), x.dtype)
    blocks, tiles = m // rows, n // columns
    i, j = blocks * rows, tiles * columns
    left = x[:i].reshape(blocks, rows, k)
    right = y[:, :j].reshape(k, tiles, 1, columns).transpose(1, 2, 0, 3)
    np.matmul(left, right, out=out[:i, :j].reshape(blocks, rows, tiles, columns).transpose(2, 0, 1, 3), order="C")
    if j < n:
        np.matmul(left, y[:, j:], out=out[:i, j:].reshape(blocks, rows, n - j))
    if i < m:
        tiled(x[i:], y, out[i:], m - i, columns)
    return out


def in_rows(x: Any, y: Any, out: Any, rows: int) -> Any:
    """x @ y for stacks, each matrix of x in blocks of so many rows; y is copied unless it lies row by row."""
    y = np.ascontiguousarray(y)
    m, k = x.shape[-2:]
    n = y.shape[-1]
    if out is None:
        out = np.empty((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), m, n), x.dtype)
    blocks = m // rows
    i = blocks * rows
    left = x[..., :i, :].reshape(*x.shape[:-2], blocks, rows, k)
    np.matmul(left, y[..., None, :, :], out=out[..., :i, :].reshape(*out.shape[:-2], blocks, rows, n))
    if i < m:
        np.matmul(x[..., i:, :], y, out=out[..., i:, :])
    return out


def with_copy(x: Any, y: Any, out: Any) -> Any:
    """x @ y for stacks, y copied unless it lies row by row."""
    return np.matmul(x, np.ascontiguousarray(y), out=out)


def by_matvec(x: Any, y: Any, out: Any) -> Any:
    """x @ y for matrices, the transpose of y times each row of x by itself."""
    return np.matvec(y.T, x, out=out)


def by_einsum(x: Any, y: Any, out: Any) -> Any:
    """x @ y for a column and a row."""
    return np.einsum("ik,kj->ij", x, y, out=out)


def with_zeros(x: Any, y: Any, out: Any, rows: int) -> Any:
    """x @ y for a column and a row, and a second of each, all zeros: then small kernels take it, so many rows each."""
    m, n = len(x), y.shape[1]
    left, right = np.zeros((2, m), x.dtype), np.zeros((2, n), y.dtype)
    left[0], right[0] = x[:, 0], y
    return tiled(left.T, right, out, rows, n)
