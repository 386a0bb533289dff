"""What RNN, LSTM and GRU share: everything but the gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtypes import DType
from ...engine.callsite import warn
from ...errors import DtypeError, ShapeError, type_name
from ...ops.joining import concatenate, stack
from ...tensors.tensor import Tensor
from .. import init
from ..checks import axes_in_words, count, probability
from ..dropout import dropout as dropped
from ..layer import Layer
from ..parameter import Parameter
from ..widening import watched
from .steps import GATES, take


def size(module: str, name: str, value: Any) -> int:
    """A number of features, at least 1."""
    return count(module, name, value, least=1)


def draw(layer: Layer, hidden_size: int) -> None:
    """Draw all parameters uniform between plus and minus 1/sqrt(hidden_size)."""
    bound = 1 / math.sqrt(hidden_size)
    for parameter in layer.parameters():
        init.uniform_(parameter, -bound, bound)


def check_input(name: str, x: Any, axes: tuple[int, int], input_size: int, dtype: Any) -> None:
    """Raise if the input of a layer, or of a cell, has another number of axes, another size or no floating dtype."""
    shape = tuple(x.shape)
    if x.dtype.kind != "f":
        raise DtypeError(
            f"{name}: the input has dtype {x.dtype}, it must be floating-point like the weights, {dtype}: use .float() "
            "for numbers, an nn.Embedding in front for the ids of words or characters"
        )
    if len(shape) not in axes:
        raise ShapeError(
            f"{name} expects an input of {axes_in_words(axes[0])}, or of {axes[1]} with a batch, "
            f"the last one of size {input_size}; got {shape}, of {len(shape)}"
        )
    if shape[-1] != input_size:
        raise ShapeError(
            f"{name} expects (*, {input_size}), got {shape}: axis -1 is {shape[-1]}. Set input_size={shape[-1]}?"
        )


def check_state(name: str, argument: str, state: Any, wanted: tuple[int, ...], meaning: str, way_out: str = "") -> None:
    """Raise if a state has another shape than the one that is wanted; `way_out` says what to do where that is known."""
    if not hasattr(state, "shape"):
        raise DtypeError(f"{name}: {argument} must be a tensor of shape {wanted}, {meaning}, got {type_name(state)}")
    have = tuple(state.shape)
    if have == wanted:
        return
    wrong = next((i for i, (n, m) in enumerate(zip(have, wanted, strict=False)) if n != m), None)
    place = axes_in_words(len(have)) if len(have) != len(wanted) or wrong is None else f"axis {wrong} is {have[wrong]}"
    raise ShapeError(
        f"{name}: {argument} must have shape {wanted}, {meaning}, got {have}: {place}. "
        + (way_out or "Leave it out for zeros")
    )


class Recurrent(Layer):
    """A stack of recurrent layers, in one direction or both."""

    kind: str
    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.mode = mode
        self.input_size: int = size(name, "input_size", input_size)
        self.hidden_size: int = size(name, "hidden_size", hidden_size)
        self.num_layers: int = size(name, "num_layers", num_layers)
        self.bias = bias
        self.batch_first = batch_first
        if isinstance(dropout, bool):
            raise ValueError(f"{name}: dropout is the probability that an element is dropped, got {dropout}")
        self.dropout: float = probability(name, dropout, "dropout")
        self.bidirectional = bidirectional
        if self.dropout and self.num_layers == 1:
            warn(f"{name}: dropout={self.dropout} is between layers, and num_layers is 1: so nothing is dropped")
        self._make_parameters(device, dtype, **self._shapes())

    def _shapes(self) -> dict[str, tuple[int, ...] | None]:
        """Of each parameter, by its name."""
        wide, hidden = GATES[self.mode] * self.hidden_size, self.hidden_size
        shapes: dict[str, tuple[int, ...] | None] = {}
        for layer in range(self.num_layers):
            given = self.input_size if layer == 0 else hidden * self._directions
            for ending in self._endings(layer):
                shapes[f"weight_ih_{ending}"], shapes[f"weight_hh_{ending}"] = (wide, given), (wide, hidden)
                if self.bias:
                    shapes[f"bias_ih_{ending}"] = shapes[f"bias_hh_{ending}"] = (wide,)
        return shapes

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _endings(self, layer: int) -> list[str]:
        """Those of the names of the parameters of a layer, for each direction."""
        return [f"l{layer}", f"l{layer}_reverse"][: self._directions]

    def _weights(self, ending: str) -> list[Parameter | None]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{name}_{ending}") if self.bias or name[0] == "w" else None for name in names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        endings = [ending for layer in range(self.num_layers) for ending in self._endings(layer)]
        return [[p for p in self._weights(ending) if p is not None] for ending in endings]

    def flatten_parameters(self) -> None:
        """Do nothing: there is no other way to lay out the parameters."""

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        draw(self, self.hidden_size)

    def _run(self, x: Any, given: tuple[Any, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The output, and the last states: for an LSTM two arrays of them.

        Args:
            x: the input, as the user gives it.
            given: the first states, as the user gives them; None for zeros.
        """
        name, whole = type(self).__name__, x
        check_input(name, x, (2, 3), self.input_size, self.weight_ih_l0.dtype)
        batched = len(x.shape) == 3
        if not batched:
            x = x[None]
        elif not self.batch_first:
            x = x.swapaxes(0, 1)
        if not x.shape[1]:
            raise ShapeError(f"{name}: the input of shape {tuple(whole.shape)} has no step: its sequences are empty")
        starts = self._starts(x, given, batched)
        out, ends = self._layers(x, starts)
        lasts = tuple([stack(states, 0) for states in zip(*ends, strict=True)])
        if not batched:
            return watched(self, self.weight_ih_l0, out[0], whole), tuple([last[:, 0] for last in lasts])
        out = out if self.batch_first else out.swapaxes(0, 1)
        return watched(self, self.weight_ih_l0, out, whole), lasts

    def _starts(self, x: Any, given: tuple[Any, ...] | None, batched: bool) -> list[tuple[Any, ...]]:
        """For each layer and direction the first state, and of an LSTM the first cell."""
        number, batch = self.num_layers * self._directions, x.shape[0]
        if given is None:
            zeros = np.zeros((batch, self.hidden_size), self.weight_ih_l0.dtype)
            return [(zeros,) * (2 if self.mode == "LSTM" else 1)] * number
        wanted = (number, batch, self.hidden_size) if batched else (number, self.hidden_size)
        meaning = (
            "(num_layers * directions, batch, hidden_size)" if batched else "(num_layers * directions, hidden_size)"
        )
        names = ("h_0", "c_0") if len(given) == 2 else ("hx",)
        for argument, state in zip(names, given, strict=True):
            way_out = self._way_out(argument, tuple(getattr(state, "shape", ())), *x.shape[:2]) if batched else ""
            check_state(type(self).__name__, argument, state, wanted, meaning, way_out)
        parts = [[state[k] if batched else state[k][None] for k in range(number)] for state in given]
        return list(zip(*parts, strict=True))

    def _way_out(self, argument: str, have: tuple[int, ...], batch: int, length: int) -> str:
        """What to do about a state of a shape that does not fit, where that can be guessed."""
        number = self.num_layers * self._directions
        if have == (batch, number, self.hidden_size):
            return f"The batch is axis 1 of it, with batch_first as well: use {argument}.swapaxes(0, 1)"
        if have == (number, length, self.hidden_size):
            return f"The input is read as {batch} sequences of length {length}: set batch_first={not self.batch_first}?"
        return ""

    def _layers(self, x: Any, starts: list[tuple[Any, ...]]) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
        """The output of the last layer, (B, T, directions * H), and the last states of each layer and direction."""
        ends = []
        for layer in range(self.num_layers):
            found = []
            for reverse, ending in enumerate(self._endings(layer)):
                start = starts[layer * self._directions + reverse]
                states = take(self.mode, x, start, self._weights(ending), bool(reverse))
                found.append(states[0])
                ends.append(tuple([part[:, 0 if reverse else -1] for part in states]))
            x = found[0] if len(found) == 1 else concatenate(found, 2)
            if self.training and layer < self.num_layers - 1:
                x = dropped(x, self.dropout)
        return x, ends

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return text + "".join([f", {n}={getattr(self, n)}" for n, value in usual.items() if getattr(self, n) != value])
