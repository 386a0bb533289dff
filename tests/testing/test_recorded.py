"""Gradients that are right just this once are not: other calls, and other gradients that come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck

X = np.array([0.5, -1.25, 2.0, 3.0])


def problem(vjp: Callable[..., Any], f: Callable[..., Any] = np.square, x: Any = X, **options: Any) -> str:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, x, vjp=vjp, **options)
    assert caught.value.report.verdict == "wrong"
    return str(caught.value.report.problems)


@pytest.mark.parametrize("bound", [10.0, 1e8])
def test_clipped(bound: float) -> None:
    assert "not linear in the incoming gradient" in problem(lambda g, x: np.clip(2 * x * g, -bound, bound))


@pytest.mark.parametrize("least", [1e-3, 1e-8, 1e-12])
def test_small_numbers_left_out(least: float) -> None:
    assert "for 2**-" in problem(lambda g, x: np.where(np.abs(g) < least, 0.0, 2 * x * g))


@pytest.mark.parametrize("x", [X, np.array(1.5)])
def test_the_sign_of_what_comes_in_forgotten(x: Any) -> None:
    for seed in range(5):
        with pytest.raises(GradcheckError) as caught:
            gradcheck(lambda x: (x * x).sum(), x, vjp=lambda g, x: 2 * x * abs(g), seed=seed)
        assert "not linear" in str(caught.value)


def test_what_comes_in_forgotten() -> None:
    text = problem(lambda g, x: 2 * x, lambda x: (x * x).sum())
    assert "it does not depend on the incoming gradient" in text


@pytest.mark.parametrize("right", [lambda k: k == 1, lambda k: k % 3 == 1, lambda k: k % 4 != 0])
def test_right_at_some_calls_only(right: Callable[[int], bool]) -> None:
    calls = [0]

    def vjp(g: Any, x: Any) -> Any:
        calls[0] += 1
        return 2 * x * g * (1.0 if right(calls[0]) else 1.5)

    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: (x * x).sum(), X, vjp=vjp)
    assert caught.value.report.verdict == "wrong"


def test_what_overflows_or_has_few_digits_for_other_gradients_is_passed_over() -> None:
    assert gradcheck(np.exp, np.array([700.0]), vjp=lambda g, x: g * np.exp(x)).ok
    assert gradcheck(tg.exp, np.array([700.0, 1.0])).ok
    tiny = lambda x: 1e-303 * np.sin(x)
    assert gradcheck(tiny, X, vjp=lambda g, x: 1e-303 * np.cos(x) * g).verdict == "right"


def test_a_tolerance_that_is_asked_for_is_one_of_a_solver() -> None:
    off = lambda g, x: 2 * x * g + 1e-9 * np.sin(1e9 * g)  # an absolute error, as of an iteration
    assert gradcheck(np.square, X, vjp=off, rtol=1e-6).ok
    problem(lambda g, x: 2 * x * g * 1.1, rtol=1e-6)


@pytest.mark.parametrize("rtol", [-1.0, 1.0, 2.0, float("nan"), float("inf")])
def test_tolerances_that_there_are_not(rtol: float) -> None:
    with pytest.raises(ValueError, match="rtol="):
        gradcheck(np.square, X, vjp=lambda g, x: 2 * x * g, rtol=rtol)
