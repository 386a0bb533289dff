from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bench.machine import Machine, Training

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.latency.result import SpeedResult
from tinygrad_edu.bench.latency.speed import speed, time_steps
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.results import Result
from tinygrad_edu.bench.session import Session
from tinygrad_edu.bench.timing import memory
from tinygrad_edu.bench.timing.clock import Budget

GIB = 1024**3
N = 1000


@pytest.fixture(autouse=True)
def no_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainings of these tests are small: what is true of large ones shall be true of them."""
    monkeypatch.setattr(memory, "HARMLESS", 0)


@pytest.fixture(scope="module")
def problem() -> Problem:
    data = np.zeros((N, 2), np.float32), np.zeros(N, np.int64)
    return Problem.of(lambda: nn.Linear(2, 2), nn.functional.cross_entropy, data, test_data=data)


def simulated(
    problem: Problem,
    sizes: list[int] | None = None,
    *,
    machine: Machine | None = None,
    budget: float | None = None,
    make: Callable[..., Any] = Training,
    limit: int = GIB,
    **options: Any,
) -> SpeedResult:
    """What `speed` says of a simulated machine."""
    machine = machine or Machine()

    def start(problem: Problem, batch_size: int, rate: float, seed: int, *, even: bool) -> Any:
        assert even
        return make(machine, batch_size, **options)

    now = Session(
        problem,
        machine.clock,
        Budget(budget, machine.clock.wall),
        {"threads": 1, "clock": "CPU"},
        len(problem.train),
        list(problem.notes),
    )
    return time_steps(now, sizes, memory_limit=limit, start=start, other_work=machine.job(1e-3))


def test_a_quiet_machine_is_measured_exactly(problem: Problem) -> None:
    result = simulated(problem, [8, 32, 128])
    assert [row.batch_size for row in result.rows] == [8, 32, 128]
    for row in result.rows:
        seconds = 1e-4 + 1e-6 * row.batch_size
        assert row.latency.median == pytest.approx(seconds, rel=1e-6)
        assert row.samples_per_second == pytest.approx(row.batch_size / seconds, rel=1e-6)
        parts = [row.loading, row.forward, row.backward, row.optimizer]
        np.testing.assert_allclose(parts, np.array([0.1, 0.3, 0.4, 0.2]) * seconds, rtol=1e-6)
        assert row.with_norms is not None
        assert row.norms_ratio is not None
        assert row.norms_ratio.value == pytest.approx(1.2, rel=1e-6)
    assert result.control is not None
    assert (result.control.batch_size, result.control.ratio.value) == (32, pytest.approx(1.0))
    assert result.reference is not None
    assert result.reference.median == pytest.approx(1e-3)
    assert (result.complete, result.warnings, result.norms_absent) == (True, [], "")


def test_the_intervals_hold_the_true_times_of_a_noisy_machine(problem: Problem) -> None:
    hits = total = 0
    for seed in range(4):
        result = simulated(problem, [1, 8, 64, 512], machine=Machine(0.03, seed=seed))
        assert result.warnings == []
        for row in result.rows:
            assert 0.0 < row.latency.high - row.latency.low < 0.05 * row.latency.median
            assert row.latency.lower_quartile < row.latency.median < row.latency.upper_quartile
            hits += row.latency.low <= 1e-4 + 1e-6 * row.batch_size <= row.latency.high
            total += 1
    assert hits >= total - 4


def test_rounds_are_kept_for_a_comparison(problem: Problem) -> None:
    result = simulated(problem, [8, 16])
    names = ["step 8", "step 16", "step 8 with norms", "step 16 with norms", "step 16 again", "reference"]
    assert sorted(result.rounds) == sorted(names)
    assert {len(seconds) for seconds in result.rounds.values()} == {result.rows[0].latency.rounds}


def test_sizes_nobody_asked_for_are_powers_of_two(problem: Problem) -> None:
    assert [row.batch_size for row in simulated(problem).rows] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("budget", [0.5, 3.0, 20.0, 60.0])
@pytest.mark.parametrize(("a", "b"), [(1e-4, 1e-6), (1e-3, 1e-3), (0.02, 1e-5)])
def test_the_budget_is_kept(problem: Problem, a: float, b: float, budget: float) -> None:
    machine = Machine(0.05)
    result = simulated(problem, machine=machine, budget=budget, a=a, b=b)
    assert machine.now <= 1.1 * budget
    assert result.rows
    assert result.complete
    if len(result.rows) < 10:
        assert any("left out: batch size" in note and "budget" in note for note in result.notes)
        few = any("too few for an interval" in text for text in result.warnings)
        assert few == (result.rows[0].latency.rounds < 6)
        assert not few or budget < 1.0


def test_sizes_that_were_asked_for_are_missed_when_left_out(problem: Problem) -> None:
    result = simulated(problem, [1, 1000], budget=2.0, b=1.0)
    assert not result.complete
    assert "left out: batch size 1000, as the budget is too short" in " ".join(result.notes)


def test_a_large_size_is_tried_though_small_ones_are_dear(problem: Problem) -> None:
    result = simulated(problem, [1, 1000], budget=5.0, a=1e-4, b=1e-7)  # at the price of one it would take 100 ms
    assert [row.batch_size for row in result.rows] == [1, 1000]
    assert result.complete


def test_coupled_samples_have_no_norms(problem: Problem) -> None:
    error = tg.SampleCouplingError("they meet\n  in mean")
    result = simulated(problem, [1, 8], norms=error)
    assert all(row.with_norms is None and row.norms_ratio is None for row in result.rows)
    assert result.norms_absent == "they meet in mean"
    assert not any("norms" in name for name in result.rounds)
    assert "no steps with norms: they meet in mean" in str(result)


def test_a_size_that_is_not_possible_is_left_out(problem: Problem) -> None:
    def make(machine: Machine, size: int) -> Training:
        if size == 1:
            raise tg.ShapeError("one sample has no variance")
        return Training(machine, size)

    result = simulated(problem, make=make)
    assert [row.batch_size for row in result.rows][:2] == [2, 4]
    assert "left out: batch size 1, as one sample has no variance" in result.notes


def test_what_is_never_possible_raises(problem: Problem) -> None:
    def make(machine: Machine, size: int) -> Training:
        raise tg.ShapeError("never")

    with pytest.raises(tg.ShapeError, match="never"):
        simulated(problem, make=make)


def test_memory_is_measured_small_and_predicted_large(problem: Problem) -> None:
    result = simulated(problem, [1, 512], memory=10_000, limit=100 * 10_000 + 900 * 10_000)
    assert result.memory is not None
    assert result.memory.per_sample == pytest.approx(10_000, rel=0.02)
    assert result.memory.largest == pytest.approx(900, rel=0.05)
    assert (result.rows[0].memory_measured, result.rows[0].peak_memory) == (True, pytest.approx(1.01e6, rel=0.05))
    assert [row.batch_size for row in result.rows] == [1, 512]
    assert (result.rows[1].memory_measured, result.rows[1].peak_memory) == (False, pytest.approx(6.12e6, rel=0.05))


def test_what_would_not_fit_is_not_started(problem: Problem) -> None:
    started: list[int] = []

    def make(machine: Machine, size: int, **options: Any) -> Training:
        started.append(size)
        return Training(machine, size, memory=10_000)

    result = simulated(problem, make=make, limit=10_000_000)
    assert max(started) < 512
    assert "memory" in " ".join(result.notes)
    assert result.complete


def test_a_noisy_machine_is_warned_of(problem: Problem) -> None:
    result = simulated(problem, [8, 16], machine=Machine(0.3), a=0.01)
    text = " ".join(result.warnings)
    assert "batch sizes 8, 16 vary too much" in text
    assert "the reference varies" in text


def test_a_control_that_is_off_is_warned_of(problem: Problem) -> None:
    made: list[int] = []

    def make(machine: Machine, size: int) -> Training:
        made.append(size)
        slow = made.count(8) > 2 and machine.now > 0  # the third one, after that of the memory and the first
        return Training(machine, size, a=1.1e-4 if slow else 1e-4)

    result = simulated(problem, [8], make=make, machine=Machine(0.01))
    assert result.control is not None
    assert result.control.ratio.value == pytest.approx(1.1, rel=0.02)
    assert any("timed twice at 8 differs: 1." in text for text in result.warnings)


def test_loading_that_dominates_is_said(problem: Problem) -> None:
    class Slow(Training):
        def load(self) -> tuple[range, range]:
            self.machine.work(self.seconds)
            return super().load()

    assert any("drawing the batch takes more than half" in note for note in simulated(problem, [4], make=Slow).notes)
    assert not any("drawing" in note for note in simulated(problem, [4]).notes)


@pytest.mark.parametrize("at", [0, 1, 5, 30, 200, 6000])
def test_an_interrupt_gives_what_is_known(problem: Problem, at: int) -> None:
    machine = Machine()
    left = at
    work = machine.work

    def interrupted(seconds: float) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            left = 10**9
            raise KeyboardInterrupt
        work(seconds)

    machine.work = interrupted  # type: ignore[method-assign]
    result = simulated(problem, [4, 8], machine=machine)
    assert not result.complete
    assert any(note.startswith("interrupted after") for note in result.notes)
    lengths = {len(seconds) for seconds in result.rounds.values()}
    assert lengths == ({result.rows[0].latency.rounds} if result.rows else set())
    assert at < 6000 or result.rows
    assert Result.from_json(result.to_json()).complete is False
    assert "interrupted" in str(result)


def test_the_result_survives_json(problem: Problem) -> None:
    result = simulated(problem, [1, 8], machine=Machine(0.05))
    again = Result.from_json(result.to_json())
    assert isinstance(again, SpeedResult)
    assert again.to_json() == result.to_json()
    assert str(again) == str(result)
    assert again.rows == result.rows
    bare = SpeedResult.from_json(simulated(problem, [1], norms=tg.GraphError("no")).to_json())
    assert bare.rows[0].with_norms is None
    assert math.isnan(bare.memory.at(3)) if bare.memory and not bare.memory.peaks else True


def test_what_is_said_of_the_run(problem: Problem) -> None:
    result = simulated(problem, [8], budget=30.0)
    assert result.problem["samples"] == N
    assert (result.problem["dtype"], result.problem["parameters"]) == ("float32", 6)
    assert result.settings == {"seed": 0, "budget": 30.0, "batch_sizes": [8], "threads": 1, "memory_limit": GIB}
    assert result.environment["clock"] == "CPU"
    assert repr(result).startswith("SpeedResult(")
    lines = str(result).splitlines()
    assert any(line.split()[:3] == ["8", "108", "µs"] for line in lines)


@pytest.mark.parametrize(("sizes", "says"), [([N + 1], "1000 samples"), ([0], "at least 1"), ([], "empty")])
def test_bad_sizes(problem: Problem, sizes: list[int], says: str) -> None:
    with pytest.raises(BenchError, match=says):
        simulated(problem, sizes)


# ---- the public function, with a clock that ticks at each look


X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 2


def test_nothing_of_the_users_changes() -> None:
    model = nn.Linear(3, 2)
    before = {name: value.array.copy() for name, value in model.state_dict().items()}
    x, y = X.copy(), Y.copy()
    states = tg.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr,index] # noqa: NPY002
    result = speed(model, nn.functional.cross_entropy, (x, y), batch_sizes=[4, 40], memory_limit=GIB)
    assert [row.batch_size for row in result.rows] == [4, 40]  # all samples: none is held out
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.array, before[name])
    assert all(p.grad is None for p in model.parameters())
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(np.asarray(tg.get_rng_state()), np.asarray(states[0]))
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # type: ignore[index] # noqa: NPY002


def test_a_model_whose_samples_are_coupled() -> None:
    class Centred(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            h = self.linear(x)
            return h - h.mean(0)

    result = speed(Centred, None, (X, Y), batch_sizes=[8], optimizer=optim.Adam, memory_limit=GIB)
    assert result.rows[0].with_norms is None
    assert "coupled" in result.norms_absent


def test_numpy_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("threadpoolctl", "psutil", "scipy", "rich", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    result = speed(lambda: nn.Linear(3, 2), None, (X, Y), batch_sizes=[8])
    assert len(result.rows) == 1
    assert result.memory is not None
    assert result.memory.largest is None
    assert "psutil" in result.memory.why
    assert "psutil" in str(result)
    with pytest.raises(BenchError, match="threadpoolctl"):
        speed(lambda: nn.Linear(3, 2), None, (X, Y), threads=1)


@pytest.mark.parametrize(
    ("option", "value"), [("budget", 0), ("budget", "60"), ("threads", 0), ("memory_limit", -1), ("batch_sizes", [41])]
)
def test_bad_options(option: str, value: Any) -> None:
    with pytest.raises(BenchError, match=option):
        speed(lambda: nn.Linear(3, 2), None, (X, Y), **{option: value})
