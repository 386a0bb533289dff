"""Linear layers as one op: a composition would do, but most of a training step is spent here."""

from __future__ import annotations

from functools import lru_cache
from string import ascii_lowercase
from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..errors import ShapeError, require_own
from ..sample_rules.families import Contraction, Terms
from .arguments import rows_of
from .products import product

__all__ = ["linear"]


def _linear_cases(draw: Any) -> list[tuple[Any, ...]]:
    weight, bias = draw(2, 3), draw(2)
    shapes = [(4, 3), (1, 3), (3,), (2, 2, 3), (0, 3)]
    return [(draw(4, 3), weight, None), *((draw(*shape), weight, bias) for shape in shapes)]


@lru_cache
def _linear_terms(ndim: int) -> Terms:
    """The bias is added: in letters, a sum over all rows that is multiplied with nothing."""
    rows = ascii_lowercase[: ndim - 1]
    return Terms((rows + "x", "yx", "y"), rows + "y", ((1,), (0,), ()))


@primitive(
    vjps=(
        lambda g, out, x, weight, bias: product(g, weight),
        lambda g, out, x, weight, bias: product(rows_of(g).T, rows_of(x)),
        lambda g, out, x, weight, bias: g,
    ),
    saves=("weight", "x", ""),
    fresh=True,
    cases=_linear_cases,
    samples=Contraction(lambda node: _linear_terms(len(node.shape)), mixing=False, shared=(1, 2)),
)
def linear(x: Operand, weight: Operand, bias: Operand = None) -> Operand:
    """x @ weight.T + bias: each vector along the last axis of `x` times the matrix `weight`.

    The gradient of the weight is where the sum over samples is taken: row by row, the product of a
    sample's error term and its input.

    Args:
        x: tensor of shape (*, in_features).
        weight: tensor of shape (out_features, in_features).
        bias: tensor of shape (out_features,), or None.

    Returns:
        Tensor of shape (*, out_features).

    Raises:
        ShapeError: if the last axis of `x` is not that of `weight`, or the bias does not fit.

    >>> import tinygrad_edu as tg
    >>> tg.linear(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([0.5]))
    tensor([[11.5]])
    """
    shape, sizes = x.shape, weight.shape
    if len(sizes) != 2 or not shape or shape[-1] != sizes[1]:
        raise _linear_misfit(x, weight)
    if type(x) is not np.ndarray:
        require_own("linear", x)
    out = product(rows_of(x), weight.T)
    if bias is not None:
        if bias.shape != sizes[:1]:
            raise ShapeError(f"linear: bias has shape {bias.shape}, the weight {sizes} needs {sizes[:1]}")
        out += bias
    return out if len(shape) == 2 else out.reshape(*shape[:-1], sizes[0])


def _linear_misfit(x: Any, weight: Any) -> ShapeError:
    if len(weight.shape) != 2:
        return ShapeError(f"linear: weight has shape {weight.shape}, not (out_features, in_features)")
    have = f"axis -1 is {x.shape[-1]}" if x.shape else "it has no axis"
    return ShapeError(
        f"linear: weight of shape {weight.shape} expects x of shape (*, {weight.shape[1]}), got {x.shape}: {have}"
    )
