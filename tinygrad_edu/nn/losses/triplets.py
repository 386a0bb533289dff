"""Triplet losses: an anchor should be nearer to a similar vector than to a dissimilar one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any, TypeAlias

from ...engine.primitives import Operand
from ...errors import DtypeError, describe
from ...ops.piecewise import clamp_min, minimum
from ...tensors.tensor import Tensor
from ..distance import pairwise_distance
from ..op_module import module_of
from .arguments import alike
from .loss import Loss, loss_of
from .reduction import check_reduction, in_former_words, reduce_together

__all__ = ["TripletMarginLoss", "TripletMarginWithDistanceLoss"]

Distance: TypeAlias = Callable[[Any, Any], Any]


@in_former_words
def triplet_margin_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "sum",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), with p-norms along the last axis.

    Args:
        anchor: vectors, floating, of shape (*, D).
        positive: for each, a similar one, of the same shape.
        negative: for each, a dissimilar one, of the same shape.
        margin: by how much farther away the negative should be; greater than 0.
        p: the order of the norm.
        eps: added to each difference; keeps the derivative finite where they are equal.
        swap: use |positive - negative| as the distance of the negative where that is smaller.
        reduction: "sum" of all triplets, their "mean", or "none".

    Returns:
        Tensor of shape (), or (*) with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a margin of 0 or less, an unknown reduction, and a mean over no elements.

    Source: Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks" (2016).

    >>> import tinygrad_edu as tg
    >>> anchor, positive, negative = tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 2.0]])
    >>> tg.nn.functional.triplet_margin_loss(anchor, positive, negative, eps=0.0)
    tensor(4.)
    """
    return _triplets(
        "triplet_margin_loss",
        (anchor, positive, negative),
        lambda x, y: pairwise_distance(x, y, p, eps),
        margin,
        swap,
        reduction,
    )


class _TripletLoss(Loss):
    """A loss that is called with three inputs."""

    margin: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_margin(type(self).__name__, self.margin)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """The loss."""
        out: Tensor = self._function(anchor, positive, negative, **self._arguments())
        return out


@loss_of(triplet_margin_loss)
class TripletMarginLoss(_TripletLoss):
    """max(0, margin + |anchor - positive| - |anchor - negative|); see `functional.triplet_margin_loss`.

    Called with `(anchor, positive, negative)`.

    Args:
        margin: by how much farther away the negative should be; greater than 0.
        p: the order of the norm.
        eps: added to each difference; keeps the derivative finite where they are equal.
        swap: use |positive - negative| as the distance of the negative where that is smaller.
        reduction: "sum", "mean" or "none".

    Shape: (*, D), the same for all three; to (), or (*) with "none".

    >>> import tinygrad_edu as tg
    >>> anchor, positive, negative = tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 2.0]])
    >>> tg.nn.TripletMarginLoss(eps=0.0)(anchor, positive, negative)
    tensor(4.)
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    _: KW_ONLY
    reduction: str = "sum"


def triplet_margin_with_distance_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "sum",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), for a distance d of your own.

    Args:
        anchor: floating tensor, of any shape that the distance takes.
        positive: what is similar to it, of the same shape.
        negative: what is not, of the same shape.
        distance_function: takes two such tensors and returns the distance of each pair; it need not be a metric. None
            for `pairwise_distance`.
        margin: by how much farther away the negative should be; greater than 0.
        swap: use d(positive, negative) as the distance of the negative where that is smaller.
        reduction: "sum" of all triplets, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of the distances with "none".

    Raises:
        ShapeError: if the shapes differ.
        DtypeError: if the distance is not a tensor.
        ValueError: for a margin of 0 or less, an unknown reduction, and a mean over no elements.

    Source: as for `triplet_margin_loss`.

    >>> import tinygrad_edu as tg
    >>> anchor, positive, negative = tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 2.0]])
    >>> squares = lambda x, y: ((x - y) ** 2).sum(-1)
    >>> tg.nn.functional.triplet_margin_with_distance_loss(anchor, positive, negative, distance_function=squares)
    tensor(22.)
    """
    name = "triplet_margin_with_distance_loss"
    return _triplets(
        name, (anchor, positive, negative), distance_function or pairwise_distance, margin, swap, reduction
    )


@module_of(triplet_margin_with_distance_loss)
class TripletMarginWithDistanceLoss(_TripletLoss):
    """A triplet loss with a distance of your own; see `functional.triplet_margin_with_distance_loss`.

    Called with `(anchor, positive, negative)`. A distance that is a module becomes part of this one, and its parameters
    are trained.

    Args:
        distance_function: takes two tensors and returns the distance of each pair. None for
            `functional.pairwise_distance`.
        margin: by how much farther away the negative should be; greater than 0.
        swap: use d(positive, negative) as the distance of the negative where that is smaller.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for all three; to (), or that of the distances with "none".

    >>> import tinygrad_edu as tg
    >>> loss = tg.nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: abs(x - y).sum(-1))
    >>> loss(tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([[0.0, 2.0]]))
    tensor(6.)
    """

    distance_function: Distance
    swap: bool

    def __init__(
        self,
        *,
        distance_function: Distance | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "sum",
    ) -> None:
        self.__dict__.update(margin=margin, swap=swap, reduction=reduction)
        self.__post_init__()
        self.distance_function = pairwise_distance if distance_function is None else distance_function


def _check_margin(op: str, margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"{op}: margin must be greater than 0, got {margin}")


def _triplets(
    op: str, inputs: tuple[Operand, Operand, Operand], distance: Distance, margin: float, swap: bool, reduction: str
) -> Tensor:
    check_reduction(op, reduction)
    _check_margin(op, margin)
    anchor, positive, negative = alike(op, anchor=inputs[0], positive=inputs[1], negative=inputs[2])
    near, far = distance(anchor, positive), distance(anchor, negative)
    if not isinstance(near, Tensor):
        raise DtypeError(f"{op}: distance_function returned {describe(near)}, not a tensor")
    if swap:
        far = minimum(far, distance(positive, negative))
    losses = clamp_min(margin + near - far, 0)
    return reduce_together(op, losses, reduction, anchor, positive, negative)
