"""Sums, means, products and questions: axes in both spellings, dtypes, NumPy's meanings, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from in_ulps import worst_ulps

import tinygrad_edu as tg

INF, NAN = float("inf"), float("nan")
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "all", "any", "count_nonzero"])
@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), (1,), (-1, 0)])
@pytest.mark.parametrize("keep", [False, True])
def test_four_spellings_and_numpys_function_agree(name, axes, keep):
    x = tg.tensor(X / 10)
    expected = getattr(np, name)(X / 10, axis=axes, keepdims=keep)
    results = [
        getattr(tg, name)(x, axes, keep),
        getattr(x, name)(dim=axes, keepdim=keep),
        getattr(x, name)(axis=axes, keepdims=keep),
        getattr(np, name)(x, axis=axes, keepdims=keep),
    ]
    for result in results:
        assert isinstance(result, tg.Tensor)
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5)


def test_dtypes():
    b, i, f = tg.tensor([True, True]), tg.tensor([1, 2], dtype=tg.int32), tg.tensor([1.0, 2.0])
    assert (b.sum().dtype, i.sum().dtype, f.sum().dtype) == (tg.int64, tg.int64, tg.float32)
    assert tg.tensor([200, 100], dtype=tg.uint8).sum().item() == 300
    assert tg.tensor([200, 100], dtype=tg.uint8).sum().dtype == tg.int64
    assert (b.mean().dtype, i.mean().dtype, i.prod().dtype) == (tg.float32, tg.float32, tg.int64)
    assert i.sum(dtype=tg.float64).dtype == np.sum(i, dtype=np.float64).dtype == tg.float64
    assert i.mean(dtype=tg.float64).dtype == np.mean(i, dtype=np.float64).dtype == tg.float64


def test_a_mean_is_the_sum_divided_by_the_count():
    x = tg.tensor(X, requires_grad=True)
    x.mean((0, 2)).sum().backward()
    assert np.all(x.grad.numpy() == np.float32(1) / np.float32(8))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "logsumexp", "all", "any", "var", "norm"])
def test_wrong_axes_are_named(name):
    x = tg.tensor(X)
    with pytest.raises(tg.ShapeError, match=rf"{name}: dim=3 is out of range for shape \(2, 3, 4\): use -3 to 2"):
        getattr(x, name)(dim=3)
    with pytest.raises(TypeError, match=f"{name}: dim=0 and axis=1"):
        getattr(x, name)(dim=0, axis=1)


def test_an_axis_named_twice():
    with pytest.raises(tg.ShapeError, match="twice"):
        tg.tensor(X).sum((0, -3))


def test_product_of_everything_and_over_several_axes():
    x = tg.tensor(X[:, :2, :2] / 5)
    assert x.prod().item() == pytest.approx(np.prod(x.numpy()), rel=1e-5)
    assert x.prod(keepdim=True).shape == (1, 1, 1)
    np.testing.assert_allclose(x.prod((0, 2)).numpy(), np.prod(x.numpy(), (0, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([2.0, 0.0, 4.0], [0.0, 8.0, 0.0]),
        ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
        ([0.0], [1.0]),
    ],
)
def test_gradient_of_a_product_with_zeros(row, expected):
    x = tg.tensor([row, row], requires_grad=True)
    x.prod(1).backward()
    assert x.grad.tolist() == [expected, expected]


def test_second_derivative_of_a_product_with_zeros():
    x = tg.tensor([0.0, 0.0, 5.0], requires_grad=True)
    (first,) = tg.autograd.grad(x.prod(), x, create_graph=True)
    (second,) = tg.autograd.grad(first[0], x)
    assert second.tolist() == [0.0, 5.0, 0.0]


def test_sums_that_leave_nan_out():
    x = tg.tensor([[1.0, NAN], [3.0, 5.0]], requires_grad=True)
    assert tg.nansum(x, dim=1).tolist() == [1.0, 8.0]
    assert np.nansum(x).item() == 9.0
    assert tg.nanmean(x).item() == 3.0
    assert np.nanmean(x, axis=0).tolist() == [2.0, 5.0]
    tg.nansum(x).backward()
    assert x.grad.tolist() == [[1.0, 0.0], [1.0, 1.0]]


def test_logsumexp_is_stable():
    x = tg.tensor([[1000.0, 1000.0], [-1000.0, -1000.0], [-INF, -INF], [-INF, 3.0], [INF, 0.0]], requires_grad=True)
    out = x.logsumexp(dim=1)
    assert out.tolist() == pytest.approx([1000 + math.log(2), -1000 + math.log(2), -INF, 3.0, INF])
    assert tg.logsumexp(x[:2], dim=(0, 1), keepdim=True).shape == (1, 1)
    x[:4].logsumexp(1).backward()
    # exp(x - out) is as exact as float32 holds 1000.6931.
    np.testing.assert_allclose(x.grad.numpy()[:4], [[0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [0.0, 1.0]], rtol=1e-4)
    assert tg.logsumexp(tg.tensor(np.zeros((2, 0))), 1).tolist() == [-INF, -INF]


def test_reducing_nothing():
    empty = tg.tensor(np.zeros((0, 3)), requires_grad=True)
    assert empty.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert empty.sum(1).shape == (0,)
    assert empty.prod(0).tolist() == [1.0, 1.0, 1.0]
    empty.sum().backward()
    assert empty.grad.shape == (0, 3)


def test_an_argument_of_numpys_that_is_not_supported_is_named():
    with pytest.raises(tg.DtypeError, match=r"np\.sum of a Tensor.*where"):
        np.sum(tg.tensor([1.0]), where=np.array([True]))


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp", "prod"])
@pytest.mark.parametrize("axis", [0, 1])
def test_half_precision_is_rounded_once(name, axis):
    x = np.random.default_rng(0).uniform(0.9, 1.1, (70, 40))
    value, _ = worst_ulps(lambda t: getattr(t, name)(axis), x, dtype=np.float16)
    assert value <= 0.51


def test_a_mean_over_many_rows_keeps_its_digits():
    x = np.random.default_rng(0).random((10_000, 3))
    value, slope = worst_ulps(lambda t: t.mean(0), x, dtype=np.float32)
    assert value <= 8
    assert slope <= 1
