"""The batch that is tried: what does not fit says what to change."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.problem.losses import SampleLosses
from tinygrad_edu.bench.problem.trial import mean_loss
from tinygrad_edu.data import DataLoader, Dataset
from tinygrad_edu.nn import functional as F

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30) % 3
REAL = RNG.normal(size=30).astype(np.float32)


class Pairs(Dataset[Any]):
    """Samples that are read one by one."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        return self.x[i], self.y[i]


def net(outputs: int = 3) -> nn.Module:
    return nn.Linear(4, outputs)


def changed(array: Any, rows: Any, value: Any) -> Any:
    array = array.copy()
    array[rows] = value
    return array


LABELS = "the labels run from {} to {}, but the model has 3 outputs, for the labels 0 to 2"


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (Y + 1, LABELS.format(1, 3) + r"\. Count the classes from 0, y = np\.unique.*or give the model 4 outputs"),
        (Y - 1, LABELS.format(-1, 1)),
        (np.where(Y == 0, -1, Y).astype(np.int8), LABELS.format(-1, 2)),
        (changed(Y, 29, 10**6), LABELS.format(0, 10**6)),
        (
            Y.astype(np.float64),
            r"needs integer classes as targets, but y is float32: .*y\.astype\(np\.int64\)",
        ),
        (Y.astype(bool), r"y is bool: .*y\.astype\(np\.int64\)"),
        (Y[:, None], r"one class for each row of outputs \(30, 3\), but y has shape \(30, 1\): y = y\[:, 0\]"),
        (np.eye(3, dtype=int)[Y], r"y has shape \(30, 3\): for one-hot rows, y = y\.argmax\(1\)"),
    ],
)
@pytest.mark.parametrize(
    "loss", [F.cross_entropy, nn.CrossEntropyLoss(), functools.partial(F.cross_entropy, label_smoothing=0.1)]
)
def test_labels_that_are_no_classes_of_the_model_are_refused(loss: Any, y: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Problem.of(net, loss, (X, y), test_data=(X, y))
    with pytest.raises(BenchError, match=f"test_data: {said}" if said.startswith("the labels") else said):
        Problem.of(net, loss, (X, Y), test_data=(X, y))


def test_one_wrong_label_among_many_is_found_wherever_it_is() -> None:
    x, y = np.zeros((5000, 4), np.float32), np.arange(5000) % 3
    for row in range(0, 5000, 999):
        with pytest.raises(BenchError, match="the labels run from 0 to 3"):
            Problem.of(net, None, (x, changed(y, row, 3)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64, np.int64])
def test_labels_of_any_integer_dtype_are_classes(dtype: Any) -> None:
    assert Problem.of(net, None, (X, Y.astype(dtype))).names["loss"] == "cross_entropy"


@pytest.mark.parametrize(
    ("loss", "ignored"),
    [
        (F.cross_entropy, -100),
        (nn.CrossEntropyLoss(ignore_index=7), 7),
        (functools.partial(F.cross_entropy, ignore_index=-1), -1),
    ],
)
def test_labels_to_ignore_are_legal(loss: Any, ignored: int) -> None:
    Problem.of(net, loss, (X, changed(Y, [0, 5], ignored)))
    Problem.of(net, loss, Pairs(X, changed(Y, [0, 5], ignored)))
    with pytest.raises(BenchError, match="the labels run from"):
        Problem.of(net, loss, (X, changed(Y, [0, 5], ignored - 9)))


def test_probabilities_and_a_class_for_each_place_are_targets_of_cross_entropy() -> None:
    Problem.of(net, F.cross_entropy, (X, np.full((30, 3), 1 / 3)))
    places = lambda: nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (3, 2)))
    (note,) = Problem.of(places, F.cross_entropy, (X, np.stack([Y, Y], 1))).notes
    assert "the sum over the 2 numbers of a sample" in note


@pytest.mark.parametrize(
    ("outputs", "y", "said"),
    [
        (
            1,
            REAL,
            r"mse_loss does not take the output float32\[30, 1\] with targets float32\[30\]: .*y = y\[\.\.\., None\]",
        ),
        (2, REAL[:, None], r"output float32\[30, 2\] with targets float32\[30, 1\]"),
    ],
)
def test_outputs_and_targets_of_other_shapes_are_refused(outputs: int, y: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Problem.of(lambda: net(outputs), None, (X, y), test_data=(X, y))


def test_the_way_out_for_numbers_is_one() -> None:
    Problem.of(lambda: net(1), None, (X, REAL[..., None]))
    Problem.of(lambda: nn.Sequential(net(1), nn.Flatten(0)), None, (X, REAL))
    with pytest.raises(BenchError, match=r"Drop an axis of the targets, y = y\[\.\.\., 0\]"):
        Problem.of(lambda: nn.Sequential(net(1), nn.Flatten(0)), None, (X, REAL[:, None]))


@pytest.mark.parametrize("count", [2, 3, 30])
def test_a_loss_of_every_output_with_every_target_is_found(count: int) -> None:
    with pytest.raises(BenchError, match=r"it compares each output with each target, .*squeeze\(-1\)"):
        Problem.of(lambda: net(1), lambda output, target: (output - target) ** 2, (X[:count], REAL[:count]))
    with pytest.raises(BenchError, match="compares each output with each target"):
        Problem.of(lambda: net(1), lambda o, t: (o - t) ** 2, (X, REAL), test_data=(X[:1], REAL[:1]))


def test_a_sample_with_as_many_numbers_as_samples_are_tried_is_no_such_loss() -> None:
    y = RNG.normal(size=(30, 8)).astype(np.float32)
    Problem.of(lambda: net(8), lambda output, target: (output - target) ** 2, (X, y))


def test_a_model_that_does_not_take_the_samples_is_named_with_them() -> None:
    with pytest.raises(
        BenchError,
        match=r"model Linear does not take samples of shape \(4,\) from arrays, in a batch of float32\[",
    ):
        Problem.of(nn.Linear(5, 3), None, (X, Y))
    with pytest.raises(BenchError, match=r"samples of shape \(3,\) from arrays, in a batch of float32\[2, 3\] with"):
        Problem.of(net, None, (X, Y), test_data=(X[:2, :3], Y[:2]))


def test_a_model_whose_layers_do_not_take_the_numbers_is_named_with_what_they_say() -> None:
    words = lambda: nn.Sequential(nn.Embedding(3, 4), net())
    with pytest.raises(
        BenchError, match=r"the model <lambda> does not take .*num_embeddings=3, so indices go from 0 to 2"
    ):
        Problem.of(words, None, (np.arange(30), Y))
    with pytest.raises(BenchError, match=r"does not take the output None with targets int64\[30\]"):
        Problem.of(
            type("Nothing", (nn.Linear,), {"forward": lambda self, x: None})(4, 3), None, (X, Y), test_data=(X, Y)
        )


@pytest.mark.parametrize("Mine", [RuntimeError, ValueError, IndexError, type("Mine", (Exception,), {})])
def test_what_the_users_own_code_raises_comes_through(Mine: Any) -> None:
    class Broken(nn.Linear):
        def forward(self, x: Any) -> Any:
            raise Mine

    def loss(output: Any, target: Any) -> Any:
        raise Mine

    for model, loss_fn in ((Broken(4, 3), None), (net, loss)):
        with pytest.raises(Mine) as caught:
            Problem.of(model, loss_fn, (X, Y))
        assert caught.type is Mine


def test_what_the_loss_says_of_its_targets_is_said() -> None:
    with pytest.raises(BenchError, match=r"binary_cross_entropy_with_logits does not take.*which is not a probability"):
        Problem.of(net, F.binary_cross_entropy_with_logits, (X, np.full((30, 3), 7.0)))


def test_a_loss_without_parameters_in_it_is_refused() -> None:
    with pytest.raises(BenchError, match="the loss <lambda> does not depend on any parameter"):
        Problem.of(net, lambda output, target: target * 1.0, (X, REAL))
    with pytest.raises(BenchError, match="the loss <lambda> does not depend on any parameter"):
        Problem.of(net, lambda output, target: (output.detach() ** 2).sum(1), (X, REAL))


@pytest.mark.parametrize("part", ["x", "y"])
def test_numbers_that_are_not_finite_in_samples_read_one_by_one_name_the_sample(part: str) -> None:
    data = {"x": X, "y": REAL[:, None]}
    data[part] = changed(data[part], 17, np.nan)
    bad, good = Pairs(data["x"], data["y"]), (X, REAL[:, None])
    with pytest.raises(BenchError, match=f"^data has NaN or infinity in {part}, as in sample 17: replace such values"):
        Problem.of(lambda: net(1), None, bad, test_data=good)
    with pytest.raises(BenchError, match=f"^test_data has NaN or infinity in {part}, as in sample 17"):
        Problem.of(lambda: net(1), None, good, test_data=bad)
    with pytest.raises(BenchError, match="as in sample 17"):
        Problem.of(lambda: net(1), None, bad)


def test_inputs_may_be_containers_and_outputs_too() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, parts: Any) -> Any:
            return self.layer(parts["a"] + parts["b"]), "more"

    data = [({"a": x, "b": 2 * x}, y) for x, y in zip(X, Y)]
    problem = Problem.of(Two, lambda output, y: F.cross_entropy(output[0], y, reduction="none"), data)
    assert set(problem.judged[0]) == {"a", "b"}
    with pytest.raises(BenchError, match=r"does not take the output float32\[\d+, 3\], 'more' with"):
        Problem.of(Two, F.cross_entropy, data)
    with pytest.raises(BenchError, match="NaN or infinity in x, as in sample 4"):
        Problem.of(Two, F.cross_entropy, [({"a": x * (np.nan if i == 4 else 1), "b": x}, i) for i, x in enumerate(X)])


def test_a_collate_fn_makes_the_batches() -> None:
    def pad(samples: list[Any]) -> Any:
        longest = max(len(x) for x, _ in samples)
        x = np.array([np.pad(x, (0, longest - len(x))) for x, _ in samples])
        return tg.tensor(x[:, :1]), tg.tensor(np.array([y for _, y in samples]))

    ragged = [(np.ones(1 + i % 4, np.float32), i % 3) for i in range(30)]
    problem = Problem.of(lambda: nn.Linear(1, 3), F.cross_entropy, DataLoader(ragged, collate_fn=pad))
    assert problem.judged[0].shape == (24, 1)
    with pytest.raises(BenchError, match="pass collate_fn= to pad them"):
        Problem.of(lambda: nn.Linear(1, 3), F.cross_entropy, ragged)


def test_the_mean_loss_is_that_of_evaluation() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.9))
    model.train()
    batch = tg.tensor(X), tg.tensor(Y)
    found = mean_loss(model, SampleLosses(F.cross_entropy), batch)
    assert found == pytest.approx(F.cross_entropy(model[0](batch[0]), batch[1], reduction="mean").item(), rel=1e-6)
    assert model[1].training
    assert model[0].weight.grad is None
