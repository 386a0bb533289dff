"""The way that the rows of a result have come: of what data they are, and whether each is a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.autograd.rows import straight, way_of
from tinygrad_edu.nn import functional as F

X = np.arange(20.0).reshape(4, 5) / 10
W, V, BIAS = (tg.tensor(np.ones(shape), requires_grad=True) for shape in ((5, 3), (3, 3), (4, 3)))
ONE = tg.tensor(np.ones(5), requires_grad=True)
ROW = tg.tensor(np.ones((1, 5)), requires_grad=True)
FRONT = tg.tensor(np.ones((2, 4)), requires_grad=True)
MASK = np.array([True, False, True, True])


def hidden() -> Any:
    return tg.tensor(X) @ W


CERTAIN: dict[str, Callable[[], Any]] = {
    "one layer": hidden,
    "several": lambda: (hidden().tanh() @ V).relu(),
    "by a module": lambda: nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2))(tg.tensor(X).float()),
    "residual": lambda: hidden() + (hidden() @ V).tanh(),
    "a parameter for each row": lambda: BIAS + hidden(),
    "normalized": lambda: F.layer_norm(hidden(), 3).softmax(1),
    "a constant's": lambda: (ONE * tg.tensor(X) - 1.0) ** 2,
    "a constant's, beside one row": lambda: tg.tensor(X) - ROW,
    "times a constant": lambda: hidden() @ tg.tensor(np.ones((3, 2))),
    "scaled": lambda: 2.0 * hidden() / 3.0 - 1.0,
}


@pytest.mark.parametrize("result", CERTAIN.values(), ids=CERTAIN)
def test_rows_that_are_samples(result: Callable[[], Any]) -> None:
    way = way_of(result().source, 4)
    assert way is not None
    assert (way.certain, way.least, way.greatest) == (True, 4, 4)


# What the rows were before, at least and at most.
UNCERTAIN: dict[str, tuple[Callable[[], Any], float, float]] = {
    "reshaped": (lambda: hidden().reshape(2, 2, 3).reshape(4, 3) @ V, 2, 4),
    "picked": (lambda: hidden()[MASK], 3, 4),
    "picked, and a layer": (lambda: (hidden()[MASK] @ V).relu(), 3, 4),
    "cut": (lambda: hidden().split([3, 1])[0], 3, 4),
    "one after the other": (lambda: tg.cat([hidden(), hidden()]), 4, np.inf),
    "turned": (lambda: hidden().T, 3, 4),
    "masked": (lambda: hidden() * MASK[:, None], 4, 4),
    "filled": (lambda: hidden().masked_fill(~MASK[:, None], 0.0), 4, 4),
    "chosen": (lambda: tg.where(MASK[:, None], hidden(), 0.0), 4, 4),
    "summed": (lambda: hidden().sum(0, keepdim=True), 1, 4),
    "by a matrix": (lambda: W.T @ tg.tensor(X.T), 1, np.inf),
    "by a vector": (lambda: W.T.tanh() @ tg.ones(5), 1, np.inf),
    "rows by a matrix": (lambda: FRONT @ hidden(), 1, np.inf),
    "a table's": (lambda: W[np.array([0, 0, 4])], 3, 3),
    "one row by a matrix": (lambda: tg.tensor(X[0]) @ W, 1, 3),
    "one sample beside many": (lambda: hidden()[0] - tg.tensor(np.ones((4, 3))), 1, np.inf),
    "one sample": (lambda: nn.Linear(5, 3)(tg.ones(5)), 1, 3),
}


@pytest.mark.parametrize(("result", "least", "greatest"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_rows_that_may_be_others(result: Callable[[], Any], least: float, greatest: float) -> None:
    root = result()
    way = way_of(root.source, root.shape[0])
    assert way is not None
    assert not way.certain
    assert way.least <= least
    assert way.greatest >= greatest


def test_parameters_alone_are_no_data() -> None:
    for result in (
        W.T @ W,
        W.tanh(),
        tg.cat([W, V]),
        W * np.ones((5, 3)),
        (W @ V).softmax(1),
        tg.stack([V, V @ V]),
        ONE.expand(4, 5),
    ):
        assert way_of(result.source, result.shape[0]) is None
    assert way_of(tg.cat([V, hidden()]).source, 7) is not None
    assert way_of(W.source, 5) is None


def test_a_long_way_is_not_gone_to_its_end() -> None:
    h = hidden()
    for _ in range(40):
        h = h.tanh()
    way = way_of(h.source, 4)
    assert way is not None
    assert (way.certain, way.least, way.greatest) == (False, 4, np.inf)
    assert straight(h.source, 4) is None


def test_the_short_way_finds_what_the_long_one_does() -> None:
    model = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2))
    root = model(tg.ones(4, 5)).source
    way = way_of(root, 4)
    assert way is not None
    assert straight(root, 4) == way.model == (id(model[2].weight.source), id(model[0].weight.source))
    assert straight(model(tg.ones(5)).source, 2) is None
    assert straight(model(tg.ones(4, 3, 5)).reshape(12, 2).source, 12) is None
    assert straight(W.tanh().source, 5) is None


def test_sums_within_the_rows() -> None:
    for axis, certain in ((1, True), (-1, True), (0, False), ((1, 2), True), ((0, 2), False), (None, False)):
        root = (tg.tensor(np.ones((4, 4, 5))) @ W).sum(axis, keepdim=True)
        way = way_of(root.source, root.shape[0], in_rows=True)
        assert way is not None
        assert way.certain == certain
        assert not getattr(way_of(root.source, root.shape[0]), "certain", False)
