"""Pair losses: which of two should rank higher, and whether two are similar."""

from __future__ import annotations

from dataclasses import KW_ONLY

from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.norms import norm
from ...ops.piecewise import clamp_min, where
from ...ops.transcendental import hypot
from ...tensors.creation import as_tensor
from ...tensors.tensor import Tensor
from .arguments import alike, fitting, pair, signs
from .loss import Loss, loss_of
from .reduction import check_reduction, in_former_words, reduce_losses, reduce_together

__all__ = ["CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss"]

_LEAST = 1e-6  # what the lengths of vectors are joined with, as in PyTorch: that of zero vectors is not 0


@in_former_words
def margin_ranking_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0.0, *, reduction: str = "sum"
) -> Tensor:
    """max(0, margin - target (input1 - input2)): the first should rank higher where the target is 1, lower where -1.

    Args:
        input1: scores, floating, of any shape.
        input2: scores of the same shape.
        target: 1 or -1, of the same shape, or one number for all.
        margin: by how much one should exceed the other.
        reduction: "sum" of all pairs, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of the inputs with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> first, second = tg.tensor([2.0, 2.0]), tg.tensor([1.0, 1.0])
    >>> tg.nn.functional.margin_ranking_loss(first, second, tg.tensor([1, -1]), reduction="none")
    tensor([0., 1.])
    """
    op = "margin_ranking_loss"
    check_reduction(op, reduction)
    x, y = alike(op, input1=input1, input2=input2)
    t = fitting(op, x, target, "input1")
    return reduce_together(op, clamp_min(margin - t * (x - y), 0), reduction, x, y)


class _PairLoss(Loss):
    """A loss that is called with two inputs and a target."""

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss."""
        out: Tensor = self._function(input1, input2, target, **self._arguments())
        return out


@loss_of(margin_ranking_loss)
class MarginRankingLoss(_PairLoss):
    """max(0, margin - target (input1 - input2)); see `functional.margin_ranking_loss`.

    Called with `(input1, input2, target)`.

    Args:
        margin: by how much one should exceed the other.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for all three; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MarginRankingLoss()(tg.tensor([2.0, 2.0]), tg.tensor([1.0, 1.0]), tg.tensor([1, -1]))
    tensor(1.)
    """

    margin: float = 0.0
    _: KW_ONLY
    reduction: str = "sum"


@in_former_words
def hinge_embedding_loss(input: Operand, target: Operand, margin: float = 1.0, *, reduction: str = "sum") -> Tensor:
    """input where the target is 1, max(0, margin - input) where it is -1: similar things near, others apart.

    Args:
        input: distances, floating, of any shape.
        target: 1 where the two are alike, -1 where not, of the same shape, or one number for all.
        margin: how far apart is far enough.
        reduction: "sum" of all pairs, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a target that is neither 1 nor -1, an unknown reduction, and a mean over no elements.

    Source: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (2006), without
    squares.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.hinge_embedding_loss(tg.tensor([0.25, 0.25, 3.0]), tg.tensor([1, -1, -1]), reduction="none")
    tensor([0.25, 0.75, 0.  ])
    """
    op = "hinge_embedding_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    return reduce_losses(op, where(signs(op, t) == 1, x, clamp_min(margin - x, 0)), reduction, x)


@loss_of(hinge_embedding_loss)
class HingeEmbeddingLoss(Loss):
    """Distances of similar pairs, and how far others fall short of a margin; see `functional.hinge_embedding_loss`.

    Args:
        margin: how far apart is far enough.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.HingeEmbeddingLoss()(tg.tensor([0.25, 0.25, 3.0]), tg.tensor([1, -1, -1]))
    tensor(1.)
    """

    margin: float = 1.0
    _: KW_ONLY
    reduction: str = "sum"


@in_former_words
def cosine_embedding_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0.0, *, reduction: str = "sum"
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1, for the cosine between two vectors.

    Args:
        input1: vectors, floating, of shape (N, D), or one of shape (D,).
        input2: vectors of the same shape.
        target: 1 where the two should point the same way, -1 where not, of shape (N,), or () for one pair.
        margin: the cosine that is small enough for those that are not alike, from -1 to 1.
        reduction: "sum" of all pairs, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `target` with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        ValueError: for a target that is neither 1 nor -1, an unknown reduction, and a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> x, y = tg.tensor([[1.0, 0.0], [1.0, 0.0]]), tg.tensor([[0.0, 1.0], [3.0, 4.0]])
    >>> tg.nn.functional.cosine_embedding_loss(x, y, tg.tensor([1, -1]), reduction="none").round(decimals=4)
    tensor([1. , 0.6])
    """
    op = "cosine_embedding_loss"
    check_reduction(op, reduction)
    x, y = alike(op, input1=input1, input2=input2)
    if len(x.shape) not in (1, 2):
        raise ShapeError(f"{op}: the inputs have shape {x.shape}, they must be vectors: (N, D) or (D,)")
    first = x / hypot(norm(x, 2, -1, keepdim=True), _LEAST)
    second = y / hypot(norm(y, 2, -1, keepdim=True), _LEAST)
    cosine: Tensor = (first * second).sum(-1)
    t = as_tensor(target)
    if t.shape != cosine.shape:
        pairs = f"there are {x.shape[0]} pairs" if cosine.shape else "there is one pair"
        raise ShapeError(f"{op}: {pairs}, so target must have the shape {cosine.shape}, got {t.shape}")
    losses = where(signs(op, t) == 1, 1 - cosine, clamp_min(cosine - margin, 0))
    return reduce_together(op, losses, reduction, x, y)


@loss_of(cosine_embedding_loss)
class CosineEmbeddingLoss(_PairLoss):
    """A cost for the angle between two vectors; see `functional.cosine_embedding_loss`.

    Called with `(input1, input2, target)`.

    Args:
        margin: the cosine that is small enough for those that are not alike, from -1 to 1.
        reduction: "sum", "mean" or "none".

    Shape: (N, D) twice and (N,), or (D,) twice and (); to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.CosineEmbeddingLoss()(tg.tensor([[1.0, 0.0]]), tg.tensor([[0.0, 1.0]]), tg.tensor([1]))
    tensor(1.)
    """

    margin: float = 0.0
    _: KW_ONLY
    reduction: str = "sum"
