"""Each form of a product is the product, with blocks and tiles of any size, however the operands lie in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from products import LAYOUTS, assert_product, numbers

from tinygrad_edu.ops import product_forms as forms

DTYPES = st.sampled_from([np.float32, np.float64])
SIZES = st.integers(1, 23)
LAYOUT = st.sampled_from(LAYOUTS)


@given(st.tuples(SIZES, SIZES, SIZES), st.tuples(SIZES, SIZES), st.tuples(LAYOUT, LAYOUT), DTYPES, st.booleans())
def test_tiles_of_any_size(shape, tile, layouts, dtype, kept) -> None:
    m, k, n = shape
    x = numbers(m, k, dtype=dtype, layout=layouts[0])
    y = numbers(k, n, dtype=dtype, layout=layouts[1])
    out = np.full((m, n), np.nan, dtype) if kept else None
    got = forms.tiled(x, y, out, min(tile[0], m), min(tile[1], n))
    assert_product(got, x, y)
    assert not kept or got is out


LEADS = [((), (3,)), ((3,), (3,)), ((1,), (3,)), ((2, 3), (3,)), ((3,), (2, 1)), ((2, 1), (1, 3)), ((0,), (1,))]


@given(
    st.tuples(SIZES, SIZES, SIZES),
    SIZES,
    st.sampled_from(LEADS),
    st.tuples(LAYOUT, LAYOUT),
    DTYPES,
    st.booleans(),
)
def test_stacks_in_blocks_of_any_size(shape, rows, leads, layouts, dtype, kept) -> None:
    m, k, n = shape
    x = numbers(*leads[0], m, k, dtype=dtype, layout=layouts[0])
    y = numbers(*leads[1], k, n, dtype=dtype, layout=layouts[1])
    out = np.full((*np.broadcast_shapes(*leads), m, n), np.nan, dtype) if kept else None
    got = forms.in_rows(x, y, out, min(rows, m))
    assert_product(got, x, y)
    assert not kept or got is out
    assert_product(forms.with_copy(x, y, None), x, y)


@given(SIZES, SIZES, SIZES, LAYOUT, LAYOUT, DTYPES)
def test_row_by_row(m, k, n, left, right, dtype) -> None:
    x = numbers(m, k, dtype=dtype, layout=left)
    y = numbers(k, n, dtype=dtype, layout=right)
    assert_product(forms.by_matvec(x, y, None), x, y)
    assert_product(np.vecmat(x, y), x, y)


@given(SIZES, SIZES, SIZES, LAYOUT, LAYOUT, DTYPES)
def test_a_column_and_a_row(m, n, rows, left, right, dtype) -> None:
    x = numbers(m, 1, dtype=dtype, layout=left)
    y = numbers(1, n, dtype=dtype, layout=right)
    for form in (forms.by_einsum, lambda *args: forms.with_zeros(*args, rows=min(rows, m))):
        np.testing.assert_array_equal(form(x, y, None), x * y)
        out = np.full((m, n), np.nan, dtype)
        assert form(x, y, out) is out
        np.testing.assert_array_equal(out, x * y)


@pytest.mark.filterwarnings("ignore:invalid value")  # kernels say so of numbers that are no part of the result
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row_and_column(bad: float) -> None:
    x, y = numbers(7, 5, dtype=np.float64), numbers(5, 11, dtype=np.float64)
    for a, b, hit in ((x.copy(), y, np.s_[2, :]), (x, y.copy(), np.s_[:, 3])):
        (a if b is y else b)[hit if b is y else np.s_[1, 3]] = bad
        expected = np.zeros((7, 11), bool)
        expected[hit] = True
        for got in (forms.tiled(a, b, None, 3, 4), forms.in_rows(a, b[None], None, 3)[0], forms.by_matvec(a, b, None)):
            np.testing.assert_array_equal(~np.isfinite(got), expected)


@pytest.mark.filterwarnings("ignore:invalid value")  # kernels say so of numbers that are no part of the result
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_zeros_beside_what_is_not_finite_change_nothing(bad: float) -> None:
    x, y = numbers(7, 1, dtype=np.float32), numbers(1, 5, dtype=np.float32)
    x[2] = bad
    np.testing.assert_array_equal(forms.with_zeros(x, y, None, rows=3), x * y)


def test_a_sum_of_no_terms_is_zero() -> None:
    x, y = np.ones((5, 0)), np.ones((0, 7))
    np.testing.assert_array_equal(forms.tiled(x, y, None, 2, 3), np.zeros((5, 7)))
    np.testing.assert_array_equal(forms.in_rows(x, y[None], None, 2), np.zeros((1, 5, 7)))
