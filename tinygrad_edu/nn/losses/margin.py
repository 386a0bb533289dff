"""Margin losses: the right score should be larger than the wrong ones by some amount."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...errors import DtypeError, ShapeError, refuse_mask
from ...ops.activations import logsigmoid, relu
from ...ops.arithmetic import square
from ...ops.indexing import getitem
from ...ops.piecewise import where
from ...tensors.tensor import Tensor
from ..checks import first_place
from .arguments import floating, pair, signs
from .classes import Classes
from .loss import Loss, WeightedLoss, loss_of
from .reduction import check_reduction, in_former_words, reduce_losses

__all__ = ["MultiLabelMarginLoss", "MultiMarginLoss", "SoftMarginLoss"]


@in_former_words
def soft_margin_loss(input: Operand, target: Operand, *, reduction: str = "sum") -> Tensor:
    """log(1 + exp(-target input)): the cross-entropy of yes-or-no questions with answers of 1 and -1.

    Args:
        input: scores, floating, of any shape.
        target: 1 or -1, of the same shape, or one number for all.
        reduction: "sum" of all elements, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a target that is neither 1 nor -1 (with 0, the loss would not depend on the score), an unknown
            reduction, and a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.soft_margin_loss(tg.tensor([0.0, 100.0]), tg.tensor([1.0, -1.0])).round(decimals=2)
    tensor(100.69)
    """
    op = "soft_margin_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    return reduce_losses(op, -logsigmoid(x * signs(op, t)), reduction, x)


@loss_of(soft_margin_loss)
class SoftMarginLoss(Loss):
    """log(1 + exp(-target input)), for targets of 1 and -1; see `functional.soft_margin_loss`.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.SoftMarginLoss()(tg.tensor([0.0, 100.0]), tg.tensor([1.0, -1.0])).round(decimals=2)
    tensor(100.69)
    """

    reduction: str = "sum"


@in_former_words
def multi_margin_loss(
    input: Operand,
    target: Operand,
    p: int = 1,
    margin: float = 1.0,
    weight: Operand = None,
    *,
    reduction: str = "sum",
) -> Tensor:
    """The sum of max(0, margin - input[target] + input[i])^p over wrong classes i, divided by the number of classes.

    Args:
        input: scores, floating, of shape (C,) or (N, C) for C classes.
        target: class indices, integers of shape () or (N,), each from 0 to C - 1.
        p: 1, or 2 for squares.
        margin: by how much the right score should be larger.
        weight: a weight for each class, used where it is the right one, of shape (C,).
        reduction: "sum" of all samples' losses, their "mean" (divided by their number, with weights too), or "none".

    Returns:
        Tensor of shape (), or that of `target` with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the input is not floating, or the target not integer.
        IndexError: if a target is not a class.
        ValueError: for another `p`, an unknown reduction, and a mean over no elements.

    Source: Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector machines" (2001).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.multi_margin_loss(tg.tensor([[1.0, 0.5, 2.5, -3.0]]), tg.tensor([0]))
    tensor(0.75)
    """
    op = "multi_margin_loss"
    check_reduction(op, reduction)
    _check_power(op, p)
    x = _scores(op, input)
    refuse_mask(target, f"{op}: target")
    classes = Classes.read(op, x, np.asarray(array_of(target)), weight, None)
    rows = classes.rows(x)
    own = np.arange(rows.shape[0]), classes.targets
    wrong = np.ones(rows.shape, bool)
    wrong[own] = False
    gaps = relu(margin - getitem(rows, own).unsqueeze(1) + rows)
    losses = where(wrong, gaps if p == 1 else square(gaps), 0.0).sum(1) / rows.shape[1]
    losses = classes.weighted(losses).reshape(classes.shape)
    return reduce_losses(op, losses, reduction, x, weighted=weight is not None)


@loss_of(multi_margin_loss)
class MultiMarginLoss(WeightedLoss):
    """How far wrong scores intrude on the margin of the right one; see `functional.multi_margin_loss`.

    Args:
        p: 1, or 2 for squares.
        margin: by how much the right score should be larger.
        weight: a weight for each class, used where it is the right one, of shape (C,).
        reduction: "sum", "mean" or "none".

    Shape: (N, C) and (N,), or (C,) and (); to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MultiMarginLoss()(tg.tensor([[1.0, 0.5, 2.5, -3.0]]), tg.tensor([0]))
    tensor(0.75)
    """

    p: int
    margin: float

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, *, reduction: str = "sum"
    ) -> None:
        super().__init__(weight, p=p, margin=margin, reduction=reduction)
        _check_power("MultiMarginLoss", p)


@in_former_words
def multilabel_margin_loss(input: Operand, target: Operand, *, reduction: str = "sum") -> Tensor:
    """The sum of max(0, 1 - input[j] + input[i]) over right classes j and wrong i, divided by the number of classes.

    Args:
        input: scores, floating, of shape (C,) or (N, C) for C classes.
        target: the right classes of each sample, integers of the same shape: class indices from 0 to C - 1, then -1;
            what follows it is ignored.
        reduction: "sum" of all samples' losses, their "mean", or "none".

    Returns:
        Tensor of shape (), or (N,) with "none".

    Raises:
        ShapeError: if the shapes differ, or are not (C,) or (N, C).
        DtypeError: if the input is not floating, or the target not integer.
        IndexError: if a target is neither a class nor -1.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> scores, target = tg.tensor([0.0, 1.0, 0.5, 3.0]), tg.tensor([3, 1, -1, 0])  # 3 and 1 are right, 0 is not
    >>> tg.nn.functional.multilabel_margin_loss(scores, target)
    tensor(0.125)
    """
    op = "multilabel_margin_loss"
    check_reduction(op, reduction)
    x = _scores(op, input)
    chosen, listed, right = _listed_classes(op, x, target)
    rows = x if len(x.shape) == 2 else x.unsqueeze(0)
    scores = getitem(rows, (np.arange(rows.shape[0])[:, None], chosen))
    gaps = relu(1 - scores.unsqueeze(2) + rows.unsqueeze(1))  # of each right class, along axis 1, to all others
    losses = where(listed[:, :, None] & ~right[:, None, :], gaps, 0.0).sum((1, 2)) / rows.shape[1]
    return reduce_losses(op, losses.reshape(x.shape[:-1]), reduction, x)


@loss_of(multilabel_margin_loss)
class MultiLabelMarginLoss(Loss):
    """How far wrong scores intrude on the margins of right ones; see `functional.multilabel_margin_loss`.

    Shape: (N, C) or (C,), the same for both; to (), or (N,) with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MultiLabelMarginLoss()(tg.tensor([0.0, 1.0, 0.5, 3.0]), tg.tensor([3, 1, -1, 0]))
    tensor(0.125)
    """

    reduction: str = "sum"


def _scores(op: str, input: Operand) -> Tensor:
    """`input` as a tensor, if it has the shape (C,) or (N, C) for at least one class."""
    x = floating(op, "input", input)
    if len(x.shape) not in (1, 2) or not x.shape[-1]:
        raise ShapeError(f"{op}: input has shape {x.shape}, it must be (C,) or (N, C), for one class or more")
    return x


def _check_power(op: str, p: Any) -> None:
    if p not in (1, 2):
        raise ValueError(f"{op}: p must be 1 or 2, got {p!r}")


def _listed_classes(op: str, x: Tensor, target: Operand) -> tuple[Any, Any, Any]:
    """The classes that each row of targets lists, of shape (N, K), which are in the list, and of (N, C) the right."""
    refuse_mask(target, f"{op}: target")
    targets: Any = np.asarray(array_of(target))
    count = x.shape[-1]
    if targets.dtype.kind not in "iu":
        raise DtypeError(
            f"{op}: target has dtype {targets.dtype}, it must be integer class indices, with -1 behind them"
        )
    if targets.shape != x.shape:
        raise ShapeError(
            f"{op}: input has shape {x.shape}, target {targets.shape}; it must have the same: fill it up with -1"
        )
    wrong = (targets < -1) | (targets >= count)
    if wrong.any():
        place = first_place(wrong)
        raise IndexError(
            f"{op}: target{list(place)} is {targets[place]}, but input of shape {x.shape} has {count} classes: targets "
            f"go from 0 to {count - 1}, with -1 behind the last one"
        )
    targets = targets.reshape(-1, count)
    listed = ~np.logical_or.accumulate(targets < 0, axis=1)
    longest = int(listed.sum(1).max(initial=0))
    chosen, listed = np.where(listed, targets, 0)[:, :longest], listed[:, :longest]
    right = np.zeros(targets.shape, bool)
    right[np.nonzero(listed)[0], chosen[listed]] = True
    return chosen, listed, right
