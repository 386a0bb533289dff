"""a and b from steps with noise: within 5 %, and honest about how well they are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_edu.bench.timing.line import fit_line
from tinygrad_edu.bench.timing.rounds import Timing

SIZES = [2**k for k in range(11)]


def timed(a, b, noise=0.05, rounds=15, seed=0, sizes=SIZES):
    """Steps as on a machine with a noise of 5 % and a slow moment in every tenth turn."""
    rng = np.random.default_rng(seed)
    slow = 1 + 0.5 * (rng.random((len(sizes), rounds)) < 0.1)
    noisy = np.exp(noise * rng.normal(size=slow.shape)) * slow
    return {size: Timing(list((a + b * size) * factors)) for size, factors in zip(sizes, noisy)}


@pytest.mark.parametrize(("a", "b"), [(1e-4, 1e-6), (1e-4, 5e-6), (1e-3, 3e-6), (2e-5, 1e-7)])
def test_a_and_b_are_found_within_five_percent(a, b):
    found = [fit_line(timed(a, b, seed=seed)) for seed in range(100)]
    close = [abs(f.overhead / a - 1) < 0.05 and abs(f.per_sample / b - 1) < 0.05 for f in found]
    assert sum(close) >= 95
    covered = [f.overhead_interval[0] <= a <= f.overhead_interval[1] for f in found]
    assert sum(covered) >= 80
    assert all(f.uncertainty < 1.5 for f in found)


def test_an_overhead_that_drowns_is_not_known():
    found = fit_line(timed(1e-7, 1e-4, noise=0.1))
    assert found.uncertainty > 4


def test_neither_is_ever_negative():
    steeper = {1: Timing([1.0]), 2: Timing([4.0]), 4: Timing([16.0])}
    assert fit_line(steeper).overhead == 0.0
    assert fit_line(steeper).balance == 0.0
    falling = {1: Timing([4.0]), 2: Timing([2.0]), 4: Timing([1.0])}
    assert fit_line(falling).per_sample == 0.0
    assert math.isinf(fit_line(falling).balance)


def test_what_was_timed_before_stays_in():
    before = fit_line(timed(1e-4, 1e-6, noise=0.0))
    after = fit_line({4096: Timing([1e-4 + 4096e-6])}, before)
    assert after.sizes == [*SIZES, 4096]
    assert after.balance == pytest.approx(before.balance, rel=0.2)


def test_a_step_costs_what_was_measured_and_beyond_that_what_the_line_says():
    cost = fit_line({1: Timing([3.0]), 4: Timing([5.0]), 16: Timing([18.0])})
    assert cost.at(4) == 5.0
    assert cost.at(2.5) == 4.0
    assert cost.at(32) == pytest.approx(cost.overhead + 32 * cost.per_sample)
