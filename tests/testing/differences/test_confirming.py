"""A second opinion knows the rounding inside of a function, and says nothing where it knows nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.differences.confirming import is_kink, outside_of_kink, second_opinion
from tinygrad_edu.testing.differences.numeric import Slope, richardson

Function = Callable[[Any], Any]


def opinion(f: Function, x: float, size: float = 1.0) -> tuple[Slope, Slope]:
    """The derivative of a function of a number by a ladder of differences, and by a second opinion."""
    along = lambda step: np.asarray(f(np.asarray(x + step * size)))
    centre = along(0.0)
    first = richardson(along, centre, 0.0, enough=1e-9)
    return first.per(size), second_opinion(along, first, float(np.abs(centre))).per(size)


@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x**7, lambda x: 1e-200 * np.cosh(x)])
def test_of_a_smooth_function_it_says_the_same(f: Function) -> None:
    first, second = opinion(f, 0.7)
    assert abs(first.value - second.value) <= 1e-9 * abs(first.value)
    assert second.error <= 1e-9 * abs(second.value)


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8, 1e10, 1e12])
@pytest.mark.parametrize("x", [0.3, 0.7, 1.9])
def test_its_error_covers_the_rounding_of_an_offset(offset: float, x: float) -> None:
    _, second = opinion(lambda x: (offset + np.sin(x)) - offset, x)
    assert abs(second.value - np.cos(x)) <= 4 * second.error
    assert second.error <= 100 * 2.0**-52 * offset + 1e-9
    assert second.noise > 0


def test_waves_that_are_shorter_than_the_way_say_nothing() -> None:
    for x in np.linspace(3e3, 1e5, 20):
        _, second = opinion(lambda x: np.cos(x * x), x, x)
        assert abs(second.value + 2 * x * np.sin(x * x)) <= 8 * second.error


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: (1e12 + x) - 1e12, 0.0),
        (lambda x: np.log(1 + np.exp(-x)), 40.0),
        (lambda x: 1 - np.tanh(x), 19.0),
        (lambda x: np.logaddexp(x, 30.0) - 30.0, -10.0),
    ],
)
def test_what_stands_still_may_change_by_less_than_its_last_digit(f: Function, x: float) -> None:
    derivative = {0.0: 1.0, 40.0: -np.exp(-40.0), 19.0: -4 * np.exp(-38.0), -10.0: np.exp(-40.0)}[x]
    _, second = opinion(f, x, max(abs(x), 1e-2))
    assert abs(second.value - derivative) <= 8 * second.error


@pytest.mark.parametrize("f", [lambda x: np.maximum(x, 0), lambda x: np.clip(x, -0.5, 0.5), np.round, np.sign])
def test_what_really_does_not_depend_on_it_has_the_derivative_0(f: Function) -> None:
    _, second = opinion(f, -1.2, 1.2)
    assert second.value == 0
    assert second.error < 1e-11


def test_lengths_that_contradict_each_other_leave_it_open() -> None:
    step = lambda x: x / np.sqrt(x * x + 1e-24)  # it looks like a jump, at every length
    _, second = opinion(step, 0.0, 1e-2)
    assert second.error > 0.1 * abs(second.value)


@pytest.mark.parametrize("noise", [1e-10, 1e-8, 1e-6])
@pytest.mark.parametrize("fault", [-1.0, 0.0, 2.0, 1.1])
def test_a_fault_is_seen_through_noise(noise: float, fault: float) -> None:
    f = lambda x: np.sin(x) + noise * (np.sin(x * 1e10 + 0.3) * 43758.5453 % 1 - 0.5)
    factor = np.array([1.0, 1.0, fault, 1.0, 1.0, 1.0, 1.0, 1.0])
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=8)
        assert gradcheck(f, x, vjp=lambda g, x: g * np.cos(x), seed=seed).ok
        with pytest.raises(GradcheckError) as caught:
            gradcheck(f, x, vjp=lambda g, x: g * np.cos(x) * factor, seed=seed)
        assert np.flatnonzero(caught.value.report.findings[0].wrong).tolist() == [2]


def test_a_kink_is_told_from_noise() -> None:
    assert is_kink(lambda step: np.asarray(abs(step)))
    assert not is_kink(lambda step: np.asarray(np.sin(step)))
    assert not is_kink(lambda step: np.asarray((1e12 + step) - 1e12))


def test_outside_of_the_slopes_on_both_sides() -> None:
    relu = lambda step: np.asarray(max(step, 0.0))
    assert [bool(outside_of_kink(relu, ours, 1e-6)) for ours in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [
        True,
        False,
        False,
        False,
        True,
    ]
