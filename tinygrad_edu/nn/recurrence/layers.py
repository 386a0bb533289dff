"""Recurrent layers: RNN, LSTM and GRU."""

from __future__ import annotations

from typing import Any

from ...dtypes import DType
from ...tensors.tensor import Tensor
from .base import Recurrent

__all__ = ["GRU", "LSTM", "RNN"]


class RNN(Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), at each step; or relu in place of tanh.

    All parameters start uniform between plus and minus 1/sqrt(hidden_size), as PyTorch's do.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: the number of layers; each takes the states of the one before as its input.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether to have biases.
        batch_first: whether the batch is axis 0 of input and output rather than axis 1; in states it is always axis 1.
        dropout: in training, the probability with which a number between two layers is dropped.
        bidirectional: whether to add a second direction, from the last step to the first.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih_l0: Parameter of shape (hidden_size, input_size); of the k-th layer ``weight_ih_lk``, of the second
            direction ``weight_ih_lk_reverse``.
        weight_hh_l0: Parameter of shape (hidden_size, hidden_size).
        bias_ih_l0: Parameter of shape (hidden_size,), if there are biases.
        bias_hh_l0: as `bias_ih_l0`.

    Shape: (T, B, input_size), or (B, T, input_size) if `batch_first`, or (T, input_size), and the first states
    ``hx`` of shape (num_layers * directions, B, hidden_size), zeros if left out; to the states of the last layer
    (T, B, directions * hidden_size), and the last states of all layers, of the shape of ``hx``.

    Raises:
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    Source: Elman, "Finding Structure in Time" (1990).

    >>> import tinygrad_edu as tg
    >>> out, h = tg.nn.RNN(3, 4)(tg.zeros(7, 2, 3))
    >>> out.shape, h.shape
    ((7, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        mode = rnn_mode("RNN", nonlinearity)
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The states of the last layer, and the last states of all layers."""
        out, (last,) = self._run(input, None if hx is None else (hx,))
        return out, last


class GRU(Recurrent):
    """Gated recurrent units: r says how much of the state enters n, and z how much of it is kept.

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h' = (1 - z) * n + z * h

    The weights of r, z and n are stacked in this order. All parameters start uniform between plus and minus
    1/sqrt(hidden_size), as PyTorch's do.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: the number of layers; each takes the states of the one before as its input.
        bias: whether to have biases.
        batch_first: whether the batch is axis 0 of input and output rather than axis 1; in states it is always axis 1.
        dropout: in training, the probability with which a number between two layers is dropped.
        bidirectional: whether to add a second direction, from the last step to the first.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih_l0: Parameter of shape (3 * hidden_size, input_size); of the k-th layer ``weight_ih_lk``, of the
            second direction ``weight_ih_lk_reverse``.
        weight_hh_l0: Parameter of shape (3 * hidden_size, hidden_size).
        bias_ih_l0: Parameter of shape (3 * hidden_size,), if there are biases.
        bias_hh_l0: as `bias_ih_l0`.

    Shape: as for `RNN`.

    Raises:
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation"
    (2014); there r is multiplied by h before the matrix product.

    >>> import tinygrad_edu as tg
    >>> out, h = tg.nn.GRU(3, 4, bidirectional=True, batch_first=True)(tg.zeros(2, 7, 3))
    >>> out.shape, h.shape
    ((2, 7, 8), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The states of the last layer, and the last states of all layers."""
        out, (last,) = self._run(input, None if hx is None else (hx,))
        return out, last


class LSTM(Recurrent):
    """Long short-term memory: a cell c that accumulates, and a state h that exposes part of it.

        i, f, o = sigmoid of W_ii x + b_ii + W_hi h + b_hi, and so on
        n = tanh(W_in x + b_in + W_hn h + b_hn)
        c' = f * c + i * n
        h' = o * tanh(c')

    The weights of i, f, n and o are stacked in this order. All parameters start uniform between plus and minus
    1/sqrt(hidden_size), as PyTorch's do.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: the number of layers; each takes the states of the one before as its input.
        bias: whether to have biases.
        batch_first: whether the batch is axis 0 of input and output rather than axis 1; in states it is always axis 1.
        dropout: in training, the probability with which a number between two layers is dropped.
        bidirectional: whether to add a second direction, from the last step to the first.
        proj_size: 0; there are no projections of the state.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight_ih_l0: Parameter of shape (4 * hidden_size, input_size); of the k-th layer ``weight_ih_lk``, of the
            second direction ``weight_ih_lk_reverse``.
        weight_hh_l0: Parameter of shape (4 * hidden_size, hidden_size).
        bias_ih_l0: Parameter of shape (4 * hidden_size,), if there are biases.
        bias_hh_l0: as `bias_ih_l0`.

    Shape: as for `RNN`, with a pair of states ``(h_0, c_0)`` in place of ``hx``, and a pair in the result.

    Raises:
        NotImplementedError: if `proj_size` is not 0.
        ShapeError: when called with an input or a state of another shape.
        DtypeError: when called with an input that is not floating.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber and Cummins, "Learning to
    Forget" (2000).

    >>> import tinygrad_edu as tg
    >>> out, (h, c) = tg.nn.LSTM(3, 4, num_layers=2)(tg.zeros(7, 2, 3))
    >>> out.shape, h.shape, c.shape
    ((7, 2, 4), (2, 2, 4), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        if proj_size:
            raise NotImplementedError(
                f"LSTM: proj_size={proj_size}: projections of the state are not supported. Leave it out, "
                f"and put nn.Linear({hidden_size}, {proj_size}) behind the layer"
            )
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
        self.proj_size: int = 0

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The states of the last layer, and the last states and cells of all layers."""
        out, (last, cell) = self._run(input, None if hx is None else pair("LSTM", hx))
        return out, (last, cell)


def rnn_mode(name: str, nonlinearity: str) -> str:
    """The kind of an RNN."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{name}: nonlinearity={nonlinearity!r} is not known: use 'tanh' or 'relu'")
    return f"RNN_{nonlinearity.upper()}"


def pair(name: str, hx: Any) -> tuple[Any, Any]:
    """The state and the cell that are given together."""
    if not isinstance(hx, tuple | list):
        raise TypeError(f"{name}: hx is a pair of tensors, (h_0, c_0), got {type(hx).__name__}")
    if len(hx) != 2:
        raise ValueError(f"{name}: hx is a pair of tensors, (h_0, c_0), got {len(hx)} of them")
    return hx[0], hx[1]
