"""Norms: NumPy's meanings, and the points without a derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest
from in_ulps import worst_ulps
from made import normal

import tinygrad_edu as tg

X = normal(3, 4, 5)
NORMAL = np.random.default_rng(1).uniform(0.25, 1.75, (4, 9)) * np.array([1.0, -1.0, 1.0] * 3)
INF = float("inf")


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


SIZES = {
    np.float16: [1e-3, 1.0, 300.0, 2e4],
    np.float32: [1e-30, 1e-22, 1e20, 1e36],
    np.float64: [1e-300, 1.0, 1e180, 1e300],
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(
    ("name", "args"), [("std", ()), *(("norm", (p,)) for p in (1, 1.5, 2, 3, -1, -2, INF, -INF))], ids=str
)
def test_lengths_and_deviations_of_any_size_have_all_their_digits(name, args, dtype):
    x = NORMAL / 4 * np.array(SIZES[dtype])[:, None]
    measure = (lambda t: t.std(1)) if name == "std" else lambda t: t.norm(*args, 1)
    value, slope = worst_ulps(measure, x, dtype=dtype)
    assert value <= 3
    assert slope <= 16


@pytest.mark.parametrize("size", SIZES[np.float64])
def test_lengths_near_the_ends_of_float64(size):
    x = tg.tensor([3 * size, -4 * size], dtype=tg.float64, requires_grad=True)
    for length in (x.norm(), tg.linalg.vector_norm(x), x.std() / math.sqrt(24.5) * 5):
        np.testing.assert_allclose(length.item(), 5 * size, rtol=1e-14)
    x.norm().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.6, -0.8], rtol=1e-14)


def test_norms_of_infinities_and_nan():
    assert tg.tensor([[INF, 1.0], [-INF, INF]]).norm(dim=1).tolist() == [INF, INF]
    assert tg.tensor([0.0, 3.0]).norm(-1).item() == 0.0
    assert math.isnan(tg.tensor([math.nan, 1.0]).norm().item())


@pytest.mark.parametrize("p", [-0.5, -1, -2, -3])
def test_a_zero_makes_a_norm_of_negative_order_zero_and_its_gradient(p):
    x = tg.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0]], dtype=tg.float64, requires_grad=True)
    length = x.norm(p, 1)
    assert length.tolist()[:2] == [0.0, 0.0]
    length.backward()
    assert x.grad.tolist()[:2] == [[0.0] * 3] * 2
    np.testing.assert_allclose(x.grad.numpy()[2], 3 ** (1 / p - 1), rtol=1e-14)


def test_the_order_of_a_norm_has_no_gradient():
    with pytest.raises(tg.GraphError, match="norm: p is a constant here"):
        tg.norm(tg.tensor([1.0, 2.0]), tg.tensor(2.0, requires_grad=True))
