"""The search along a line: that what it returns meets the conditions, and how it gets there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.optim.line_search import Trial, least_of_cubic, strong_wolfe

NOTHING = np.zeros(1)


class Line:
    """A function of one number and its derivative, and where it was evaluated."""

    def __init__(self, f: Callable[[float], Any], slope: Callable[[float], Any]) -> None:
        self.f, self.slope, self.tried = f, slope, []  # type: ignore[var-annotated]

    def __call__(self, t: float) -> Trial:
        self.tried.append(t)
        return Trial(t, float(self.f(t)), float(self.slope(t)), np.array([self.slope(t)]))

    def search(self, first: float = 1.0, narrowest: float = 1e-9, trials: int = 25) -> Trial:
        start = self(0.0)
        self.tried = []
        return strong_wolfe(self, start, first, narrowest, trials)


def parabola(at: float) -> Line:
    return Line(lambda t: (t - at) ** 2, lambda t: 2 * (t - at))


def holds(line: Line, found: Trial) -> bool:
    """Whether the strong Wolfe conditions do."""
    start = line(0.0)
    return found.loss <= start.loss + 1e-4 * found.t * start.slope and abs(found.slope) <= 0.9 * abs(start.slope)


# The cubic


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-2, 2), st.floats(0.5, 3))
def test_the_minimum_of_a_cubic_is_found(coefficients: list[float], left: float, width: float) -> None:
    cubic = np.polynomial.Polynomial(coefficients)
    slope = cubic.deriv()
    a, b = (Trial(t, cubic(t), slope(t), NOTHING) for t in (left, left + width))
    at = least_of_cubic(a, b, -1e3, 1e3)
    assert at == least_of_cubic(b, a, -1e3, 1e3)
    if -1e3 < at < 1e3 and at != 0.0 and abs(coefficients[3]) > 1e-3:
        scale = sum(abs(c) * max(1.0, abs(at), abs(left) + width) ** i for i, c in enumerate(coefficients))
        assert abs(slope(at)) <= 1e-5 * scale
        assert slope.deriv()(at) >= -1e-5 * scale


def test_the_minimum_is_held_within_its_bounds() -> None:
    a, b = Trial(0.0, 9.0, -6.0, NOTHING), Trial(5.0, 4.0, 4.0, NOTHING)  # least at 3
    assert least_of_cubic(a, b, 0.0, 5.0) == 3.0
    assert least_of_cubic(a, b, 0.0, 2.0) == 2.0
    assert least_of_cubic(a, b, 4.0, 5.0) == 4.0


def test_without_a_minimum_it_is_the_middle_and_of_a_straight_line_the_end() -> None:
    inflected = Trial(0.0, 0.0, -1.0, NOTHING), Trial(1.0, -0.75, -1.0, NOTHING)
    assert least_of_cubic(*inflected, 0.0, 3.0) == 1.5
    falling = Trial(0.0, 0.0, -1.0, NOTHING), Trial(1.0, -1.0, -1.0, NOTHING)
    assert least_of_cubic(*falling, 2.0, 7.0) == 7.0
    for wrong in (math.nan, math.inf):
        assert least_of_cubic(falling[0], Trial(1.0, wrong, 1.0, NOTHING), 0.0, 1.0) == 0.5
    assert least_of_cubic(falling[0], falling[0], 2.0, 4.0) == 3.0
    constant = Trial(0.0, 1.0, 0.0, NOTHING), Trial(1.0, 1.0, 0.0, NOTHING)
    assert least_of_cubic(*constant, 0.0, 1.0) == 0.5


# The search


@given(st.floats(1e-3, 1e3), st.floats(1e-2, 1e2), st.sampled_from([2, 4]))
def test_the_conditions_hold_where_it_ends(at: float, first: float, power: int) -> None:
    line = Line(lambda t: (t / at - 1) ** power, lambda t: power / at * (t / at - 1) ** (power - 1))
    found = line.search(first)
    assert holds(line, found)
    assert found.gradient.tolist() == [found.slope]
    assert found.t in line.tried


@given(st.floats(0.1, 30), st.floats(0.05, 20))
def test_the_conditions_hold_on_a_wavy_way_down(first: float, wave: float) -> None:
    line = Line(lambda t: (t - 9) ** 2 / 9 + 3 * math.sin(t), lambda t: 2 * (t - 9) / 9 + 3 * math.cos(t))
    if line(0.0).slope < 0:
        assert holds(line, line.search(first))
    mild = Line(lambda t: (t - 9) ** 2 + math.cos(wave * t), lambda t: 2 * (t - 9) - wave * math.sin(wave * t))
    assert holds(mild, mild.search(first))


def test_a_first_step_that_will_do_is_taken() -> None:
    line = parabola(3.0)
    assert line.search(2.0).t == 2.0
    assert line.tried == [2.0]


def test_a_step_that_is_too_short_is_made_longer_at_most_ten_times() -> None:
    line = parabola(3.0)
    assert line.search(0.01).t == 1.0
    assert line.tried == pytest.approx([0.01, 0.1, 1.0])
    line = parabola(3.0)
    assert line.search(0.2).t == 2.0


def test_a_longer_step_is_longer_by_a_hundredth_at_least() -> None:
    # The cubic through 0 and 1 has its minimum just beyond 1, where the slope is still steep.
    line = Line(lambda t: -t + 0.05 * t**3 if t <= 1 else -0.95 - (t - 1), lambda t: -1 + 0.095 * t if t <= 1 else -0.5)
    line.search(1.0)
    assert line.tried[1] >= 1.01


@pytest.mark.parametrize("first", [7.0, 100.0])
def test_a_step_that_is_too_long_is_made_shorter(first: float) -> None:
    line = parabola(3.0)
    found = line.search(first)
    assert found.t == pytest.approx(3.0)
    assert len(line.tried) == 2


def test_a_slope_that_rises_too_much_is_too_far_even_where_the_loss_is_low() -> None:
    line = Line(lambda t: -t if t < 1 else -1 + 5 * (t - 1) ** 2, lambda t: -1.0 if t < 1 else 10 * (t - 1))
    found = line.search(1.3)
    assert 0 < found.t < 1.3
    assert holds(line, found)


def test_the_loss_must_fall_by_a_ten_thousandth_of_what_the_slope_promises() -> None:
    for part, enough in ((0.9e-4, False), (1.1e-4, True)):
        line = Line(lambda t, part=part: -part * t if t == 1 else -t / 2, lambda t: 0.0 if t == 1 else -1.0)
        assert (line.search(1.0).t == 1.0) is enough


def test_a_slope_must_fall_to_nine_tenths() -> None:
    for part, enough in ((0.91, False), (0.89, True)):
        for sign in (1.0, -1.0):
            line = Line(lambda t: -t, lambda t, slope=sign * part: slope if t == 1 else (-1.0 if t < 1 else 0.0))
            line.search(1.0)
            assert (len(line.tried) == 1) is enough


def told(*script: tuple[float, float], narrowest: float = 0.0) -> list[float]:
    """Where it tries, first 1, if it is told these losses and slopes in turn, after 0 and −1 at the start."""
    tried: list[float] = []

    def evaluate(t: float) -> Trial:
        tried.append(t)
        return Trial(t, *script[len(tried) - 1], NOTHING)

    strong_wolfe(evaluate, Trial(0.0, 0.0, -1.0, NOTHING), 1.0, narrowest, len(script) - 1)
    return tried


def test_a_loss_that_is_no_lower_than_the_last_one_is_too_high_from_the_third_trial_on() -> None:
    one, two, three, four = told((-1.0, -0.95), (-0.5, -0.95), (-0.4, -0.95), (-0.45, -0.95))
    assert one < two < four < three
    one, two, three, four = told((-1.0, -0.95), (-0.5, -0.95), (-0.6, -0.95), (-0.6, -0.95))
    assert one < two < three < four  # the fourth would be no lower than the third, but is not looked at
    one, two, three, four = told((-1.0, -0.95), (-2.0, -0.95), (-2.0, -0.95), (-0.6, -0.95))
    assert one < two < four < three
    one, two, three, four = told((-1.0, -0.95), (-2.0, -0.95), (-2.5, -0.95), (-0.6, -0.95))
    assert one < two < three < four


def test_a_second_trial_that_is_next_to_an_end_is_moved_a_tenth_away() -> None:
    def parabola_to(t: float, curvature: float) -> tuple[float, float]:
        """What a parabola through the start has at t; it is least at 1 / (2·curvature)."""
        return curvature * t * t - t, 2 * curvature * t - 1

    left = parabola_to(1.0, 1e6), parabola_to(5e-7, 5e8), parabola_to(5e-8, 5e8), (1.0, 1.0)
    assert told(*left) == pytest.approx([1.0, 5e-7, 5e-8, 1e-9], rel=1e-3)
    at_once = parabola_to(1.0, 1e20), (1.0, 1.0)  # so near that it is the end, in floating point
    assert told(*at_once) == pytest.approx([1.0, 0.1], rel=1e-3)
    # Near the right end: least at 0.95 of the interval, then at 0.96 of what is left.
    assert told((-3.02, 0.95), (-3.5, 0.95), (-3.6, 0.95))[1:] == pytest.approx([0.95, 0.855], rel=1e-2)


def test_a_trial_away_from_the_ends_is_taken_as_it_is() -> None:
    # Least at 0.05, in the middle, and at 0.02 of what is left: no two of them in succession are next to an end.
    one = least_of_cubic(Trial(0.0, 0.0, -1.0, NOTHING), Trial(1.0, 9.0, 19.0, NOTHING), 0.0, 1.0)
    assert one == pytest.approx(0.05)
    two = least_of_cubic(Trial(0.0, 0.0, -1.0, NOTHING), Trial(one, 0.0, 1.0, NOTHING), 0.0, one)
    assert two == pytest.approx(0.025)
    three = told((9.0, 19.0), (0.0, 1.0), (25 * two * two - two + 1, 49.0), (1.0, 1.0))[3]
    left = least_of_cubic(Trial(0.0, 0.0, -1.0, NOTHING), Trial(two, 25 * two * two - two + 1, 49.0, NOTHING), 0.0, two)
    assert three == left


def test_the_same_away_from_0() -> None:
    def parabola_from_1(t: float, curvature: float) -> tuple[float, float]:
        return -1 - 0.95 * (t - 1) + curvature * (t - 1) ** 2, -0.95 + 2 * curvature * (t - 1)

    begin = (-1.0, -0.95)
    second = told(begin, (0.0, 0.0))[1]
    third = 1 + 0.95 / 2e3
    tried = told(begin, parabola_from_1(second, 1e3), parabola_from_1(third, 1e6), (0.0, 0.0))
    assert tried[2:] == pytest.approx([third, 1 + (third - 1) / 10], rel=1e-9)


def test_next_to_the_right_end_at_once() -> None:
    assert told((-1e20, 0.95), (1.0, 1.0)) == pytest.approx([1.0, 0.9])


def test_a_longer_step_adds_a_hundredth_of_what_was_added_last() -> None:
    # The cubics have their minima to the left.
    assert told((-0.1, -0.95), (-0.1001, -0.95), (0.0, 0.0)) == pytest.approx([1.0, 1.01, 1.0101], rel=1e-12)


def test_just_enough_is_enough() -> None:
    for enough in ((-1e-4, 0.0), (-1.0, 0.9), (-1.0, -0.9)):
        assert told(enough, (0.0, 0.0)) == [1.0]


def test_the_width_of_an_interval_away_from_0() -> None:
    script = (-1.0, -0.95), (-1.5, 0.95), (-1.2, 0.95)
    width = told(*script)[1] - 1
    assert len(told(*script, narrowest=0.99 * width)) == 3
    assert len(told(*script, narrowest=1.01 * width)) == 2


def test_trials_of_both_parts_are_counted_together() -> None:
    assert len(told((-1.0, -0.95), (-2.0, 0.95), (-1.5, 0.95), (-1.6, 0.95), (-1.7, 0.95))) == 5
    assert len(told((-1.0, -0.95), (9.0, 0.95), (-0.5, 0.95), (-0.6, 0.95), (-0.7, 0.95))) == 5


def test_the_lower_end_is_the_one_that_is_kept() -> None:
    # The second trial is not as low as the first, or just as low: what is left is right of it, whatever its slope.
    for loss in (-0.3, -0.5):
        _, second, third = told((-0.5, 0.95), (loss, 0.95), (1.0, 1.0))
        assert second < third
    # The second is lower than the start, though not by enough; the third is not as low: it replaces the start.
    _, second, third, fourth = told((9.0, 9.0), (-1e-6, 0.95), (-5e-7, 0.95), (1.0, 1.0))
    assert third < fourth < second


def test_which_end_is_replaced() -> None:
    # Lower, and rising: the interval is left of it. Lower, and falling: it is right of it. Higher: left of it.
    assert told((-0.5, 0.95), (-0.6, 0.95), (-0.5, 0.95))[2] < told((-0.5, 0.95), (-0.6, 0.95))[1]
    assert told((-0.5, 0.95), (-0.6, -0.95), (-0.5, 0.95))[2] > told((-0.5, 0.95), (-0.6, 0.95))[1]
    assert told((-0.5, 0.95), (-0.5, -0.95), (-0.5, 0.95))[2] > told((-0.5, 0.95), (-0.6, 0.95))[1]
    assert told((9.0, 9.0), (8.0, -0.95), (-0.5, 0.95))[2] < told((9.0, 9.0), (8.0, 0.95))[1]


def test_of_nan_and_infinity_it_goes_back() -> None:
    for wrong in (math.nan, math.inf):
        line = Line(lambda t, wrong=wrong: -t if t <= 1 else wrong, lambda t: -1.0 if t < 1 else 0.25)
        found = line.search(4.0)
        assert 0 < found.t <= 1
        assert math.isfinite(found.loss)


def test_the_trials_are_limited() -> None:
    for trials in (0, 1, 2, 5):
        line = Line(lambda t: -t, lambda t: -1.0)
        found = line.search(1.0, trials=trials)
        assert line.tried == [10.0**i for i in range(trials + 1)]
        assert found.t == 10.0**trials
    for trials in (1, 3):
        wall = Line(lambda t: -t if t < 1e-9 else 1.0, lambda t: -1.0)
        assert wall.search(1.0, trials=trials).t == 0.0
        assert len(wall.tried) == trials + 1


def test_without_any_trial_left_the_lower_of_two_is_taken() -> None:
    assert parabola(3.0).search(5.0, trials=0).t == 5.0
    assert parabola(3.0).search(6.0, trials=0).t == 0.0  # as low, and no lower
    assert parabola(3.0).search(7.0, trials=0).t == 0.0
    assert Line(lambda t: math.nan if t else 0.0, lambda t: -1.0).search(1.0, trials=0).t == 0.0


def test_a_narrow_interval_is_not_narrowed_down() -> None:
    wall = Line(lambda t: -t if t < 1e-9 else 1.0, lambda t: -1.0)
    wall.search(1.0, narrowest=0.3)
    tried = len(wall.tried)
    wall.search(1.0, narrowest=1e-4)
    assert tried < len(wall.tried) < 26
    for width, trials in ((1.0, 2), (1.0001, 1)):  # narrower than 1 it is not
        wall.search(1.0, narrowest=width)
        assert (len(wall.tried) >= 2) is (trials == 2)
