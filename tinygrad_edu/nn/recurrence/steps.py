"""The steps of one layer in one direction, of any kind: which op takes them, and with how many gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.linear import linear
from ...ops.recurrence import _gru, _lstm, _rnn
from ...tensors.tensor import Tensor

GATES: dict[str, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
"""The number of gates of each kind, which are stacked in the weights."""


def take(kind: str, x: Any, start: Sequence[Any], weights: Any, reverse: bool = False) -> tuple[Tensor, ...]:
    """The states of all steps, and for an LSTM the cells too, each (B, T, H).

    Args:
        kind: one of `GATES`.
        x: the inputs, (B, T, I).
        start: the state before the first step, (B, H), and for an LSTM the cell.
        weights: those of the inputs and of the state, and both biases or None.
        reverse: whether the last step is taken first.
    """
    by_input, by_state, input_bias, state_bias = weights
    given = linear(x, by_input, input_bias)
    given, by_state, state_bias, *start = _alike(given, by_state, state_bias, *start)
    if kind == "LSTM":
        h, c = start
        states, cells, _ = _lstm(given, by_state, state_bias, h, c, reverse)
        return states, cells
    (h,) = start
    if kind == "GRU":
        return (_gru(given, by_state, state_bias, h, reverse)[0],)
    return (_rnn(given, by_state, state_bias, h, reverse, kind == "RNN_RELU"),)


def _alike(*operands: Any) -> list[Any]:
    """All in the widest of their dtypes."""
    dtypes = [x.dtype for x in operands if x is not None]
    if all(dtype == dtypes[0] for dtype in dtypes):
        return list(operands)
    wide = np.result_type(*dtypes)
    return [x if x is None or x.dtype == wide else x.astype(wide) for x in operands]
