"""RMSprop: steps scaled by a running mean of the squared gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from .averages import average, average_square
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_between


class RMSprop(Optimizer):
    """The gradient over the root of a running mean of its square.

    v ← α·v + (1 − α)·g² and p ← p − lr·g / (√v + ε). With `centered` the running mean a of the gradient is
    taken off, √(v − a²). With momentum μ the quotient is gathered, b ← μ·b + g / (√v + ε), and p ← p − lr·b.
    Weight decay λ adds λ·p to g first.

    Sources: Tieleman and Hinton 2012, lecture 6.5 of "Neural networks for machine learning"; Graves 2013,
    "Generating sequences with recurrent neural networks", for the centered form.

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        alpha: α, how much of the running means is kept from step to step.
        eps: ε, added to the denominator.
        weight_decay: factor of the L2 penalty λ/2·‖p‖².
        momentum: how much of the gathered quotients is kept.
        centered: scale by the variance of the gradient instead of its mean square.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = tg.optim.RMSprop([w], lr=0.5, alpha=0.75)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w
    tensor([  0., 199.], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """All of alpha, eps and momentum must be >= 0, alpha below 1."""
        require_between("RMSprop", options, "alpha", 1.0)
        require_between("RMSprop", options, "eps")
        require_between("RMSprop", options, "momentum")

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the gradient over the root of its running mean square."""
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p))
        if group["momentum"] and "momentum_buffer" not in state:
            state["momentum_buffer"] = np.zeros_like(p)
        if group["centered"] and "grad_avg" not in state:
            state["grad_avg"] = np.zeros_like(p)
        state["step"] += 1
        alpha, square = group["alpha"], state["square_avg"]
        average_square(square, g, alpha, scratch)
        if group["centered"]:
            mean = state["grad_avg"]
            average(mean, g, alpha, scratch)
            np.multiply(mean, mean, scratch)
            np.subtract(square, scratch, scratch)
            np.sqrt(scratch, scratch)
        else:
            np.sqrt(square, scratch)
        scratch += group["eps"]
        np.divide(g, scratch, scratch)
        if group["momentum"]:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += scratch
            np.multiply(buffer, lr, scratch)
        else:
            scratch *= lr
        p -= scratch
