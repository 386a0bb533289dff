"""Parametrizations: computed weights, under the names that PyTorch's parametrizations have."""

from __future__ import annotations

from typing import TypeVar

from ..containers import ModuleDict
from ..module.module import Module
from .reparametrizing import Computed, compute, made_of

__all__ = ["weight_norm"]

M = TypeVar("M", bound=Module)


class ParametrizationList(Module):
    """What a parameter is computed from, and how."""


class _WeightNorm(Module):
    """Says in the text of a module how its weight is computed."""


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Let a module compute its weight from lengths and a direction, which it learns instead: g v / |v|.

    The weight is computed whenever it is read, from ``module.parametrizations.weight.original0``, the lengths g, and
    ``original1``, which is v. `nn.utils.weight_norm` does the same under other names; `remove_weight_norm` undoes both.

    Args:
        module: the module; it is changed.
        name: the parameter.
        dim: the axis along which each slice has its own length; None, or -1 as in PyTorch, for a single length.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such parameter, or it is computed already.
        ShapeError: if the parameter has no such axis.

    Source: Salimans and Kingma, "Weight Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.utils.parametrizations.weight_norm(tg.nn.Linear(3, 2, bias=False))
    >>> {path: p.shape for path, p in layer.named_parameters()}
    {'parametrizations.weight.original0': (2, 1), 'parametrizations.weight.original1': (2, 3)}
    """
    length, direction = made_of(module, name, dim)
    holder = ParametrizationList()
    holder.add_module("0", _WeightNorm())
    holder.register_parameter("original0", length)
    holder.register_parameter("original1", direction)
    path = f"parametrizations.{name}"
    compute(module, name, Computed(f"{path}.original0", f"{path}.original1", dim))
    if not hasattr(module, "parametrizations"):
        module.add_module("parametrizations", ModuleDict())
    module.get_submodule("parametrizations").add_module(name, holder)
    return module
