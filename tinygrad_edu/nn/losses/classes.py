"""Targets that are class indices, read and checked against their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.recording import require_number
from ...errors import DtypeError, ShapeError
from ...ops.indexing import _put_add, getitem
from ...tensors.tensor import Tensor
from ..checks import first_place
from .reduction import reduce_losses


@dataclass
class Classes:
    """The class indices of a loss, checked. What is ignored is left out from the start."""

    op: str
    shape: tuple[int, ...]  # that of the targets as they were given
    targets: Any  # class indices, one for each row of scores that counts
    counts: Any  # booleans, one for each row of scores: whether it counts; None if all do
    weights: Any  # array of shape (C,), or None

    @classmethod
    def read(cls, op: str, x: Tensor, targets: Any, weight: Operand, ignore_index: int | None) -> Classes:
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
        if not _all_below(flat, count) or (ignore_index is not None and 0 <= ignore_index < count):
            counts = np.not_equal(flat, ignore_index) if ignore_index is not None else np.ones(flat.shape, bool)
            wrong = counts & ((flat < 0) | (flat >= count))
            if wrong.any():
                raise _no_class(op, targets, wrong.reshape(targets.shape), count, shape, ignore_index)
            flat, counts = (flat, None) if counts.all() else (flat[counts], counts)
        return cls(op, targets.shape, flat, counts, class_weights(op, weight, count, x))

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


def class_weights(op: str, weight: Operand, count: int, x: Tensor) -> Any:
    """`weight` as an array of the dtype of the scores `x`, if it is one number for each class; None if it is None."""
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
    elif got == shape[:-1]:
        order = ", ".join(map(str, (0, len(shape) - 1, *range(1, len(shape) - 1))))
        way_out = f". Are the {shape[-1]} classes on the last axis? Use input.permute({order})"
    return ShapeError(
        f"{op}: input of shape {shape} has {shape[1]} classes on axis 1, so target must have the shape {expected}, "
        f"got {got}{way_out}"
    )


def _no_class(
    op: str, targets: Any, wrong: Any, count: int, shape: tuple[int, ...], ignore_index: int | None
) -> IndexError:
    place = first_place(wrong)
    ignored = "" if ignore_index is None else f" (or are ignore_index={ignore_index})"
    where_ = f"target[{', '.join(map(str, place))}]" if place else "target"
    return IndexError(
        f"{op}: {where_} is {int(targets[place])}, but input of shape {shape} has {count} classes: "
        f"targets go from 0 to {count - 1}{ignored}"
    )
