"""Gaussian and Poisson likelihood: the negative log-probability of the targets."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY

from ...engine.graph import TensorBase
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.arithmetic import square
from ...ops.piecewise import clamp_min, where
from ...ops.transcendental import exp, log
from ...tensors.tensor import Tensor
from ..checks import first_place
from ..op_module import module_of
from .arguments import floating, like_input, pair
from .loss import Loss, loss_of
from .reduction import check_reduction, in_former_words, reduce_losses, sampled

__all__ = ["GaussianNLLLoss", "PoissonNLLLoss"]


@in_former_words
def poisson_nll_loss(
    input: Operand,
    target: Operand,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "sum",
) -> Tensor:
    """exp(input) - target input: the negative log-likelihood of a count of events, from the log of its expected value.

    Args:
        input: logarithms of the expected counts, floating, of any shape; the expected counts themselves without
            `log_input`.
        target: the observed counts, of the same shape, or one number.
        log_input: whether `input` are logarithms. If not, the loss is input - target log(input + eps).
        full: add the term that does not depend on `input`: Stirling's target log(target) - target + log(2 pi target) /
            2, an approximation of log(target!), where the target is above 1.
        eps: keeps the logarithm finite where an expected count is 0.
        reduction: "sum" of all elements, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an unknown reduction, and for a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.poisson_nll_loss(tg.zeros(2), tg.tensor([0.0, 3.0]), reduction="none")
    tensor([1., 1.])
    """
    op = "poisson_nll_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    losses: Tensor = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        losses = losses + where(t > 1, _stirling(where(t > 1, t, 1.0)), 0.0)
    return reduce_losses(op, losses, reduction, x)


@loss_of(poisson_nll_loss)
class PoissonNLLLoss(Loss):
    """exp(input) - target input, for logarithms of expected counts; see `functional.poisson_nll_loss`.

    Args:
        log_input: whether the inputs are logarithms.
        full: add the term that does not depend on them.
        eps: keeps the logarithm finite where an expected count is 0.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.PoissonNLLLoss()(tg.zeros(2), tg.tensor([0.0, 3.0]))
    tensor(2.)
    """

    log_input: bool = True
    full: bool = False
    _: KW_ONLY
    eps: float = 1e-8
    reduction: str = "sum"

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss."""
        return super().forward(log_input, target)


def gaussian_nll_loss(
    input: Operand,
    target: Operand,
    var: Operand,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "sum",
) -> Tensor:
    """(log(var) + (input - target)² / var) / 2: the negative log-likelihood of `target`, with mean `input`.

    Args:
        input: expected values, floating, of any shape.
        target: the observed values, of the same shape, or one number.
        var: the expected variances: of the same shape, with size 1 for one axis, without the last axis, or one number.
        full: add the constant log(2 pi) / 2.
        eps: smaller variances count as `eps`. Their gradient is that at `eps`, not 0, so that they can grow again.
        reduction: "sum" of all elements, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        ValueError: for a negative variance, an unknown reduction, and a mean over no elements.

    Source: Nix and Weigend, "Estimating the mean and variance of the target probability distribution" (1994).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.gaussian_nll_loss(tg.tensor([1.0, 1.0]), tg.tensor([1.0, 3.0]), tg.ones(2))
    tensor(2.)
    """
    op = "gaussian_nll_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    v = _variances(op, x, var, eps)
    losses: Tensor = (log(v) + square(x - t) / v) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce_losses(op, losses, reduction, sampled(x, v))


@module_of(gaussian_nll_loss)
class GaussianNLLLoss(Loss):
    """(log(var) + (input - target)² / var) / 2; see `functional.gaussian_nll_loss`.

    Called with `(input, target, var)`.

    Args:
        full: add log(2 pi) / 2.
        eps: smaller variances count as `eps`.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for both, and `var` as `functional.gaussian_nll_loss` says; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.GaussianNLLLoss()(tg.tensor([1.0, 1.0]), tg.tensor([1.0, 3.0]), tg.ones(2))
    tensor(2.)
    """

    _: KW_ONLY
    full: bool = False
    eps: float = 1e-6
    reduction: str = "sum"

    def forward(self, input: Tensor, target: Tensor, var: Operand) -> Tensor:  # type: ignore[override]
        """The loss."""
        out: Tensor = self._function(input, target, var, **self._arguments())
        return out


def _stirling(t: Tensor) -> Tensor:
    """An approximation of log(t!)."""
    return t * log(t) - t + 0.5 * log(2 * math.pi * t)


def _variances(op: str, x: Tensor, var: Operand, eps: float) -> Tensor:
    """`var` as a tensor that broadcasts to the shape of `x`, not below `eps`; gradients pass as if it were `var`."""
    v = floating(op, "var", like_input(var, x))
    wrong = v.array < 0
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(
            f"{op}: var{list(place) or ''} is {v.array[place]}, but a variance is not negative. Let the model end in "
            "softplus or exp"
        )
    if v.shape != x.shape and (v.shape or isinstance(var, TensorBase)):
        if v.shape == x.shape[:-1] and x.shape:
            v = v.unsqueeze(-1)
        elif [b for a, b in zip(x.shape, v.shape) if a != b] != [1] or len(x.shape) != len(v.shape):
            raise ShapeError(
                f"{op}: input has shape {x.shape}, var {v.shape}: it must have the same shape, size 1 in the place of "
                f"one axis, or the shape {x.shape[:-1]} without the last axis"
            )
    if (v.array < eps).any():
        v = clamp_min(v.detach(), eps) + (v - v.detach())  # which adds 0
    return v
