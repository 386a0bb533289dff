"""ops/transpose.py: PyTorch's names for an order of axes, and NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(24.0).reshape(2, 3, 4)


def test_transpose_swaps_two_axes_and_np_transpose_permutes_all() -> None:
    x = tg.tensor(X)
    np.testing.assert_array_equal(x.transpose(0, -1).array, X.swapaxes(0, 2))
    np.testing.assert_array_equal(np.transpose(x).array, X.T)
    np.testing.assert_array_equal(np.transpose(x, (1, 2, 0)).array, X.transpose(1, 2, 0))
    np.testing.assert_array_equal(np.swapaxes(x, 1, 2).array, X.swapaxes(1, 2))


def test_all_are_views() -> None:
    x = tg.tensor(X)
    for y in (x.T, x.mT, x.transpose(0, 1), x.permute(2, 0, 1), x.moveaxis(0, -1)):
        assert np.shares_memory(x.array, y.array)
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)


@pytest.mark.parametrize("order", [(2, 0, 1), (0, -1, 1), (1, 0, 2)])
def test_permute_and_its_gradient(order: tuple[int, ...]) -> None:
    x = tg.tensor(X, requires_grad=True)
    y = x.permute(*order)
    np.testing.assert_array_equal(y.array, X.transpose(order))
    np.testing.assert_array_equal(x.permute(order).array, y.array)
    weights = np.arange(24.0).reshape(y.shape)
    (y * weights).sum().backward()
    back = np.argsort([axis % 3 for axis in order])
    np.testing.assert_array_equal(x.grad.array, weights.transpose(back))


@pytest.mark.parametrize(("source", "destination"), [(0, -1), (-1, 0), ((0, 1), (2, 0)), ((2, 0), (0, 1))])
def test_moveaxis(source: object, destination: object) -> None:
    x = tg.tensor(X)
    expected = np.moveaxis(X, source, destination)
    np.testing.assert_array_equal(np.moveaxis(x, source, destination).array, expected)
    np.testing.assert_array_equal(x.movedim(source, destination).array, expected)


@pytest.mark.parametrize("axes", [0, (0,), np.array([0]), np.int64(0), -1])
def test_np_transpose_of_one_axis(axes: object) -> None:
    x = tg.ones(3, requires_grad=True)
    np.transpose(x, axes).backward(tg.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [1, 2, 3]


def test_np_transpose_takes_its_axes_as_an_array() -> None:
    x = tg.ones(2, 3, requires_grad=True)
    seed = np.arange(6.0).reshape(3, 2)
    np.transpose(x, np.array([1, 0])).backward(seed)
    np.testing.assert_array_equal(x.grad.numpy(), seed.T)


def test_t_is_for_matrices() -> None:
    assert tg.zeros(2, 3).t().shape == (3, 2)
    assert tg.zeros(3).t().shape == (3,)
    with pytest.raises(tg.ShapeError, match=r"at most 2 axes, got shape \(2, 3, 4\)"):
        tg.tensor(X).t()
    with pytest.raises(tg.ShapeError, match="at least 2 axes"):
        tg.zeros(3).mT


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.permute(0, 1), "name each axis"),
        (lambda x: x.permute(0, 1, 1), "twice"),
        (lambda x: x.permute(0, 1, 3), "dim=3 is out of range"),
        (lambda x: x.transpose(0, 5), "dim=5 is out of range"),
        (lambda x: x.moveaxis((0, 1), 0), "cannot go to 1 places"),
    ],
)
def test_impossible_orders(call: object, message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        call(tg.tensor(X))  # type: ignore[operator]
