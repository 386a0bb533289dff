"""ops/random.py: distributions, shapes, dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


@pytest.mark.parametrize("function", [tg.rand, tg.randn])
def test_the_call_forms(function: object) -> None:
    for x in (function(2, 3), function((2, 3)), function(size=(2, 3))):  # type: ignore[operator]
        assert (x.shape, x.dtype, x.requires_grad) == ((2, 3), tg.float32, False)
    assert function(2, dtype=tg.float64, requires_grad=True).is_leaf  # type: ignore[operator]
    assert function(2, dtype=tg.float16).dtype == tg.float16  # type: ignore[operator]
    with pytest.raises(tg.DtypeError, match="floating"):
        function(2, dtype=tg.int64)  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_moments(dtype: object) -> None:
    u = tg.rand(40000, dtype=dtype).array
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_allclose([u.mean(), u.var()], [1 / 2, 1 / 12], atol=0.01)
    n = tg.randn(40000, dtype=dtype).array
    np.testing.assert_allclose([n.mean(), n.var(), (n**4).mean()], [0, 1, 3], atol=0.15)
    m = tg.normal(3.0, 2.0, (40000,), dtype=dtype).array
    np.testing.assert_allclose([m.mean(), m.std()], [3, 2], atol=0.05)


def test_normal_of_tensors() -> None:
    x = tg.normal(tg.tensor([0.0, 100.0]), tg.tensor([[1.0], [0.0]]))
    assert x.shape == (2, 2)
    assert x.dtype == tg.float32
    assert x[1].tolist() == [0, 100]
    assert abs(x[0, 1].item() - 100) < 10
    with pytest.raises(ValueError, match="negative"):
        tg.normal(0.0, -1.0, (2,))


def test_randint() -> None:
    x = tg.randint(3, 7, (1000,))
    assert sorted(set(x.tolist())) == [3, 4, 5, 6]
    assert x.dtype == tg.int64
    assert set(tg.randint(2, (100,)).tolist()) == {0, 1}
    assert tg.randint(0, 5, size=(2, 2), dtype=tg.float32).dtype == tg.float32
    assert tg.randint(high=5, low=0, size=(2,)).shape == (2,)
    assert tg.randint_like(x, 5).shape == (1000,)
    with pytest.raises(ValueError, match="no integer from 5 up to but not including 5"):
        tg.randint(5, 5, (1,))
    with pytest.raises(TypeError, match="pass the shape"):
        tg.randint(5)


def test_randperm() -> None:
    x = tg.randperm(100)
    assert sorted(x.tolist()) == list(range(100))
    assert x.tolist() != list(range(100))
    assert tg.randperm(0).shape == (0,)
    with pytest.raises(tg.ShapeError, match="n=-1"):
        tg.randperm(-1)


def test_like() -> None:
    x = tg.zeros(2, 3, dtype=tg.float64)
    assert tg.rand_like(x).dtype == tg.randn_like(x).dtype == tg.float64
    assert tg.randn_like(x, dtype=tg.float32, requires_grad=True).shape == (2, 3)


def test_bernoulli() -> None:
    p = tg.tensor([0.0, 0.25, 1.0]).expand(10000, 3)
    x = tg.bernoulli(p)
    assert x.dtype == tg.float32
    np.testing.assert_allclose(x.array.mean(0), [0, 0.25, 1], atol=0.02)
    assert tg.bernoulli(tg.zeros(4), 1.0).tolist() == [1, 1, 1, 1]
    assert not tg.tensor([0.5], requires_grad=True).bernoulli().requires_grad
    for wrong in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1"):
            tg.bernoulli(tg.tensor([wrong]))


def test_multinomial_draws_in_proportion() -> None:
    x = tg.multinomial(tg.tensor([1.0, 0.0, 3.0]), 8000, replacement=True)
    assert x.dtype == tg.int64
    np.testing.assert_allclose(np.bincount(x.array) / 8000, [0.25, 0, 0.75], atol=0.03)
    first = np.array([tg.multinomial(tg.tensor([1.0, 0.0, 3.0]), 1).item() for _ in range(2000)])
    np.testing.assert_allclose((first == 2).mean(), 0.75, atol=0.05)


def test_multinomial_without_replacement_draws_no_index_twice_and_in_proportion() -> None:
    weights = tg.tensor([5.0, 1.0, 0.0, 2.0]).expand(6000, 4)
    x = tg.multinomial(weights, 3).array
    assert x.shape == (6000, 3)
    assert all(sorted(row) == [0, 1, 3] for row in x.tolist())
    np.testing.assert_allclose(np.bincount(x[:, 0], minlength=4) / 6000, [5 / 8, 1 / 8, 0, 2 / 8], atol=0.03)
    after_zero = x[x[:, 0] == 0, 1]
    np.testing.assert_allclose((after_zero == 3).mean(), 2 / 3, atol=0.04)


@pytest.mark.parametrize(
    ("weights", "count", "message"),
    [
        ([0.0, 0.0], 1, "row 0 has no positive weight"),
        ([1.0, -1.0], 1, "negative"),
        ([1.0, float("nan")], 1, "NaN"),
        ([1.0, float("inf")], 1, "infinite"),
        ([1.0, 0.0], 2, "replacement=True"),
        ([1.0], 0, "num_samples=0"),
        ([[[1.0]]], 1, r"\(1, 1, 1\)"),
    ],
)
def test_multinomial_refuses(weights: list[float], count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tg.multinomial(tg.tensor(weights), count)
