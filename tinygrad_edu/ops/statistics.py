"""Variance and standard deviation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, implements
from ..precision import add_up, is_in_range, toward_one
from .arguments import Axes, some_axes
from .kinds import reducing
from .reductions import _mean, count, spread, without

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["std", "std_mean", "var", "var_mean"]


def _statistic_cases(draw: Any) -> list[tuple[Any, ...]]:
    return [
        (draw(2, 3), None, 1, False),
        (draw(2, 3, 4), (0, 2), 0, False),
        (draw(2, 3), -1, 1, True),
        (draw(0, 3), -1, 1, False),
        (draw(4), 0, 0, False),
    ]


def _deviation(x: Any, axis: Any) -> tuple[Any, Any]:
    """x minus its mean, times a power of two, and that power: 1, unless a sum or a difference is too large without."""
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = x - _mean(x, axis, True)
    plain = array_of(deviation)
    if np.isfinite(plain).all():
        return deviation, 1
    factor = toward_one(array_of(x), axis) / 2  # to leave room for the difference
    x = x * factor
    return x - _mean(x, axis, True), factor


def _mean_square(x: Any, axis: Any, degrees: float) -> Any:
    deviation = x - _mean(x, axis, True)
    return add_up(deviation * deviation, axis, True) / degrees


def _degrees(x: Any, axis: Any, correction: float) -> float:
    """What the sum of squares is divided by; NaN where too few elements are left."""
    degrees = count(x, axis) - correction
    return degrees if degrees > 0 else math.nan


def _var_rule(g: Any, out: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    deviation, factor = _deviation(x, axis)
    return spread(g, x, axis, keepdims) * (deviation * (2 / _degrees(x, axis, correction)) / factor)


def _std_rule(g: Any, out: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    deviation, factor = _deviation(x, axis)
    scale = spread(out, x, axis, keepdims) * factor
    unit = deviation / np.where(scale == 0, 1, scale)
    return spread(g, x, axis, keepdims) * unit / _degrees(x, axis, correction)


@reducing(vjps=(_var_rule,), saves=("x",), single=True, cases=_statistic_cases)
def _var(x: Operand, axis: Any, correction: float, keepdims: bool) -> Operand:
    degrees = _degrees(x, axis, correction)
    if x.dtype.kind != "f" or math.isnan(degrees):
        return np.var(x, axis=axis, ddof=correction, keepdims=keepdims)
    with np.errstate(over="ignore", invalid="ignore"):
        variance = _mean_square(x, axis, degrees)
    if not np.isfinite(variance).all():
        factor = toward_one(x, axis)
        variance = _mean_square(x * factor, axis, degrees) / factor / factor
    return without(variance, axis, keepdims)


@reducing(vjps=(_std_rule,), saves=("out x",), single=True, cases=_statistic_cases)
def _std(x: Operand, axis: Any, correction: float, keepdims: bool) -> Operand:
    degrees = _degrees(x, axis, correction)
    if x.dtype.kind != "f" or math.isnan(degrees):
        return np.std(x, axis=axis, ddof=correction, keepdims=keepdims)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        variance = _mean_square(x, axis, degrees)
    if is_in_range(variance, 1):
        root = np.sqrt(variance)
    else:
        factor = toward_one(x, axis)
        root = np.sqrt(_mean_square(x * factor, axis, degrees)) / factor
    return without(root, axis, keepdims)


def var(
    x: Operand,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Axes = None,
    keepdims: bool = False,
) -> Tensor:
    """The variance along the given axes, or of all elements: the mean square distance from the mean.

    Args:
        x: tensor of any shape.
        dim: the axis or axes to reduce; None for all.
        unbiased: divide by n - 1, which makes the estimate from a sample unbiased; else by n.
        keepdim: keep those axes, with size 1.
        correction: divide by n - correction instead.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without those axes. (`np.var` divides by n unless told otherwise.)

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> x.var(), x.var(unbiased=False)
    (tensor(2.5), tensor(2.))
    """
    return _statistic(_var, "var", x, dim, unbiased, correction, axis, keepdim or keepdims)  # type: ignore[no-any-return]


def std(
    x: Operand,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Axes = None,
    keepdims: bool = False,
) -> Tensor:
    """The standard deviation: the square root of `var`, whose arguments it takes.

    Where all elements are equal, the gradient is 0. Shapes, dtypes and errors are those of `var`.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]).std(dim=1)
    tensor([1., 0.])
    """
    return _statistic(_std, "std", x, dim, unbiased, correction, axis, keepdim or keepdims)  # type: ignore[no-any-return]


def _statistic(
    op: Any, name: str, x: Any, dim: Any, unbiased: bool, correction: float | None, axis: Any, keepdims: bool
) -> Any:
    if isinstance(dim, bool):  # var(x, False) is PyTorch's short form of var(x, unbiased=False)
        dim, unbiased = None, dim
    correction = int(unbiased) if correction is None else correction
    return op(x, some_axes(name, x, dim, axis), correction, keepdims)


@implements(np.var)
def _var_numpy(
    a: Operand, axis: Axes = None, *, ddof: float = 0, correction: float | None = None, keepdims: bool = False
) -> Any:
    return var(a, axis, keepdim=keepdims, correction=ddof if correction is None else correction)


@implements(np.std)
def _std_numpy(
    a: Operand, axis: Axes = None, *, ddof: float = 0, correction: float | None = None, keepdims: bool = False
) -> Any:
    return std(a, axis, keepdim=keepdims, correction=ddof if correction is None else correction)


def var_mean(
    x: Operand,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Axes = None,
    keepdims: bool = False,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean, as a pair. Arguments, shapes, dtypes and errors are those of `var`.

    >>> import tinygrad_edu as tg
    >>> tg.var_mean(tg.tensor([1.0, 3.0]), unbiased=False)
    (tensor(1.), tensor(2.))
    """
    spread = var(x, dim, unbiased, keepdim, correction=correction, axis=axis, keepdims=keepdims)
    return spread, _mean_beside(x, dim, axis, keepdim or keepdims)


def std_mean(
    x: Operand,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Axes = None,
    keepdims: bool = False,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean, as a pair. Arguments, shapes, dtypes and errors are those of `var`.

    >>> import tinygrad_edu as tg
    >>> tg.std_mean(tg.tensor([1.0, 3.0]), unbiased=False)
    (tensor(1.), tensor(2.))
    """
    spread = std(x, dim, unbiased, keepdim, correction=correction, axis=axis, keepdims=keepdims)
    return spread, _mean_beside(x, dim, axis, keepdim or keepdims)


def _mean_beside(x: Any, dim: Any, axis: Any, keepdims: bool) -> Any:
    return np.mean(x, axis=axis if dim is None or isinstance(dim, bool) else dim, keepdims=keepdims)
