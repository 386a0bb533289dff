"""A run: what a user's training loop does, step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.bench.problem import Problem, Run
from tinygrad_edu.bench.problem.randomness import preserved
from tinygrad_edu.errors import SampleCouplingError
from tinygrad_edu.nn import functional as F

RNG = np.random.default_rng(0)
X = RNG.normal(size=(25, 4)).astype(np.float32)
Y = np.arange(25) % 3


@pytest.fixture(autouse=True)
def _generators() -> Any:
    with preserved():
        yield


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))


def numbers(run: Run) -> list[Any]:
    return [p.detach().numpy().tolist() for p in run.model.parameters()]


def problem(make: Any = net, **changes: Any) -> Problem:
    return Problem.of(make, **{"loss_fn": F.cross_entropy, "data": (X, Y), **changes})


def test_a_step_is_that_of_a_training_loop_with_the_mean_over_the_batch() -> None:
    linear = nn.Linear(4, 3)
    run = Run(problem(linear, test_data=(X, Y)), 25, 0.5, 0)
    run.step()
    x, y = tg.tensor(X), tg.tensor(Y)
    optimizer = optim.SGD(linear.parameters(), lr=0.5)
    F.cross_entropy(linear(x), y).backward()
    optimizer.step(samples=25)
    for found, expected in zip(run.model.parameters(), linear.parameters()):
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_its_parts_are_the_step() -> None:
    whole, parts = Run(problem(), 4, 0.1, 3), None
    for _ in range(4):
        whole.step()
    parts = Run(problem(), 4, 0.1, 3)
    for _ in range(4):
        x, y = parts.load()
        losses = parts.forward(x, y)
        parts.backward(losses)
        parts.update(len(losses))
    assert numbers(whole) == numbers(parts)


def test_the_seed_decides_all_that_is_random() -> None:
    def trained(seed: int) -> list[Any]:
        run = Run(problem(), 4, 0.1, seed)
        for _ in range(8):
            run.step()
        return numbers(run)

    tg.manual_seed(7)
    first = trained(1)
    tg.manual_seed(8)
    assert trained(1) == first
    assert trained(2) != first
    trained(-1)


def test_a_step_at_a_time_reads_the_batch_size_asked_for() -> None:
    run = Run(problem(test_data=(X, Y)), 10, 0.1, 0)
    assert [len(run.load()[1]) for _ in range(4)] == [10, 10, 5, 10]
    other = run.sized(9)
    assert [len(other.load()[1]) for _ in range(4)] == [9, 9, 9, 9]
    assert other.model is run.model
    assert len(run.load()[1]) == 10


def test_it_learns_and_asking_changes_nothing() -> None:
    run, unasked = Run(problem(), 5, 0.3, 0), Run(problem(), 5, 0.3, 0)
    first = run.loss()
    with preserved():
        for _ in range(60):
            run.step()
            assert math.isfinite(run.loss() + run.test_loss())
    assert run.loss() < first
    with preserved():
        tg.manual_seed(2)  # as `Run` did: seed + 2
        for _ in range(60):
            unasked.step()
    assert len(numbers(run)) == len(numbers(unasked))
    assert run.model.training


def test_without_held_out_samples_their_loss_is_nan() -> None:
    assert math.isnan(Run(problem(data=(X[:4], Y[:4])), 2, 0.1, 0).test_loss())


def test_a_rate_far_too_high_is_seen_in_the_loss_and_warns_of_nothing() -> None:
    run = Run(Problem.of(lambda: nn.Linear(4, 1), F.mse_loss, (X, X[:, :1])), 5, 1e30, 0)
    for _ in range(5):
        run.step()
    assert not math.isfinite(run.loss())


def test_a_probe_takes_gradients_apart_and_leaves_none() -> None:
    run = Run(problem(test_data=(X, Y)).lighter(12), 5, 0.1, 0)
    before = numbers(run)
    noise = run.probe()
    assert noise.samples == 12
    assert noise.trace > 0
    assert numbers(run) == before
    assert all(p.grad is None or not p.grad.numpy().any() for p in run.model.parameters())
    run.step()
    assert numbers(run) != before


def test_a_probe_of_coupled_samples_says_so() -> None:
    class Centred(nn.Linear):
        def forward(self, x: Any) -> Any:
            output = super().forward(x)
            return output - output.mean(0)

    with pytest.raises(SampleCouplingError):
        Run(problem(lambda: Centred(4, 3)), 5, 0.1, 0).probe()


def test_numbers_in_one_column_made_flat_keep_the_samples_apart() -> None:
    run = Run(Problem.of(lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), None, (X, X[:, 0])), 5, 0.1, 0)
    assert run.probe().trace > 0


def test_the_layer_that_couples_is_named_whatever_the_inputs_are() -> None:
    class Centre(nn.Module):
        def forward(self, x: Any) -> Any:
            return x - x.mean(0)

    coupled = problem(lambda: nn.Sequential(nn.Linear(4, 3), Centre()), test_data=(X, Y))
    assert Run(coupled, 5, 0.1, 0).coupling() == "'1' (Centre)"
    assert Run(problem(), 5, 0.1, 0).coupling() == ""

    class Parts(nn.Linear):
        def forward(self, parts: Any) -> Any:
            return super().forward(parts["a"])

    pairs = [({"a": x}, y) for x, y in zip(X, Y)]
    assert Run(problem(lambda: Parts(4, 3), data=pairs), 5, 0.1, 0).coupling() == ""
