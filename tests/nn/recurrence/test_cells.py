"""RNNCell, LSTMCell and GRUCell: one step of their layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

KINDS = ("RNN", "GRU", "LSTM")


def pair(kind: str) -> tuple[Any, Any]:
    """A layer and a cell with the same parameters."""
    layer, cell = getattr(nn, kind)(3, 2).double(), getattr(nn, f"{kind}Cell")(3, 2).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    return layer, cell


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_step_by_step_is_the_layer(kind: str) -> None:
    layer, cell = pair(kind)
    x = tg.tensor(np.random.default_rng(0).normal(size=(6, 4, 3)))
    state = None
    for part, expected in zip(x, layer(x)[0], strict=True):
        state = cell(part, state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(h.array, expected.array, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right_and_laws_hold(kind: str) -> None:
    _, cell = pair(kind)
    x = np.random.default_rng(0).normal(size=(3, 3))
    check_module(cell, x)
    report = check_laws(cell, x)
    assert set(report.skipped) == {"broadcast_is_expand", "fused_is_composed"}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_samples_over_several_steps(kind: str) -> None:
    _, cell = pair(kind)
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, 3, 3)), requires_grad=True)

    def losses() -> Any:
        state = None
        for part in x:
            state = cell(part, state)
        return (state[1] if kind == "LSTM" else state).sum(1)

    check_open_sum(losses, [*cell.parameters(), x])


def test_what_is_refused() -> None:
    with pytest.raises(
        tg.ShapeError, match=r"GRUCell: hx must have shape \(2, 4\), \(batch, hidden_size\), got \(3, 4\)"
    ):
        nn.GRUCell(3, 4)(tg.ones(2, 3), tg.ones(3, 4))
    with pytest.raises(tg.ShapeError, match=r"RNNCell expects \(\*, 3\), got \(2, 5\).*Set input_size=5\?"):
        nn.RNNCell(3, 4)(tg.ones(2, 5))
    with pytest.raises(TypeError, match="LSTMCell: hx is a pair"):
        nn.LSTMCell(3, 4)(tg.ones(2, 3), tg.ones(2, 4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="RNNCell: nonlinearity='sin' is not known"):
        nn.RNNCell(3, 4, nonlinearity="sin")
