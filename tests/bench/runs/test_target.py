"""Trainings until a target: where they cross it, and when they are given up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.runs.target import crossing, obstacle, until
from tinygrad_edu.bench.timing.clock import Budget


class Curve:
    """A training whose loss after k steps is a function of k."""

    def __init__(self, loss):
        self.taken, self._loss = 0, loss

    def step(self):
        self.taken += 1

    def loss(self):
        return self._loss(self.taken)

    def test_loss(self):
        return 2 * self.loss()


@given(st.integers(1, 500), st.integers(1, 70))
def test_a_straight_line_is_crossed_exactly_however_often_one_looks(steps, every):
    run = Curve(lambda k: 1.0 - k / 1000)
    end = until(run, 1.0 - steps / 1000, most=1000, every=every)
    assert end.finished
    assert end.steps == pytest.approx(steps, rel=1e-9)
    assert steps <= end.taken < steps + every + 1
    assert end.curve[0] == (0, 1.0)
    assert end.test_loss == 2 * run.loss()


def test_a_target_that_is_met_from_the_start_takes_no_step():
    run = Curve(lambda k: 0.5)
    end = until(run, 0.5, most=10)
    assert (end.finished, end.steps, end.taken) == (True, 0.0, 0)


def test_it_stops_after_the_most_steps():
    run = Curve(lambda k: 1.0)
    end = until(run, 0.5, most=101, every=10)
    assert (end.finished, end.why, end.taken, run.taken) == (False, "steps", 101, 101)
    assert math.isnan(end.steps)


@pytest.mark.parametrize("target", [0.5, -math.inf])
@pytest.mark.parametrize("after", [math.nan, math.inf, 1e9])
def test_a_loss_that_explodes_ends_it(after, target):
    run = Curve(lambda k: 1.0 if k < 50 else after)
    end = until(run, target, most=10_000, every=10)
    assert (end.why, end.taken, end.curve[-1]) == ("diverged", 50, (50, math.inf))


def test_a_loss_that_is_no_number_from_the_start_takes_no_step():
    end = until(Curve(lambda k: math.nan), 0.5, most=100)
    assert (end.why, end.taken) == ("diverged", 0)


def test_the_budget_ends_it_between_two_looks():
    run = Curve(lambda k: 1.0)
    budget = Budget(25.0, lambda: float(run.taken))
    end = until(run, 0.5, most=1000, every=10, budget=budget)
    assert (end.why, end.taken) == ("budget", 30)


def test_every_look_is_told():
    seen = []
    until(Curve(lambda k: 1.0 - k / 100), 0.905, most=100, every=4, look=lambda *one: seen.append(one))
    assert [step for step, _ in seen] == [0, 4, 8, 12]


def test_a_first_loss_below_zero_is_no_divergence():
    assert until(Curve(lambda k: -1.0 - k), -50.5, most=100, every=1).steps == pytest.approx(49.5)


def test_the_first_crossing_counts():
    assert crossing([(0, 2.0), (10, 0.0), (20, 2.0), (30, 0.0)], 1.0) == 5.0


@pytest.mark.parametrize("spike", [1, 2, 3, 4])
def test_a_loss_that_explodes_before_the_first_look_ends_it_though_it_would_come_back(spike):
    run = Curve(lambda k: 1e9 if spike <= k <= spike + 3 else 1.0 - k / 1000)
    end = until(run, 0.5, most=1000, every=100)
    assert end.why == "diverged"
    assert spike <= end.taken <= spike + 3
    assert end.curve[-1] == (end.taken, math.inf)


@pytest.mark.parametrize(
    ("first", "target", "said"),
    [
        (math.nan, None, "is not a finite number: there is nothing to compare"),
        (math.inf, 0.1, "is not a finite number"),
        (2.0, 2.0, "The target, 2, is no lower than the loss before any training, 2."),
        (2.0, 1.9, ""),
        (2.0, None, ""),
    ],
)
def test_why_a_target_says_nothing(first: float, target: float | None, said: str) -> None:
    found = obstacle(first, target)
    assert said in found
    assert bool(said) == bool(found)
