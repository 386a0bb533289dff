"""RAdam: Adam that does not scale its first steps, while too few gradients have been seen to do so."""

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

_FEWEST = 5.0  # degrees of freedom below which the variance of Adam's factor is not known to be finite


class RAdam(Optimizer):
    """RAdam: Adam whose steps are shortened by how uncertain its running mean square is.

    With ρ∞ = 2 / (1 − β₂) − 1 the mean square v of step t has about ρ = ρ∞ − 2t·β₂ᵗ / (1 − β₂ᵗ) degrees of freedom.
    If these are more than 5, p ← p − lr·r·m̂ / √v̂ with r² = (ρ − 4)·(ρ − 2)·ρ∞ / ((ρ∞ − 4)·(ρ∞ − 2)·ρ), and with
    ε added to the root √v; else p ← p − lr·m̂. Here m, v and their corrected forms m̂ and v̂ are Adam's. Weight decay λ
    adds λ·p to g first.

    Source: Liu et al. 2020, "On the variance of the adaptive learning rate and beyond".

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        betas: (β₁, β₂), how much of the running means is kept from step to step.
        eps: ε, added to the root of v.
        weight_decay: λ.
        decoupled_weight_decay: shrink the parameters themselves, p ← (1 − lr·λ)·p first, as AdamW does.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([8.0, -800.0], requires_grad=True)
    >>> optimizer = tg.optim.RAdam([w], lr=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()  # the first steps are those of the mean gradient
    >>> w
    tensor([   4., -400.], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Both betas must lie in [0, 1), eps must be >= 0."""
        require_between("RAdam", options, "eps")
        require_betas("RAdam", options)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the running mean, scaled once its mean square can be relied on."""
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        state["step"] = step = state["step"] + 1
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        average(mean, g, beta1, scratch)
        average_square(square, g, beta2, scratch)
        rate = lr / (1.0 - beta1**step)
        correction = 1.0 - beta2**step
        most = 2.0 / (1.0 - beta2) - 1.0
        freedom = most - 2.0 * step * beta2**step / correction
        if freedom > _FEWEST:
            shortened = (freedom - 4.0) * (freedom - 2.0) * most / ((most - 4.0) * (most - 2.0) * freedom)
            np.sqrt(square, scratch)
            scratch += group["eps"]
            np.divide(mean, scratch, scratch)
            scratch *= rate * math.sqrt(shortened * correction)
        else:
            np.multiply(mean, rate, scratch)
        p -= scratch
