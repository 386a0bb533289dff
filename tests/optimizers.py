"""For tests of what all optimizers do: one of each kind, and gradients for their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from made import normal, parameter

from tinygrad_edu import optim

KINDS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda params, **options: optim.SGD(params, **options),
    "sgd with momentum": lambda params, **options: optim.SGD(params, momentum=0.9, nesterov=True, **options),
    "adam": lambda params, **options: optim.Adam(params, amsgrad=True, **options),
    "adamw": lambda params, **options: optim.AdamW(params, **options),
    "rmsprop": lambda params, **options: optim.RMSprop(params, momentum=0.5, centered=True, **options),
    "adagrad": lambda params, **options: optim.Adagrad(params, lr_decay=0.1, **options),
    "adadelta": lambda params, **options: optim.Adadelta(params, **options),
    "adamax": lambda params, **options: optim.Adamax(params, **options),
    "nadam": lambda params, **options: optim.NAdam(params, **options),
    "nadam, decoupled": lambda params, **options: optim.NAdam(params, decoupled_weight_decay=True, **options),
    "radam": lambda params, **options: optim.RAdam(params, betas=(0.9, 0.9), **options),
}
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())


def set_grad(p: Any, seed: int) -> None:
    """Give a parameter a gradient of normally distributed numbers."""
    p.grad = normal(*p.shape, seed=seed).astype(p.dtype)


def run(optimizer: optim.Optimizer, params: Iterable[Any], steps: int, first_seed: int = 0, **arguments: Any) -> None:
    """Make steps, each with other gradients."""
    for i in range(steps):
        for j, p in enumerate(params):
            set_grad(p, 100 * (first_seed + i) + j)
        optimizer.step(**arguments)


def walked(optimizer: optim.Optimizer, w: Any, gradients: Iterable[Any]) -> Any:
    """Where a parameter is after a step with each of the gradients."""
    positions = []
    for g in gradients:
        w.grad = g
        optimizer.step()
        positions.append(w.array.copy())
    return np.array(positions)


def with_rates(*rates: float) -> optim.Optimizer:
    """An optimizer that has a group with each learning rate."""
    return optim.SGD([{"params": parameter(1), "lr": lr} for lr in rates])


def rates(make: Callable[[optim.Optimizer], Any], epochs: int, *first: float) -> list[Any]:
    """The rate of each epoch by a schedule, from the first rate 8 or those that are given; of several groups all."""
    schedule = make(with_rates(*(first or (8.0,))))
    seen = []
    for _ in range(epochs):
        seen.append(schedule.get_last_lr())
        schedule.step()
    return [lr for (lr,) in seen] if len(first) < 2 else seen
