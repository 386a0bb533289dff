"""Sums along the last axis, fast and with their digits; for arrays, and for the tensors of a pass that is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..precision import add_up
from .arguments import rows_of

_SHORT, _LONG = 64, 1024


def is_plain(*values: Any) -> bool:
    """Whether these are arrays, and not tensors of a pass that is recorded."""
    return all(type(value) is np.ndarray for value in values)


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
    """One number for each row, or `across` the samples one for all of them."""
    if not across:
        return rows
    return add_up(rows, 0, True) if is_plain(rows) else rows.sum(axis=0, keepdims=True)


def into(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """ufunc(x, y), in the memory of x if that is an array that can hold it: what is new need not be made twice."""
    return ufunc(x, y, out=x) if is_plain(x, y) and np.result_type(x, y) == x.dtype else ufunc(x, y)
