"""What a polynomial through many values says of their noise and their slope is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinygrad_edu.testing.differences.regression import PLACES, fit, fit_along


@pytest.mark.parametrize("sigma", [1e-12, 1e-6, 1.0])
def test_the_noise_of_random_numbers(sigma: float) -> None:
    rng = np.random.default_rng(0)
    found = fit(1e-3 * np.sin(1 + PLACES[:, None] / 1000) + sigma * rng.normal(size=(17, 5000)))
    assert np.sqrt(np.mean(found.noise**2)) == pytest.approx(sigma, rel=0.05)
    assert (found.noise > 0.25 * sigma).mean() > 0.999
    assert (np.abs(found.slope - 1e-6 * np.cos(1)) < 8 * found.error).all()


@pytest.mark.parametrize(
    ("f", "derivative"),
    [(np.exp, np.e), (np.tanh, 1 / np.cosh(1) ** 2), (lambda x: np.sin(20 * x), 20 * np.cos(20)), (lambda x: x**7, 7)],
)
def test_the_slope_of_a_smooth_function(f: Callable[..., np.ndarray], derivative: float) -> None:
    found = fit_along(lambda step: f(1 + step), 1e-3)
    assert abs(found.slope - derivative) <= found.error + 1e-12 * derivative
    assert found.error < 1e-10 * derivative
    assert found.noise < 1e-15


@pytest.mark.parametrize("side", [-1, 1])
def test_the_slope_on_one_side(side: int) -> None:
    found = fit_along(lambda step: np.asarray(abs(step) + np.sin(step) + 5), 1e-3, side)
    assert abs(found.slope - (1 + side)) <= found.error + 1e-12
    assert found.error < 1e-8


def test_the_error_knows_where_a_polynomial_does_not_fit() -> None:
    found = fit_along(lambda step: np.array([abs(step + 0.3), np.sin(40 * step), np.floor(3 * step + 0.2)]), 1.0)
    assert (np.abs(found.slope - [1.0, 40.0, 0.0]) <= 8 * found.error).all()


def test_steps_of_a_staircase_are_noise() -> None:
    found = fit_along(lambda step: np.asarray((1e12 + (1 + step)) - 1e12), 1e-3)
    assert 1e-5 < found.noise < 1e-4
    assert abs(found.slope - 1) < 4 * found.error


def test_what_does_not_move_has_none_and_what_is_not_finite_an_unknown_one() -> None:
    found = fit(np.array([[3.0, np.nan]] * 17))
    assert (found.slope[0], found.error[0], found.noise[0]) == (0, 0, 0)
    assert np.isnan(found.noise[1])
