"""`train`, with simulated trainings and with small ones."""

from __future__ import annotations

import itertools
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.training.simulated import TICK, Machine
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.bench import BenchError, train
from tinygrad_edu.bench.loading import load
from tinygrad_edu.bench.problem import Run
from tinygrad_edu.bench.results import Result
from tinygrad_edu.bench.timing import clock
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.result import TrainResult
from tinygrad_edu.bench.training.train import train_with
from tinygrad_edu.samples import NoiseScale

pytest.importorskip("scipy")

SIZES = (8, 32, 128)


def simulated(
    machine: Machine, *, seconds: float | None = None, environment: dict[str, Any] | None = None, **options: Any
) -> TrainResult:
    resume, save = options.pop("resume", None), options.pop("save", None)
    plan = Plan(SIZES, 2000, **{"target": machine.target, **options})
    return train_with(
        machine.start,
        plan,
        problem={"model": "formula"},
        settings={"budget": seconds},
        environment=environment or {"clock": "simulated"},
        notes=["about it"],
        clock=machine.clock,
        budget=Budget(seconds, machine.clock.wall),
        resume=resume,
        save=save,
    )


@pytest.fixture(scope="module")
def whole() -> TrainResult:
    return simulated(Machine(scatter=0.1))


def without_budget(result: TrainResult) -> str:
    result = Result.from_json(result.to_json())
    assert isinstance(result, TrainResult)
    result.settings["budget"] = None
    return result.to_json()


def test_all_that_there_is_to_know(whole: TrainResult) -> None:
    assert whole.complete
    assert whole.stopped == whole.reason == ""
    assert [row.batch_size for row in whole.sizes] == list(SIZES)
    low, high = whole.fit.critical_interval
    assert high is not None
    assert low < 40 < high * 1.5
    assert whole.step_cost is not None
    assert whole.step_cost.balance == pytest.approx(64)
    assert whole.noise.value == pytest.approx(32)
    assert whole.predicted.by_noise == pytest.approx(math.sqrt(32 * 64))
    assert whole.predicted.by_critical == pytest.approx(math.sqrt(whole.fit.critical * 64))
    assert whole.predicted.fastest == 32
    assert whole.settings["seeds"] == 3


# Every call of the machine is a moment at which Ctrl-C may come.
@given(share=st.floats(0, 1), saved=st.booleans())
@settings(max_examples=25, deadline=None)
def test_an_interrupt_loses_nothing_that_finished(whole: TrainResult, share: float, saved: bool) -> None:
    machine = Machine(scatter=0.1)
    simulated(machine)
    total, begun = machine.events, len(machine.started)
    first = Machine(scatter=0.1, stop_at=2 + round(share * (total - 3)))  # not before the first loss
    files: list[TrainResult] = []
    early = simulated(first, save=files.append if saved else None)
    assert not early.complete
    assert early.stopped == "interrupt"
    assert not saved or files[-1] is early
    before = Result.from_json(early.to_json()) if saved else early
    second = Machine(scatter=0.1)
    late = simulated(second, resume=before)
    assert late.to_json() == whole.to_json()
    # The first loss, the timing, a noise or a training that was cut off: no more is done again.
    assert len(first.started) + len(second.started) <= begun + 3
    assert len({done.key for done in late.trainings}) == len(late.trainings)


def test_what_is_complete_is_not_done_again(whole: TrainResult) -> None:
    machine = Machine(scatter=0.1)
    again = simulated(machine, resume=whole)
    assert again.to_json() == whole.to_json()
    assert len(machine.started) == 1  # for the loss before any step


@given(share=st.floats(0.01, 1.2))
@settings(max_examples=20, deadline=None)
def test_a_budget_is_kept_and_can_be_extended(whole: TrainResult, share: float) -> None:
    machine = Machine(scatter=0.1, look=50)
    complete = simulated(machine)
    seconds = share * machine.now
    limited = Machine(scatter=0.1, look=50)
    early = simulated(limited, seconds=seconds)
    timing = 4 * sum(64 + size for size in SIZES) * TICK  # four steps of each is the least that gives a figure
    assert limited.now <= 1.1 * seconds + timing
    assert early.complete or share < 1
    if not early.complete:
        assert early.stopped == "budget"
        runs = [run for row in early.sizes for run in row.runs]
        assert any(run.why == "budget" for run in runs)
        assert all(len(row.runs) == 3 for row in early.sizes)
        assert "budget was spent" in str(early)
    late = simulated(Machine(scatter=0.1, look=50), resume=early)
    assert [row.steps for row in late.sizes] == [row.steps for row in complete.sizes]
    assert late.complete


def test_runs_that_there_was_no_time_for_do_not_count() -> None:
    machine = Machine()
    simulated(machine)
    early = simulated(Machine(), seconds=0.6 * machine.now)
    for row in early.sizes:
        done = [run for run in row.runs if run.why != "budget"]
        assert math.isfinite(row.steps) == bool(done)
        assert row.reason == ("" if len(done) == 3 else f"{3 - len(done)} of 3 ran out of time")
    assert early.fit.left_out == 0


def test_each_training_that_finishes_is_saved() -> None:
    counts: list[int] = []
    result = simulated(Machine(), save=lambda so_far: counts.append(len(so_far.trainings)))
    assert counts[0] == 0  # the timing
    assert sorted(set(counts)) == list(range(len(result.trainings) + 1))


def test_other_trainings_are_not_taken_up(whole: TrainResult) -> None:
    with pytest.raises(BenchError) as caught:
        simulated(Machine(scatter=0.1), resume=whole, seeds=5, seed=1)
    assert "seeds was 3 and is 5 now; seed was 0 and is 1 now" in str(caught.value)
    assert "formula" not in str(caught.value)


def test_on_another_machine_steps_are_timed_again(whole: TrainResult) -> None:
    machine = Machine(scatter=0.1, overhead=128)
    again = simulated(machine, resume=whole, environment={"clock": "another"})
    assert [row.steps for row in again.sizes] == [row.steps for row in whole.sizes]
    assert again.step_cost is not None
    assert again.step_cost.balance == pytest.approx(128)


def test_a_result_as_a_file(whole: TrainResult, tmp_path: Path) -> None:
    assert whole.save(tmp_path) == tmp_path / "train.json"
    read = load(tmp_path / "train.json")
    assert isinstance(read, TrainResult)
    assert read.to_json() == whole.to_json()
    assert read.sizes[0].runs[0].key == whole.sizes[0].runs[0].key


# Small trainings that are none of formulas.

rng = np.random.default_rng(0)
X = rng.standard_normal((64, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3 * rng.standard_normal((64, 1))


def linear() -> nn.Module:
    return nn.Linear(3, 1, dtype=np.float64)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by the same at each look, whose sums are exact."""
    count = itertools.count()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(count) / 1024)
    monkeypatch.setattr(clock.time, "process_time", lambda: next(count) / 1024)


@pytest.fixture
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "probe", lambda self: NoiseScale(4.0, 1.0, 51))


OPTIONS: dict[str, Any] = {"batch_sizes": [4, 16, 48], "seeds": 2, "target_loss": 0.1}


@pytest.mark.usefixtures("unprobed")
def test_a_linear_regression() -> None:
    _ = tg.manual_seed(5)
    model, x, y = linear(), X.copy(), Y.copy()
    weights = model.state_dict()["weight"].numpy().copy()
    result = train(model, nn.MSELoss(), (x, y), **OPTIONS)
    drawn = tg.rand(2)
    assert result.complete
    for row in result.sizes:
        assert [run.why for run in row.runs] == ["", ""]
        assert all(run.train_loss <= 0.1 and math.isfinite(run.test_loss) for run in row.runs)
        assert row.seconds == pytest.approx(row.steps * row.latency)
        assert row.samples == row.steps * row.batch_size
        assert row.sum_rate == row.rate / row.batch_size
    assert result.noise.value == pytest.approx(4)
    assert result.problem["samples"] == 51
    assert result.problem["parameters"] == 4
    # The user's own things are as they were.
    _ = tg.manual_seed(5)
    _ = linear()
    assert tg.equal(drawn, tg.rand(2))
    assert np.array_equal(model.state_dict()["weight"].numpy(), weights)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


@pytest.mark.usefixtures("unprobed")
def test_the_same_arguments_give_the_same_result() -> None:
    first, second = (train(linear, None, (X, Y), seed=3, **OPTIONS) for _ in range(2))
    assert first.to_json() == second.to_json()


@pytest.mark.usefixtures("unprobed")
def test_an_interrupted_one_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(linear, None, (X, Y), **OPTIONS)
    step, count = Run.step, itertools.count()

    def interrupted(self: Run) -> None:
        if next(count) == 700:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Run, "step", interrupted)
    early = train(linear, None, (X, Y), **OPTIONS)
    assert early.stopped == "interrupt"
    assert early.trainings
    late = train(linear, None, (X, Y), resume=early, **OPTIONS)
    assert late.to_json() == whole.to_json()
    with pytest.raises(BenchError, match="the data or the model are others"):
        train(linear, None, (X, 2 * Y), resume=early, **OPTIONS)


@pytest.mark.usefixtures("unprobed")
@pytest.mark.parametrize(
    ("optimizer", "sums"),
    [
        (optim.SGD, True),
        (partial(optim.SGD, momentum=0.9), True),
        (optim.Adam, False),
        (partial(optim.AdamW, weight_decay=0.1), False),
    ],
)
def test_other_optimizers(optimizer: Any, sums: bool) -> None:
    result = train(linear, None, (X, Y), optimizer=optimizer, lr_rule="sqrt", **OPTIONS)
    assert math.isfinite(result.sizes[1].steps)
    assert all(math.isfinite(row.sum_rate) == sums for row in result.sizes)


@pytest.mark.usefixtures("unprobed")
def test_a_target_of_its_own() -> None:
    result = train(linear, None, (X, Y), batch_sizes=[8, 16, 32], seeds=1)
    assert any("target: a mean loss of" in note for note in result.notes)
    assert any("loss: mse_loss" in note for note in result.notes)
    assert all(row.runs[0].train_loss <= result.target_loss for row in result.sizes if not row.reason)


def test_what_does_not_fit_is_said_before_anything_runs() -> None:
    with pytest.raises(BenchError, match="budget: got 0"):
        train(linear, None, (X, Y), budget=0)
    with pytest.raises(BenchError, match="got 64, but there are 51 samples"):
        train(linear, None, (X, Y), batch_sizes=[64])
    with pytest.raises(BenchError, match="lr_rule='cosine'"):
        train(linear, None, (X, Y), lr_rule="cosine")


def test_an_error_of_the_users_own_comes_through() -> None:
    def broken() -> nn.Module:
        raise RuntimeError("no such file: weights")

    with pytest.raises(RuntimeError, match="no such file"):
        train(broken, None, (X, Y))


@pytest.mark.usefixtures("unprobed")
def test_a_loss_that_becomes_nan_is_reported_and_the_rest_goes_on() -> None:
    result = train(
        linear,
        None,
        (X, Y),
        lr_rule="linear",
        batch_sizes=[1, 2, 40],
        **{key: value for key, value in OPTIONS.items() if key != "batch_sizes"},
    )
    assert result.sizes[-1].reason == "2 of 2 diverged"
    assert math.isnan(result.sizes[-1].steps)
    assert "2 of 2 diverged" in str(result)
    assert result.sizes[0].runs


@pytest.mark.usefixtures("unprobed")
def test_a_folder_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**OPTIONS, "batch_sizes": [8, 32], "seeds": 1, "save": tmp_path / "out"}
    whole = train(linear, None, (X, Y), **options)
    file = tmp_path / "out" / "train.json"
    assert file.read_text(encoding="utf-8") == whole.to_json()
    monkeypatch.setattr(Run, "step", lambda self: pytest.fail("a training was run again"))
    assert train(linear, None, (X, Y), **options).to_json() == whole.to_json()
    with pytest.raises(BenchError, match="seeds was 1 and is 2 now"):
        train(linear, None, (X, Y), **{**options, "seeds": 2})
    assert file.read_text(encoding="utf-8") == whole.to_json()
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(BenchError, match=r"cannot be resumed from: not a result of tinygrad-edu bench.*Move it away"):
        train(linear, None, (X, Y), **options)


def test_samples_that_depend_on_one_another_are_trained_all_the_same() -> None:
    class Centre(nn.Module):
        def forward(self, x: Any) -> Any:
            return x - 0.1 * x.mean(0)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 1, dtype=np.float64), Centre())

    result = train(model, None, (X, Y), batch_sizes=[8, 16], seeds=1, target_loss=0.5)
    assert all(row.runs[0].why == "" for row in result.sizes)
    assert "depend on one another (they meet in '1' (Centre))" in result.noise.reason
    assert math.isnan(result.noise.value)


def test_the_noise_scale_of_a_training() -> None:
    result = train(linear, None, (X, Y), batch_sizes=[8, 16], seeds=1, target_loss=0.2)
    assert result.noise.checkpoints[0].step == 0
    assert result.noise.value > 0
