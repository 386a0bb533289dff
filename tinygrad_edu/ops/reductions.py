"""Sums, means and products: reductions over axes.

Each op has two forms. The primitive takes NumPy's arguments, and is what `np.sum` of a Tensor does; the
function takes PyTorch's, in both spellings (`dim` or `axis`, `keepdim` or `keepdims`), and is the method too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType
from ..engine.primitives import Operand, implements, primitive
from ..precision import add_up
from ..sample_rules.families import reduction
from .arguments import Axes, each_axis, some_axes
from .casting import converted
from .cumulative import products_of_others
from .kinds import reducing
from .piecewise import where

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["logsumexp", "mean", "nanmean", "nansum", "prod", "sum"]


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Restore the axes that a reduction removed, each of size 1, so that `g` broadcasts against `x`."""
    if keepdims or (axis is None and not x.shape):
        return g
    axes = {a % len(x.shape) for a in each_axis(axis, len(x.shape))}
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def without(x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's result, that has kept its axes, in the shape that was asked for."""
    return x if keepdims else np.squeeze(x, tuple(range(x.ndim)) if axis is None else axis)


def count(x: Any, axis: Any) -> int:
    """How many elements of `x` are reduced to each element of a reduction over `axis`."""
    return math.prod([x.shape[a] for a in each_axis(axis, len(x.shape))])


def reduction_cases(draw: Any) -> list[tuple[Any, ...]]:
    """Test cases of a reduction that takes an axis and keepdims."""
    return [
        (draw(2, 3), None, False),
        (draw(2, 3, 4), (0, 2), False),
        (draw(2, 3), -1, True),
        (draw(0, 3), -1, False),
        (draw(1), 0, False),
        (draw(), None, False),
    ]


@primitive(
    vjps=(lambda g, out, x, axis, keepdims: np.broadcast_to(spread(g, x, axis, keepdims), x.shape),),
    saves=("",),
    name="sum_over",
    cases=lambda draw: [*reduction_cases(draw), (draw(0, 3), 0, False)],
    samples=reduction,
)
def _sum(x: Operand, axis: Any = None, keepdims: bool = False) -> Operand:
    return add_up(x, axis, keepdims)


def _everywhere(g: Any, out: Any, x: Any) -> Any:
    """One number for every element of `x`: a view made by hand, as broadcast_to takes longer than a small sum."""
    if type(g) is not np.ndarray:
        return np.broadcast_to(g, x.shape)
    view: Any = np.ndarray(x.shape, g.dtype, g, 0, (0,) * len(x.shape))
    view.flags.writeable = False
    return view


@primitive(vjps=(_everywhere,), saves=("",), name="sum", samples=reduction)
def _sum_of_all(x: Operand) -> Operand:
    return add_up(x)


def sum(
    x: Operand,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
    dtype: DType = None,
) -> Tensor:
    """Sum over the given axes, or over all elements.

    Args:
        x: tensor of any shape.
        dim: the axis or axes to sum over; None for all.
        keepdim: keep the summed axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x` without the summed axes; of int64 for integers and booleans.

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
    tensor([4., 6.])
    """
    if dim is None and axis is None and not (keepdim or keepdims):
        return _sum_of_all(converted(x, dtype))  # every training step ends in one: it takes the short way
    return _sum(converted(x, dtype), some_axes("sum", x, dim, axis), keepdim or keepdims)


@implements(np.sum)
def _sum_numpy(a: Operand, axis: Axes = None, dtype: DType = None, *, keepdims: bool = False) -> Any:
    return _sum(converted(a, dtype), some_axes("np.sum", a, axis), keepdims)


def _mean_rule(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.broadcast_to(spread(g, x, axis, keepdims) / (count(x, axis) or 1), x.shape)


@primitive(vjps=(_mean_rule,), saves=("",), single=True, cases=reduction_cases, samples=reduction)
def _mean(x: Operand, axis: Any = None, keepdims: bool = False) -> Operand:
    number = count(x, axis)
    if x.dtype.kind != "f" or not number:
        return np.mean(x, axis=axis, keepdims=keepdims)
    return add_up(x, axis, keepdims) / number


def mean(
    x: Operand,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
    dtype: DType = None,
) -> Tensor:
    """Mean over the given axes, or over all elements: the sum divided by the count.

    Args:
        x: tensor of any shape.
        dim: the axis or axes to average over; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x` without those axes; of the default dtype for integers and booleans.

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(dim=1)
    tensor([1.5, 3.5])
    """
    if dtype is not None:
        x = x.astype(dtype)
    return _mean(x, some_axes("mean", x, dim, axis), keepdim or keepdims)


@implements(np.mean)
def _mean_numpy(a: Operand, axis: Axes = None, dtype: DType = None, *, keepdims: bool = False) -> Any:
    return mean(a, axis, keepdims, dtype=dtype)


def _prod_rule(g: Any, out: Any, x: Any, axis: int, keepdims: bool) -> Any:
    """The gradient times the product of the others, which is out / x only where no element is 0."""
    g = spread(g, x, axis, keepdims)
    if (x != 0).all():
        return g * spread(out, x, axis, keepdims) / x
    return g * products_of_others(x, axis)


@reducing(
    vjps=(_prod_rule,),
    saves=("out x",),
    single=True,
    cases=lambda draw: [
        (draw(5), 0, False),
        (draw(2, 3), 1, True),
        (draw(2, 3) * np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), 1, False),
        (draw(3, 0), 0, False),
        (draw(1), 0, False),
    ],
)
def _prod(x: Operand, axis: int, keepdims: bool) -> Operand:
    return np.prod(x, axis=axis, keepdims=keepdims)


def prod(
    x: Operand,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
    dtype: DType = None,
) -> Tensor:
    """Product over the given axes, or of all elements. The gradient is also right where elements are 0.

    Args:
        x: tensor of any shape.
        dim: the axis or axes to multiply over; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x` without those axes; of int64 for integers and booleans.

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([0., 6., 0.])
    """
    axes = some_axes("prod", x, dim, axis)
    x, keep = converted(x, dtype), keepdim or keepdims
    if axes is None:
        whole = _prod(x.reshape(-1), 0, False)
        return whole.reshape((1,) * len(x.shape)) if keep else whole
    for place in sorted(each_axis(axes, len(x.shape)), reverse=True):
        x = _prod(x, place, keep)
    return x  # type: ignore[no-any-return]


@implements(np.prod)
def _prod_numpy(a: Operand, axis: Axes = None, dtype: DType = None, *, keepdims: bool = False) -> Any:
    return prod(a, axis, keepdims, dtype=dtype)


def nansum(x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The sum of the elements that are not NaN. Arguments, shapes, dtypes and errors are those of `sum`.

    >>> import tinygrad_edu as tg
    >>> tg.nansum(tg.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    return sum(where(np.isnan(x), 0, x), dim, keepdim, axis=axis, keepdims=keepdims)


def nanmean(
    x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False
) -> Tensor:
    """The mean of the elements that are not NaN. Arguments, shapes, dtypes and errors are those of `mean`.

    >>> import tinygrad_edu as tg
    >>> tg.nanmean(tg.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5)
    """
    missing = np.isnan(x)
    total = sum(where(missing, 0, x), dim, keepdim, axis=axis, keepdims=keepdims)
    return total / sum(~missing, dim, keepdim, axis=axis, keepdims=keepdims)


@implements(np.nansum)
def _nansum_numpy(a: Operand, axis: Axes = None, *, keepdims: bool = False) -> Any:
    return nansum(a, axis, keepdims)


@implements(np.nanmean)
def _nanmean_numpy(a: Operand, axis: Axes = None, *, keepdims: bool = False) -> Any:
    return nanmean(a, axis, keepdims)


def _logsumexp_rule(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    out = spread(out, x, axis, keepdims)
    return spread(g, x, axis, keepdims) * np.exp(x - where(out == -math.inf, 0, out))


@reducing(vjps=(_logsumexp_rule,), saves=("out x",), single=True, cases=reduction_cases)
def _logsumexp(x: Operand, axis: Any, keepdims: bool) -> Operand:
    if not count(x, axis):
        return np.sum(x, axis=axis, keepdims=keepdims) - math.inf
    largest = np.max(x, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore", over="ignore"):  # the log of 0 is -inf, as it should be
        out = np.log(add_up(np.exp(x - largest), axis, True)) + largest
    return without(out, axis, keepdims)


def logsumexp(
    x: Operand, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False
) -> Tensor:
    """log(sum(exp(x))) over the given axes, or over all elements, without overflow.

    Args:
        x: tensor of any shape.
        dim: the axis or axes to sum over; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without those axes; -inf, with a gradient of 0, where all of `x` is -inf.

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.logsumexp(tg.tensor([[1000.0, 1000.0], [0.0, -1000.0]]), dim=1).round(decimals=1)
    tensor([1000.7,    0. ])
    """
    return _logsumexp(x, some_axes("logsumexp", x, dim, axis), keepdim or keepdims)
