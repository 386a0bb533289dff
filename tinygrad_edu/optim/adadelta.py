"""Adadelta: steps in the units of the parameters, without a learning rate to tune."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from .averages import average_square
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_between


class Adadelta(Optimizer):
    """The gradient times the ratio of two running root mean squares: of past steps, and of gradients.

    v ← ρ·v + (1 − ρ)·g², then Δ = g·√(u + ε) / √(v + ε), u ← ρ·u + (1 − ρ)·Δ² and p ← p − lr·Δ. Weight
    decay λ adds λ·p to g first.

    Source: Zeiler 2012, "ADADELTA: An adaptive learning rate method".

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: factor of the steps.
        rho: ρ, how much of the running means is kept from step to step.
        eps: ε, added under both roots.
        weight_decay: factor of the L2 penalty λ/2·‖p‖².
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = tg.optim.Adadelta([w], rho=0.75, eps=1.0)
    >>> w.grad = tg.tensor([0.0, 1.5])
    >>> optimizer.step()
    >>> w
    tensor([  1. , 198.8], requires_grad=True)
    """

    overwrites_gradient = True  # a second array to compute in

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Both rho and eps must be >= 0, rho at most 1."""
        require_between("Adadelta", options, "eps")
        if not 0.0 <= options["rho"] <= 1.0:
            raise ValueError(f"Adadelta: rho={options['rho']!r} must be >= 0 and <= 1")

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move by the gradient in units of past steps."""
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p), acc_delta=np.zeros_like(p))
        state["step"] += 1
        rho, eps = group["rho"], group["eps"]
        square, steps = state["square_avg"], state["acc_delta"]
        average_square(square, g, rho, scratch)
        np.add(steps, eps, scratch)
        np.sqrt(scratch, scratch)
        scratch *= g
        np.add(square, eps, g)
        np.sqrt(g, g)
        scratch /= g  # the step Δ
        average_square(steps, scratch, rho, g)
        scratch *= lr
        p -= scratch
