"""Which layer makes the samples of a batch depend on one another."""

from __future__ import annotations

from typing import Any

from ...autograd.modes import no_grad
from ...nn.module.module import Module
from ...samples.separability import check
from ...tensors.tensor import Tensor


def coupling_layer(model: Module, x: Any) -> str:
    """The innermost module in which samples meet, as ``'path' (Class)``; empty if none can be named.

    Each module is tested with the inputs that it had, in the order in which their calls ended, so inner modules come
    first.

    Args:
        model: runs in its current mode.
        x: a batch of inputs.

    >>> import tinygrad_edu as tg
    >>> class Centre(tg.nn.Module):
    ...     def forward(self, x):
    ...         return x - x.mean(0)
    >>> coupling_layer(tg.nn.Sequential(tg.nn.Linear(2, 3), Centre()), tg.rand(4, 2))
    "'1' (Centre)"
    """
    calls: list[tuple[str, Module, tuple[Any, ...]]] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: calls.append((name, module, inputs)))
        for name, module in model.named_modules()
    ]
    try:
        with no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    for name, module, inputs in calls:
        if _is_batch(inputs, len(x)) and not _is_separable(module, inputs):
            return f"{name!r} ({type(module).__name__})" if name else f"the model itself ({type(module).__name__})"
    return ""


def _is_batch(inputs: tuple[Any, ...], count: int) -> bool:
    return bool(inputs) and all(isinstance(x, Tensor) and x.ndim and len(x) == count for x in inputs)


def _is_separable(module: Module, inputs: tuple[Any, ...]) -> bool:
    try:
        return bool(check(module, inputs if len(inputs) > 1 else inputs[0]))
    except Exception:  # what cannot be tested is not named
        return True
