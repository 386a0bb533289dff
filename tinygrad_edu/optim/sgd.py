"""SGD: stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.versions import mark_changed
from .groups import Group, Params
from .optimizer import Optimizer, State
from .options import require_between


class SGD(Optimizer):
    """Stochastic gradient descent.

    Without momentum p ← p − lr·g. With momentum μ and dampening τ a buffer b remembers earlier gradients:
    b ← μ·b + (1 − τ)·g (g itself in the first step), and the step is p ← p − lr·b, or p ← p − lr·(g + μ·b)
    with `nesterov`. Weight decay λ adds λ·p to the gradient first.

    Sources: Robbins and Monro 1951, "A stochastic approximation method"; Polyak 1964 for momentum; Sutskever
    et al. 2013, "On the importance of initialization and momentum in deep learning", for Nesterov's form.

    Args:
        params: tensors, (name, tensor) pairs, or groups.
        lr: the learning rate.
        momentum: how much of the buffer is kept from step to step.
        dampening: how much of each gradient is left out of the buffer.
        weight_decay: λ, the factor of an L2 penalty λ/2·‖p‖², which is added to the mean loss: with `samples=n`, the
            gradient is divided by n first. (A penalty of your own, added to a loss that is a sum over n samples, has
            to be multiplied by n.)
        nesterov: look ahead along the buffer; needs momentum, and no dampening.
        maximize: go up instead of down.

    Raises:
        ValueError: for an option out of range.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([w], lr=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5, 1. ], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Momentum must be >= 0; Nesterov's form needs it, and takes no dampening."""
        require_between("SGD", options, "momentum")
        if options["dampening"] != options["dampening"]:
            raise ValueError("SGD: dampening=nan is not a number")
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov=True with momentum={options['momentum']} and dampening={options['dampening']}"
                ": it needs momentum > 0 and no dampening"
            )

    def _step_group(self, group: Group, lr: float, count: float) -> None:
        if group["momentum"] or group["weight_decay"]:
            super()._step_group(group, lr, count)
            return
        # Two passes over each parameter, the number of samples folded into the factor.
        rate = -lr / count if group["maximize"] else lr / count
        multiply, subtract = np.multiply, np.subtract
        for p in group["params"]:
            source = p.source
            if source is None or source.grad is None:
                continue
            array, scratch, _ = self._buffers(p)
            multiply(source.grad.array, rate, scratch)
            subtract(array, scratch, array)
            mark_changed(array)

    def update(self, p: Array, g: Array, state: State, lr: float, group: Group, scratch: Array) -> None:
        """Move against the gradient, or against the buffer of gradients."""
        momentum = group["momentum"]
        direction = g
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = np.empty_like(p)
                buffer[...] = g
            else:
                np.multiply(g, 1.0 - group["dampening"], scratch)
                buffer *= momentum
                buffer += scratch
            direction = buffer
            if group["nesterov"]:
                np.multiply(buffer, momentum, scratch)
                direction = np.add(g, scratch, scratch)
        np.multiply(direction, lr, scratch)
        p -= scratch
