"""Rules for the learning rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.training.rules import RULES, rule_in_words, scaled

sizes = st.integers(1, 10_000)


@given(rule=st.sampled_from(RULES[1:]), rate=st.floats(1e-5, 10), at=sizes, other=sizes, third=sizes)
def test_a_rule_does_not_depend_on_the_way(rule: str, rate: float, at: int, other: int, third: int) -> None:
    assert scaled(rule, rate, at, at) == rate
    assert scaled(rule, scaled(rule, rate, at, other), other, third) == pytest.approx(scaled(rule, rate, at, third))


@given(rate=st.floats(1e-5, 10), at=sizes, other=sizes)
def test_linear_is_a_fixed_rate_of_a_sum(rate: float, at: int, other: int) -> None:
    assert scaled("linear", rate, at, other) / other == pytest.approx(rate / at)


def test_rules_in_words() -> None:
    assert rule_in_words("tune", 0.1, 64) == "tuned at each batch size"
    assert rule_in_words("constant", 0.1, 64) == "0.1, tuned at 64"
    assert rule_in_words("sqrt", 0.1, 64) == "0.1 · √(B/64), tuned at 64"
