from __future__ import annotations

import math

import numpy as np
import pytest
from bench.machine import Machine, Training

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.bench.problem import Problem, Run
from tinygrad_edu.bench.timing.steps import PARTS, SplitStep, with_norms


def test_the_shares_of_the_parts() -> None:
    machine = Machine()
    split = SplitStep(Training(machine, 8), machine.clock.busy)
    assert all(math.isnan(share) for share in split.shares.values())
    for _ in range(3):
        split()
    assert list(split.shares) == list(PARTS)
    np.testing.assert_allclose(list(split.shares.values()), [0.1, 0.3, 0.4, 0.2], rtol=1e-9)


def test_the_shares_of_a_noisy_machine_add_up() -> None:
    machine = Machine(0.2)
    split = SplitStep(Training(machine, 8), machine.clock.busy)
    for _ in range(400):
        split()
    assert sum(split.shares.values()) == pytest.approx(1.0)
    np.testing.assert_allclose(list(split.shares.values()), [0.1, 0.3, 0.4, 0.2], rtol=0.1)


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    return Problem.of(lambda: nn.Linear(3, 2), nn.functional.cross_entropy, (x, y))


def test_all_three_take_the_same_steps(problem: Problem) -> None:
    weights = []
    for way in ("step", "parts", "norms"):
        run = Run(problem, 4, 0.1, 0)
        machine = Machine()
        take = {"step": run.step, "parts": SplitStep(run, machine.clock.busy), "norms": with_norms(run)}[way]
        for _ in range(7):
            take()
        weights.append([p.array.copy() for p in run.model.parameters()])
    for other in weights[1:]:
        for ours, theirs in zip(weights[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_coupled_samples_have_no_norms() -> None:
    machine = Machine()
    with pytest.raises(tg.SampleCouplingError):
        with_norms(Training(machine, 4, norms=tg.SampleCouplingError("mean")))()
