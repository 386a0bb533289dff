"""Losses of classes: cross_entropy and nll_loss.

Whatever the shape of the input, the work is done on a matrix with one row of class scores per term of
the cost. `_Classes` reads the targets, makes that matrix, and gives the losses the targets' shape again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.callsite import warn
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.recording import require_number
from ...errors import DtypeError, ShapeError, refuse_mask
from ...ops.indexing import _put_add, getitem
from ...ops.losses import softmax_cross_entropy
from ...ops.softmax import log_softmax
from ...tensors.tensor import Tensor
from ..checks import first_place
from ..op_module import module_of
from .loss import WeightedLoss
from .reduction import check_reduction, comes_from, floating, reduce_losses

__all__ = ["CrossEntropyLoss", "NLLLoss"]


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
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing. For class indices only.
        reduction: "sum" of all losses, their "mean", or "none". The mean divides by the weights of the
            targets that count; for probabilities, by their number.
        label_smoothing: how much of each target is spread evenly over all classes, from 0 to 1.

    Returns:
        Tensor of shape (), or that of the class indices with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the input is not floating, or the target neither integer nor floating.
        IndexError: if a target is no class; the message says which, and how many classes there are.
        ValueError: for an unknown reduction or smoothing, and for the mean of nothing.

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
    classes = _Classes.read("cross_entropy", x, places, weight, ignore_index)
    rows = classes.rows(x)
    losses = classes.weighted(softmax_cross_entropy(rows, classes.targets))
    if label_smoothing:
        everywhere = log_softmax(rows, 1)
        if classes.weights is not None:
            everywhere = everywhere * classes.weights
        losses = (1 - label_smoothing) * losses - (label_smoothing / rows.shape[1]) * everywhere.sum(1)
    return classes.reduce(losses, reduction, x)


@module_of(cross_entropy)
class CrossEntropyLoss(WeightedLoss):
    """-log softmax(input)[target]; see `functional.cross_entropy`.

    Args:
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing.
        reduction: "sum", "mean" or "none".
        label_smoothing: how much of each target is spread evenly over all classes.

    Shape: (N, C) and (N,), or more axes behind; to (), or that of the targets with "none".

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
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing.
        reduction: "sum" of all losses, their "mean" (divided by the weights of the targets that count),
            or "none".

    Returns:
        Tensor of shape (), or that of `target` with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the input is not floating, or the target not integer.
        IndexError: if a target is no class; the message says which, and how many classes there are.
        ValueError: for an unknown reduction, and for the mean of nothing.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.nll_loss(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """
    check_reduction("nll_loss", reduction)
    x = floating("nll_loss", "input", input)
    refuse_mask(target, "nll_loss: target")
    places: Any = np.asarray(array_of(target))
    classes = _Classes.read("nll_loss", x, places, weight, ignore_index)
    rows = classes.rows(x)
    losses = -getitem(rows, (np.arange(rows.shape[0]), classes.targets))
    if not comes_from(x, "log_softmax") and losses.array.size and np.minimum.reduce(losses.array) < -0.01:
        warn("nll_loss: input is positive, so it is no logarithm of probabilities: use log_softmax, or cross_entropy")
    return classes.reduce(classes.weighted(losses), reduction, x)


@module_of(nll_loss)
class NLLLoss(WeightedLoss):
    """-input[target], for log-probabilities; see `functional.nll_loss`.

    Args:
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing.
        reduction: "sum", "mean" or "none".

    Shape: (N, C) and (N,), or more axes behind; to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.NLLLoss()(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """

    ignore_index: int

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "sum") -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)


@dataclass
class _Classes:
    """The class indices of a loss, checked. What is ignored is left out from the start."""

    op: str
    shape: tuple[int, ...]  # that of the targets as they were given
    targets: Any  # class indices, one for each row of scores that counts
    counts: Any  # booleans, one for each row of scores: whether it counts; None if all do
    weights: Any  # array of shape (C,), or None

    @classmethod
    def read(cls, op: str, x: Tensor, targets: Any, weight: Operand, ignore_index: int) -> _Classes:
        """Check `targets` and `weight` against the scores `x`."""
        shape = x.array.shape
        if targets.dtype.kind not in "iu":
            soft = ", or floating-point probabilities" if op == "cross_entropy" else ""
            raise DtypeError(f"{op}: target has dtype {targets.dtype}, it must be integer class indices{soft}")
        expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
        if not shape or targets.shape != expected:
            raise _target_misfit(op, shape, targets.shape, expected)
        count = shape[1] if len(shape) > 1 else shape[0]
        flat = targets if targets.ndim == 1 else targets.reshape(-1)
        counts = None
        if not _all_below(flat, count) or 0 <= ignore_index < count:
            counts = flat != ignore_index
            wrong = counts & ((flat < 0) | (flat >= count))
            if wrong.any():
                raise _no_class(op, targets, wrong.reshape(targets.shape), count, shape, ignore_index)
            flat, counts = (flat, None) if counts.all() else (flat[counts], counts)
        return cls(op, targets.shape, flat, counts, _class_weights(op, weight, count, x))

    def rows(self, x: Tensor) -> Tensor:
        """The scores as a matrix, one row for each target that counts."""
        shape = x.array.shape
        if len(shape) == 1:
            x = x.reshape(1, -1)
        elif len(shape) > 2:
            x = x.movedim(1, -1).reshape(-1, shape[1])
        return x if self.counts is None else getitem(x, self.counts)

    def weighted(self, losses: Tensor) -> Tensor:
        """Each loss times the weight of its class."""
        return losses if self.weights is None else losses * self.weights[self.targets]

    def reduce(self, losses: Tensor, reduction: str, x: Tensor) -> Tensor:
        """Reduce the losses of the rows that count; the mean divides by their weights."""
        size = self.targets.size
        total = size if self.weights is None else float(self.weights[self.targets].sum())
        empty = ""
        if reduction == "mean" and math.prod(self.shape) > 0:
            empty = "the weights of the targets are all 0" if size else "every target is ignore_index"
        elif reduction == "none":
            if self.counts is not None:
                losses = _put_add(losses, self.counts.shape, self.counts)
            if losses.shape != self.shape:
                losses = losses.reshape(self.shape)
        return reduce_losses(self.op, losses, reduction, x, total, empty, self.shape)


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
    weights = _class_weights("cross_entropy", weight, count, x)
    if weights is not None:
        terms = terms * weights.reshape((count,) + (1,) * (len(shape) - 1 - axis))
    ignored = not terms.array.any(axis).all()  # by a row of zeros
    return reduce_losses("cross_entropy", -terms.sum(axis), reduction, x, weighted=weights is not None or ignored)


def _class_weights(op: str, weight: Operand, count: int, x: Tensor) -> Any:
    if weight is None:
        return None
    require_number(op, "weight", weight)
    array = np.asarray(array_of(weight))
    if array.shape != (count,):
        raise ShapeError(f"{op}: weight has shape {array.shape}, it needs one number for each of the {count} classes")
    return array.astype(x.dtype, copy=False)


def _all_below(indices: Any, count: int) -> bool:
    """Whether all of `indices` are from 0 to count - 1, in one pass: a negative one is huge when unsigned."""
    if not indices.size:
        return True
    if indices.dtype == np.int64:
        indices = indices.view(np.uint64)
    elif indices.dtype.kind == "i" and indices.min() < 0:
        return False
    return bool(np.maximum.reduce(indices, axis=None) < count)


def _target_misfit(op: str, shape: tuple[int, ...], got: tuple[int, ...], expected: tuple[int, ...]) -> ShapeError:
    if not shape:
        return ShapeError(f"{op}: input has shape (), but it needs an axis of classes: (C,), (N, C) or (N, C, d1, …)")
    if len(shape) == 1:
        batch = "use input.unsqueeze(0)" if got == (1,) else "a batch of them has the shape (N, C)"
        binary = "; for one score per sample use binary_cross_entropy_with_logits" if got == shape else ""
        return ShapeError(
            f"{op}: input of shape {shape} is the scores of one sample for {shape[0]} classes, so target must have the "
            f"shape (), got {got}: {batch}{binary}"
        )
    way_out = ""
    if got == shape:
        way_out = ". Is target one-hot? Use target.argmax(1)"
        way_out += ", or make it floating-point" if op == "cross_entropy" else ""
    elif got == (*expected, 1):
        way_out = ". Use target.squeeze(-1)"
    return ShapeError(
        f"{op}: input of shape {shape} has {shape[1]} classes on axis 1, so target must have the shape {expected}, "
        f"got {got}{way_out}"
    )


def _no_class(op: str, targets: Any, wrong: Any, count: int, shape: tuple[int, ...], ignore_index: int) -> IndexError:
    place = first_place(wrong)
    where_ = f"target[{', '.join(map(str, place))}]" if place else "target"
    return IndexError(
        f"{op}: {where_} is {int(targets[place])}, but input of shape {shape} has {count} classes: "
        f"targets go from 0 to {count - 1} (or are ignore_index={ignore_index})"
    )
