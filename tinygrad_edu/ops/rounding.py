"""Rounding and signs. These functions are constant almost everywhere, so their gradient is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..sample_rules.families import elementwise
from .arithmetic import no_change
from .kinds import pointwise

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["ceil", "fix", "floor", "frac", "round", "sgn", "sign", "signbit", "trunc"]


@pointwise(vjps=(no_change,), saves=("",), numpy=np.sign)
def sign(x: Operand) -> Operand:
    """-1, 0 or 1: the sign of x. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.sign(tg.tensor([-2.5, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    return np.sign(x)


@primitive(saves=(), numpy=np.signbit)
def signbit(x: Operand) -> Operand:
    """Whether the sign of x is minus; that of -0.0 is.

    >>> import tinygrad_edu as tg
    >>> tg.signbit(tg.tensor([-0.0, 0.0]))
    tensor([ True, False])
    """
    return np.signbit(x)


@pointwise(vjps=(no_change,), saves=("",), numpy=np.floor)
def floor(x: Operand) -> Operand:
    """The largest integer that is not above x. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.floor(tg.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """
    return np.floor(x)


@pointwise(vjps=(no_change,), saves=("",), numpy=np.ceil)
def ceil(x: Operand) -> Operand:
    """The smallest integer that is not below x. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.ceil(tg.tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """
    return np.ceil(x)


@pointwise(vjps=(no_change,), saves=("",), numpy=np.trunc)
def trunc(x: Operand) -> Operand:
    """x truncated: rounded towards 0. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.trunc(tg.tensor([-1.5, 1.5]))
    tensor([-1.,  1.])
    """
    return np.trunc(x)


@primitive(vjps=(lambda g, out, x: g,), saves=("",), samples=elementwise)
def frac(x: Operand) -> Operand:
    """The fraction of x, with its sign: x - trunc(x). Its derivative is 1. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.frac(tg.tensor([-1.5, 1.25]))
    tensor([-0.5 ,  0.25])
    """
    return np.subtract(x, np.trunc(x))


@pointwise(vjps=(no_change,), saves=("",), cases=lambda draw: [(draw(2, 3), 0), (draw(), 1), (draw(0, 2), 0)])
def _round(x: Operand, decimals: int) -> Operand:
    return np.round(x, decimals)


@implements(np.round, np.around)
def round(x: Operand, decimals: int = 0) -> Tensor:
    """x rounded to `decimals` places; halves go to the even neighbour. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.round(tg.tensor([0.5, 1.5, 2.4]))
    tensor([0., 2., 2.])
    >>> tg.tensor([1.234]).round(decimals=1)
    tensor([1.2])
    """
    return _round(x, decimals)


@implements(np.rint)
def _rint(x: Operand) -> Any:
    return _round(x, 0)


fix = trunc
sgn = sign
