"""Regression losses: squared error, absolute error, and between the two."""

from __future__ import annotations

from collections.abc import Callable

from ...dtypes import float16, float32
from ...engine.primitives import Operand
from ...ops.arithmetic import abs, square
from ...ops.piecewise import clamp_max
from ...tensors.tensor import Tensor
from ..op_module import module_of
from .arguments import pair, same_size
from .loss import Loss, loss_of
from .reduction import check_reduction, in_former_words, reduce_losses

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


@in_former_words
def mse_loss(input: Operand, target: Operand, *, reduction: str = "sum", weight: Operand = None) -> Tensor:
    """(input - target)², the squared error.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".
        weight: a weight for each element, of the shape of `input`. Their "mean" divides by the sum of the weights.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ. They are not broadcast, because (N, 1) against (N,) would
            compare every input with every target.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return _per_element("mse_loss", lambda x, t: square(x - t), input, target, reduction, weight)


@loss_of(mse_loss)
class MSELoss(Loss):
    """(input - target)²; see `functional.mse_loss`.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """

    reduction: str = "sum"


@in_former_words
def l1_loss(input: Operand, target: Operand, *, reduction: str = "sum", weight: Operand = None) -> Tensor:
    """|input - target|, the absolute error; its derivative at 0 is 0.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".
        weight: a weight for each element, of the shape of `input`. Their "mean" divides by the sum of the weights.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(3.)
    """
    return _per_element("l1_loss", lambda x, t: abs(x - t), input, target, reduction, weight)


@loss_of(l1_loss)
class L1Loss(Loss):
    """|input - target|; see `functional.l1_loss`.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.L1Loss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(3.)
    """

    reduction: str = "sum"


@in_former_words
def smooth_l1_loss(input: Operand, target: Operand, *, reduction: str = "sum", beta: float = 1.0) -> Tensor:
    """d² / (2 beta) for errors d smaller than beta, |d| - beta / 2 for larger ones.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".
        beta: where the parabola ends; 0 gives the absolute error.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a negative beta, an unknown reduction, and a mean over no elements.

    Source: Girshick, "Fast R-CNN" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.smooth_l1_loss(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]), reduction="none")
    tensor([0.125, 2.5  ])
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must be 0 or more, got {beta}")

    def losses(x: Tensor, t: Tensor) -> Tensor:
        d = abs(x - t)
        curved = clamp_max(d, beta)  # so that no large error is squared
        return curved / beta * (d - curved * 0.5) if beta else d

    return _per_element("smooth_l1_loss", losses, input, target, reduction)


@loss_of(smooth_l1_loss)
class SmoothL1Loss(Loss):
    """A parabola for errors below `beta`, straight lines beyond; see `functional.smooth_l1_loss`.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.SmoothL1Loss()(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(2.625)
    """

    reduction: str = "sum"
    beta: float = 1.0


def huber_loss(
    input: Operand, target: Operand, reduction: str = "sum", delta: float = 1.0, weight: Operand = None
) -> Tensor:
    """d² / 2 for errors d up to delta, delta (|d| - delta / 2) for larger ones.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".
        delta: where the parabola ends.
        weight: a weight for each element, of the shape of `input`. As in PyTorch, the "mean" still divides by the
            number of elements, not by the sum of the weights as in `mse_loss`.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a delta of 0 or less, an unknown reduction, and a mean over no elements.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.huber_loss(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]), delta=2.0, reduction="none")
    tensor([0.125, 4.   ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be greater than 0, got {delta}")

    def losses(x: Tensor, t: Tensor) -> Tensor:
        d = abs(x - t)
        curved = clamp_max(d, delta)  # so that no large error is squared
        return curved * (d - curved * 0.5)

    return _per_element("huber_loss", losses, input, target, reduction, weight, by_weight=False)


@module_of(huber_loss)
class HuberLoss(Loss):
    """A parabola for errors up to `delta`, straight lines beyond; see `functional.huber_loss`.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.HuberLoss(delta=2.0)(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(4.125)
    """

    reduction: str = "sum"
    delta: float = 1.0


def _per_element(
    op: str,
    losses: Callable[[Tensor, Tensor], Tensor],
    input: Operand,
    target: Operand,
    reduction: str,
    weight: Operand = None,
    by_weight: bool = True,
) -> Tensor:
    """The loss `op` that has a loss for each element, which `losses` computes of input and target."""
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    each = losses(x, t)
    if weight is None:
        return reduce_losses(op, each, reduction, x)
    w = same_size(op, "weight", weight, x)
    total = (w.astype(float32) if w.dtype == float16 else w).sum() if by_weight and reduction == "mean" else None
    return reduce_losses(
        op, each * w, reduction, x, total, "the weights add up to 0" if w.array.size else "", weighted=True
    )
