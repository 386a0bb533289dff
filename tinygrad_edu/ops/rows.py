"""Sums along the last axis, fast and with their digits; for arrays, and for the tensors of a pass that is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..precision import add_up
from .arguments import rows_of

_SHORT, _LONG = 64, 1024
_NONE = np.zeros(0)


def is_plain(x: Any, y: Any = _NONE) -> bool:
    """Whether both are arrays, and not tensors of a pass that is recorded."""
    return type(x) is np.ndarray and type(y) is np.ndarray


def row_dots(x: Any, y: Any) -> Any:
    """The sums of x * y along the last axis, which stays with size 1; a long row is added up in parts."""
    if not is_plain(x, y):
        return (x * y).sum(axis=-1, keepdims=True)
    width = x.shape[-1]
    if width == 1:
        return x * y
    if width < _SHORT:
        return row_sums(x * y)
    if width <= _LONG:
        return np.vecdot(x, y)[..., None]
    whole = width // _LONG * _LONG
    parts = [a[..., :whole].reshape((*a.shape[:-1], whole // _LONG, _LONG)) for a in (x, y)]
    total = np.vecdot(*parts).sum(-1, keepdims=True)
    return total + np.vecdot(x[..., whole:], y[..., whole:])[..., None]


def row_sums(x: Any) -> Any:
    """The sums along the last axis, which stays with size 1."""
    if not is_plain(x):
        return x.sum(axis=-1, keepdims=True)
    width = x.shape[-1]
    if width == 1:
        return x
    ones = np.ones(width, x.dtype)
    return row_dots(x, ones) if width > _LONG else (rows_of(x) @ ones).reshape((*x.shape[:-1], 1))


def totals(rows: Any, across: bool) -> Any:
    """Of one number for each row, (N, R, 1): these themselves, or `across` the samples their sums, (1, R, 1)."""
    if not across:
        return rows
    if not is_plain(rows):
        return rows.sum(axis=0, keepdims=True)
    return add_up(rows.reshape(rows.shape[:2]), 0).reshape((1, rows.shape[1], 1))


def into(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """ufunc(x, y), in the memory of x if that is an array that can hold it: what is new need not be made twice."""
    return ufunc(x, y, out=x) if is_plain(x, y) and np.result_type(x, y) == x.dtype else ufunc(x, y)
