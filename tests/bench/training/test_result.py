"""What a person reads."""

from __future__ import annotations

import dataclasses
import math

import pytest
from bench.training.simulated import Machine

from tinygrad_edu.bench import TrainResult
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.result import summary
from tinygrad_edu.bench.training.train import train_with

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def result() -> TrainResult:
    machine = Machine()
    return train_with(
        machine.start,
        Plan((8, 32, 512), 2000, target=0.1),
        problem={},
        settings={},
        environment={},
        notes=[],
        clock=machine.clock,
        budget=Budget(None, machine.clock.wall),
    )


def test_a_line_for_each_batch_size(result: TrainResult) -> None:
    text = str(result)
    assert text == summary(result)
    assert text.startswith("Steps to a mean loss of 0.1, medians of 3 seeds. Learning rate: tuned at each batch size; ")
    table = text.split("\n\n")[1].splitlines()
    assert table[0].split("  ")[0] == "batch size"
    assert [line.split()[0] for line in table[1:]] == ["8", "32", "512"]
    assert table[3].endswith("plateau")
    assert f"{result.sizes[2].samples:,.0f}" in table[3]
    assert all(len(line) <= 120 for line in text.splitlines() if "  " in line)


def test_what_follows(result: TrainResult) -> None:
    text = str(result)
    assert f"Critical batch size {result.fit.critical:.3g} (95 %: " in text
    assert "Noise scale along a training run with batches of 32: 32." in text
    assert "The fastest to the target: 32." in text
    assert "45.3 with the noise scale as N." in text  # √(32 · 64)


def test_the_rate_of_a_sum_is_shown_where_there_is_one(result: TrainResult) -> None:
    assert "rate of a sum" in str(result)
    rows = [dataclasses.replace(row, sum_rate=math.nan) for row in result.sizes]
    assert "rate of a sum" not in str(dataclasses.replace(result, sizes=rows))


def test_what_is_missing_is_said(result: TrainResult) -> None:
    row = dataclasses.replace(result.sizes[2], steps=math.nan, reason="3 of 3 diverged")
    text = str(dataclasses.replace(result, sizes=[*result.sizes[:2], row], stopped="interrupt"))
    assert "plateau; 3 of 3 diverged" in text
    assert text.endswith("Interrupted before the end.")


def test_a_size_that_was_not_run_is_in_no_regime(result: TrainResult) -> None:
    nothing = dataclasses.replace(
        result.sizes[2], rate=math.nan, sum_rate=math.nan, rates={}, runs=[], steps=math.nan, reason="not run yet"
    )
    text = str(dataclasses.replace(result, sizes=[*result.sizes[:2], nothing], stopped="interrupt"))
    assert text.split("\n\n")[1].splitlines()[3].endswith("  not run yet")
    assert "plateau" not in text
    assert "come to" not in text


def test_a_size_without_a_rate_that_works_says_so(result: TrainResult) -> None:
    reason = "none of the 3 rates tried came near the target"
    rates = dict.fromkeys((0.1, 0.2, 0.4), math.nan)
    row = dataclasses.replace(result.sizes[2], rate=math.nan, rates=rates, runs=[], steps=math.nan, reason=reason)
    text = str(dataclasses.replace(result, sizes=[*result.sizes[:2], row]))
    assert text.split("\n\n")[1].splitlines()[3].endswith(f"  {reason}")


def test_a_fit_that_is_open(result: TrainResult) -> None:
    fit = dataclasses.replace(result.fit, critical=math.nan, critical_interval=(300.0, None), reason="take larger ones")
    assert "Critical batch size: 300 to any size (95 %). Take larger ones." in str(dataclasses.replace(result, fit=fit))
    fit = dataclasses.replace(fit, critical_interval=(0.0, None))
    assert "\n\nTake larger ones.\n" in str(dataclasses.replace(result, fit=fit))
