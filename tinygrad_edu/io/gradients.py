"""Gradients that wait for an optimizer's step, in a form that a file can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd.tallies import is_older
from ..dtypes import Array
from ..engine.versions import changed_at
from ..errors import StateError
from ..optim.optimizer import Optimizer
from ..tensors.tensor import Tensor


def waiting(optimizer: Optimizer) -> dict[int, tuple[Array, list[int]]]:
    """The gradients that no step has used yet, by number of the parameter.

    After a step there are none: what is then left in `.grad` has been used. An optimizer that overrides `step` does not
    record when that was; then a gradient counts as used if it is older than its parameter.

    Args:
        optimizer: whose parameters.

    Returns:
        For each, its numbers and which axes of the gradient their axes are. They keep their order in memory, because
        the rounding of sums, such as those of clipping, depends on it.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([w], lr=0.1)
    >>> (2 * w).backward()
    >>> waiting(optimizer)
    {0: (array([2.], dtype=float32), [0])}
    >>> optimizer.step()
    >>> waiting(optimizer)
    {}
    """
    found = {}
    for number, p in enumerate(optimizer._parameters()):
        leaf: Any = p.source
        if leaf is None or leaf.grad is None:
            continue
        used = changed_at(p.array) if optimizer.last_step is None else optimizer.last_step
        if not is_older(leaf, used):
            gradient = leaf.grad.array
            axes = np.argsort([-abs(stride) for stride in gradient.strides], kind="stable").tolist()
            found[number] = gradient.transpose(axes), axes
    return found


def fitted(optimizer: Optimizer, saved: Mapping[int, Any]) -> list[tuple[Tensor, Array | None]]:
    """Each parameter of an optimizer with the gradient that waited for its step, or None.

    Raises:
        StateError: if one does not fit the parameter.
    """
    params = optimizer._parameters()
    gradients: list[Array | None] = [None] * len(params)
    for number, (array, axes) in saved.items():
        if not 0 <= number < len(params):
            raise StateError(f"there is a gradient of parameter {number}, and there are {len(params)} parameters")
        p = params[number]
        gradients[number] = gradient = np.transpose(array, np.argsort(axes))
        if p.source is None or gradient.shape != p.shape or gradient.dtype != p.dtype:
            raise StateError(
                f"the gradient of parameter {number} has shape {gradient.shape} and dtype {gradient.dtype}, the "
                f"parameter {p.shape} and {p.dtype}{'' if p.requires_grad else ', and is frozen'}"
            )
    return list(zip(params, gradients))
