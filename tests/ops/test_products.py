"""The product of matrices equals NumPy's, whatever the shapes, however the arrays lie, whichever kernels are there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from products import LAYOUTS, assert_product, numbers

import tinygrad_edu as tg
from tinygrad_edu.ops import product_forms as forms
from tinygrad_edu.ops import products
from tinygrad_edu.ops.products import matrix_form, outer_form, product, stack_form

SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((5, 2, 3), (3, 2)),
    ((5, 2, 3), (5, 3, 2)),
    ((2, 3), (4, 3, 2)),
    ((5, 2, 3), (3,)),
    ((3,), (4, 3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 2)),
    ((4, 2, 0), (4, 0, 3)),
    ((1, 1), (1, 1)),
]
# A batch size, and the inputs and outputs of a layer: above all limits, with a remainder for most tiles, or neither.
LAYERS = [(1, 307, 271), (2, 509, 1021), (7, 401, 397), (33, 211, 173), (65, 127, 131), (131, 300, 10), (8, 4099, 61)]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_of_all_kinds_of_shapes(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=left), rng.normal(size=right)
    np.testing.assert_allclose(product(x, y), x @ y, rtol=1e-13, atol=1e-13)
    out = np.full((x @ y).shape, np.nan)
    if out.ndim:
        assert product(x, y, out) is out
        np.testing.assert_array_equal(out, product(x, y))


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (4, 2)), ((2, 2, 3), (4, 2)), ((3,), (2,)), ((2, 3, 4), (2, 5, 3)), ((90, 90), (80, 90))],
)
def test_what_does_not_fit(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not aligned|mismatch"):
        product(np.ones(left), np.ones(right))


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("batch", "n_in", "n_out"), LAYERS)
def test_the_three_products_of_a_layer(batch: int, n_in: int, n_out: int, dtype: Any, small: bool) -> None:
    x, w, g = (numbers(*shape, dtype=dtype) for shape in ((batch, n_in), (n_out, n_in), (batch, n_out)))
    size = x.itemsize
    for a, b, left, right in ((x, w.T, "C", "T"), (g.T, x, "T", "C"), (g, w, "C", "C")):
        form = matrix_form(*a.shape, b.shape[1], left, right, size, small=small)
        assert_product(form(a, b, None), a, b)
        out = np.full((a.shape[0], b.shape[1]), np.nan, dtype)
        assert form(a, b, out) is out
        np.testing.assert_array_equal(out, form(a, b, None))


@pytest.mark.parametrize(("batch", "n_in", "n_out"), LAYERS)
def test_the_same_product_is_the_same_to_the_last_bit(batch: int, n_in: int, n_out: int) -> None:
    x, w, g = (numbers(*shape, dtype=np.float32) for shape in ((batch, n_in), (n_out, n_in), (batch, n_out)))
    for a, b in ((x, w.T), (g.T, x), (g, w)):
        got = product(a, b)
        assert_product(got, a, b)
        np.testing.assert_array_equal(got, product(a.copy(order="K"), b.copy(order="K")))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_large_products_however_they_lie(left: str, right: str, dtype: Any) -> None:
    x, y = numbers(37, 211, dtype=dtype, layout=left), numbers(211, 149, dtype=dtype, layout=right)
    assert_product(product(x, y), x, y)
    x, y = numbers(2, 70, 111, dtype=dtype, layout=left), numbers(1, 111, 143, dtype=dtype, layout=right)
    assert_product(product(x, y), x, y)
    assert_product(product(x[:, :9], y[0]), x[:, :9], y[0])


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), [(5, 7, 11), (67, 13, 71), (129, 64, 131), (41, 160, 200)])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_stacks(m: int, k: int, n: int, layout: str, dtype: Any, small: bool) -> None:
    x, y = numbers(2, m, k, dtype=dtype), numbers(2, 1, k, n, dtype=dtype, layout=layout)
    form = stack_form(m, k, n, layout == "columns", small=small)
    assert_product(form(x, y, None), x, y)
    assert_product(product(x, y), x, y)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(("m", "n"), [(3, 5), (600, 500), (65, 4099), (70001, 9), (1100, 500), (1, 70001)])
def test_a_column_times_a_row(m: int, n: int, small: bool) -> None:
    x, y = numbers(m, 1, dtype=np.float32), numbers(1, n, dtype=np.float32)
    np.testing.assert_array_equal(outer_form(m, n, small=small)(x, y, None), x * y)
    np.testing.assert_array_equal(product(x, y), x * y)


@given(st.sampled_from(["CT", "TC", "CC"]), *[st.integers(2, 10**4)] * 3, st.sampled_from([4, 8]))
def test_every_small_product_is_small(kind: str, m: int, k: int, n: int, size: int) -> None:
    form = matrix_form(m, k, n, *kind, size, small=True)
    if isinstance(form, partial):
        rows, columns = form.keywords["rows"], form.keywords["columns"]
        assert 1 <= rows <= m
        assert 1 <= columns <= n
        assert rows * k * columns <= 10**6
        assert kind != "CT" or rows * columns <= 1200


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("kind", ["TT", "C", "T"])
def test_other_layouts_go_the_plain_way(kind: str, small: bool) -> None:
    left, right = kind if len(kind) == 2 else (kind, "")
    assert matrix_form(8, 1000, 1000, left, right, 4, small=small) in (np.dot, np.matmul)


def test_where_there_are_no_small_kernels_few_rows_go_one_by_one() -> None:
    assert matrix_form(3, 500, 400, "C", "T", 4, small=False) is forms.by_matvec
    assert matrix_form(3, 500, 400, "C", "C", 4, small=False) is np.vecmat


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex64, object, ">f4", bool])
def test_other_dtypes_are_numpys(dtype: Any) -> None:
    x, y = (np.arange(90 * 80) % 7).reshape(90, 80).astype(dtype), np.ones((80, 90), dtype)
    expected = np.dot(x, y)
    for got in (product(x, y), product(x[None], y[None])[0]):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got.astype(complex), expected.astype(complex), rtol=1e-2)


def test_mixed_dtypes_give_the_wider() -> None:
    x, y = numbers(50, 60, dtype=np.float32), numbers(60, 70, dtype=np.float64)
    assert product(x, y).dtype == product(x[None], y[None]).dtype == np.float64
    np.testing.assert_allclose(product(x, y), x @ y, rtol=1e-12, atol=1e-12)


def test_tensors_multiply_themselves() -> None:
    assert isinstance(product(tg.ones(2, 3), tg.ones(3, 2)), tg.Tensor)


@pytest.mark.filterwarnings("ignore:invalid value")  # kernels say so of numbers that are no part of the result
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("m", "k", "n"), [(33, 211, 173), (2, 509, 1021), (2, 1100, 500)])
def test_what_is_not_finite_stays_in_its_row(bad: float, m: int, k: int, n: int) -> None:
    x, y = numbers(m, k, dtype=np.float32), numbers(k, n, dtype=np.float32, layout="columns")
    x[1, 3] = bad
    for right in (y, np.ascontiguousarray(y)):
        np.testing.assert_array_equal(~np.isfinite(product(x, right)).all(1), np.arange(m) == 1)
        np.testing.assert_array_equal(~np.isfinite(product(right.T, x.T)).all(0), np.arange(m) == 1)


def test_tiny_products_ask_for_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_form", None)
    assert product(np.ones((4, 8)), np.ones((8, 2)))[0, 0] == 8
