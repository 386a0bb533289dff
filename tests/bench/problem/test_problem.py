"""A problem: what the user gave, left as it was, made to fit, or refused with what to give instead."""

from __future__ import annotations

import copy
import functools
import random
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import Problem, Run
from tinygrad_edu.bench.problem import problem as module
from tinygrad_edu.bench.problem import samples as samples_module
from tinygrad_edu.data import DataLoader, Dataset, TensorDataset
from tinygrad_edu.nn import functional as F

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
Y = np.arange(40) % 3
REAL = RNG.normal(size=40).astype(np.float32)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))


class Augmented(Dataset[Any]):
    """Pairs with noise of its own generator, and of NumPy's and Python's."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        noise = self.generator.normal() + np.random.normal() + random.random()  # noqa: NPY002
        return X[i] + np.float32(noise), Y[i]


def everything(model: nn.Module, loader: DataLoader) -> list[Any]:
    """Copies of all of the user's that could change."""
    return copy.deepcopy(
        [
            [p.detach().numpy() for p in model.parameters()],
            [p.grad is None for p in model.parameters()],
            [m.training for m in model.modules()],
            tg.get_rng_state(),
            np.random.get_state(),  # noqa: NPY002
            random.getstate(),
            loader.generator.get_state() if loader.generator else None,
            loader.dataset.generator.bit_generator.state,
            tg.is_grad_enabled(),
        ]
    )


def test_nothing_of_the_users_changes() -> None:
    model = net()
    model.eval()
    loader = DataLoader(Augmented(), 4, shuffle=True, generator=tg.Generator().manual_seed(2))
    before = everything(model, loader)
    problem = Problem.of(model, nn.CrossEntropyLoss(reduction="mean"), loader, optimizer=optim.Adam)
    np.testing.assert_equal(everything(model, loader), before)
    problem.about()
    np.testing.assert_equal(everything(model, loader), before)
    with module.preserved():
        run = Run(problem, 4, 0.1, 0)
        for _ in range(15):
            run.step()
        run.loss()
    np.testing.assert_equal(everything(model, loader), before)


def test_nothing_of_the_users_changes_where_it_is_refused() -> None:
    model = net()
    loader = DataLoader(Augmented(), 4, shuffle=True, generator=tg.Generator().manual_seed(2))
    before = everything(model, loader)
    for change in (
        {"loss_fn": lambda output, target: output.sum()},
        {"optimizer": "adam"},
        {"test_data": (X[:, :2], Y)},
    ):
        with pytest.raises(BenchError):
            Problem.of(**{"model": model, "loss_fn": F.cross_entropy, "data": loader, **change})  # type: ignore[arg-type]
        np.testing.assert_equal(everything(model, loader), before)


def test_arrays_are_not_written_to_by_a_model_that_writes_to_its_input() -> None:
    class Rude(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            x += 1.0
            return self.layer(x)

    x = X.copy()
    problem = Problem.of(Rude, F.cross_entropy, (x, Y), test_data=(x, Y))
    run = Run(problem, 5, 1e-9, 0)
    first = run.loss(), run.test_loss()
    run.step()
    assert (run.loss(), run.test_loss()) == pytest.approx(first, rel=1e-6)
    np.testing.assert_array_equal(x, X)


def test_the_same_seed_gives_the_same_problem_and_another_another() -> None:
    def told(seed: int) -> Any:
        problem = Problem.of(net, None, (X, Y), seed=seed)
        assert problem.test is not None
        return problem.test.numbers.tolist(), [p.detach().numpy().tolist() for p in problem.make(seed).parameters()]

    tg.manual_seed(5)
    first = told(1)
    tg.manual_seed(6)
    assert told(1) == first
    assert told(2) != first
    assert told(-3) == told(-3)


def test_a_fifth_is_held_out_or_what_is_given_is_tested_with() -> None:
    problem = Problem.of(net, None, (X, Y))
    assert problem.test is not None
    assert (len(problem.train), len(problem.test)) == (32, 8)
    assert problem.test_batch is not None
    assert len(problem.judged[1]) == 32
    assert len(problem.test_batch[1]) == 8
    problem = Problem.of(net, None, (X, Y), test_data=TensorDataset(X[:1], Y[:1]))
    assert problem.test is not None
    assert (len(problem.train), len(problem.test)) == (40, 1)
    problem = Problem.of(net, None, (X[:3], Y[:3]))
    assert (len(problem.train), problem.test, problem.test_batch) == (3, None, None)


def test_losses_are_compared_over_a_fixed_part_of_the_training_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JUDGED", 6)
    marked = np.arange(40, dtype=np.float32)[:, None] * np.ones(4, np.float32)
    problem = Problem.of(net, None, (marked, Y))
    judged = problem.judged[0].numpy()[:, 0].astype(int).tolist()
    assert len(set(judged)) == 6
    assert set(judged) <= set(problem.train.numbers.tolist())
    assert judged != list(range(6))


def test_a_lighter_one_compares_losses_over_fewer_samples() -> None:
    x = np.arange(400, dtype=np.float32).reshape(100, 4)
    whole = Problem.of(lambda: nn.Linear(4, 1), F.mse_loss, (x, x[:, :1]))
    light = whole.lighter(7)
    for most, held in ((light.judged, whole.judged), (light.test_batch, whole.test_batch)):
        assert most is not None
        assert held is not None
        assert len(most[0]) == len(most[1]) == 7
        assert np.isin(most[1].numpy(), held[1].numpy()).all()
        np.testing.assert_array_equal(most[0].numpy()[:, :1], most[1].numpy())
    assert whole.lighter(1000).judged is whole.judged
    assert light.train is whole.train


def test_names_are_those_of_what_was_given() -> None:
    problem = Problem.of(
        nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, Y), optimizer=functools.partial(optim.SGD, momentum=0.9)
    )
    assert problem.names == {
        "model": "Linear",
        "loss": "CrossEntropyLoss",
        "optimizer": "SGD(momentum=0.9)",
        "data": "arrays",
    }
    problem = Problem.of(net, F.cross_entropy, Augmented(), names={"model": "net.py:net"})
    assert problem.names == {"model": "net.py:net", "loss": "cross_entropy", "optimizer": "SGD", "data": "Augmented"}
    assert problem.about() == {**problem.names, "dtype": "float32", "parameters": 67, "samples": 32, "held_out": 8}


@pytest.mark.parametrize(
    ("optimizer", "gradual"),
    [
        (optim.SGD, True),
        (functools.partial(optim.SGD, weight_decay=0.1), True),
        (functools.partial(optim.SGD, momentum=0.9), False),
        (lambda params, lr: optim.SGD(params, lr=lr), True),
        (lambda params, lr: optim.SGD(params, lr=lr, momentum=0.5), False),
        (optim.AdamW, False),
        (optim.RMSprop, False),
        (functools.partial(optim.SGD, lr=0.3), True),
        (lambda params, **options: optim.Adam(params, **options), False),
        (lambda params, lr: optim.SGD([{"params": params[:1], "lr": 0.01}, {"params": params[1:]}], lr=lr), True),
    ],
)
def test_an_optimizer_is_whatever_takes_parameters_and_a_rate(optimizer: Any, gradual: bool) -> None:
    assert Problem.of(net, None, (X, Y), optimizer=optimizer).gradual is gradual


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (
            optim.Adam(nn.Linear(1, 1).parameters()),
            r"optimizer is an object of class Adam: give the class, optim\.Adam, or partial",
        ),
        ("adam", r"optimizer: got 'adam'; give a class such as optim\.SGD"),
        (
            lambda params: optim.SGD(params, lr=0.1),
            r"<lambda> takes no learning rate: write it as a function of \(params, lr\)",
        ),
        (
            lambda params, lr: optim.SGD(params, lr=0.1),
            r"<lambda>\(params, lr=rate\) ignores the learning rate: pass lr on",
        ),
        (lambda params, lr, momentum: None, r"<lambda> needs momentum as well: give them by functools\.partial"),
        (lambda params, lr: None, r"<lambda>\(params, lr=rate\) returned None, not an optimizer"),
    ],
)
def test_what_is_no_optimizer_is_refused(optimizer: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Problem.of(net, None, (X, Y), optimizer=optimizer)


def test_notes_say_what_was_decided() -> None:
    assert Problem.of(net, F.cross_entropy, (X, Y)).notes == ()
    assert Problem.of(net, None, (X.astype(np.float64), Y)).notes == (
        "data: float64 cast to float32, the dtype of the parameters",
        "loss: cross_entropy, as the targets are int64",
    )
    (said,) = Problem.of(lambda: nn.Linear(4, 2), F.mse_loss, (X, X[:, :2])).notes
    assert said == "loss: the sum over the 2 numbers of a sample; for their mean, multiply SGD's learning rate by 2"


def test_a_float64_model_gets_float64_and_integers_stay() -> None:
    problem = Problem.of(lambda: nn.Linear(4, 3).double(), None, (X, Y), test_data=(X, Y))
    assert problem.judged[0].dtype == np.float64
    assert problem.test_batch is not None
    assert problem.test_batch[0].dtype == np.float64
    assert "data: float32 cast to float64, the dtype of the parameters" in problem.notes
    tokens = Problem.of(
        lambda: nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 3)), None, (Y[:, None] % 5 + [0, 1, 2], Y)
    )
    assert tokens.judged[0].dtype == np.int64
    slow = Problem.of(lambda: nn.Linear(4, 3).double(), None, Augmented())
    assert next(slow.train.stream(2, 0))[0].dtype == np.float64


def test_classes_that_have_to_be_read_one_by_one_are_not_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "READ", 10)
    assert "whatever its classes" in Problem.of(net, F.cross_entropy, Augmented()).notes[0]
    assert Problem.of(net, F.cross_entropy, Augmented(), test_data=(X, Y)).notes == ()


def test_without_gradients_it_says_so() -> None:
    with tg.no_grad(), pytest.raises(BenchError, match=r"gradients are switched off.*outside tg\.no_grad\(\)"):
        Problem.of(net, None, (X, Y))


def test_what_a_factory_raises_is_the_users() -> None:
    def build() -> nn.Module:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine") as caught:
        Problem.of(build, None, (X, Y))
    assert caught.value.__cause__ is None
