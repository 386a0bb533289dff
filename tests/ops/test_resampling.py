"""Axes of another size: the matrices, and what is done with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal

import tinygrad_edu as tg
from tinygrad_edu.ops.resampling import between, mapped, means, nearest, resample
from tinygrad_edu.ops.taps import placed

sizes = st.integers(1, 90)


@given(sizes, sizes, st.booleans())
def test_rows_are_weights_of_neighbours(size: int, count: int, corners: bool) -> None:
    scale = (size - 1) / max(count - 1, 1) if corners else size / count
    for matrix in (means(size, count), between(size, count, scale, corners)):
        assert matrix.shape == (count, size)
        assert (matrix >= 0).all()
        np.testing.assert_allclose(matrix.sum(1), 1, rtol=1e-13)
        for row in matrix:
            inside = np.flatnonzero(row)
            assert inside[-1] - inside[0] + 1 == len(inside)


@given(sizes, sizes)
def test_the_product_in_blocks_is_the_product(size: int, count: int) -> None:
    matrix, x = means(size, count), normal(2, size, 3)
    np.testing.assert_allclose(mapped(x, 1, matrix), np.einsum("mn,bnc->bmc", matrix, x), atol=1e-13)
    np.testing.assert_allclose(mapped(x[..., 0], 1, matrix), x[..., 0] @ matrix.T, atol=1e-13)


def test_what_is_not_finite_stays_where_it_is_needed() -> None:
    x = np.ones((1, 40, 2))
    x[0, 20, 1], x[0, 30, 0] = np.inf, np.nan
    out = mapped(x, 1, between(40, 80, 0.5, False))
    assert np.flatnonzero(~np.isfinite(out[0, :, 1])).tolist() == [39, 40, 41, 42]
    assert np.flatnonzero(~np.isfinite(out[0, :, 0])).tolist() == [59, 60, 61, 62]
    assert out[0, 40, 1] == np.inf


@given(st.integers(1, 12), st.integers(1, 30))
def test_nearest_elements(size: int, count: int) -> None:
    x = np.arange(float(size))
    starts = np.arange(count) * size // count
    middles = (2 * np.arange(count) + 1) * size // (2 * count)
    for exact, expected in ((False, starts), (True, middles)):
        found = placed(x, 0, nearest(size, count, size / count, exact))
        assert (np.abs(found - expected) <= 1).all()  # in float32, as PyTorch's, a border may be missed by a rounding
        assert (np.diff(found) >= 0).all()
        if count % size == 0:
            np.testing.assert_array_equal(found, expected)


def test_half_is_computed_in_float32() -> None:
    x = tg.tensor([[2048.0, 1.0, 1.0, 2.0]], dtype=tg.float16)
    out = mapped(x, 1, means(4, 1))
    assert (out.dtype, out.tolist()) == (tg.float16, [[513.0]])


def test_linear_functions_stay_linear_between_the_corners() -> None:
    x = np.linspace(0, 1, 5).reshape(1, 1, 5)
    out = resample(x, (13,), (None,), "linear", True)
    np.testing.assert_allclose(out, np.linspace(0, 1, 13).reshape(1, 1, 13), atol=1e-15)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(2, 0, 4), (2, 3, 0)])
def test_empty_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(tg.ShapeError, match="each axis but the batch must have an element"):
        resample(tg.zeros(*shape), (2,), (None,), "nearest", False)
