"""Ops that do in one piece what a composition of others could do, because a training step is made of them."""

from __future__ import annotations

from functools import lru_cache
from string import ascii_lowercase
from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..errors import ShapeError, require_own
from ..sample_rules.families import Contraction, Terms, core

__all__ = ["linear", "softmax_cross_entropy"]


def _rows(x: Any) -> Any:
    """A matrix with a row for every vector along the last axis of `x`."""
    return x if len(x.shape) == 2 else x.reshape(-1, x.shape[-1])


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
        lambda g, out, x, weight, bias: np.dot(g, weight) if len(g.shape) == 2 else g @ weight,
        lambda g, out, x, weight, bias: np.dot(_rows(g).T, _rows(x)),
        lambda g, out, x, weight, bias: g,
    ),
    saves=("weight", "x", ""),
    fresh=True,
    cases=_linear_cases,
    samples=Contraction(lambda node: _linear_terms(len(node.shape)), mixing=False, shared=(1, 2)),
)
def linear(x: Operand, weight: Operand, bias: Operand = None) -> Any:
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
    out = np.dot(_rows(x), weight.T)
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


def _largest(rows: Any) -> Any:
    """The largest number of each row."""
    if len(rows) > 16 > rows.shape[1]:  # NumPy reduces many short rows slowly, and few long ones fast
        return np.maximum.reduce(np.array(rows.T, order="C"), axis=0)[:, None]
    return np.maximum.reduce(rows, axis=1, keepdims=True)


def _cross_entropy_rule(g: Any, losses: Any, logits: Any, targets: Any) -> Any:
    """Each sample's gradient is its probabilities, less 1 at its target, times the gradient of its loss."""
    rows = np.arange(logits.shape[0])
    largest = _largest(getattr(logits, "array", logits))
    p = np.exp(
        logits - largest
    )  # not by the loss, the logarithm of their sum: large logits leave it few digits below 1
    p /= np.dot(p, np.ones(p.shape[1], p.dtype))[:, None]
    p[rows, targets] -= 1
    p *= g[:, None]
    return p


@primitive(
    vjps=(_cross_entropy_rule, None),
    saves=("logits targets out", ""),
    fresh=True,
    single=True,
    cases=lambda draw: [
        (draw(4, 3), np.array([0, 2, 2, 1])),
        (draw(1, 5), np.array([4])),
        (draw(0, 3), np.zeros(0, dtype=int)),
        (draw(40, 2), np.arange(40) % 2),
    ],
    samples=core(1, 0, out=0, mixing=False),
)
def softmax_cross_entropy(logits: Operand, targets: Operand) -> Any:
    """-log softmax(logits)[target] for each row, without overflow at any size of logits.

    Args:
        logits: tensor of shape (N, C).
        targets: integer array of shape (N,), each from 0 to C - 1 (not checked here).

    Returns:
        Tensor of shape (N,): one loss per row.

    Raises:
        IndexError: if a target is not below C.

    >>> import tinygrad_edu as tg
    >>> tg.softmax_cross_entropy(tg.tensor([[0.0, 0.0]]), tg.tensor([1])).round(decimals=4)
    tensor([0.6931])
    """
    if len(logits) > 16 > logits.shape[1]:
        z = np.array(logits.T, order="C")  # NumPy reduces many short rows slowly, and few long ones fast
        z -= np.maximum.reduce(z, axis=0)
        at_target = z[targets, np.arange(len(targets))]
        losses = np.log(np.add.reduce(np.exp(z, z), axis=0))
    else:
        z = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
        at_target = z[np.arange(len(targets)), targets]
        losses = np.log(np.add.reduce(np.exp(z, z), axis=1))
    losses -= at_target
    return losses
