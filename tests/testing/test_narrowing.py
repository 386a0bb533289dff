"""Casts to a narrower dtype are named, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, check_laws, gradcheck

X = np.random.default_rng(0).normal(size=5)


def report(f: Callable[..., Any], vjp: Callable[..., Any], x: Any = X) -> Any:
    try:
        return gradcheck(f, x, vjp=vjp)
    except GradcheckError as error:
        return error.report


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("output", "output 0 is {}"),
        ("inside", "the forward uses only the digits of input 'x' that {} has"),
        ("middle", "the forward gives numbers that have the digits of {} and no more"),
        ("gradient", "the gradient of input 'x' is {}"),
        ("backward", "the backward uses only the digits of input 'x' that {} has"),
    ],
)
def test_a_cast_is_named(dtype: str, where: str, said: str) -> None:
    cast = lambda a: np.asarray(a).astype(dtype)
    forward: Callable[..., Any] = lambda x: np.sin(x)
    vjp: Callable[..., Any] = lambda g, x: g * np.cos(x)
    match where:
        case "output":
            forward = lambda x: cast(np.sin(x))
        case "inside":
            forward = lambda x: np.sin(cast(x).astype(float))
        case "middle":
            forward = lambda x: cast(np.sin(x)).astype(float)
        case "gradient":
            vjp = lambda g, x: cast(g * np.cos(x))
        case "backward":
            vjp = lambda g, x: g * np.cos(cast(x).astype(float))
    found = report(forward, vjp)
    assert found.verdict == "inconclusive"
    assert said.format(dtype) in found.doubts[0]


def test_a_gross_fault_is_one_in_float32_too() -> None:
    found = report(lambda x: np.sin(x.astype("f")), lambda g, x: -g * np.cos(x))
    assert found.verdict == "wrong"


@pytest.mark.parametrize(
    ("f", "vjp", "x"),
    [
        (np.sin, lambda g, x: g * np.cos(x), 3.84e-5),
        (np.cosh, lambda g, x: g * np.sinh(x), 2e-5),
        (np.tanh, lambda g, x: g / np.cosh(x) ** 2, 13.3),
        (lambda x: 1 - np.tanh(x), lambda g, x: -g / np.cosh(x) ** 2, 19.0),
        (lambda x: 2 * x, lambda g, x: 2 * g, 0.5),
        (lambda x: np.round(8 * x) / 8 + x, lambda g, x: g, 0.7),
    ],
)
def test_saturation_is_no_cast(f: Callable[..., Any], vjp: Callable[..., Any], x: float) -> None:
    found = report(f, vjp, np.array([x]))
    assert found.verdict != "wrong"
    assert not any("a cast to it inside" in doubt for doubt in found.doubts)


def test_a_constant_of_few_digits_is_a_fault_and_no_cast() -> None:
    found = report(lambda x: x / 6, lambda g, x: g * float(np.float32(1 / 6)))
    assert found.verdict == "wrong"


def test_laws_compare_as_closely_as_the_dtype_allows() -> None:
    laws = check_laws(lambda x: (2 * x**2).astype("f"), X, vjp=lambda g, x: 4 * x * g)
    assert any("output 0 is float32" in note for note in laws.notes)
    with pytest.raises(GradcheckError):
        check_laws(lambda x: (2 * x**2).astype("f"), X, vjp=lambda g, x: 4 * x * abs(g))


def test_a_rule_of_an_op_that_computes_in_float32_is_wrong() -> None:
    class Narrow(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return tg.sin(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return tg.tensor((g * tg.cos(x)).array.astype("f").astype(float))

    with pytest.raises(GradcheckError) as caught:
        gradcheck(Narrow.apply, X)
    assert caught.value.report.verdict == "wrong"
