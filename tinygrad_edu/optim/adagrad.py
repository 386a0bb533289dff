"""Adagrad: steps scaled by the sum of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_between


class Adagrad(Optimizer):
    """The gradient over the root of the sum of its squares so far.

    s ← s + g² and, in step t, p ← p − lr / (1 + (t − 1)·η) · g / (√s + ε) with the decay η of the learning
    rate. Weight decay λ adds λ·p to g first.

    Source: Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic
    optimization".

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        lr_decay: η, how fast the learning rate falls.
        weight_decay: factor of the L2 penalty λ/2·‖p‖².
        initial_accumulator_value: what s starts from.
        eps: ε, added to the denominator.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = tg.optim.Adagrad([w], lr=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.5, 199.5], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """All of lr_decay, initial_accumulator_value and eps must be >= 0."""
        for key in ("lr_decay", "initial_accumulator_value", "eps"):
            require_between("Adagrad", options, key)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the gradient over the root of the sum of its squares."""
        if not state:
            state.update(step=0, sum=np.full_like(p, group["initial_accumulator_value"]))
        rate = lr / (1.0 + state["step"] * group["lr_decay"])
        state["step"] += 1
        total = state["sum"]
        np.multiply(g, g, scratch)
        total += scratch
        np.sqrt(total, scratch)
        scratch += group["eps"]
        np.divide(g, scratch, scratch)
        scratch *= rate
        p -= scratch
