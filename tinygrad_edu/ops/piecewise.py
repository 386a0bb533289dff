"""Clipping and selection: within bounds, the larger of two, as a condition says.

Shapes that do not broadcast raise a ShapeError; numbers and integers do not widen a floating dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..engine.graph import TensorBase
from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import make_tensor
from ..errors import refuse_mask, require_own
from ..sample_rules.families import Choosing
from .kinds import pointwise

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "maximum", "minimum", "nan_to_num", "where"]


def _larger(g: Any, x: Any, y: Any) -> Any:
    """`g` where x > y, half of it where they tie (NaN counts as larger, on both sides)."""
    return np.where(x == y, 0.5 * g, np.where(x < y, 0, g))


@pointwise(
    vjps=(lambda g, out, x, y: _larger(g, x, y), lambda g, out, x, y: _larger(g, y, x)),
    saves=("x y", "x y"),
    numpy=np.maximum,
)
def maximum(x: Operand, y: Operand) -> Operand:
    """The larger of x and y; NaN if either is. Where they tie, each gets half of the gradient.

    >>> import tinygrad_edu as tg
    >>> tg.maximum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return np.maximum(x, y)


@pointwise(
    vjps=(lambda g, out, x, y: _larger(g, y, x), lambda g, out, x, y: _larger(g, x, y)),
    saves=("x y", "x y"),
    numpy=np.minimum,
)
def minimum(x: Operand, y: Operand) -> Operand:
    """The smaller of x and y; NaN if either is. Where they tie, each gets half of the gradient.

    >>> import tinygrad_edu as tg
    >>> tg.minimum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return np.minimum(x, y)


def _inside(g: Any, x: Any, low: Any, high: Any) -> Any:
    """`g` where low <= x <= high, else 0; a bound may be None."""
    if low is None:
        return np.where(x > high, 0, g)
    if high is None:
        return np.where(x < low, 0, g)
    return np.where((x < low) | (x > high), 0, g)


def _by_low(g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where(x < low if high is None else (x < low) & (low < high), g, 0)


def _by_high(g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where(x > high if low is None else (x > high) | (high < low), g, 0)


@pointwise(
    vjps=(lambda g, out, x, low, high: _inside(g, x, low, high), _by_low, _by_high),
    saves=("x low high",) * 3,
    cases=lambda draw: [
        (draw(2, 3), -0.5, 1.0),
        (draw(4), None, 0.3),
        (draw(), 0.1, None),
        (draw(3, 4), draw(4, low=-1.0, high=-0.2), draw(3, 1, low=0.1, high=1.0)),
        (draw(0, 3), 0.0, 1.0),
    ],
)
def _clip(x: Operand, low: Operand, high: Operand) -> Operand:
    if low is None:
        return np.minimum(x, high)
    if high is None:
        return np.maximum(x, low)
    return np.minimum(np.maximum(x, low), high)


def clamp(x: Operand, min: Operand = None, max: Operand = None) -> Tensor:
    """x limited to the interval from `min` to `max`; where the bounds cross, `max`.

    The gradient goes to `x` inside the bounds and on them, and to the bound outside.

    Args:
        x: tensor of any shape.
        min: the lower bound, a number or a tensor that broadcasts; None for none.
        max: the upper bound, likewise.

    Raises:
        TypeError: if both bounds are None.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([-2.0, 0.5, 2.0]).clamp(-1, 1)
    tensor([-1. ,  0.5,  1. ])
    """
    if min is None and max is None:
        raise TypeError("clamp: neither min nor max is given: pass at least one, as in x.clamp(min=0)")
    return _clip(x, min, max)


@implements(np.clip)
def _clip_numpy(
    a: Operand, a_min: Operand = None, a_max: Operand = None, *, min: Operand = None, max: Operand = None
) -> Any:
    return clamp(a, min if a_min is None else a_min, max if a_max is None else a_max)


def clamp_min(x: Operand, min: Operand) -> Tensor:
    """x, or `min` if that is larger: `clamp` with one bound.

    >>> import tinygrad_edu as tg
    >>> tg.clamp_min(tg.tensor([-1.0, 2.0]), 0)
    tensor([0., 2.])
    """
    return _clip(x, min, None)


def clamp_max(x: Operand, max: Operand) -> Tensor:
    """x, or `max` if that is smaller: `clamp` with one bound.

    >>> import tinygrad_edu as tg
    >>> tg.clamp_max(tg.tensor([-1.0, 2.0]), 0)
    tensor([-1.,  0.])
    """
    return _clip(x, None, max)


def _taken(node: Any) -> tuple[Any, Any, Any]:
    """Of which elements of x, and of y, the result of `where` is made."""
    condition = np.asarray(node.args[0], bool)
    return None, condition, ~condition


@primitive(
    vjps=(
        None,
        lambda g, out, condition, x, y: np.where(condition, g, 0),
        lambda g, out, condition, x, y: np.where(condition, 0, g),
    ),
    saves=("", "condition", "condition"),
    fresh=True,
    cases=lambda draw: [
        (draw(2, 3) > 0, draw(2, 3), draw(3)),
        (np.array([True, False]), draw(), draw(2)),
        (np.zeros((0, 2), bool), draw(0, 2), draw(2)),
    ],
    samples=Choosing(_taken),
)
def _where(condition: Operand, x: Operand, y: Operand) -> Operand:
    return np.where(condition, x, y)


@overload
def where(condition: Operand) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Operand, x: Operand, y: Operand) -> Tensor: ...
@implements(np.where)
def where(condition: Operand, x: Operand = None, y: Operand = None) -> Any:
    """x where the condition holds, y elsewhere, with broadcasting.

    Args:
        condition: tensor of booleans (of other numbers: whether they are not 0).
        x: tensor or number.
        y: tensor or number.

    Returns:
        Tensor of the broadcast shape; without `x` and `y` the indices where the condition holds, one tensor
        of int64 per axis.

    Raises:
        TypeError: if only one of `x` and `y` is given.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([-1.0, 2.0])
    >>> tg.where(x > 0, x, 0.0)
    tensor([0., 2.])
    >>> tg.where(x > 0)
    (tensor([1]),)
    """
    for value in (condition, x, y):
        refuse_mask(value, "where")
    require_own("where", condition, x, y)
    if x is None and y is None:
        if isinstance(condition, TensorBase):
            return tuple(make_tensor(index, None) for index in np.nonzero(np.atleast_1d(condition.array)))
        return np.nonzero(np.atleast_1d(condition))
    if x is None or y is None:
        raise TypeError("where: got one of x and y: pass both, or neither for the indices where the condition holds")
    return _where(condition, x, y)


def where_method(x: Operand, condition: Operand, other: Operand) -> Tensor:
    """x where the condition holds, `other` elsewhere: `where` as a method."""
    return where(condition, x, other)


@pointwise(
    vjps=(lambda g, out, x, nan, posinf, neginf: np.where(np.isfinite(x), g, 0),),
    saves=("x",),
    cases=lambda draw: [(draw(2, 3), 0.0, None, None), (draw(), 1.0, 2.0, 3.0)],
)
def _nan_to_num(x: Operand, nan: float, posinf: float | None, neginf: float | None) -> Operand:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@implements(np.nan_to_num)
def nan_to_num(x: Operand, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN and the infinities replaced; by default, by 0 and the largest numbers of the dtype.

    The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.nan_to_num(tg.tensor([1.0, float("nan")]))
    tensor([1., 0.])
    """
    return _nan_to_num(x, nan, posinf, neginf)


clip = clamp  # NumPy's name, which PyTorch has too
