"""Cumulative operations: running sums, products and extremes along an axis, and differences of neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, float64
from ..engine.graph import array_of
from ..engine.primitives import Operand, implements, primitive
from ..sample_rules.families import along_axis, moving_axis
from .arguments import on_axis, one_axis
from .casting import clone, converted
from .kinds import axiswise
from .picking import ValuesIndices, at, picking

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]


def _reversed(x: Any, axis: int, reverse: bool) -> Any:
    return x[on_axis(axis, slice(None, None, -1))] if reverse else x


def _in_float64(scan: Any, x: Any, axis: int) -> Any:
    """A scan, which rounds at every step, with the rounding of float64."""
    return scan(x, axis=axis, dtype=float64).astype(x.dtype) if x.dtype.kind == "f" else scan(x, axis=axis)


# Rules. A scan's derivative is a scan the other way, so three primitives are enough, and they are
# closed under differentiation: whatever the order of the derivative, no division is done.


def _running_sum_rule(g: Any, out: Any, x: Any, axis: int, reverse: bool) -> Any:
    return running_sum(g, axis, not reverse)


@axiswise(
    vjps=(_running_sum_rule,),
    saves=("",),
    name="cumsum",
    cases=lambda draw: [
        (draw(5), 0, False),
        (draw(2, 3), 1, True),
        (draw(2, 0), 1, False),
        (draw(1), 0, False),
    ],
)
def running_sum(x: Operand, axis: int, reverse: bool) -> Operand:
    """The running sum along an axis, from its other end if `reverse`."""
    return _reversed(_in_float64(np.cumsum, _reversed(x, axis, reverse), axis), axis, reverse)


def _shift_rule(g: Any, out: Any, x: Any, axis: int, steps: int, fill: float) -> Any:
    return shifted(g, axis, -steps, 0)


@primitive(
    vjps=(_shift_rule,),
    saves=("",),
    fresh=True,
    name="shift",
    cases=lambda draw: [
        (draw(5), 0, 1, 0.0),
        (draw(2, 3), 1, -1, 1.0),
        (draw(2, 0), 1, 1, 0.0),
        (draw(1), 0, 1, 0.0),
    ],
    samples=moving_axis,
)
def shifted(x: Operand, axis: int, steps: int, fill: float) -> Operand:
    """x moved by one place along `axis` (1 or -1), with `fill` in the place that becomes free."""
    out = np.empty_like(x)
    first, last, free = (slice(1, None), slice(None, -1), slice(None, 1))
    if steps < 0:
        first, last, free = last, first, slice(-1, None)
    out[on_axis(axis, first)] = x[on_axis(axis, last)]
    out[on_axis(axis, free)] = fill
    return out


def _by_factor(g: Any, out: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    return _by_term(g, out, a, b, axis, reverse) * shifted(out, axis, -1 if reverse else 1, 0)


def _by_term(g: Any, out: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    return recurrence(shifted(a, axis, 1 if reverse else -1, 0), g, axis, not reverse)


@primitive(
    vjps=(_by_factor, _by_term),
    saves=("out a", "a"),
    fresh=True,
    cases=lambda draw: [
        (draw(5), draw(5), 0, False),
        (draw(2, 3), draw(2, 3), 1, True),
        (draw(2, 0), draw(2, 0), 1, False),
    ],
    samples=along_axis,
)
def recurrence(a: Operand, b: Operand, axis: int, reverse: bool) -> Operand:
    """s[i] = a[i] s[i-1] + b[i] along `axis`, beginning with s[-1] = 0; from the other end if `reverse`."""
    out = np.empty_like(b)
    order = range(b.shape[axis] - 1, -1, -1) if reverse else range(b.shape[axis])
    state: Any = 0
    for i in order:
        place = on_axis(axis, i)
        state = a[place] * state + b[place]
        out[place] = state
    return out


def _running_product_rule(g: Any, out: Any, x: Any, axis: int, reverse: bool) -> Any:
    """With respect to x[i]: the product of what comes before i, times the sum over k of g[k] x[i+1] … x[k]."""
    step = -1 if reverse else 1
    before = shifted(out, axis, step, 1)
    return before * recurrence(shifted(x, axis, -step, 0), g, axis, not reverse)


@axiswise(
    vjps=(_running_product_rule,),
    saves=("out x",),
    name="cumprod",
    cases=lambda draw: [
        (draw(5), 0, False),
        (draw(2, 3), 1, True),
        (draw(2, 4) * np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), 1, False),
        (draw(2, 0), 1, False),
        (draw(1), 0, False),
    ],
)
def _running_product(x: Operand, axis: int, reverse: bool) -> Operand:
    return _reversed(_in_float64(np.cumprod, _reversed(x, axis, reverse), axis), axis, reverse)


def products_of_others(x: Any, axis: int) -> Any:
    """For each element the product of all others along `axis`, without a division."""
    before = shifted(_running_product(x, axis, False), axis, 1, 1)
    after = shifted(_running_product(x, axis, True), axis, -1, 1)
    return before * after


def _log_running_sum_rule(g: Any, out: Any, x: Any, axis: int) -> Any:
    """exp(x[i] - out[i]) times the sum over k >= i of g[k] exp(out[i] - out[k]): no exponent is above 0.

    In `out` the digits of large numbers are lost. It is m + log(s) with the running maximum m and the running sum s of
    exp(x - m), and of both together only differences of m and quotients of s are needed.
    """
    dtype = g.dtype
    g, x = (v.astype(float64) for v in (g, x))
    level: Any = np.maximum.accumulate(array_of(x), axis=axis)
    level = np.where(level == -math.inf, 0, level)
    rise = np.exp(np.minimum(level - shifted(level, axis, -1, math.inf), 0))  # to the next place
    terms = np.exp(x - level)
    sums: Any = recurrence(shifted(rise, axis, 1, 0), terms, axis, False)
    sums = np.where(sums == 0, 1, sums)
    decay = rise * sums / shifted(sums, axis, -1, 1)
    return (terms / sums * recurrence(decay, g, axis, True)).astype(dtype)


@axiswise(
    vjps=(_log_running_sum_rule,),
    saves=("x",),
    name="logcumsumexp",
    cases=lambda draw: [(draw(5), 0), (draw(2, 3), 1), (draw(2, 0), 1), (draw(1), 0)],
)
def _logrunning_sum(x: Operand, axis: int) -> Operand:
    return _in_float64(np.logaddexp.accumulate, x, axis)


# The functions


def cumsum(x: Operand, dim: int | None = None, *, axis: int | None = None, dtype: DType = None) -> Tensor:
    """The running sum along one axis.

    Args:
        x: tensor of at least one axis.
        dim: the axis.
        axis: the same as `dim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x`; of int64 for integers and booleans.

    Raises:
        TypeError: if no axis is given.
        ShapeError: if the axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    return running_sum(converted(x, dtype), _axis("cumsum", x, dim, axis), False)


def cumprod(x: Operand, dim: int | None = None, *, axis: int | None = None, dtype: DType = None) -> Tensor:
    """The running product along one axis. The gradient is also right where elements are 0.

    Args:
        x: tensor of at least one axis.
        dim: the axis.
        axis: the same as `dim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x`; of int64 for integers and booleans.

    Raises:
        TypeError: if no axis is given.
        ShapeError: if the axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    return _running_product(converted(x, dtype), _axis("cumprod", x, dim, axis), False)


@implements(np.cumsum)
def _cumsum_numpy(a: Operand, axis: int | None = None, dtype: DType = None) -> Any:
    return cumsum(a.reshape(-1), 0, dtype=dtype) if axis is None else cumsum(a, axis, dtype=dtype)


@implements(np.cumprod)
def _cumprod_numpy(a: Operand, axis: int | None = None, dtype: DType = None) -> Any:
    return cumprod(a.reshape(-1), 0, dtype=dtype) if axis is None else cumprod(a, axis, dtype=dtype)


def logcumsumexp(x: Operand, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """The logarithm of the running sum of exp(x), without overflow.

    Args:
        x: tensor of any shape.
        dim: the axis.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `x`; integers become the default dtype.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.logcumsumexp(tg.tensor([1000.0, 1000.0]), dim=0).round(decimals=1)
    tensor([1000. , 1000.7])
    """
    return _logrunning_sum(x, _axis("logcumsumexp", x, dim, axis))


def cummax(x: Operand, dim: int | None = None, *, axis: int | None = None) -> ValuesIndices:
    """The running maximum along one axis, and its index; the last one if several tie.

    Args:
        x: tensor of any shape.
        dim: the axis.
        axis: the same as `dim`.

    Returns:
        Named tuple (values, indices), both of the shape of `x`; the indices are int64.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.cummax(tg.tensor([1.0, 3.0, 2.0]), dim=0)
    ValuesIndices(values=tensor([1., 3., 3.]), indices=tensor([0, 1, 1]))
    """
    place = _axis("cummax", x, dim, axis)
    return at(_cummax_at, x, _last_met(x, np.maximum.accumulate, place), place)


def cummin(x: Operand, dim: int | None = None, *, axis: int | None = None) -> ValuesIndices:
    """The running minimum along one axis, and its index; the last one if several tie.

    Args:
        x: tensor of any shape.
        dim: the axis.
        axis: the same as `dim`.

    Returns:
        Named tuple (values, indices), both of the shape of `x`; the indices are int64.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.cummin(tg.tensor([3.0, 1.0, 2.0]), dim=0)
    ValuesIndices(values=tensor([3., 1., 1.]), indices=tensor([0, 1, 1]))
    """
    place = _axis("cummin", x, dim, axis)
    return at(_cummin_at, x, _last_met(x, np.minimum.accumulate, place), place)


@primitive(saves=(), cases=lambda draw: [(draw(2, 3), np.maximum.accumulate, 1), (draw(4), np.minimum.accumulate, 0)])
def _last_met(x: Operand, accumulate: Any, axis: int) -> Operand:
    best = accumulate(x, axis=axis)
    places = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    return np.maximum.accumulate(np.where((x == best) | (x != x), places, 0), axis=axis)


_cummax_at = picking("cummax")
_cummin_at = picking("cummin")


def diff(
    x: Operand,
    n: int = 1,
    dim: int = -1,
    prepend: Operand = None,
    append: Operand = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """The differences between neighbours along one axis, taken n times.

    Args:
        x: tensor of at least one axis.
        n: how many times.
        dim: the axis.
        prepend: what to put before `x` along the axis first; ignored if n is 0.
        append: what to put after it.
        axis: the same as `dim`.

    Returns:
        Tensor like `x`, shorter by n along the axis.

    Raises:
        ShapeError: if the axis is out of range.
        ValueError: if `n` is negative.

    >>> import tinygrad_edu as tg
    >>> tg.diff(tg.tensor([1.0, 4.0, 9.0]))
    tensor([3., 5.])
    """
    if n < 0:
        raise ValueError(f"diff: n={n}: it counts how often differences are taken, so it cannot be negative")
    place = _axis("diff", x, dim if axis is None else axis, None)
    parts = [part for part in (prepend, x, append) if part is not None]
    if len(parts) > 1 and n:
        x = np.concatenate(parts, axis=place)
    for _ in range(n):
        later, earlier = x[on_axis(place, slice(1, None))], x[on_axis(place, slice(None, -1))]
        x = later != earlier if x.dtype.kind == "b" else later - earlier
    return clone(x) if n == 0 else x


@implements(np.diff)
def _diff_numpy(a: Operand, n: int = 1, axis: int = -1, prepend: Operand = None, append: Operand = None) -> Any:
    return diff(a, n, axis, prepend, append)


def _axis(op: str, x: Any, dim: int | None, axis: int | None) -> int:
    place = one_axis(op, x, dim, axis)
    if place is None:
        raise TypeError(f"{op}: along which axis? Pass dim=0 for the first one (x has shape {x.shape})")
    return place
