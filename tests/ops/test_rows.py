"""Sums along rows: right for every width, with the digits of their dtype, for arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.ops.rows import into, row_dots, row_sums, totals

WIDTHS = st.sampled_from([0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 2048, 3000])


@given(WIDTHS, st.sampled_from([(), (1,), (3, 2)]))
def test_sums_and_products(width: int, front: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *front, 1, width))
    np.testing.assert_allclose(row_sums(x), x.sum(-1, keepdims=True), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(row_dots(x, y), (x * y).sum(-1, keepdims=True), rtol=1e-12, atol=1e-12)
    one, other = tg.tensor(x), tg.tensor(y)
    np.testing.assert_allclose(row_sums(one).numpy(), row_sums(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(row_dots(one, other).numpy(), row_dots(x, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("width", [200, 1000, 100_000])
def test_float32_has_its_digits(width: int) -> None:
    x = np.random.default_rng(1).uniform(1, 2, (2, width)).astype(np.float32)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(row_sums(x), exact.sum(-1, keepdims=True), rtol=2e-6)
    np.testing.assert_allclose(row_dots(x, x), (exact**2).sum(-1, keepdims=True), rtol=2e-6)
    assert row_sums(x).dtype == row_dots(x, x).dtype == np.float32


def test_totals() -> None:
    x = np.arange(12.0).reshape(4, 3, 1)
    assert totals(x, False) is x
    np.testing.assert_array_equal(totals(x, True), x.sum(0, keepdims=True))
    np.testing.assert_array_equal(totals(tg.tensor(x), True).numpy(), x.sum(0, keepdims=True))


def test_into_writes_where_the_result_fits() -> None:
    x = np.ones(3, np.float32)
    assert into(np.add, x, np.ones(3, np.float32)) is x
    wide = into(np.add, x, np.ones(3))
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(x, 2)
    assert isinstance(into(np.add, tg.tensor(x), x), tg.Tensor)
