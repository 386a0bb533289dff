"""NAdam: Adam that looks ahead along its momentum, as Nesterov's method does."""

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


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum, which grows from step to step.

    The momentum of step t is μₜ = β₁·(1 − 0.96^(t·ψ) / 2), and Mₜ the product of the first t. With m and v as in Adam,
    p ← p − lr·((1 − μₜ) / (1 − Mₜ)·g + μₜ₊₁ / (1 − Mₜ₊₁)·m) / (√v̂ + ε), where v̂ = v / (1 − β₂ᵗ). Weight decay λ adds
    λ·p to g first.

    Sources: Dozat 2016, "Incorporating Nesterov momentum into Adam"; Sutskever et al. 2013, "On the importance of
    initialization and momentum in deep learning", for a momentum that grows.

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        betas: (β₁, β₂), how much of the running means is kept from step to step.
        eps: ε, added to the denominator.
        weight_decay: λ.
        momentum_decay: ψ, how fast the momentum grows from half of β₁ to β₁.
        decoupled_weight_decay: shrink the parameters themselves, p ← (1 − lr·λ)·p first, as AdamW does.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([8.0], requires_grad=True)
    >>> optimizer = tg.optim.NAdam([w], lr=0.5, betas=(0.5, 0.5), momentum_decay=0.0)
    >>> (w * w).backward()
    >>> optimizer.step()  # with μ = 1/4: lr·(3/4 / (3/4)·g + 1/4 / (15/16)·g/2) / g
    >>> round(w.item(), 4)
    7.4333
    """

    overwrites_gradient = True  # a second array to compute in
    state_numbers: frozenset[str] = Optimizer.state_numbers | {"mu_product"}

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Both betas must lie in [0, 1), eps and momentum_decay must be >= 0."""
        require_between("NAdam", options, "eps")
        require_between("NAdam", options, "momentum_decay")
        require_betas("NAdam", options)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the gradient and the running mean, over the root of the mean square."""
        if not state:
            state.update(step=0, mu_product=1.0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        state["step"] = step = state["step"] + 1
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        now, then = (beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        state["mu_product"] = product = state["mu_product"] * now
        average(mean, g, beta1, scratch)
        average_square(square, g, beta2, scratch)
        g *= lr * (1.0 - now) / (1.0 - product)
        np.multiply(mean, lr * then / (1.0 - product * then), scratch)
        g += scratch
        np.sqrt(square, scratch)
        scratch /= math.sqrt(1.0 - beta2**step)
        scratch += group["eps"]
        g /= scratch
        p -= g
