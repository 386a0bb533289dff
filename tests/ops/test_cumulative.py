"""Running sums, products and extremes, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from in_ulps import worst_ulps
from made import leaf, normal

import tinygrad_edu as tg

X = normal(2, 3, 4)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_spellings(name, axis):
    x, expected = tg.tensor(X), getattr(np, name)(X, axis=axis)
    for out in (getattr(tg, name)(x, axis), getattr(x, name)(dim=axis), getattr(np, name)(x, axis=axis)):
        np.testing.assert_array_equal(out.numpy(), expected)
    np.testing.assert_array_equal(getattr(np, name)(x).numpy(), getattr(np, name)(X))


def test_dtypes():
    assert tg.tensor([True, True]).cumsum(0).tolist() == [1, 2]
    assert tg.tensor([True, True]).cumsum(0).dtype == tg.int64
    assert tg.tensor([100, 200], dtype=tg.uint8).cumsum(0).dtype == tg.int64
    assert tg.tensor([1, 2]).cumprod(0, dtype=tg.float32).dtype == tg.float32


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([2.0, 3.0, 4.0], [1 + 3 + 12.0, 2 + 8.0, 6.0]),
        ([2.0, 0.0, 4.0], [1.0, 2 + 8.0, 0.0]),
        ([0.0, 0.0, 4.0], [1.0, 0.0, 0.0]),
        ([0.0, 3.0, 4.0], [1 + 3 + 12.0, 0.0, 0.0]),
    ],
)
def test_gradient_of_running_products_with_zeros(row, expected):
    x = tg.tensor(row, requires_grad=True)
    x.cumprod(0).backward()
    assert x.grad.tolist() == expected


def test_second_derivative_of_a_running_product_with_zeros():
    x = tg.tensor([0.0, 0.0, 5.0], requires_grad=True)
    (first,) = tg.autograd.grad(x.cumprod(0).sum(), x, create_graph=True)
    (second,) = tg.autograd.grad(first[1], x)  # of x0 (1 + x2) by x
    assert second.tolist() == [6.0, 0.0, 0.0]


def test_logcumsumexp_is_stable():
    x = leaf(-np.inf, -1000.0, 1000.0, -1000.0)
    out = tg.logcumsumexp(x, 0)
    assert out.tolist() == [-np.inf, -1000.0, 1000.0, 1000.0]
    out.backward()
    assert x.grad.tolist() == pytest.approx([0.0, 1.0, 2.0, 0.0])


def test_running_extremes_and_their_places():
    x = tg.tensor([[1.0, 3.0, 3.0, 2.0], [4.0, 1.0, 5.0, 0.0]], requires_grad=True)
    high = tg.cummax(x, dim=1)
    assert high.values.tolist() == [[1.0, 3.0, 3.0, 3.0], [4.0, 4.0, 5.0, 5.0]]
    assert high.indices.tolist() == [[0, 1, 2, 2], [0, 0, 2, 2]]
    low = x.cummin(axis=1)
    assert low.values.tolist() == [[1.0, 1.0, 1.0, 1.0], [4.0, 1.0, 1.0, 0.0]]
    high.values.backward()
    assert x.grad.tolist() == [[1.0, 1.0, 2.0, 0.0], [2.0, 0.0, 2.0, 0.0]]


def test_differences():
    x = tg.tensor([1.0, 4.0, 9.0, 16.0], requires_grad=True)
    assert tg.diff(x).tolist() == [3.0, 5.0, 7.0]
    assert tg.diff(x, n=2).tolist() == [2.0, 2.0]
    assert tg.diff(x, n=0).tolist() == x.tolist()
    assert tg.diff(x, n=0, prepend=tg.zeros(1), append=tg.zeros(2)).tolist() == x.tolist()
    assert np.diff(x, prepend=np.zeros(1, np.float32)).tolist() == [1.0, 3.0, 5.0, 7.0]
    assert tg.diff(tg.tensor(X), axis=0).shape == (1, 3, 4)
    assert tg.diff(tg.tensor([True, False, False])).tolist() == [True, False]
    tg.diff(x).backward()
    assert x.grad.tolist() == [-1.0, 0.0, 0.0, 1.0]


def test_errors():
    x = tg.tensor(X)
    with pytest.raises(TypeError, match="cumsum: along which axis"):
        x.cumsum()
    with pytest.raises(tg.ShapeError, match=r"cumprod: dim=3 is out of range for shape \(2, 3, 4\)"):
        x.cumprod(3)
    with pytest.raises(ValueError, match="diff: n=-1"):
        tg.diff(x, n=-1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_scans_round_once_and_not_at_every_step(name, dtype):
    x = np.random.default_rng(0).uniform(0.97, 1.03, (2, 300))
    call = getattr(tg, name)
    exact = call(tg.tensor(x.astype(dtype).astype(np.float64)), 1).numpy()
    got = call(tg.tensor(x.astype(dtype)), 1).numpy()
    assert got.dtype == dtype
    assert (np.abs(got - exact) <= 0.51 * np.spacing(exact.astype(dtype))).all()


def test_running_sums_of_exponentials_keep_their_digits():
    x = np.random.default_rng(0).uniform(-4, 4, (12, 40))
    value, slope = worst_ulps(lambda t: tg.logcumsumexp(t, 1), x, dtype=np.float32)
    assert value <= 0.51
    assert slope <= 8


@pytest.mark.parametrize("size", [1e7, 1e19, -1e30])
def test_shares_of_running_sums_of_exponentials_add_up_to_1_for_numbers_of_any_size(size):
    x = tg.tensor([size, -np.inf, size, 0.9 * size, size])
    rows = tg.jacobian(lambda t: tg.logcumsumexp(t, 0))(x).numpy()
    if size > 0:
        exact = [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], *[[0.5, 0, 0.5, 0, 0]] * 2, [1 / 3, 0, 1 / 3, 0, 1 / 3]]
    else:
        exact = [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0.5, 0, 0.5, 0, 0], *[[0, 0, 0, 1, 0]] * 2]
    np.testing.assert_allclose(rows, exact, rtol=1e-6)


def test_diff_of_order_0_is_a_copy():
    x = tg.tensor([1.0, 2.0])
    tg.diff(x, n=0).zero_()
    assert x.tolist() == [1.0, 2.0]
