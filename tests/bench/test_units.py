"""How numbers are written."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench import units

FINITE = st.floats(1e-12, 1e12)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.05e-4, "105 µs"),
        (4.3e-7, "0.43 µs"),
        (0.9999e-3, "1 ms"),
        (119.0, "119 s"),
        (121.0, "2.02 min"),
        (7300.0, "2.03 h"),
        (math.nan, "–"),
        (None, "–"),
        (math.inf, "∞"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    assert units.seconds(value) == text


@given(FINITE)
def test_a_number_is_right_in_its_first_three_digits(value: float) -> None:
    assert float(units.number(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@given(FINITE)
def test_a_time_is_right_in_its_unit(value: float) -> None:
    size = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
    digits, unit = units.seconds(value).split()
    assert float(digits.replace(",", "")) * size[unit] == pytest.approx(value, rel=5.1e-3)


@given(FINITE, st.floats(1.05, 1e9), st.integers(3, 8))
def test_ticks_are_ascending_few_and_inside(low: float, ratio: float, most: int) -> None:
    ticks = units.log_ticks(low, low * ratio, most)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= most + 1
    assert all(low <= tick <= low * ratio for tick in ticks)
    if ratio >= 10:
        assert len(ticks) >= 1


@pytest.mark.parametrize("write", [units.number, units.amount, units.batch, units.bytes_, units.seconds, units.percent])
def test_what_is_not_there_is_a_dash(write: object) -> None:
    assert callable(write)
    assert write(None) == write(math.nan) == "–"


@given(st.floats(1e-3, 1e12), st.floats(1.0, 1e12), st.integers(4, 14))
def test_powers_of_two_are_few_at_even_distances_and_not_too_few(low: float, factor: float, most: int) -> None:
    ticks = units.powers_of_two(low, low * factor, most)
    assert len(ticks) <= most
    assert len(ticks) >= min(2, math.floor(math.log2(factor)))
    assert len({b / a for a, b in pairwise(ticks)}) <= 1
    assert all(low * (1 - 1e-9) <= tick <= low * factor * (1 + 1e-9) for tick in ticks)
