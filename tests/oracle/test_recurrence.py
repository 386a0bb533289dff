"""Recurrent layers and cells against PyTorch's: outputs, states, all gradients, text and errors. In float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("GRU", {}),
    ("LSTM", {}),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2},
    {"num_layers": 3, "bidirectional": True, "batch_first": True, "bias": False},
]


def states(name: str, *shape: int) -> Any:
    """The first states of a layer or a cell."""
    h, c = numbers(*shape, seed=1), numbers(*shape, seed=2)
    return (h, c) if name.startswith("LSTM") else h


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("name", "kind"), LAYERS)
def test_layer(name: str, kind: dict[str, Any], options: dict[str, Any], given: bool) -> None:
    ours, theirs = twins(name, 3, 2, **kind, **options)
    more = [states(name, len(ours.all_weights), 4, 2)] if given else []
    shape = (4, 5, 3) if ours.batch_first else (5, 4, 3)
    compare(ours, theirs, numbers(*shape), *more)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}])
@pytest.mark.parametrize(("name", "kind"), LAYERS)
def test_layer_without_a_batch(name: str, kind: dict[str, Any], options: dict[str, Any], given: bool) -> None:
    ours, theirs = twins(name, 3, 2, **kind, **options)
    compare(ours, theirs, numbers(5, 3), *[states(name, len(ours.all_weights), 2)] * given)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4, 3), (5, 1, 3), (3, 0, 3)])
@pytest.mark.parametrize(("name", "kind"), LAYERS)
def test_few_of_everything(name: str, kind: dict[str, Any], shape: tuple[int, ...]) -> None:
    compare(*twins(name, 3, 1, **kind), numbers(*shape))


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_long_sequence(name: str) -> None:
    ours, theirs = twins(name, 2, 3)
    theirs.load_state_dict({key: value * 0.2 for key, value in theirs.state_dict().items()})
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    compare(ours, theirs, numbers(1500, 2, 2))


@pytest.mark.parametrize(("p", "training"), [(1.0, True), (0.0, True), (0.5, False)])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_dropout_between_layers(name: str, p: float, training: bool) -> None:
    ours, theirs = twins(name, 3, 2, num_layers=2, dropout=p)
    compare(ours.train(training), theirs.train(training), numbers(5, 4, 3))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {}), ("LSTMCell", {})],
)
def test_cell(name: str, kind: dict[str, Any], bias: bool, given: bool, batched: bool) -> None:
    batch = (4,) if batched else ()
    compare(*twins(name, 3, 2, bias=bias, **kind), numbers(*batch, 3), *[states(name, *batch, 2)] * given)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_state_and_text_are_pytorchs(name: str, options: dict[str, Any]) -> None:
    ours, theirs = getattr(nn, name)(3, 2, **options), getattr(torch.nn, name)(3, 2, **options)
    assert repr(ours) == repr(theirs)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    theirs.load_state_dict({key: torch.tensor(value.numpy()) for key, value in ours.state_dict().items()})
    assert [[p.shape for p in layer] for layer in ours.all_weights] == [
        [tuple(p.shape) for p in layer] for layer in theirs.all_weights
    ]
    for key in ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "mode"):
        assert getattr(ours, key) == getattr(theirs, key)
    assert ours.flatten_parameters() is theirs.flatten_parameters() is None


@pytest.mark.parametrize(("name", "more"), [("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {}), ("LSTMCell", {})])
def test_state_and_text_of_cells_are_pytorchs(name: str, more: dict[str, Any]) -> None:
    for options in ({}, {"bias": False}, more):
        ours, theirs = getattr(nn, name)(3, 2, **options), getattr(torch.nn, name)(3, 2, **options)
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})


def test_dropout_of_a_single_layer_warns() -> None:
    for library in (nn, torch.nn):
        with pytest.warns(UserWarning, match="dropout"):
            library.LSTM(3, 2, dropout=0.5)


@pytest.mark.parametrize(
    "program",
    [
        lambda lib: lib.nn.GRU(0, 4),
        lambda lib: lib.nn.GRU(3, 0),
        lambda lib: lib.nn.GRU(3, 4, num_layers=0),
        lambda lib: lib.nn.GRU(3, 4, proj_size=2),
        lambda lib: lib.nn.RNN(3, 4, nonlinearity="sin"),
        lambda lib: lib.nn.RNN(3, 4, dropout=2.0),
        lambda lib: lib.nn.RNN(3, 4, dropout=True),
        lambda lib: lib.nn.RNN(3, "4"),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 5)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(3)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 2, 3)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(0, 2, 3)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 3), lib.zeros(1, 2, 4)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 3), (lib.zeros(1, 3, 4), lib.zeros(1, 2, 4))),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 3), (lib.zeros(1, 2, 4), lib.zeros(1, 2, 3))),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(2, 2, 3), lib.zeros(2, 2, 4)),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(2, 2, 3), lib.zeros(2, 4)),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(2, 3), lib.zeros(1, 1, 4)),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(2, 2, 3, dtype=lib.int64)),
        lambda lib: lib.nn.RNNCell(3, 4)(lib.zeros(2, 5)),
        lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 2, 3)),
        lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 3), lib.zeros(3, 4)),
        lambda lib: lib.nn.LSTMCell(3, 4)(lib.zeros(2, 3), lib.zeros(2, 4)),
        lambda lib: lib.nn.LSTMCell(3, 4)(lib.zeros(2, 3), (lib.zeros(2, 4), lib.zeros(2, 3))),
    ],
)
def test_both_refuse(program: Any) -> None:
    for library in (tg, torch):
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
            program(library)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"])
def test_starting_values_have_pytorchs_range(name: str) -> None:
    for library in (nn, torch.nn):
        values = np.concatenate([p.detach().numpy().ravel() for p in getattr(library, name)(50, 64).parameters()])
        assert 0.99 / 8 < np.abs(values).max() <= 1 / 8
        assert abs(values.mean()) < 0.003
        assert abs(values.std() - 1 / 8 / np.sqrt(3)) < 0.003
