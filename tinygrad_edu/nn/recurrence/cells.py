"""Recurrent cells: RNNCell, LSTMCell and GRUCell, one step each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import DType
from ...tensors.tensor import Tensor
from ..layer import Layer
from ..parameter import Parameter
from ..widening import watched
from .base import check_input, check_state, draw, size
from .layers import pair, rnn_mode
from .steps import GATES, take

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Layer):
    """One step of a recurrent layer."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, kind: str, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: DType) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size: int = size(name, "input_size", input_size)
        self.hidden_size: int = size(name, "hidden_size", hidden_size)
        self.bias = bias
        wide = GATES[kind] * self.hidden_size
        more = (wide,) if bias else None
        sizes = {"weight_ih": (wide, self.input_size), "weight_hh": (wide, self.hidden_size)}
        self._make_parameters(device, dtype, **sizes, bias_ih=more, bias_hh=more)

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        draw(self, self.hidden_size)

    def _step(self, kind: str, x: Any, given: tuple[Any, ...] | None) -> tuple[Tensor, ...]:
        """The state after one step, and of an LSTM the cell."""
        name = type(self).__name__
        check_input(name, x, (1, 2), self.input_size, self.weight_ih.dtype)
        shape = (*x.shape[:-1], self.hidden_size)
        if given is None:
            given = (np.zeros(shape, self.weight_ih.dtype),) * (2 if kind == "LSTM" else 1)
        names = ("h_0", "c_0") if kind == "LSTM" else ("hx",)
        for argument, state in zip(names, given, strict=True):
            check_state(name, argument, state, shape, "(batch, hidden_size)" if len(shape) == 2 else "(hidden_size,)")
        batch = shape[0] if len(shape) == 2 else 1
        start = tuple([state.reshape((batch, self.hidden_size)) for state in given])
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        found = take(kind, x.reshape((batch, 1, self.input_size)), start, weights)
        return tuple([watched(self, self.weight_ih, part.reshape(shape), x) for part in found])

    def extra_repr(self) -> str:
        """The sizes, and whether there is no bias."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of an `RNN`.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether to have biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih: Parameter of shape (hidden_size, input_size).
        weight_hh: Parameter of shape (hidden_size, hidden_size).
        bias_ih: Parameter of shape (hidden_size,), or None.
        bias_hh: as `bias_ih`.

    Shape: (B, input_size) or (input_size,), and a state (B, hidden_size) or (hidden_size,), zeros if left out; to the
    next state, of the same shape.

    Raises:
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.RNNCell(3, 4)(tg.zeros(2, 3)).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        rnn_mode("RNNCell", nonlinearity)
        super().__init__("RNN_TANH", input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._step(rnn_mode("RNNCell", self.nonlinearity), input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the defaults."""
        text = super().extra_repr()
        return text if self.nonlinearity == "tanh" else f"{text}, nonlinearity={self.nonlinearity}"


class LSTMCell(_Cell):
    """One step of an `LSTM`.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether to have biases.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih: Parameter of shape (4 * hidden_size, input_size).
        weight_hh: Parameter of shape (4 * hidden_size, hidden_size).
        bias_ih: Parameter of shape (4 * hidden_size,), or None.
        bias_hh: as `bias_ih`.

    Shape: (B, input_size) or (input_size,), and a pair of state and cell, each (B, hidden_size) or (hidden_size,),
    zeros if left out; to the next pair.

    Raises:
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    >>> import tinygrad_edu as tg
    >>> h, c = tg.nn.LSTMCell(3, 4)(tg.zeros(2, 3))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: DType = None
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next state and cell."""
        state, cell = self._step("LSTM", input, None if hx is None else pair("LSTMCell", hx))
        return state, cell


class GRUCell(_Cell):
    """One step of a `GRU`.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether to have biases.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih: Parameter of shape (3 * hidden_size, input_size).
        weight_hh: Parameter of shape (3 * hidden_size, hidden_size).
        bias_ih: Parameter of shape (3 * hidden_size,), or None.
        bias_hh: as `bias_ih`.

    Shape: (B, input_size) or (input_size,), and a state (B, hidden_size) or (hidden_size,), zeros if left out; to the
    next state, of the same shape.

    Raises:
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.GRUCell(3, 4)(tg.zeros(2, 3)).shape
    (2, 4)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: DType = None
    ) -> None:
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._step("GRU", input, None if hx is None else (hx,))[0]
