"""Softmax and its logarithm.

Subtracting the largest entry first changes nothing in the result and keeps every exponential below 1.
Along a last axis of few classes NumPy's reductions are an order of magnitude slower than along the first
one, so such rows are reduced on a transposed copy; the sums of longer rows are products with ones, but for the
longest, where NumPy's pairwise sum is worth its time in digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..errors import require_own
from ..precision import add_up
from ..sample_rules.families import reduction
from .arguments import one_axis, rows_of
from .kinds import axiswise

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["log_softmax", "softmax", "softmin"]

_FEW = 32  # up to so many classes the transposed copy pays
_MANY = 1024


def row_max(x: Any, axis: int) -> Any:
    """The largest entries along `axis`, which stays with size 1; 0 where that is not finite."""
    if not x.size:
        return 0
    if _has_short_rows(x, axis):
        largest = rows_of(x).T.copy().max(0).reshape((*x.shape[:-1], 1))
    else:
        largest = x.max(axis=axis, keepdims=True)
    finite = np.isfinite(largest)
    return largest if finite.all() else np.where(finite, largest, 0)


def row_sum(x: Any, axis: int) -> Any:
    """The sums along `axis`, which stays with size 1."""
    if _is_last(x, axis) and x.dtype.kind == "f" and x.shape[-1] <= _MANY:
        return (rows_of(x) @ np.ones(x.shape[-1], x.dtype)).reshape((*x.shape[:-1], 1))
    return add_up(x, axis, True)


def _is_last(x: Any, axis: int) -> bool:
    return x.ndim > 1 and axis in (-1, x.ndim - 1)


def _has_short_rows(x: Any, axis: int) -> bool:
    return _is_last(x, axis) and x.shape[-1] <= _FEW and x.size > _FEW * x.shape[-1]


@primitive(
    vjps=(lambda g, out, x, axis: np.broadcast_to(g, x.shape),),
    saves=("",),
    single=True,
    cases=lambda draw: [(draw(3, 4), 1), (draw(3, 4), 0), (draw(2, 3, 4), 1), (draw(0, 3), 1)],
    samples=reduction,
)
def _row_sum(x: Operand, axis: int) -> Operand:
    return row_sum(x, axis)


_CASES = lambda draw: [
    (draw(3, 4), 1),
    (draw(3, 4), 0),
    (draw(2, 3, 4), 1),
    (draw(40, 3), -1),
    (draw(0, 3), 1),
    (draw(3, 1), 1),
]


@axiswise(
    vjps=(lambda g, out, x, axis: out * (g - _row_sum(g * out, axis)),),
    saves=("out",),
    cases=_CASES,
)
def _softmax(x: Operand, axis: int) -> Operand:
    if _has_short_rows(x, axis):
        columns = _exponentials(rows_of(x).T.copy(), 0)
        columns /= columns.sum(0)
        return columns.T.copy().reshape(x.shape)
    e = _exponentials(x, axis)
    e /= row_sum(e, axis)
    return e


def _exponentials(x: Any, axis: int) -> Any:
    """exp(x) divided by its largest entry along `axis`."""
    shifted = np.atleast_1d(x - row_max(x, axis))
    return np.exp(shifted, out=shifted if shifted.dtype.kind == "f" else None)


@axiswise(
    vjps=(lambda g, out, x, axis: g - np.exp(out) * _row_sum(g, axis),),
    saves=("out",),
    cases=_CASES,
)
def _log_softmax(x: Operand, axis: int) -> Operand:
    if _has_short_rows(x, axis):
        columns = rows_of(x).T.copy()
        columns = columns - row_max(columns, 0)
        columns = columns - np.log(np.exp(columns).sum(0))
        return columns.T.copy().reshape(x.shape)
    shifted = x - row_max(x, axis)
    if not x.size:
        return shifted
    return shifted - np.log(row_sum(np.exp(shifted), axis))


def softmax(x: Operand, dim: int | None = None, *, axis: int | None = None, dtype: Any = None) -> Tensor:
    """exp(x) divided by its sum along one axis: positive numbers that sum to 1.

    Args:
        x: tensor of any shape but ().
        dim: the axis along which the result sums to 1.
        axis: the same as `dim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x`. Entries of -inf get 0; a row of only these gets NaN.

    Raises:
        TypeError: if no axis is given.
        ShapeError: if `x` has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.softmax(tg.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    return _softmax(*_prepared("softmax", x, dim, axis, dtype))


def log_softmax(x: Operand, dim: int | None = None, *, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, to full precision where that is small: x - log(sum(exp(x))).

    Args:
        x: tensor of any shape but ().
        dim: the axis along which the exponentials of the result sum to 1.
        axis: the same as `dim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        TypeError: if no axis is given.
        ShapeError: if `x` has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.log_softmax(tg.tensor([[1000.0, 0.0]]), dim=1)
    tensor([[    0., -1000.]])
    """
    return _log_softmax(*_prepared("log_softmax", x, dim, axis, dtype))


def softmin(x: Operand, dim: int | None = None, *, axis: int | None = None, dtype: Any = None) -> Tensor:
    """softmax of -x. Shapes, dtypes and errors are those of `softmax`.

    >>> import tinygrad_edu as tg
    >>> tg.softmin(tg.tensor([0.0, 1000.0]), dim=0)
    tensor([1., 0.])
    """
    x, place = _prepared("softmin", x, dim, axis, dtype)
    return _softmax(-x, place)


def _prepared(op: str, x: Any, dim: int | None, axis: int | None, dtype: Any) -> tuple[Any, int]:
    require_own(op, x)
    place = one_axis(op, x, dim, axis)
    if place is None:
        raise TypeError(f"{op}: which axis should sum to 1? Pass dim=-1 for the last one (x has shape {x.shape})")
    return (x if dtype is None else x.astype(dtype)), place
