"""The result, from what is known so far."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bench.training.simulated import FIRST, Machine

from tinygrad_edu.bench import TrainResult
from tinygrad_edu.bench.results import Result
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.timing.rounds import Timing
from tinygrad_edu.bench.training.conclusion import conclude
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.sweep import Found
from tinygrad_edu.bench.training.trainings import Training, Trainings
from tinygrad_edu.bench.training.tuning import Tuned

SIZES = (8, 32, 128)
NAN = math.nan


def training(size: int, seed: int, steps: float, why: str = "") -> Training:
    return Training(size, 0.1, seed, 0.5, 1000, 1, steps, 10, FIRST, 0.5, 0.6, why)


def found(runs: dict[int, list[Training]], **options: Any) -> Found:
    tuned = {size: Tuned(0.1, 100.0, {0.1: 100.0, 0.2: NAN}) for size in runs}
    return Found(Plan(SIZES, 1000, **options), FIRST, 0.5, tuned=tuned, runs=runs)


def concluded(state: Found, stopped: str = "") -> TrainResult:
    machine = Machine()
    trainings = Trainings(machine.start, Budget(None, machine.clock.wall))
    about: dict[str, Any] = {"problem": {}, "settings": {}, "environment": {}, "notes": ["first"]}
    return conclude(trainings, state, stopped=stopped, complete=not stopped, **about)


@pytest.mark.parametrize(
    ("steps", "median"),
    [([100, 300, 200], 200), ([100, NAN, 200], 200), ([100, NAN, NAN], NAN), ([100, 200], 150), ([100, NAN], NAN)],
)
def test_a_run_that_did_not_finish_counts_as_infinite(steps: list[float], median: float) -> None:
    runs = [training(8, seed, s, "steps" if math.isnan(s) else "") for seed, s in enumerate(steps)]
    state = found({8: runs}, seeds=len(steps))
    state.timings = {8: Timing([0.5, 0.25, 1.0])}
    row = concluded(state).sizes[0]
    assert row.steps == pytest.approx(median, nan_ok=True)
    assert row.samples == pytest.approx(8 * median, nan_ok=True)
    assert row.seconds == pytest.approx(0.5 * median, nan_ok=True)
    assert row.rates.keys() == {0.1, 0.2}


def test_why_runs_did_not_finish_is_said() -> None:
    runs = [training(8, 0, 90), training(8, 10, NAN, "steps"), training(8, 20, NAN, "diverged")]
    result = concluded(found({8: runs}))
    assert result.sizes[0].reason == "1 of 3 diverged, 1 of 3 ran out of steps"
    assert result.sizes[1].reason == "not run yet"
    assert result.answered
    assert not concluded(found({8: runs[1:]})).answered
    assert result.fit.left_out == 2


def test_a_batch_size_without_a_rate() -> None:
    state = found({8: []})
    state.tuned[8] = Tuned(NAN, NAN, {0.1: NAN, 0.2: NAN})
    for stopped in ("", "budget"):
        row = concluded(state, stopped).sizes[0]
        assert row.reason == "none of the 2 rates tried came near the target"
        assert row.runs == []
        assert math.isnan(row.rate)


def test_what_was_cut_off_by_the_budget_is_shown() -> None:
    result = concluded(found({8: [training(8, 0, 90)]}), "budget")
    assert [(run.seed, run.why) for run in result.sizes[0].runs] == [(0, ""), (10, "budget"), (20, "budget")]
    assert result.sizes[0].steps == 90
    assert result.sizes[2].reason == "3 of 3 ran out of time"
    assert not result.complete
    assert concluded(found({8: [training(8, 0, 90)]}), "interrupt").sizes[2].runs == []


def test_the_rate_of_a_sum() -> None:
    runs = {8: [training(8, 0, 90)]}
    assert concluded(found(runs)).sizes[0].sum_rate == pytest.approx(0.1 / 8)
    assert math.isnan(concluded(found(runs, sums=False)).sizes[0].sum_rate)


def test_the_fit_and_the_prediction() -> None:
    pytest.importorskip("scipy")
    runs = {b: [training(b, seed, 100 * (1 + 32 / b)) for seed in (0, 10, 20)] for b in SIZES}
    state = found(runs)
    state.timings = {b: Timing([(50 + b) * 1e-3] * 3) for b in SIZES}
    result = concluded(state)
    assert result.fit.critical == pytest.approx(32)
    assert result.predicted.by_critical == pytest.approx(40)
    assert math.isnan(result.predicted.by_noise)
    assert result.predicted.fastest == 32
    assert [row.regime for row in result.sizes] == ["perfect scaling", "diminishing returns", "plateau"]
    assert Result.from_json(result.to_json()).to_json() == result.to_json()


def test_a_size_that_there_was_no_time_to_time_is_on_the_line() -> None:
    state = found({128: [training(128, 0, 90)]})
    state.timings = {8: Timing([8e-3] * 3), 32: Timing([32e-3] * 3)}
    row = concluded(state).sizes[-1]
    assert row.batch_size == 128
    assert row.latency == pytest.approx(0.128)
    assert math.isnan(row.spread)
    assert row.seconds == pytest.approx(90 * 0.128)


def test_nothing_at_all() -> None:
    state = Found(Plan(SIZES, 1000), NAN, reason="The loss is not finite.")
    result = concluded(state)
    assert result.reason == "The loss is not finite."
    assert result.step_cost is None
    assert result.predicted.fastest is None
    assert not result.fit.usable
    assert str(result) == "The loss is not finite.\n\nnote: first"
    assert not result.answered
    state.notes.append("second")
    assert concluded(state).notes == ["first", "second"]
