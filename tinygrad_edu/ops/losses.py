"""Cross-entropy as one op: its plain composition would be slow, or divide 0 by 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, primitive
from ..sample_rules.families import core
from .kinds import pointwise

__all__ = ["softmax_cross_entropy"]

_FLOOR = -100.0  # PyTorch's bound on a logarithm, so that one certain mistake does not cost infinity


def _log(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), _FLOOR)


def _log_of_rest(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(-p), _FLOOR)


@pointwise(
    vjps=(
        lambda g, out, p, target: g * (p - target) / np.maximum(p * (1 - p), 1e-12),
        lambda g, out, p, target: g * (_log_of_rest(p) - _log(p)),
    ),
    saves=("p target", "p"),
    single=True,
    domain=(0.1, 0.9),
)
def binary_cross_entropy(p: Operand, target: Operand) -> Operand:
    """-target log(p) - (1 - target) log(1 - p), with logarithms of at least -100."""
    return -(target * _log(p) + (1 - target) * _log_of_rest(p))


def _largest(rows: Any) -> Any:
    """The largest number of each row."""
    if len(rows) > 16 > rows.shape[1]:  # NumPy reduces many short rows slowly, and few long ones fast
        return np.maximum.reduce(np.array(rows.T, order="C"), axis=0)[:, None]
    return np.maximum.reduce(rows, axis=1, keepdims=True)


def _cross_entropy_rule(g: Any, losses: Any, logits: Any, targets: Any) -> Any:
    """Each sample's gradient is its probabilities, less 1 at its target, times the gradient of its loss."""
    rows = np.arange(logits.shape[0])
    largest = _largest(array_of(logits))
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
def softmax_cross_entropy(logits: Operand, targets: Operand) -> Operand:
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
