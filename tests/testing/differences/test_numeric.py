"""Numeric derivatives: how accurate they are, and whether they know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.testing.differences.numeric import Slope, complex_step, richardson, scale_of

X = np.geomspace(1e-3, 1e3, 301)
FAR = np.concatenate([X, X + 3e3, X + 1e5])

SMOOTH: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "x**7": (lambda x: x**7, lambda x: 7 * x**6),
    "1/x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
}
ROUGH = {
    "sin": (np.sin, np.cos),
    "exp(sin 3x)": (lambda x: np.exp(np.sin(3 * x)), lambda x: 3 * np.cos(3 * x) * np.exp(np.sin(3 * x))),
    "cos(x*x)": (lambda x: np.cos(x * x), lambda x: -2 * x * np.sin(x * x)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(np.minimum(x, 300)) ** 2),
}


def slope_of(f: Callable[[Any], Any], x: np.ndarray, enough: float = 1e-10, **options: Any) -> Slope:
    """The derivative of an elementwise function, in steps in proportion to its argument."""
    size = scale_of(x)
    value = f(x)
    found = richardson(lambda h: f(x + h * size), value, 0.0, enough=enough * np.abs(value), **options)
    return Slope(found.value / size, found.error / size, found.left / size, found.right / size, found.kink)


@pytest.mark.parametrize("name", SMOOTH)
def test_accuracy_over_six_decades(name: str) -> None:
    f, derivative = SMOOTH[name]
    error = np.abs(slope_of(f, X).value / derivative(X) - 1)
    assert error.max() <= 1e-10


@pytest.mark.parametrize("name", SMOOTH)
def test_no_kink_where_there_is_none(name: str) -> None:
    assert not slope_of(SMOOTH[name][0], X).kink.any()


@pytest.mark.parametrize("name", [*SMOOTH, *ROUGH])
def test_the_error_estimate_is_honest(name: str) -> None:
    f, derivative = {**SMOOTH, **ROUGH}[name]
    found = slope_of(f, X)
    true = np.abs(found.value - derivative(X))
    # Where the estimate is no small share of the derivative, the check calls the point inconclusive.
    usable = found.error < 1e-4 * np.abs(derivative(X))
    assert usable.sum() > 100
    assert (true <= 10 * found.error)[usable].all()


@pytest.mark.parametrize("name", ROUGH)
def test_a_function_that_oscillates_is_never_conclusively_wrong(name: str) -> None:
    f, derivative = ROUGH[name]
    found = slope_of(f, FAR)
    true = np.abs(found.value - derivative(FAR))
    conclusive = ~found.kink & (found.error < 1e-4 * np.abs(found.value))
    assert (true <= 8 * found.error + 1e-8 * np.abs(found.value))[conclusive].all()


def test_smaller_steps_are_tried_where_the_first_are_too_large() -> None:
    x = np.array([40.0])
    f, derivative = ROUGH["exp(sin 3x)"]
    coarse, fine = slope_of(f, x, tries=1), slope_of(f, x)
    assert fine.error < coarse.error
    assert abs(fine.value - derivative(x)) < 1e-8 * abs(derivative(x))


def test_steps_that_agree_by_chance_are_not_believed() -> None:
    # In float32 steps of so many units in the last place are rounded all alike.
    x = np.random.default_rng(0).normal(size=1000)
    found = slope_of(lambda x: x.astype(np.float32).astype(float) ** 2, x, enough=1e-14)
    off = np.abs(found.value - 2 * x.astype(np.float32))
    assert (off <= 10 * found.error + 1e-5).all()


@pytest.mark.parametrize("at", [1e-9, 1e-5, 1e-3])
def test_steps_end_before_the_edge_of_the_domain_is_reached(at: float) -> None:
    with np.errstate(all="ignore"):
        found = slope_of(np.log, np.array([at]))
    assert np.isinf(found.error[0]) or abs(found.value[0] * at - 1) < max(1e-9, 10 * found.error[0] * at)


@pytest.mark.parametrize(
    ("f", "left", "right"),
    [
        (np.abs, -1.0, 1.0),
        (lambda x: np.maximum(x, 0), 0.0, 1.0),
        (lambda x: np.maximum(2 * x, -x), -1.0, 2.0),
        (lambda x: np.minimum(x, 0) + x * x, 1.0, 0.0),
    ],
)
def test_a_kink_is_seen_with_its_two_slopes(f: Callable[[Any], Any], left: float, right: float) -> None:
    found = slope_of(f, np.zeros(1))
    assert found.kink.all()
    np.testing.assert_allclose([found.left[0], found.right[0]], [left, right], atol=1e-9)


def test_a_kink_that_is_stepped_over_is_seen_as_well() -> None:
    # 1e-6 beside the kink: smooth there, but not as far as the steps reach.
    for side in (-1e-6, 1e-6):
        found = slope_of(np.abs, np.array([side]))
        assert found.kink.all() or abs(found.value - np.sign(side)) <= 8 * found.error


def test_curvature_is_no_kink() -> None:
    for f in (np.square, lambda x: x**3, lambda x: np.cosh(30 * x), np.exp):
        assert not slope_of(f, np.zeros(1)).kink.any()


def test_steps_are_in_proportion_but_never_nothing() -> None:
    np.testing.assert_array_equal(scale_of(np.array([0.0, -3.0, 1e-5])), [1e-2, 3.0, 1e-2])


def test_complex_step_is_exact() -> None:
    for f, derivative in [(np.log, lambda x: 1 / x), (lambda x: x**7, lambda x: 7 * x**6)]:
        value = complex_step(lambda h, f=f: f(X + h))
        np.testing.assert_allclose(value, derivative(X), rtol=1e-14)


def test_complex_step_needs_a_complex_function() -> None:
    with pytest.raises(TypeError, match="use method='richardson'"):
        complex_step(lambda h: np.abs(1.0 + h))


def test_where_the_function_is_not_finite_the_error_is_infinite() -> None:
    with np.errstate(all="ignore"):
        found = slope_of(lambda x: np.where(x > 1, np.nan, x), np.ones(1))
    assert np.isinf(found.error).all()
