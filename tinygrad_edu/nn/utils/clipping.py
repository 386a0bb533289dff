"""Gradient clipping: limits for the gradients of all parameters of a model together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from ...autograd.tallies import held, stamp
from ...engine.graph import Leaf
from ...engine.recording import make_tensor
from ...engine.versions import mark_changed
from ...errors import TinygradError
from ...tensors.tensor import Tensor
from ..checks import several

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all numbers in `tensors`, as one vector.

    Args:
        tensors: a tensor, or several.
        norm_type: the order of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite.
        foreach: accepted for compatibility with PyTorch, without effect.

    Returns:
        Tensor of shape (). Squares are added in float64, so that float32 gradients cannot overflow.

    Raises:
        TinygradError: if `error_if_nonfinite` and it is not finite.

    >>> import tinygrad_edu as tg
    >>> tg.nn.utils.get_total_norm([tg.tensor([3.0]), tg.tensor([[4.0]])])
    tensor(5.)
    """
    if not norm_type > 0:
        raise ValueError(f"norm_type must be greater than 0, got {norm_type}")
    arrays = [t.array for t in several("get_total_norm", tensors)]
    sizes = [np.abs(array) for array in arrays if array.size]
    if math.isinf(norm_type):
        total = float(np.max([size.max() for size in sizes])) if sizes else 0.0
    elif norm_type == 2:
        total = math.sqrt(sum(float(np.square(size, dtype=np.float64).sum()) for size in sizes))
    else:
        total = sum(float(np.power(size, norm_type, dtype=np.float64).sum()) for size in sizes) ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise TinygradError(
            f"the total norm of order {norm_type} is {total}, so gradients cannot be clipped by it. "
            "Find where the first NaN or infinity arises, or pass error_if_nonfinite=False"
        )
    dtype = np.result_type(*arrays) if arrays else np.dtype(np.float32)
    with np.errstate(over="ignore"):
        return make_tensor(np.asarray(total).astype(dtype), None)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by one factor, so that their total norm is at most `max_norm`.

    Args:
        parameters: a tensor, or several; those without a gradient are skipped.
        max_norm: the largest norm allowed.
        norm_type: the order of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite; then no gradient has changed.
        foreach: accepted for compatibility with PyTorch, without effect.

    Returns:
        The total norm before clipping, a tensor of shape (). With summed losses it grows with the batch:
        choose `max_norm` accordingly, or use the mean.

    Raises:
        TinygradError: if `error_if_nonfinite` and the norm is not finite.
        ValueError: for a negative or NaN `max_norm`, or a `norm_type` of 0 or less.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks" (2013). As PyTorch,
    it divides by the norm plus 1e-6.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 1.0], requires_grad=True)
    >>> (w * tg.tensor([3.0, 4.0])).backward()
    >>> tg.nn.utils.clip_grad_norm_(w, 1.0), w.grad.round(decimals=4)
    (tensor(5.), tensor([0.6, 0.8]))
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be 0 or more, got {max_norm}")
    parameters = several("clip_grad_norm_", parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor | float, foreach: bool | None = None
) -> None:
    """`clip_grad_norm_` for a total norm that is known already, such as one over several processes.

    Args:
        parameters: a tensor, or several; those without a gradient are skipped.
        max_norm: the largest norm allowed.
        total_norm: the total norm of the gradients.
        foreach: accepted for compatibility with PyTorch, without effect.

    Raises:
        ValueError: for a negative or NaN `max_norm`.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 1.0], requires_grad=True)
    >>> (w * tg.tensor([3.0, 4.0])).backward()
    >>> tg.nn.utils.clip_grads_with_norm_(w, 1.0, 10.0)
    >>> w.grad.round(decimals=4)
    tensor([0.3, 0.4])
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grads_with_norm_: max_norm must be 0 or more, got {max_norm}")
    parameters = several("clip_grads_with_norm_", parameters)
    factor = max_norm / (float(total_norm) + 1e-6)
    if factor >= 1:
        return
    with _counts_kept(parameters):  # a NaN norm makes every gradient NaN, as in PyTorch, rather than going unnoticed
        for gradient in _gradients(parameters):
            gradient.array *= factor
            mark_changed(gradient.array)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of every gradient to between -clip_value and clip_value.

    Args:
        parameters: a tensor, or several; those without a gradient are skipped.
        clip_value: the largest absolute value allowed.
        foreach: accepted for compatibility with PyTorch, without effect.

    Raises:
        ValueError: for a negative or NaN `clip_value`.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 1.0], requires_grad=True)
    >>> (w * tg.tensor([3.0, -0.5])).backward()
    >>> tg.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 1. , -0.5])
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be 0 or more, got {clip_value}")
    parameters = several("clip_grad_value_", parameters)
    with _counts_kept(parameters):
        for gradient in _gradients(parameters):
            np.clip(gradient.array, -clip_value, clip_value, out=gradient.array)
            mark_changed(gradient.array)


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [g for g in (p.grad for p in parameters) if g is not None]


@contextmanager
def _counts_kept(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Gradients that are made shorter inside stand for as many samples as before."""
    before = held([p.source for p in parameters if isinstance(p.source, Leaf)])
    yield
    stamp(before, altered=True)
