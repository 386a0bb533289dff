"""Strategies for models: small random ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

from ... import nn
from ...ops.generator import get_rng_state, set_rng_state
from ...tensors.tensor import Tensor
from .sizes import Shape, shapes
from .values import draw_array, draw_numbers


class Model(NamedTuple):
    """A module and what it can be called with.

    Attributes:
        module: the module.
        inputs: its arguments.

    >>> from tinygrad_edu.testing.strategies import modules, simplest
    >>> model = simplest(modules(1, ["linear"]))
    >>> model.module(*model.inputs).shape
    (1,)
    """

    module: nn.Module
    inputs: tuple[Tensor, ...]


class Residual(nn.Module):
    """x plus what another module makes of it.

    >>> import tinygrad_edu as tg
    >>> Residual(tg.nn.Identity())(tg.tensor([1.5]))
    tensor([3.])
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """x + inner(x)."""
        out: Tensor = x + self.inner(x)
        return out


Made: TypeAlias = tuple[nn.Module, int]  # a layer, and the width of what comes out of it

_SMOOTH = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.SiLU, nn.GELU, nn.Mish, nn.LogSigmoid, nn.Softsign)
_PIECES = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Hardtanh, nn.PReLU)


def _linear(draw: st.DrawFn, width: int) -> Made:
    out = draw(st.integers(1, 3))
    return nn.Linear(width, out, bias=draw(st.booleans())), out


def _one_of(classes: Sequence[type[nn.Module]], *given: Any) -> Callable[[st.DrawFn, int], Made]:
    return lambda draw, width: (draw(st.sampled_from(classes))(*given), width)


def _norm(draw: st.DrawFn, width: int) -> Made:
    return draw(st.sampled_from([nn.LayerNorm, nn.RMSNorm]))(width), width


def _residual(draw: st.DrawFn, width: int) -> Made:
    inner = nn.Sequential(nn.Linear(width, width), draw(st.sampled_from(_SMOOTH))())
    return Residual(inner), width


def _tied(draw: st.DrawFn, width: int) -> Made:
    twice = nn.Linear(width, width)
    return nn.Sequential(twice, draw(st.sampled_from(_SMOOTH))(), twice), width


KINDS: dict[str, Callable[[st.DrawFn, int], Made]] = {
    "linear": _linear,
    "activation": _one_of(_SMOOTH),
    "norm": _norm,
    "softmax": _one_of((nn.Softmax, nn.LogSoftmax), -1),
    "residual": _residual,
    "tied": _tied,
    "rectifier": _one_of(_PIECES),
}


def modules(
    depth: int = 3, kinds: Sequence[str] = ("linear", "activation", "norm", "softmax", "residual", "tied", "embedding")
) -> st.SearchStrategy[Model]:
    """Small models of the library's layers in sequence, in float64, each with inputs that fit.

    They draw no random numbers when called, and their parameters and inputs are multiples of 1/8. They shrink to few
    layers of width 1, without parameters or with the parameters 1.

    Args:
        depth: the largest number of layers; there is at least one.
        kinds: the kinds of layers: "linear", "activation" (smooth ones), "norm", "softmax", "residual", "tied" (one
            Linear used twice), "rectifier" (which has kinks), and "embedding" (at the beginning, for integers).

    Raises:
        ValueError: for an unknown kind, or if there is none.

    >>> from tinygrad_edu.testing.strategies import modules, simplest
    >>> model = simplest(modules(), lambda model: len(model.module) == 2)
    >>> model.module, model.inputs
    (Sequential(
      (0): Tanh()
      (1): Tanh()
    ), (tensor([0.], dtype=float64),))
    """
    unknown = [kind for kind in kinds if kind not in KINDS and kind != "embedding"]
    if unknown or not kinds:
        raise ValueError(f"modules: kinds={list(kinds)}: use some of {', '.join([*KINDS, 'embedding'])}")
    if depth < 1:
        raise ValueError(f"modules: depth={depth}: need at least 1")
    return _modules(depth, tuple(kinds))


@st.composite
def _modules(draw: st.DrawFn, depth: int, kinds: tuple[str, ...]) -> Model:
    state = get_rng_state()
    try:
        return _model(draw, depth, kinds)
    finally:
        set_rng_state(state)  # the layers' first parameters took numbers from the user's generator


def _model(draw: st.DrawFn, depth: int, kinds: tuple[str, ...]) -> Model:
    count, first = draw(st.integers(1, depth)), draw(st.integers(1, 3))
    others = [kind for kind in kinds if kind != "embedding"]
    embedded = "embedding" in kinds and (not others or draw(st.booleans()))
    layers: list[nn.Module] = [nn.Embedding(3, first)] if embedded else []
    width = first
    while len(layers) < count and others:
        layer, width = KINDS[draw(st.sampled_from(others))](draw, width)
        layers.append(layer)
    module = nn.Sequential(*layers).double()
    for parameter in module.parameters():
        parameter.array[...] = draw_numbers(draw, parameter.array.size, "weights").reshape(parameter.shape)
    before = draw(shapes(max_dims=2, max_side=3))
    return Model(module, (_ids(draw, before) if embedded else Tensor(draw_array(draw, (*before, first), "smooth")),))


def _ids(draw: st.DrawFn, shape: Shape) -> Tensor:
    size = math.prod(shape)
    ids = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    return Tensor(np.array(ids, np.int64).reshape(shape))
