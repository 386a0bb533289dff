"""Cross-entropy and negative log-likelihood: losses for classification.

Whatever the shape of the input, the work is done on a matrix with one row of class scores per term of
the cost. `Classes` reads the targets, makes that matrix, and gives the losses the targets' shape again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.callsite import warn
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...errors import ShapeError, refuse_mask
from ...ops.indexing import getitem
from ...ops.losses import softmax_cross_entropy
from ...ops.softmax import log_softmax
from ...tensors.tensor import Tensor
from .arguments import floating
from .classes import Classes, class_weights
from .loss import WeightedLoss, loss_of
from .reduction import check_reduction, comes_from, in_former_words, reduce_losses

__all__ = ["CrossEntropyLoss", "NLLLoss"]


@in_former_words
def cross_entropy(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    *,
    ignore_index: int = -100,
    reduction: str = "sum",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target]: how surprised a classifier with these scores is by the right classes.

    Args:
        input: scores (logits), floating, of shape (C,), (N, C) or (N, C, d1, …) for C classes.
        target: class indices, integers of shape (), (N,) or (N, d1, …), each from 0 to C - 1; or
            probabilities, floating, of the shape of `input`.
        weight: a weight for each class, of shape (C,).
        ignore_index: targets with this value are ignored. For class indices only.
        reduction: "sum" of all losses, their "mean", or "none". The mean divides by the weights of the
            targets that count; for probabilities, by their number.
        label_smoothing: how much of each target is spread evenly over all classes, from 0 to 1.

    Returns:
        Tensor of shape (), or that of the class indices with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the input is not floating, or the target neither integer nor floating.
        IndexError: if a target is not a class; the message says which, and how many classes there are.
        ValueError: for an unknown reduction or smoothing, and for a mean over no elements.

    Source: label smoothing from Szegedy et al., "Rethinking the Inception Architecture" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.cross_entropy(tg.zeros(2, 10), tg.tensor([3, 9])).round(decimals=4)
    tensor(4.6052)
    """
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing} must be between 0 and 1")
    x = floating("cross_entropy", "input", input)
    refuse_mask(target, "cross_entropy: target")
    if comes_from(x, "softmax"):
        warn("cross_entropy: input comes from softmax, but it takes scores and makes the softmax itself: leave it out")
    places: Any = np.asarray(array_of(target))
    if places.dtype.kind == "f":
        return _soft_cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)
    classes = Classes.read("cross_entropy", x, places, weight, ignore_index)
    rows = classes.rows(x)
    losses = classes.weighted(softmax_cross_entropy(rows, classes.targets))
    if label_smoothing:
        everywhere = log_softmax(rows, 1)
        if classes.weights is not None:
            everywhere = everywhere * classes.weights
        losses = (1 - label_smoothing) * losses - (label_smoothing / rows.shape[1]) * everywhere.sum(1)
    return classes.reduce(losses, reduction, x)


@loss_of(cross_entropy)
class CrossEntropyLoss(WeightedLoss):
    """-log softmax(input)[target]; see `functional.cross_entropy`.

    Args:
        weight: a weight for each class, of shape (C,).
        ignore_index: targets with this value are ignored.
        reduction: "sum", "mean" or "none".
        label_smoothing: how much of each target is spread evenly over all classes.

    Shape: (N, C) and (N,), or with further axes; to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 9])).round(decimals=4)
    tensor(4.6052)
    """

    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "sum",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing={label_smoothing} must be between 0 and 1")


@in_former_words
def nll_loss(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    *,
    ignore_index: int = -100,
    reduction: str = "sum",
) -> Tensor:
    """-input[target], where `input` are logarithms of probabilities, as log_softmax gives them.

    Args:
        input: log-probabilities, floating, of shape (C,), (N, C) or (N, C, d1, …) for C classes.
        target: class indices, integers of shape (), (N,) or (N, d1, …), each from 0 to C - 1.
        weight: a weight for each class, of shape (C,).
        ignore_index: targets with this value are ignored.
        reduction: "sum" of all losses, their "mean" (divided by the weights of the targets that count),
            or "none".

    Returns:
        Tensor of shape (), or that of `target` with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the input is not floating, or the target not integer.
        IndexError: if a target is not a class; the message says which, and how many classes there are.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.nll_loss(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """
    check_reduction("nll_loss", reduction)
    x = floating("nll_loss", "input", input)
    refuse_mask(target, "nll_loss: target")
    places: Any = np.asarray(array_of(target))
    classes = Classes.read("nll_loss", x, places, weight, ignore_index)
    rows = classes.rows(x)
    losses = -getitem(rows, (np.arange(rows.shape[0]), classes.targets))
    if not comes_from(x, "log_softmax") and losses.array.size and np.minimum.reduce(losses.array) < -0.01:
        warn("nll_loss: input is positive, so it is not a log-probability: use log_softmax, or cross_entropy")
    return classes.reduce(classes.weighted(losses), reduction, x)


@loss_of(nll_loss)
class NLLLoss(WeightedLoss):
    """-input[target], for log-probabilities; see `functional.nll_loss`.

    Args:
        weight: a weight for each class, of shape (C,).
        ignore_index: targets with this value are ignored.
        reduction: "sum", "mean" or "none".

    Shape: (N, C) and (N,), or with further axes; to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.NLLLoss()(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """

    ignore_index: int

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "sum") -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)


def _soft_cross_entropy(
    x: Tensor, target: Operand, weight: Operand, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    """Cross-entropy with probabilities as targets."""
    shape = x.shape
    if not shape or target.shape != shape:
        raise ShapeError(
            f"cross_entropy: target is floating-point, so it holds probabilities and must have the shape {shape} of "
            f"input; got {tuple(target.shape)}. For class indices use integers: target.long()"
        )
    if ignore_index >= 0:
        raise ValueError(
            f"cross_entropy: ignore_index={ignore_index} is for class indices; with probabilities as targets, "
            "give a sample to ignore a row of zeros"
        )
    axis = 1 if len(shape) > 1 else 0
    count = shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / count
    terms = log_softmax(x, axis) * target
    weights = class_weights("cross_entropy", weight, count, x)
    if weights is not None:
        terms = terms * weights.reshape((count,) + (1,) * (len(shape) - 1 - axis))
    ignored = not terms.array.any(axis).all()  # by a row of zeros
    return reduce_losses("cross_entropy", -terms.sum(axis), reduction, x, weighted=weights is not None or ignored)
