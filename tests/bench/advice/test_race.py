"""The race: N from the steps, with an error that is honest; lanes that find their rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.advice.simulated import World
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.advice.race import Lane, Trials, fitted_noise, race_sizes
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.timing.line import StepCost

SIZES = (8, 32, 128, 512)


def lanes(noise, scatter=0.0, seed=0, smallest=300.0):
    rng = np.random.default_rng(seed)
    steps = [smallest * (1 + noise / size) * math.exp(scatter * rng.normal()) for size in SIZES]
    return [Lane(size, steps=found) for size, found in zip(SIZES, steps, strict=True)]


@pytest.mark.parametrize("noise", [4.0, 40.0, 400.0, 2000.0])
def test_the_error_of_the_noise_covers_what_the_seeds_do(noise):
    found = [fitted_noise(lanes(noise, 0.1, seed)) for seed in range(200)]
    off = [abs(math.log(one.value / noise)) / one.error for one in found]
    assert 0.85 < np.mean(np.array(off) < 2) <= 1
    assert np.median([one.error for one in found]) < 1.2


def test_lanes_that_did_not_finish_have_no_say():
    race = lanes(50.0)
    race[0].steps = math.nan
    assert fitted_noise(race).value == pytest.approx(50, rel=0.02)
    assert math.isnan(fitted_noise(race[:2]).value)
    assert math.isinf(fitted_noise(race[:2]).error)
    assert math.isnan(fitted_noise([]).value)


@given(st.floats(0.5, 1e5), st.integers(2, 200_000))
def test_the_sizes_of_a_race_fit_the_data_and_lie_around_the_guess(guess, count):
    sizes = race_sizes(guess, count, [])
    assert sizes == sorted(set(sizes))
    assert sizes[0] >= 1
    assert sizes[-1] <= count
    assert len(sizes) == 4 or count < 200
    if guess >= 16 and guess * 4 < count:
        assert sizes[0] <= guess <= sizes[-1]


def cost_of(world):
    sizes = [1, 64, 1024]
    return StepCost(world.a, world.b, (0, 1), (0, 1), sizes, [world.a + world.b * s for s in sizes], [0.0] * 3)


def raced(world, rate, factors=(2.0,), **options):
    lab = world.lab()
    trials = Trials(lab, 32, cost_of(world).at(32), 0.5, **{"most": 5000, "budget": lab.budget, **options})
    return trials.lane(rate, factors)


@pytest.mark.parametrize("start", [0.0001, 0.01, 0.1, 5.0])
def test_a_lane_finds_its_rate_from_anywhere(start):
    world = World(noise=50.0)
    lane = raced(world, start)
    best = world.rate / (1 + 50 / 32)
    assert 1 / 1.8 < lane.rate / best < 1.5
    ideal = math.log(world.first / 0.5) * (1 + 50 / 32) / world.pace
    assert lane.steps == pytest.approx(ideal, rel=0.2)
    assert lane.seconds == pytest.approx(lane.steps * cost_of(world).at(32))
    assert lane.train_loss <= 0.5
    assert lane.test_loss == pytest.approx(1.1 * lane.train_loss)
    assert lane.rates[lane.rate] == lane.steps


def test_rates_that_fail_or_lose_are_there_without_steps():
    lane = raced(World(), 0.04)
    assert any(math.isnan(steps) for steps in lane.rates.values())
    assert list(lane.rates) == sorted(lane.rates)


def test_finer_factors_try_rates_in_between():
    coarse, fine = raced(World(), 0.04), raced(World(), 0.04, factors=(2.0, math.sqrt(2)))
    assert len(fine.rates) > len(coarse.rates)
    assert fine.steps <= coarse.steps


def test_a_target_out_of_reach_leaves_the_lane_unfinished():
    lane = raced(World(), 0.04, most=20)
    assert not lane.finished
    assert math.isnan(lane.rate)


def test_the_budget_ends_a_lane_with_what_it_has():
    world = World()
    clock = world.clock()
    lane = raced(world, 0.04, budget=Budget(0.05, clock.wall))
    assert world.now < 0.06
    assert len(lane.rates) < 24


def test_rates_that_there_was_no_time_for_are_not_among_those_tried():
    world = World()
    assert raced(world, 0.04, budget=Budget(0.0, world.clock().wall)).rates == {}
