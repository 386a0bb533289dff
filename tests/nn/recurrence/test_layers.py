"""RNN, LSTM and GRU: what each has of its own."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_an_rnn_is_its_formula() -> None:
    layer, x = nn.RNN(3, 2).double(), np.random.default_rng(0).normal(size=(4, 5, 3))
    w, u, b, d = [p.detach().numpy() for p in layer.parameters()]
    h = np.zeros((5, 2))
    for t, out in enumerate(layer(tg.tensor(x))[0].detach().numpy()):
        h = np.tanh(x[t] @ w.T + b + h @ u.T + d)
        np.testing.assert_allclose(out, h, rtol=1e-12)


def test_shapes_of_many_layers_and_directions() -> None:
    layer = nn.LSTM(3, 4, num_layers=3, bidirectional=True)
    out, (h, c) = layer(tg.zeros(7, 2, 3))
    assert (out.shape, h.shape, c.shape) == ((7, 2, 8), (6, 2, 4), (6, 2, 4))
    assert (out.array[-1, :, :4] == h.array[4]).all()
    assert (out.array[0, :, 4:] == h.array[5]).all()
    assert layer.weight_ih_l2_reverse.shape == (16, 8)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"RNN: nonlinearity='sin' is not known: use 'tanh' or 'relu'"):
        nn.RNN(3, 2, nonlinearity="sin")
    with pytest.raises(NotImplementedError, match=r"LSTM: proj_size=1: .*nn\.Linear\(2, 1\)"):
        nn.LSTM(3, 2, proj_size=1)
    with pytest.raises(ValueError, match=r"LSTM: hx is a pair of tensors, \(h_0, c_0\), got 3 of them"):
        nn.LSTM(3, 2)(tg.zeros(1, 1, 3), (tg.zeros(1, 1, 2),) * 3)  # type: ignore[arg-type]
