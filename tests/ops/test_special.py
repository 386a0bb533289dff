"""The error function against the standard library's, in relative precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.ops.special import erf, erfc

GRID = np.concatenate([np.linspace(-7, 7, 20001), np.linspace(0.46, 0.48, 501), np.linspace(3.99, 4.01, 501)])
TINY = np.array([5e-324, 1e-300, 1e-20, 1e-8, -1e-8])


def relative_error(actual: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(actual - exact) / np.where(exact == 0, 1, np.abs(exact))))


def test_erf_to_full_precision():
    x = np.concatenate([GRID, TINY])
    assert relative_error(erf(x), np.array([math.erf(v) for v in x])) < 1e-15


def test_erfc_to_full_relative_precision_far_out():
    x = np.concatenate([GRID, np.linspace(7, 26, 5001)])
    assert relative_error(erfc(x), np.array([math.erfc(v) for v in x])) < 2e-15


@pytest.mark.parametrize(("ours", "exact"), [(erf, math.erf), (erfc, math.erfc)])
def test_float32_stays_float32(ours, exact):
    x = GRID.astype(np.float32)
    out = ours(x)
    assert out.dtype == np.float32
    assert relative_error(out.astype(np.float64), np.array([exact(v) for v in x])) < 1e-6


def test_special_values_without_warnings():
    x = np.array([np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300])
    assert erf(x).tolist() == [1.0, -1.0, 0.0, -0.0, 1.0, -1.0]
    assert math.copysign(1, erf(x)[3]) == -1
    assert erfc(x).tolist() == [0.0, 2.0, 1.0, 1.0, 0.0, 2.0]
    assert np.isnan(erf(np.array([np.nan]))).all()
    assert np.isnan(erfc(np.array([np.nan]))).all()


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 3), (1, 1, 1)])
def test_shapes(shape):
    x = np.full(shape, 0.5)
    assert np.shape(erf(x)) == shape
    assert np.all(erf(x) == math.erf(0.5))


def test_layout_and_other_dtypes():
    x = np.linspace(-2, 2, 12).reshape(3, 4)
    np.testing.assert_array_equal(erf(x.T[::-1]), erf(x).T[::-1])
    assert erf(np.float16(0.5)).dtype == np.float16
    assert erf(np.arange(3)).tolist() == pytest.approx([math.erf(v) for v in range(3)], rel=1e-15)
    assert float(erf(0.25)) == pytest.approx(math.erf(0.25), rel=1e-15)


@given(st.floats(allow_nan=False))
def test_any_number(x):
    assert float(erf(np.array(x))) == pytest.approx(math.erf(x), rel=1e-15)
    assert float(erf(np.array(-x))) == -float(erf(np.array(x)))
    assert float(erfc(np.array(x))) == pytest.approx(math.erfc(x), rel=1e-14, abs=1e-300)
