"""Variances and norms: PyTorch's and NumPy's meanings side by side, and the points without a derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.random.default_rng(0).normal(size=(3, 4, 5))
INF = float("inf")


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_ours_divides_by_n_minus_one_and_numpys_by_n(name, axis):
    x, numpys = tg.tensor(X), getattr(np, name)
    np.testing.assert_allclose(getattr(x, name)(axis).numpy(), numpys(X, axis=axis, ddof=1))
    np.testing.assert_allclose(getattr(x, name)(axis, unbiased=False).numpy(), numpys(X, axis=axis))
    np.testing.assert_allclose(getattr(x, name)(dim=axis, correction=2).numpy(), numpys(X, axis=axis, ddof=2))
    np.testing.assert_allclose(numpys(x, axis=axis).numpy(), numpys(X, axis=axis))
    kept = numpys(x, axis=axis, ddof=1, keepdims=True)
    np.testing.assert_allclose(kept.numpy(), numpys(X, axis=axis, ddof=1, keepdims=True))
    assert getattr(x, name)(axis=axis, keepdims=True).shape == kept.shape


def test_pairs():
    x = tg.tensor(X)
    var, mean = tg.var_mean(x, 1, keepdim=True)
    assert var.shape == mean.shape == (3, 1, 5)
    std, mean = tg.std_mean(x, 1, False)
    np.testing.assert_allclose(std.numpy(), X.std(1))
    np.testing.assert_allclose(mean.numpy(), X.mean(1))
    _, mean = tg.var_mean(x, axis=(0, 1))
    np.testing.assert_allclose(mean.numpy(), X.mean((0, 1)))


def test_the_gradient_of_std_of_equal_numbers_is_zero():
    x = tg.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], requires_grad=True)
    x.std(1).backward()
    assert x.grad.tolist()[0] == [0.0, 0.0, 0.0]
    assert x.grad.tolist()[1] == pytest.approx([-0.5, 0.0, 0.5])


@pytest.mark.parametrize("p", [1, 2, 3, 0.5, 0, INF, -INF])
@pytest.mark.parametrize("axis", [None, 1])
def test_norms_are_numpys(p, axis):
    x = tg.tensor(X)
    flat = X.reshape(-1) if axis is None else X
    expected = np.linalg.norm(flat, p, axis)
    np.testing.assert_allclose(x.norm(p, axis).numpy(), expected)
    np.testing.assert_allclose(tg.norm(x, p=p, dim=axis).numpy(), expected)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, INF])
def test_the_gradient_at_the_zero_vector_is_zero(p):
    x = tg.tensor([[0.0, 0.0], [0.0, -2.0]], requires_grad=True)
    x.norm(p, 1).backward()
    assert x.grad.tolist() == [[0.0, 0.0], [0.0, -1.0]]


def test_ties_of_the_largest_size_share():
    x = tg.tensor([3.0, -3.0, 1.0], requires_grad=True)
    x.norm(INF).backward()
    assert x.grad.tolist() == [0.5, -0.5, 0.0]


def test_unknown_orders_are_named():
    with pytest.raises(ValueError, match="p='nuc' is unknown"):
        tg.tensor(X).norm("nuc")


def test_norm_of_integers_and_conversion():
    assert tg.tensor([3, 4]).norm().dtype == tg.float32
    assert tg.tensor([3, 4]).norm(dtype=tg.float64).item() == 5.0
    assert math.isclose(tg.norm(tg.tensor(2.0)).item(), 2.0)
