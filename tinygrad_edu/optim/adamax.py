"""Adamax: Adam with the largest gradient of late in the place of the mean square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from .averages import average
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_betas, require_between


class Adamax(Optimizer):
    """Adamax: the running mean of the gradient over its largest size of late.

    m ← β₁·m + (1 − β₁)·g and u ← max(β₂·u, |g| + ε); step t is p ← p − lr·m̂ / u with m̂ = m / (1 − β₁ᵗ). Weight
    decay λ adds λ·p to g first.

    Source: Kingma and Ba 2015, "Adam: A method for stochastic optimization", section 7.1.

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        betas: (β₁, β₂), how much of the running mean and of the largest size is kept from step to step.
        eps: ε, added to the size of each gradient.
        weight_decay: factor of the L2 penalty λ/2·‖p‖².
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([8.0, -800.0], requires_grad=True)
    >>> optimizer = tg.optim.Adamax([w], lr=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()  # the first step has length lr, whatever the gradient
    >>> w
    tensor([   7.5, -799.5], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Both betas must lie in [0, 1), eps must be >= 0."""
        require_between("Adamax", options, "eps")
        require_betas("Adamax", options)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the running mean in units of the largest size."""
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_inf=np.zeros_like(p))
        state["step"] = step = state["step"] + 1
        beta1, beta2 = group["betas"]
        mean, largest = state["exp_avg"], state["exp_inf"]
        average(mean, g, beta1, scratch)
        np.abs(g, scratch)
        scratch += group["eps"]
        largest *= beta2
        np.maximum(largest, scratch, out=largest)
        np.divide(mean, largest, scratch)
        scratch *= lr / (1.0 - beta1**step)
        p -= scratch
