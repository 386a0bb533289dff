"""Elementwise functions and activations against PyTorch's: values, dtypes, gradients, ties and kinks."""

from __future__ import annotations

import numpy as np
import pytest
from beside_torch import assert_same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
ANY = RNG.normal(size=(4, 5)) * 2
POSITIVE = RNG.uniform(0.2, 3.0, size=(4, 5))
INSIDE = RNG.uniform(-0.9, 0.9, size=(4, 5))
ROW = RNG.uniform(0.3, 2.0, size=5)
WHOLE = np.array([-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0])  # the kinks


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "exp2",
        "expm1",
        "sin",
        "cos",
        "tan",
        "atan",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "arcsinh",
        "erf",
        "erfc",
        "square",
        "abs",
        "absolute",
        "neg",
        "negative",
        "sigmoid",
        "relu",
        "sign",
        "sgn",
        "floor",
        "ceil",
        "trunc",
        "fix",
        "round",
        "frac",
        "positive",
    ],
)
@pytest.mark.parametrize("x", [ANY, WHOLE, np.array(0.7)], ids=["any", "kinks", "0-d"])
def test_functions_of_any_number(name, x):
    assert_same(lambda lib, x: getattr(lib, name)(x), x)
    assert_same(lambda lib, x: getattr(x, name)(), x)


@pytest.mark.parametrize("name", ["log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"])
def test_functions_of_positive_numbers(name):
    assert_same(lambda lib, x: getattr(lib, name)(x), POSITIVE)


@pytest.mark.parametrize("name", ["asin", "arcsin", "acos", "arccos", "atanh", "arctanh"])
def test_functions_of_numbers_below_one(name):
    assert_same(lambda lib, x: getattr(lib, name)(x), INSIDE)


def test_functions_with_other_domains():
    assert_same(lambda lib, x: lib.acosh(x), POSITIVE + 1.1)
    assert_same(lambda lib, x: lib.logit(x), np.abs(INSIDE) + 0.05)


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "sub",
        "subtract",
        "mul",
        "multiply",
        "div",
        "divide",
        "true_divide",
        "maximum",
        "minimum",
        "atan2",
        "arctan2",
        "hypot",
        "logaddexp",
        "fmod",
        "remainder",
        "xlogy",
    ],
)
def test_functions_of_two_numbers(name):
    assert_same(lambda lib, x, y: getattr(lib, name)(x, y), ANY, ROW)
    assert_same(lambda lib, x, y: getattr(lib, name)(x, y), POSITIVE, np.array(1.3))


def test_operators():
    def calls(lib, x, y):
        return (
            x + y, x - y, x * y, x / y, x % y, x**2, x**3, x**0, abs(x), -x, +x, y**x, y**0.5, y**-1.5, 2**x, 2 / y,
            2 - x, 2 + x, 2 * x, 5.0 % y.detach(), x.detach() // 0.7, x > y, x >= y, x < y, x <= y, x == y,
            x != y, (x > 0) & (y > 1), (x > 0) | (y > 1), (x > 0) ^ (y > 1), ~(x > 0), x > 1,
        )  # fmt: skip

    assert_same(calls, ANY, ROW)


def test_powers_at_zero():
    for exponent in (0, 1, 2, 3, 2.5):
        assert_same(lambda lib, x, e=exponent: x**e, np.array([0.0, 1.0, 2.0]))
    assert_same(lambda lib, x, y: x**y, np.array([0.0, 0.0, 2.0, 3.0]), np.array([2.0, 0.0, 0.0, -1.0]))
    assert_same(lambda lib, x: x**3, np.array([-2.0, -1.0]))
    with np.errstate(divide="ignore"):
        assert_same(lambda lib, y: 0**y, np.array([0.0, 1.0, 2.0, -1.0]))
        assert_same(lambda lib, x, y: x.detach() ** y, np.zeros(4), np.array([0.0, 1.0, -2.0, -0.5]))


def test_ties_of_maximum_and_minimum():
    a, b = np.array([1.0, 2.0, 2.0]), np.array([1.0, 3.0, 2.0])
    assert_same(lambda lib, x, y: (lib.maximum(x, y), lib.minimum(x, y)), a, b)
    assert_same(lambda lib, x, y: (lib.max(x, y), lib.min(x, y), x.max(y)), a, b)


def test_clamp():
    assert_same(lambda lib, x: (x.clamp(-1, 1), x.clamp(min=0), lib.clamp(x, max=0.5), x.clip(0.5, 2)), WHOLE)
    low, high = np.full(5, -0.5), np.linspace(-1.0, 2.0, 5)
    assert_same(lambda lib, x, a, b: lib.clamp(x, a, b), ANY, low, high)
    assert_same(lambda lib, x, a: (lib.clamp(x, min=a), lib.clamp_max(x, 1.0)), ANY, low)


def test_where_lerp_and_friends():
    assert_same(lambda lib, x, y: lib.where(x > 0, x, y), ANY, ROW)
    assert_same(lambda lib, x, y: x.where(x > 0, y), ANY, ROW)
    assert_same(lambda lib, x: lib.where(x > 0), ANY)
    assert_same(lambda lib, x, y: lib.lerp(x, y, 0.3), ANY, ANY[::-1].copy())
    assert_same(lambda lib, x, y, w: lib.lerp(x, y, w), ANY, ANY[::-1].copy(), POSITIVE)
    assert_same(lambda lib, x, a, b: lib.addcmul(x, a, b, value=0.5), ANY, POSITIVE, ROW)
    assert_same(lambda lib, x, a, b: lib.addcdiv(x, a, b, value=0.5), ANY, POSITIVE, ROW)
    assert_same(lambda lib, x: lib.nan_to_num(x, 2.0, 3.0, -3.0), np.array([1.0, np.nan, np.inf, -np.inf]))


def test_rounding_to_decimals():
    assert_same(lambda lib, x: (lib.round(x, decimals=1), x.round(decimals=2), x.round()), ANY)


def test_tests_and_logic():
    x = np.array([0.0, 1.0, np.nan, np.inf, -np.inf, -0.0])
    assert_same(lambda lib, x: (lib.isnan(x), lib.isinf(x), lib.isfinite(x), lib.isposinf(x), lib.isneginf(x)), x)
    assert_same(lambda lib, x: (lib.signbit(x), lib.logical_not(x)), x)
    i, j = np.array([0, 1, 2, 3]), np.array([0, 2, 2, 7])
    assert_same(lambda lib, a, b: (a & b, a | b, a ^ b, ~a, lib.bitwise_and(a, b), lib.logical_xor(a, b)), i, j)
    assert_same(lambda lib, a, b: (lib.logical_and(a, b), lib.logical_or(a, b), a.eq(b), lib.ne(a, b)), i, j)
    close = x + 1e-9
    assert_same(lambda lib, a, b: (lib.isclose(a, b), lib.allclose(a, b), lib.equal(a, b)), x, close)
    assert_same(lambda lib, a, b: lib.isclose(a, b, equal_nan=True), x, close)


def test_integers():
    i, j = np.array([-7, 7, 3]), np.array([2, -2, 5])
    assert_same(lambda lib, a, b: (a // b, a % b, a * b, a - b, a.abs(), a**2, lib.fmod(a, b)), i, j)
    assert_same(lambda lib, a, b: (a / b, lib.sqrt(b * b), lib.exp(a), a.sigmoid(), a + 0.5), i, j, tolerance=1e-6)


ACTIVATIONS = {
    "relu": {}, "relu6": {}, "leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 1.3}, "selu": {},
    "celu": {"alpha": 0.7}, "gelu": {}, "silu": {}, "mish": {}, "hardtanh": {"min_val": -2.0, "max_val": 0.5},
    "hardsigmoid": {}, "hardswish": {}, "softsign": {}, "tanhshrink": {}, "softplus": {"beta": 2.0, "threshold": 3.0},
    "logsigmoid": {}, "threshold": {"threshold": 0.5, "value": -1.0}, "hardshrink": {}, "softshrink": {"lambd": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", [ANY, WHOLE, WHOLE * 300], ids=["any", "kinks", "large"])
def test_activations(name, x):
    options = ACTIVATIONS[name]

    def call(lib, x):
        home = lib.nn.functional if lib is torch else lib
        return getattr(home, name)(x, **options)

    # PyTorch keeps the constants of these three in float32, even for float64.
    assert_same(call, x, tolerance=1e-7 if name in ("elu", "celu", "hardsigmoid") else 1e-10)


@pytest.mark.parametrize("x", [ANY, WHOLE * 300], ids=["any", "large"])
def test_gelu_by_tanh(x):
    assert_same(lambda lib, x: (lib.nn.functional if lib is torch else lib).gelu(x, approximate="tanh"), x)
