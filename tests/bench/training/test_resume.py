"""Whether a result is of the same trainings."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from bench.training.simulated import Machine

from tinygrad_edu.bench import BenchError, TrainResult
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.conclusion import conclude
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.resume import check_same
from tinygrad_edu.bench.training.sweep import Found
from tinygrad_edu.bench.training.trainings import Trainings

PROBLEM = {"model": "mlp", "samples": 100}
SETTINGS = {"seed": 0, "batch_sizes": [8, 16], "budget": 10.0}


def result(first_loss: float = 2.0) -> TrainResult:
    machine = Machine()
    trainings = Trainings(machine.start, Budget(None, machine.clock.wall))
    about: dict[str, Any] = {"problem": PROBLEM, "settings": SETTINGS, "environment": {}, "notes": []}
    return conclude(trainings, Found(Plan((8, 16), 100), first_loss), stopped="interrupt", complete=False, **about)


@pytest.mark.parametrize(
    ("settings", "first_loss"),
    [(SETTINGS, 2.0), ({**SETTINGS, "budget": None}, 2.0), ({**SETTINGS, "batch_sizes": (8, 16)}, 2.0001)],
)
def test_the_same(settings: dict[str, Any], first_loss: float) -> None:
    check_same(result(), PROBLEM, settings, first_loss)


def test_losses_that_are_no_numbers_are_the_same() -> None:
    check_same(result(math.nan), PROBLEM, SETTINGS, math.inf)


@pytest.mark.parametrize(
    ("problem", "settings", "first_loss", "message"),
    [
        ({**PROBLEM, "model": "cnn"}, SETTINGS, 2.0, "model was 'mlp' and is 'cnn' now"),
        (PROBLEM, {**SETTINGS, "seed": 1, "budget": 5}, 2.0, "seed was 0 and is 1 now"),
        (PROBLEM, {**SETTINGS, "batch_sizes": [8]}, 2.0, "batch_sizes was [8, 16] and is [8] now"),
        ({"model": "mlp"}, SETTINGS, 2.0, "samples was 100 and is None now"),
        (PROBLEM, SETTINGS, 2.1, "loss before any step was 2 and is 2.1 now"),
        (PROBLEM, SETTINGS, math.nan, "loss before any step was 2 and is nan now"),
    ],
)
def test_what_differs_is_named(
    problem: dict[str, Any], settings: dict[str, Any], first_loss: float, message: str
) -> None:
    with pytest.raises(BenchError) as caught:
        check_same(result(), problem, settings, first_loss)
    assert message in str(caught.value)
    assert "start again" in str(caught.value)
    assert "budget" not in str(caught.value)


def test_something_else_than_a_result() -> None:
    with pytest.raises(BenchError, match="give a TrainResult"):
        check_same(dataclasses.replace, PROBLEM, SETTINGS, 2.0)  # type: ignore[arg-type]
