"""Losses between numbers: squared, absolute, and in between."""

from __future__ import annotations

from ...engine.primitives import Operand
from ...ops.arithmetic import abs, square
from ...ops.piecewise import where
from ...tensors.tensor import Tensor
from ..op_module import module_of
from .loss import Loss
from .reduction import per_element

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


def mse_loss(input: Operand, target: Operand, *, reduction: str = "sum") -> Tensor:
    """(input - target)², the squared error.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ. They are not broadcast, because (N, 1) against (N,) would
            compare every input with every target.
        ValueError: for an unknown reduction, and for the mean of nothing.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return per_element("mse_loss", lambda x, t: square(x - t), input, target, reduction)


@module_of(mse_loss)
class MSELoss(Loss):
    """(input - target)²; see `functional.mse_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """

    reduction: str = "sum"


def l1_loss(input: Operand, target: Operand, *, reduction: str = "sum") -> Tensor:
    """|input - target|, the absolute error; its derivative at 0 is 0.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an unknown reduction, and for the mean of nothing.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(3.)
    """
    return per_element("l1_loss", lambda x, t: abs(x - t), input, target, reduction)


@module_of(l1_loss)
class L1Loss(Loss):
    """|input - target|; see `functional.l1_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.L1Loss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(3.)
    """

    reduction: str = "sum"


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
        ValueError: for a negative beta, an unknown reduction, and the mean of nothing.

    Source: Girshick, "Fast R-CNN" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.smooth_l1_loss(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]), reduction="none")
    tensor([0.125, 2.5  ])
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must be 0 or more, got {beta}")

    def losses(x: Tensor, t: Tensor) -> Tensor:
        d = abs(x - t)
        return where(d.detach() < beta, d * d * (0.5 / beta), d - 0.5 * beta) if beta else d

    return per_element("smooth_l1_loss", losses, input, target, reduction)


@module_of(smooth_l1_loss)
class SmoothL1Loss(Loss):
    """A parabola for errors below `beta`, straight lines beyond; see `functional.smooth_l1_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.SmoothL1Loss()(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(2.625)
    """

    reduction: str = "sum"
    beta: float = 1.0


def huber_loss(input: Operand, target: Operand, *, reduction: str = "sum", delta: float = 1.0) -> Tensor:
    """d² / 2 for errors d up to delta, delta (|d| - delta / 2) for larger ones.

    Args:
        input: floating tensor of any shape.
        target: tensor of the same shape, or one number.
        reduction: "sum" of all elements, their "mean", or "none".
        delta: where the parabola ends.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a delta of 0 or less, an unknown reduction, and the mean of nothing.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.huber_loss(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]), delta=2.0, reduction="none")
    tensor([0.125, 4.   ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be greater than 0, got {delta}")

    def losses(x: Tensor, t: Tensor) -> Tensor:
        d = abs(x - t)
        return where(d.detach() <= delta, d * d * 0.5, (d - 0.5 * delta) * delta)

    return per_element("huber_loss", losses, input, target, reduction)


@module_of(huber_loss)
class HuberLoss(Loss):
    """A parabola for errors up to `delta`, straight lines beyond; see `functional.huber_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.HuberLoss(delta=2.0)(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(4.125)
    """

    reduction: str = "sum"
    delta: float = 1.0
