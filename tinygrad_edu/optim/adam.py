"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from .averages import average, average_square
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_betas, require_between


class Adam(Optimizer):
    """Adam: the running mean of the gradient over the root of the running mean of its square.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g²; both start at zero, and step t corrects for that:
    p ← p − lr·m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ). Weight decay λ adds λ·p to g first.

    Sources: Kingma and Ba 2015, "Adam: A method for stochastic optimization"; Reddi et al. 2018, "On the
    convergence of Adam and beyond", for `amsgrad`.

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        betas: (β₁, β₂), how much of the running means is kept from step to step.
        eps: ε, added to the denominator.
        weight_decay: factor of the L2 penalty λ/2·‖p‖².
        amsgrad: divide by the largest v so far.
        maximize: go up instead of down.
        decoupled_weight_decay: let weight decay shrink the parameters themselves, as AdamW does.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([8.0, -800.0], requires_grad=True)
    >>> optimizer = tg.optim.Adam([w], lr=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()  # the first step has length lr, whatever the gradient
    >>> w
    tensor([   7.5, -799.5], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Both betas must lie in [0, 1), eps must be >= 0."""
        require_between(type(self).__name__, options, "eps")
        require_betas(type(self).__name__, options)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the ratio of the running means."""
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = np.zeros_like(p)
        state["step"] = step = state["step"] + 1
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        average(mean, g, beta1, scratch)
        average_square(square, g, beta2, scratch)
        if group["amsgrad"]:
            square = np.maximum(state["max_exp_avg_sq"], square, out=state["max_exp_avg_sq"])
        np.sqrt(square, scratch)
        scratch /= math.sqrt(1.0 - beta2**step)
        scratch += group["eps"]
        np.divide(mean, scratch, scratch)
        scratch *= lr / (1.0 - beta1**step)
        p -= scratch


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters themselves, not through g: p ← (1 − lr·λ)·p first.

    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization".

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        betas: (β₁, β₂), how much of the running means is kept from step to step.
        eps: ε, added to the denominator.
        weight_decay: λ, the fraction by which each step shrinks the parameters, per unit of learning rate.
        amsgrad: divide by the largest v so far.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([8.0], requires_grad=True)
    >>> w.grad = tg.tensor([0.0])
    >>> tg.optim.AdamW([w], lr=0.5, weight_decay=0.5).step()
    >>> w
    tensor([6.], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """As for Adam; weight decay must be decoupled."""
        super().check_options(options)
        if not options["decoupled_weight_decay"]:
            raise ValueError("AdamW: decoupled_weight_decay=False makes it Adam: use Adam")
