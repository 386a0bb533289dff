"""ops/broadcasting.py: broadcasting as an op, and grids."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def test_expand_keeps_sizes_of_minus_one_and_copies_nothing() -> None:
    x = tg.tensor([[1.0], [2.0]])
    y = x.expand(3, -1, 4)
    np.testing.assert_array_equal(y.array, np.broadcast_to(x.array, (3, 2, 4)))
    assert np.shares_memory(y.array, x.array)
    assert x.expand_as(tg.zeros(2, 5)).shape == np.broadcast_to(x, (2, 5)).shape == (2, 5)


def test_the_gradient_is_the_sum_over_the_copies() -> None:
    x = tg.tensor([[1.0], [2.0]], requires_grad=True)
    weights = np.arange(24.0).reshape(3, 2, 4)
    (x.expand(3, 2, 4) * weights).sum().backward()
    np.testing.assert_allclose(x.grad.array, weights.sum((0, 2))[:, None])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), "fewer axes"),
        ((2, 2), "axis -1 is 3, and only a 1 is repeated"),
        ((-1, 2, 3), "stands for a new axis"),
    ],
)
def test_impossible_expansions(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        tg.zeros(2, 3).expand(shape)


def test_broadcast_tensors() -> None:
    a, b = tg.broadcast_tensors(tg.ones(2, 1), tg.ones(3))
    assert a.shape == b.shape == (2, 3)
    c, d = np.broadcast_arrays(tg.ones(2, 1), np.ones(3))
    assert isinstance(c, tg.Tensor)
    assert d.shape == (2, 3)
    with pytest.raises(tg.ShapeError, match="axis -1 is 2 against 3"):
        tg.broadcast_tensors(tg.ones(2), tg.ones(3))


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_meshgrid(indexing: str) -> None:
    x, y = np.arange(2.0), np.arange(3.0)
    for result in (
        tg.meshgrid(tg.tensor(x), tg.tensor(y), indexing=indexing),
        np.meshgrid(tg.tensor(x), tg.tensor(y), indexing=indexing),
    ):
        for ours, theirs in zip(result, np.meshgrid(x, y, indexing=indexing), strict=True):
            np.testing.assert_array_equal(ours.array, theirs)
    with pytest.raises(ValueError, match="'ij' or 'xy'"):
        tg.meshgrid(tg.tensor(x), indexing="yx")
    with pytest.raises(tg.ShapeError, match="must be a vector"):
        tg.meshgrid(tg.zeros(2, 3))
