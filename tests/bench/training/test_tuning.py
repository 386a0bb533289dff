"""The learning rate of each batch size."""

from __future__ import annotations

import math

import pytest
from bench.training.simulated import Machine
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.trainings import Trainings
from tinygrad_edu.bench.training.tuning import every, first_rate, tune

PLAN = Plan((8, 32, 128), 1000)


def trainings(machine: Machine) -> Trainings:
    return Trainings(machine.start, Budget(None, machine.clock.wall))


@given(best=st.floats(1e-4, 10.0))
@settings(max_examples=20)
def test_the_first_rate_is_near_the_best(best: float) -> None:
    climb = first_rate(trainings(Machine(best_rate=lambda size: best)), PLAN)
    assert best / 2 <= climb.best <= 2 * best


def test_a_rate_that_does_not_lower_the_loss_fails() -> None:
    assert math.isnan(first_rate(trainings(Machine(best_rate=lambda size: 1e-30)), PLAN).best)
    assert math.isnan(first_rate(trainings(Machine(smin=math.inf)), PLAN).best)


@given(offset=st.floats(-2, 1.9), size=st.sampled_from([1, 8, 32, 128]))
@settings(max_examples=30)
def test_a_rate_is_tuned_to_a_factor_of_root_two(offset: float, size: int) -> None:
    machine = Machine()
    best = machine.best_rate(size)
    needed = machine.steps(size, best, 0)
    found = tune(trainings(machine), PLAN, size, 0.1, best * 2**offset, needed)
    assert best / math.sqrt(2) <= found.rate * (1 + 1e-9)
    assert found.rate <= best * math.sqrt(2) * (1 + 1e-9)
    assert found.steps <= 1.1 * needed
    assert found.steps == found.rates[found.rate]


def test_rates_are_compared_on_the_seeds_for_tuning() -> None:
    machine = Machine(scatter=0.1)
    tune(trainings(machine), PLAN, 32, 0.1, 0.2, 40.0)
    assert {seed for _, _, seed in machine.started} == set(PLAN.tuning_seeds)


def test_losers_are_stopped_early() -> None:
    runner = trainings(Machine())
    found = tune(runner, PLAN, 32, 0.1, 0.3, 40.0)
    lost = [done for done in runner.finished if done.why == "steps"]
    assert lost
    first = runner.finished[0].steps
    assert all(done.taken <= math.ceil(1.5 * first) < 2 * found.steps for done in lost)
    assert all(math.isnan(found.rates[done.rate]) for done in lost)


def test_a_rate_far_too_low_is_left_for_higher_ones() -> None:
    machine = Machine()
    found = tune(trainings(machine), PLAN, 32, 0.1, 0.2 / 16, 40.0)
    assert found.steps == pytest.approx(40, rel=0.1)


def test_where_no_rate_gets_there_the_best_is_the_one_with_the_lowest_loss() -> None:
    machine = Machine(smin=100.0)  # 200 steps at the best rate
    found = tune(trainings(machine), PLAN, 32, 0.1, 0.2, 25.0)  # 100 at the utmost
    assert math.isnan(found.steps)
    assert found.rate == pytest.approx(0.2)
    assert all(math.isnan(steps) for steps in found.rates.values())


def test_where_all_diverge_there_is_no_rate() -> None:
    found = tune(trainings(Machine(best_rate=lambda size: 1e-30)), PLAN, 32, 0.1, 0.2, 40.0)
    assert math.isnan(found.rate)
    assert math.isnan(found.steps)
    assert found.rates


def test_looks_are_as_many_for_all() -> None:
    assert [every(steps) for steps in (0.0, 10.0, 400.0, 4000.0)] == [1, 1, 10, 100]
