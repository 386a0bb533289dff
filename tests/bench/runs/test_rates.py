"""The search for a rate: to the bottom of a valley, from either side, and from where nothing works."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.runs.rates import Climb


def valley(best, cliff=math.inf):
    """A cost that is least at `best`, and infinite from `cliff` on."""
    return lambda rate: math.inf if rate >= cliff else 1 + abs(math.log(rate / best))


@given(st.floats(-6, 6), st.floats(-6, 6))
def test_it_ends_within_half_a_factor_of_the_best(start, best):
    climb = Climb(valley(2.0**best), 2.0**start)
    found = climb.search(2.0)
    assert 2.0**-0.51 <= found / 2.0**best <= 2.0**0.51


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_finer_steps_go_on_from_the_coarse_ones(start, best):
    tried = []
    cost = valley(2.0**best)
    climb = Climb(lambda rate: tried.append(rate) or cost(rate), 2.0**start)
    climb.search(4.0)
    found = climb.search(math.sqrt(2))
    assert 2.0**-0.26 <= found / 2.0**best <= 2.0**0.26
    assert len(tried) == len(set(tried)) == len(climb.costs)


def test_from_a_rate_that_fails_it_goes_down_until_one_works():
    assert Climb(valley(0.01, cliff=0.02), 1.0).search(2.0) == pytest.approx(0.01, rel=0.5)


def test_where_no_rate_works_it_gives_up():
    climb = Climb(lambda rate: math.inf, 1.0)
    assert math.isnan(climb.search(2.0, most=9))
    assert len(climb.costs) == 9
    assert math.isnan(climb.best)


def test_it_stops_beside_a_cliff():
    assert Climb(valley(1.0, cliff=0.3), 0.01).search(2.0) == 0.16
