"""Variances: PyTorch's and NumPy's meanings side by side, and the points without a derivative."""

from __future__ import annotations

import numpy as np
import pytest
from in_ulps import worst_ulps
from made import normal

import tinygrad_edu as tg

X = normal(3, 4, 5)
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


NORMAL = np.random.default_rng(1).uniform(0.25, 1.75, (4, 9)) * np.array([1.0, -1.0, 1.0] * 3)


def test_variances_of_half_precision_do_not_overflow_on_the_way():
    value, slope = worst_ulps(lambda t: t.var(1), NORMAL * 200, dtype=np.float16)
    assert value <= 1
    assert slope <= 1
    value, slope = worst_ulps(lambda t: t.std(0), np.tile(NORMAL, (700, 1)), dtype=np.float32)
    assert value <= 8
    assert slope <= 16


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("var", [1e19, 2e19, 3e19, -1e19]),
        ("std", [1e38, 2e38, 3e38, -1e38]),
        ("std", [2.4e38, -1.6e38, -1.6e38]),
        ("std", [1e-30, -2e-30, 4e-30]),
    ],
)
@pytest.mark.parametrize("axis", [None, 0])
def test_variances_and_deviations_near_the_ends_of_float32(name, numbers, axis):
    x = np.array([numbers, numbers]).T if axis == 0 else np.array(numbers)
    value, slope = worst_ulps(lambda t: getattr(t, name)(axis), x, dtype=np.float32)
    assert value <= 4
    assert slope <= 16
    if name == "var":
        value, _ = worst_ulps(lambda t: tg.var_mean(t, axis)[0], x, dtype=np.float32)
        assert value <= 4
