"""Checks of matrices: square, finite; and which one of a stack fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import LinAlgError, ShapeError
from ..ops.arguments import shape_of


def check_matrix(op: str, x: Any, square: bool = True) -> None:
    """Raise unless `x` is a matrix or a stack of them."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ShapeError(f"{op}: needs a matrix or a stack of them, (..., n, n), got shape {shape}")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(
            f"{op}: needs square matrices, got shape {shape}: axis -2 is {shape[-2]}, axis -1 is {shape[-1]}"
        )


def require_finite(op: str, a: Any) -> None:
    """Raise if `a` holds NaN or infinity, with which an iteration may hang or give meaningless numbers."""
    finite = np.isfinite(a).all((-2, -1))
    if not finite.all():
        place = ", ".join(map(str, np.argwhere(~finite)[0]))
        where = f" (batch element {place} of shape {a.shape})" if place else ""
        raise LinAlgError(
            f"{op}: the matrix holds NaN or infinity{where}: it has no decomposition. "
            "tg.detect_anomaly() finds where the first one appeared"
        )


def tried(op: str, problem: str, function: Callable[..., Any], a: Any, *more: Any, works: Any = None) -> Any:
    """`function(a, *more)`; if it raises, the error names the first matrix of `a` for which `works`, or it, raises."""
    try:
        return function(a, *more)
    except np.linalg.LinAlgError:
        raise _failing(op, problem, a, works or function) from None


def _failing(op: str, problem: str, a: Any, works: Callable[[Any], Any]) -> LinAlgError:
    for index in np.ndindex(*a.shape[:-2]):
        try:
            works(a[index])
        except np.linalg.LinAlgError:
            where = f" (batch element {', '.join(map(str, index))} of shape {a.shape})" if index else ""
            return LinAlgError(f"{op}: the matrix {problem}{where}")
    return LinAlgError(f"{op}: a matrix {problem}")
