"""The formula against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.advice.formula import excess, near_sizes, optimum, relative_time, within

POSITIVE = st.floats(0.01, 1e5)


@given(POSITIVE, POSITIVE)
def test_no_batch_size_is_faster_than_the_optimum(noise, balance):
    best = optimum(noise, balance)
    sizes = best * np.geomspace(0.01, 100, 401)
    times = [relative_time(size, noise, balance) for size in sizes]
    assert relative_time(best, noise, balance) <= min(times) * (1 + 1e-12)
    assert excess(best, noise, balance) == pytest.approx(1.0)


@given(POSITIVE, POSITIVE, st.floats(0.001, 2))
def test_the_range_ends_where_the_time_is_a_share_longer(noise, balance, share):
    low, high = within(share, noise, balance)
    assert low < optimum(noise, balance) < high
    for end in (low, high):
        assert excess(end, noise, balance) == pytest.approx(1 + share, rel=1e-9)


def test_a_noise_scale_that_is_wrong_by_four_costs_an_eighth_at_most():
    # Worst where a/b and N are equal: B* is then off by 2, (1 + 1/2)(1 + 2)/4 of the time.
    worst = max(excess(optimum(4 * noise, 100), noise, 100) for noise in np.geomspace(0.1, 1e5, 400))
    assert worst == pytest.approx(1.125, abs=1e-3)


@given(st.floats(0.3, 1e6), st.integers(2, 100_000))
def test_the_size_is_a_power_of_two_within_the_root_of_two_or_all(best, count):
    size, *others = near_sizes(best, count)
    assert 1 <= size <= count
    if size == count and best >= count:
        return
    assert size & (size - 1) == 0
    if 1 / math.sqrt(2) <= best <= 2 ** (count.bit_length() - 1):
        assert abs(math.log2(size / best)) <= 0.5 + 1e-9
    assert len(others) <= 1
    assert all(size / best < 1 < other / best or other / best < 1 < size / best for other in others)


def test_of_sizes_that_are_allowed_the_nearest_is_taken():
    assert near_sizes(90.0, 1000, [10, 100, 1000]) == [100]
    assert near_sizes(9e9, 1000, [10, 100, 1000]) == [1000]
    assert near_sizes(90.0, 1000, [60, 61, 99, 1000]) == [99, 61, 60]
