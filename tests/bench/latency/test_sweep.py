from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from bench.machine import Machine, Training

from tinygrad_edu import nn
from tinygrad_edu.bench.latency.sweep import ROUNDS, Sweep
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.timing.clock import Budget


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.of(lambda: nn.Linear(2, 2), None, (np.zeros((64, 2), np.float32), np.zeros(64, np.int64)))


def sweep(problem: Problem, machine: Machine, budget: float | None = None, *, asked: bool = False, **how: Any) -> Sweep:
    def start(problem: Problem, batch_size: int, rate: float, seed: int, *, even: bool) -> Any:
        return Training(machine, batch_size, **how)

    return Sweep(problem, 0, machine.clock, Budget(budget, machine.clock.wall), start, asked=asked)


def test_without_a_limit_of_memory_nothing_is_left_out_for_it(problem: Problem) -> None:
    found = sweep(problem, Machine(), memory=1000)
    found.measure_memory(math.nan, "not known")
    found.prepare([1, 8, 32])
    assert list(found.runs) == [1, 8, 32]
    assert (found.notes, found.complete) == ([], True)


def test_all_trainings_that_are_held_count(problem: Problem) -> None:
    found = sweep(problem, Machine(), memory=1000)  # 100 kB each, and 1 kB a sample in a step
    found.measure_memory(520e3, "")
    found.prepare([1, 2, 4, 8, 16, 32])
    assert 2 <= len(found.runs) <= 4
    assert "more memory than the others leave" in found.notes[0]


def test_rounds_go_on_to_their_number_where_there_is_time(problem: Problem) -> None:
    machine = Machine()
    found = sweep(problem, machine)
    found.prepare([4, 8])
    found.split()
    found.time(machine.job(1e-3))
    assert found.done == ROUNDS
    assert found.twice in (4, 8)


def test_a_round_that_was_cut_off_does_not_count(problem: Problem) -> None:
    machine = Machine()
    found = sweep(problem, machine, 1.0)
    found.prepare([4, 8])
    found.split()
    found.time(machine.job(1e-3))
    found._timed["step 8"].seconds.append(1.0)
    assert {len(timing.seconds) for timing in found.timings.values()} == {found.done}


def test_the_least_number_of_rounds_depends_on_who_named_the_sizes(problem: Problem) -> None:
    kept = {}
    for asked in (False, True):
        found = sweep(problem, Machine(), 20.0, asked=asked, a=0.1, b=1e-3)
        found.prepare([1, 2, 4, 8, 16])
        kept[asked] = list(found.runs)
        assert found.complete != asked or len(kept[asked]) == 5
    assert 1 <= len(kept[False]) < len(kept[True])


def test_a_short_budget_thins_the_sizes_out_before_it_drops_the_largest(problem: Problem) -> None:
    found = sweep(problem, Machine(), 2.0)  # a round of all seven and their norms takes about 0.08 s
    found.prepare([1, 2, 4, 8, 16, 32, 64])
    assert list(found.runs) == [1, 2, 4, 8, 16, 32, 64]
    found = sweep(problem, Machine(), 0.9)
    found.prepare([1, 2, 4, 8, 16, 32, 64])
    assert list(found.runs) == [1, 4, 16, 64]
    assert found.notes == ["left out: batch sizes 2, 8, 32, as the budget is too short for them"]
    assert found.complete


def test_nothing_is_timed_where_nothing_was_started(problem: Problem) -> None:
    machine = Machine()
    found = sweep(problem, machine)
    found.time(machine.job(1e-3))
    assert (found.done, found.timings, machine.now) == (0, {}, 0.0)
