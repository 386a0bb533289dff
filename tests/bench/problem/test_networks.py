"""The built-in models: as wide as the data, and which data each of them takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem.networks import cnn, lstm, mlp, transformer
from tinygrad_edu.nn import functional as F

X = np.random.default_rng(0).normal(size=(12, 2, 3)).astype(np.float32)
CLASSES = np.arange(12) % 3
SEQUENCES = np.arange(40).reshape(4, 10) % 7


@pytest.mark.parametrize(
    ("y", "shape"),
    [
        (CLASSES, (12, 3)),
        (CLASSES.astype(np.uint8), (12, 3)),
        (np.zeros(12, int), (12, 1)),
        (np.full(12, -1), (12, 1)),
        (np.zeros(12, bool), (12, 1)),
        (np.zeros(12, np.float32), (12,)),
        (np.zeros((12, 1), np.float32), (12, 1)),
        (np.zeros((12, 5), np.float32), (12, 5)),
        (np.zeros((12, 5, 2), np.float32), (12, 5, 2)),
    ],
)
def test_an_mlp_is_as_wide_as_the_data(y: np.ndarray, shape: tuple[int, ...]) -> None:
    output = mlp(X, y)()(tg.tensor(X))
    assert output.shape == shape
    if y.dtype.kind == "f":
        F.mse_loss(output, tg.tensor(y))


@pytest.mark.parametrize("shape", [(12, 1, 8, 8), (12, 3, 4, 9), (12, 8, 8), (12, 5, 7)])
def test_a_cnn_takes_images_of_any_size(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    assert cnn(x, CLASSES)()(tg.tensor(x)).shape == (12, 3)


@pytest.mark.parametrize("model", [lstm, transformer])
def test_models_of_sequences_score_each_symbol_at_each_place(model: Any) -> None:
    net = model(SEQUENCES, SEQUENCES[:, ::-1])()
    scores = net(tg.tensor(SEQUENCES))
    assert scores.shape == (4, 7, 10)
    assert F.cross_entropy(scores, tg.tensor(SEQUENCES), reduction="none").shape == (4, 10)


@pytest.mark.parametrize("model", [lstm, transformer])
def test_models_of_sequences_do_not_look_ahead(model: Any) -> None:
    tg.manual_seed(0)
    net = model(SEQUENCES, SEQUENCES)()
    other = SEQUENCES.copy()
    other[:, 6:] = 0
    before, after = (net(tg.tensor(x)).detach().numpy() for x in (SEQUENCES, other))
    np.testing.assert_allclose(before[..., :6], after[..., :6], rtol=1e-5, atol=1e-6)
    assert np.abs(before[..., 6:] - after[..., 6:]).max() > 1e-3


@pytest.mark.parametrize(("model", "data"), [(mlp, (X, CLASSES)), (lstm, (SEQUENCES, SEQUENCES))])
def test_a_model_is_a_new_one_each_time(model: Any, data: Any) -> None:
    make = model(*data)
    assert make() is not make()


def test_integers_that_are_no_classes_get_no_outputs_by_the_million() -> None:
    with pytest.raises(BenchError, match=r"the labels run to 350000 for 12 samples.*if they are numbers, y\.astype"):
        mlp(X, np.full(12, 350_000))
    with pytest.raises(BenchError, match="--model lstm has an output for each class"):
        lstm(np.full((4, 3), 5000), np.zeros((4, 3), int))
    assert mlp(X, np.full(12, 999))()(tg.tensor(X)).shape == (12, 1000)


@pytest.mark.parametrize(
    ("model", "x", "y", "said"),
    [
        (mlp, SEQUENCES, SEQUENCES, r"one class per sample, and y has integers of shape \(4, 10\).*--model lstm"),
        (cnn, X.reshape(12, 6), CLASSES, r"x is float32 of shape \(12, 6\).*x\.reshape\(-1, 1, height, width\)"),
        (cnn, np.zeros((12, 1, 3, 9), np.float32), CLASSES, r"4 x 4 pixels or more.*\(12, 1, 3, 9\)"),
        (cnn, SEQUENCES, CLASSES[:4], "x is int64"),
        (cnn, np.zeros((12, 8, 8), np.float32), X, r"one class per sample.*float32 of shape \(12, 2, 3\)"),
        (lstm, X, CLASSES, r"sequences of integers.*x is float32 of shape \(12, 2, 3\), y int64.*Take --data text"),
        (transformer, SEQUENCES, SEQUENCES[:, 1:], r"y int64 of shape \(4, 9\)"),
    ],
)
def test_data_that_a_model_has_no_use_for(model: Any, x: Any, y: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        model(x, y)
