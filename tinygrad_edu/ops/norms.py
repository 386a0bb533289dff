"""Vector norms: the p-norm of the elements along axes; matrix norms are in `linalg`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import float64
from ..engine.primitives import Operand
from ..precision import add_up, is_in_range, toward_one
from .arguments import Axes, some_axes
from .kinds import reducing
from .reductions import count, spread, without

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["norm"]


def _norm_rule(g: Any, out: Any, x: Any, p: float, axis: Any, keepdims: bool) -> Any:
    g, out = spread(g, x, axis, keepdims), spread(out, x, axis, keepdims)
    if p == 1:
        return g * np.sign(x)
    if math.isinf(p):
        chosen = (np.abs(x) == out).astype(g.dtype)
        return g * np.sign(x) * (chosen / chosen.sum(axis=axis, keepdims=True))
    unit = x / np.where(out == 0, 1, out)
    nothing = (x == 0) | (out == 0)  # of negative order the norm is 0 if any element is
    if p == 2:
        return g * unit
    if p == 0:
        return g * 0 * unit
    return g * np.where(nothing, 0, np.sign(x) * np.abs(np.where(nothing, 1, unit)) ** (p - 1))


@reducing(
    vjps=(_norm_rule,),
    saves=("out x",),
    single=True,
    cases=lambda draw: [
        *((draw(2, 3), p, None, False) for p in (2, 1, 3, 1.5, math.inf, -math.inf)),
        (draw(2, 3, 4), 2, (0, 2), False),
        (draw(2, 3), 3, -1, True),
        (draw(), 2, None, False),
        (draw(0, 3), 2, 0, False),
    ],
)
def _norm(x: Operand, p: float, axis: Any, keepdims: bool) -> Operand:
    size = np.abs(x)
    if p == 1:
        return add_up(size, axis, keepdims)
    if math.isinf(p):
        return (np.max if p > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    if p == 0:
        return np.sum(size != 0, axis=axis, keepdims=keepdims).astype(size.dtype)
    size = size if size.dtype.kind == "f" else size.astype(float64)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        total = add_up(_power(size, p), axis, True)
        if size.size and not is_in_range(total, count(x, axis)):
            factor = toward_one(size, axis, np.max if p > 0 else np.min)
            root = _power(add_up(_power(size * factor, p), axis, True), 1 / p) / factor
        else:
            root = _power(total, 1 / p)
    return without(root, axis, keepdims)


def _power(x: Any, p: float) -> Any:
    return x * x if p == 2 else np.sqrt(x) if p == 0.5 else x**p


def norm(
    x: Operand,
    p: float | str | None = "fro",
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Tensor:
    """The p-norm of the elements along the given axes, or of all: (sum |x|^p)^(1/p).

    The gradient at the zero vector is 0, and for negative p it is 0 where any element is. For p = inf,
    elements that tie share the gradient evenly.

    Args:
        x: tensor of any shape.
        p: the order: a number, inf or -inf for the largest or smallest size, 0 for the number of elements
            that are not 0; "fro" for 2.
        dim: the axis or axes to reduce; None for all.
        keepdim: keep those axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.
        dtype: convert to this dtype first.

    Returns:
        Tensor of the shape of `x` without those axes.

    Raises:
        ShapeError: if an axis is out of range or named twice.
        ValueError: for a `p` that is neither a number nor "fro".

    >>> import tinygrad_edu as tg
    >>> tg.norm(tg.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    if p is None or p == "fro":
        p = 2
    if isinstance(p, str):
        raise ValueError(
            f"norm: p={p!r} is unknown: use a number, float('inf') or 'fro'; tg.linalg.norm has the others"
        )
    if dtype is not None:
        x = x.astype(dtype)
    return _norm(x, p, some_axes("norm", x, dim, axis), keepdim or keepdims)
