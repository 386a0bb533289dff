"""Sums and products of arrays, precise where float32 alone would not be.

Everything here takes Tensors as well, for derivatives of what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.graph import TensorBase
from ...sample_rules.ids import is_plain, plain

_KEPT = 8  # matrices of products that are kept: those who need the same ones are neighbours
SILENT = np.errstate(over="ignore", invalid="ignore")  # where numbers out of range are seen to afterwards


class Products:
    """The inner products of all rows of arrays, of which several parameters may need the same."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Any, Any]] = {}
        self._squares: dict[Any, tuple[Any, Any]] = {}
        self._within: dict[Any, tuple[Any, Any]] = {}

    def squares_of(self, rows: Any) -> Any:
        """The squared length of each row, float64 (n,)."""
        if tracked(rows):
            return row_squares(rows)
        key = _place_in_memory(rows)
        if key not in self._squares:
            self._squares[key] = rows, row_squares(rows)
        return self._squares[key][1]

    @SILENT
    def of(self, rows: Any) -> Any:
        """rows @ rows.T for rows (n, k): in float64 where the numbers are too small or too large for less."""
        if tracked(rows):
            rows = wide(rows)
            return rows @ rows.mT
        key = _place_in_memory(rows)
        if key not in self._found:
            found = np.dot(rows, rows.T)
            lengths = np.diagonal(found)
            if rows.dtype.itemsize < 8 and found.size and not (lengths.min() > 1e-30 and lengths.max() < 1e37):
                found = np.dot(wide(rows), wide(rows).T)
            _keep(self._found, key, rows, found)
        return self._found[key][1]

    @SILENT
    def within(self, array: Any) -> tuple[Any, Any]:
        """array @ array.mT of an array (C, n, t, k), over powers of two where it would not fit; and these, (C, n)."""
        if tracked(array):
            return _inner(array)
        key = _place_in_memory(array)
        if key not in self._within:
            _keep(self._within, key, array, _inner(array))
        found: tuple[Any, Any] = self._within[key][1]
        return found


def _keep(found: dict[Any, tuple[Any, Any]], key: Any, array: Any, value: Any) -> None:
    """Keep a value beside the array it was made from: as long as that is held, nothing else can be in its place."""
    if len(found) >= _KEPT:
        del found[next(iter(found))]
    found[key] = array, value


def _inner(array: Any) -> tuple[Any, Any]:
    found = array @ array.mT
    if array.dtype == np.float64:
        return found, 1.0
    lengths = np.diagonal(found, axis1=2, axis2=3).max(2, initial=0)
    if array.dtype == np.float32 and (not lengths.size or (lengths.min() > 1e-8 and lengths.max() < 1e8)):
        return found, 1.0
    top = wide(np.maximum(array.max((2, 3), initial=0), -array.min((2, 3), initial=0)))
    powers = np.exp2(np.clip(np.frexp(top)[1], -120, 120))
    array = array * (1 / powers).astype(np.float32)[..., None, None]
    return array @ array.mT, powers * powers


def _place_in_memory(array: Any) -> Any:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype


def tracked(value: Any) -> bool:
    """Whether it is a Tensor, as where derivatives of the factors are wanted, and not a plain array."""
    return isinstance(value, TensorBase)


def wide(array: Any) -> Any:
    """In float64, in which sums of squares and of products are taken."""
    return array if array.dtype == np.float64 else array.astype(np.float64)


def stacked(parts: Sequence[Any], shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Arrays of `shape` along a new first axis, of which there may be none."""
    return np.stack(parts) if parts else np.zeros((0, *shape), dtype)


@SILENT
def row_squares(array: Any) -> Any:
    """Sums of squares along the last axis, in float64.

    They are added up in the array's own dtype first, twice as fast: positive numbers do not cancel. Where
    squares are too small or too large for that, they are taken in float64.
    """
    if tracked(array):
        array = wide(array)
        return (array * array).sum(-1)
    if array.dtype == np.float64:
        return np.vecdot(array, array)
    found = np.vecdot(array, array).astype(np.float64)
    if array.dtype.itemsize < 4 or (found.size and not (found.min() > 1e-30 and found.max() < 1e37)):
        return np.square(array, dtype=np.float64).sum(-1)
    return found


def segment_sum(values: Any, owner: Any, count: int) -> Any:
    """Sums over equal ids, which are sorted: (N, …) → (count, …)."""
    n = len(owner)
    if n == count and (is_plain(owner) or not n or (owner[0] == 0 and (owner[1:] > owner[:-1]).all())):
        return values
    if tracked(values):
        return scatter(values, owner, count)
    t = period(owner, count)
    if t:
        rows = values.reshape((count, t, math.prod(values.shape[1:])))
        return (np.ones((1, t), values.dtype) @ rows).reshape((count, *values.shape[1:]))
    out = np.zeros((count, *values.shape[1:]), values.dtype)
    if n:
        first = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        out[owner[first]] = np.add.reduceat(values, first, axis=0)
    return out


def period(owner: Any, count: int) -> int:
    """How many slots each of `count` samples has, if they all have equally many; else 0."""
    t = len(owner) // count if count else 0
    if not t or t * count != len(owner):
        return 0
    numbers = plain(count)
    return t if (owner[::t] == numbers).all() and (owner[t - 1 :: t] == numbers).all() else 0


def scatter(values: Any, at: Any, count: int) -> Any:
    """Zeros (count, …) to which each of `values` (N, …) was added at its place."""
    if tracked(values):
        from ...ops.indexing import _put_add

        return _put_add(values, (count, *values.shape[1:]), at)
    out = np.zeros((count, *values.shape[1:]), values.dtype)
    out[at] = values  # no place occurs twice, where these are arrays
    return out
