"""ops/diagonal.py: diagonals and triangles."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(24.0).reshape(2, 3, 4) + 1


@pytest.mark.parametrize("k", [-2, -1, 0, 1, 3])
def test_triangles(k: int) -> None:
    x = tg.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(tg.tril(x, diagonal=k).array, np.tril(X, k))
    np.testing.assert_array_equal(np.triu(x, k).array, np.triu(X, k))
    (x.tril(k) * X).sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.tril(X, k))


@pytest.mark.parametrize("offset", [-1, 0, 2])
@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (-1, 0)])
def test_diagonal_is_a_view_whose_gradient_stands_on_the_diagonal(offset: int, axes: tuple[int, int]) -> None:
    x = tg.tensor(X, requires_grad=True)
    expected = np.diagonal(X, offset, *axes)
    result = x.diagonal(offset, *axes)
    np.testing.assert_array_equal(result.array, expected)
    np.testing.assert_array_equal(np.diagonal(x, offset, *axes).array, expected)
    (result * 3).sum().backward()
    wanted = np.zeros_like(X)
    view = np.diagonal(wanted, offset, *axes)
    view.flags.writeable = True
    view[...] = 3
    np.testing.assert_array_equal(x.grad.array, wanted)


def test_the_diagonal_can_be_written_to() -> None:
    x = tg.zeros(3, 3)
    x.diagonal().fill_(2)
    np.testing.assert_array_equal(x.array, 2 * np.eye(3))


@pytest.mark.parametrize("k", [-1, 0, 2])
def test_diag_both_ways(k: int) -> None:
    v, m = np.arange(3.0), X[0]
    for function in (lambda x: tg.diag(x, k), lambda x: np.diag(x, k)):
        np.testing.assert_array_equal(function(tg.tensor(v)).array, np.diag(v, k))
        np.testing.assert_array_equal(function(tg.tensor(m)).array, np.diag(m, k))


def test_diag_embed_is_undone_by_diagonal() -> None:
    x = tg.tensor(X)
    y = tg.diag_embed(x, 1, 0, 2)
    assert y.shape == (5, 2, 5, 3)
    np.testing.assert_array_equal(y.diagonal(1, 0, 2).array, X)
    assert float(y.sum()) == X.sum()


def test_trace() -> None:
    x = tg.tensor(X[0, :, :3], requires_grad=True)
    y = x.trace()
    assert float(y) == np.trace(X[0, :, :3])
    assert float(np.trace(x, 1)) == np.trace(X[0, :, :3], 1)
    y.backward()
    np.testing.assert_array_equal(x.grad.array, np.eye(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.tril(tg.zeros(3)), "at least 2 axes"),
        (lambda: tg.diagonal(tg.zeros(3)), "at least 2 axes"),
        (lambda: tg.diagonal(tg.zeros(3, 3), 0, 1, -1), "the same axis"),
        (lambda: tg.diag(tg.zeros(2, 2, 2)), "a vector or a matrix"),
        (lambda: tg.trace(tg.zeros(3)), "needs a matrix"),
        (lambda: tg.diag_embed(tg.tensor(1.0)), "0-d"),
    ],
)
def test_wrong_shapes(call: object, message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        call()  # type: ignore[operator]


def test_diag_of_a_matrix_is_a_copy_and_diagonal_a_view():
    x = tg.ones(2, 2)
    x.diag().zero_()
    np.diag(x).zero_()
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    x.diagonal().zero_()
    assert x.tolist() == [[0.0, 1.0], [1.0, 0.0]]
