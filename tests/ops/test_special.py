"""The error function against the standard library's, in relative precision, and as an op."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.ops.special import approximate_erf, approximate_erfc

GRID = np.concatenate([np.linspace(-7, 7, 20001), np.linspace(0.46, 0.48, 501), np.linspace(3.99, 4.01, 501)])
TINY = np.array([5e-324, 1e-300, 1e-20, 1e-8, -1e-8])


def relative_error(actual: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(actual - exact) / np.where(exact == 0, 1, np.abs(exact))))


def test_erf_to_full_precision():
    x = np.concatenate([GRID, TINY])
    assert relative_error(approximate_erf(x), np.array([math.erf(v) for v in x])) < 1e-15


def test_erfc_to_full_relative_precision_far_out():
    x = np.concatenate([GRID, np.linspace(7, 26, 5001)])
    assert relative_error(approximate_erfc(x), np.array([math.erfc(v) for v in x])) < 2e-15


@pytest.mark.parametrize(("ours", "exact"), [(approximate_erf, math.erf), (approximate_erfc, math.erfc)])
def test_float32_stays_float32(ours, exact):
    x = GRID.astype(np.float32)
    out = ours(x)
    assert out.dtype == np.float32
    assert relative_error(out.astype(np.float64), np.array([exact(v) for v in x])) < 1e-6


def test_special_values_without_warnings():
    x = np.array([np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300])
    assert approximate_erf(x).tolist() == [1.0, -1.0, 0.0, -0.0, 1.0, -1.0]
    assert math.copysign(1, approximate_erf(x)[3]) == -1
    assert approximate_erfc(x).tolist() == [0.0, 2.0, 1.0, 1.0, 0.0, 2.0]
    assert np.isnan(approximate_erf(np.array([np.nan]))).all()
    assert np.isnan(approximate_erfc(np.array([np.nan]))).all()


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 3), (1, 1, 1)])
def test_shapes(shape):
    x = np.full(shape, 0.5)
    assert np.shape(approximate_erf(x)) == shape
    assert np.all(approximate_erf(x) == math.erf(0.5))


def test_layout_and_other_dtypes():
    x = np.linspace(-2, 2, 12).reshape(3, 4)
    np.testing.assert_array_equal(approximate_erf(x.T[::-1]), approximate_erf(x).T[::-1])
    assert approximate_erf(np.float16(0.5)).dtype == np.float16
    assert approximate_erf(np.arange(3)).tolist() == pytest.approx([math.erf(v) for v in range(3)], rel=1e-15)
    assert float(approximate_erf(0.25)) == pytest.approx(math.erf(0.25), rel=1e-15)


@given(st.floats(allow_nan=False))
def test_any_number(x):
    assert float(approximate_erf(np.array(x))) == pytest.approx(math.erf(x), rel=1e-15)
    assert float(approximate_erf(np.array(-x))) == -float(approximate_erf(np.array(x)))
    assert float(approximate_erfc(np.array(x))) == pytest.approx(math.erfc(x), rel=1e-14, abs=1e-300)


def test_erf_and_its_derivative():
    x = leaf(0.0, 1.0, -30.0)
    out = tg.erf(x)
    assert out.tolist() == pytest.approx([0.0, math.erf(1), -1.0], rel=1e-15)
    out.backward()
    assert x.grad.tolist() == pytest.approx([2 / math.sqrt(math.pi), 2 / math.sqrt(math.pi) / math.e, 0.0])
    assert tg.erfc(x).tolist() == pytest.approx([1.0, math.erfc(1), 2.0], rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_error_function_is_rounded_once(dtype):
    x = np.linspace(-4, 4, 401).astype(dtype)
    for call in (tg.erf, tg.erfc):
        exact = call(tg.tensor(x.astype(np.float64))).numpy()
        got = call(tg.tensor(x)).numpy()
        assert (np.abs(got - exact) <= 0.51 * np.spacing(np.abs(exact).astype(dtype))).all()
