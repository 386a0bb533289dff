"""ops/slices.py: slices of an axis, by their places."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(12.0).reshape(3, 4) + 1


def test_slices_by_their_places() -> None:
    x, index = tg.tensor(X), tg.tensor([2, 0, 2])
    np.testing.assert_array_equal(x.index_select(1, index).array, X[:, [2, 0, 2]])
    np.testing.assert_array_equal(tg.index_select(x, dim=0, index=tg.tensor(1)).array, X[[1]])
    assert np.shares_memory(x.select(1, 0).array, x.array)
    np.testing.assert_array_equal(x.narrow(1, -3, 2).array, X[:, 1:3])
    np.testing.assert_array_equal(x.index_fill(1, index, -1.0).array[:, [0, 2]], -np.ones((3, 2)))
    with pytest.raises(tg.ShapeError, match="no 3 slices from 2 on"):
        x.narrow(1, 2, 3)


def test_index_add_adds_as_often_as_a_place_occurs() -> None:
    x, source = tg.tensor(X, requires_grad=True), tg.tensor(np.ones((3, 3)), requires_grad=True)
    result = x.index_add(1, tg.tensor([0, 0, 3]), source, alpha=2)
    expected = X.copy()
    np.add.at(expected, (slice(None), [0, 0, 3]), 2.0)
    np.testing.assert_array_equal(result.array, expected)
    (result * X).sum().backward()
    np.testing.assert_array_equal(x.grad.array, X)
    np.testing.assert_array_equal(source.grad.array, 2 * X[:, [0, 0, 3]])


def test_index_copy() -> None:
    source = tg.tensor(np.full((2, 4), 9.0), requires_grad=True)
    result = tg.tensor(X).index_copy(0, tg.tensor([2, 0]), source)
    np.testing.assert_array_equal(result.array, np.stack([np.full(4, 9.0), X[1], np.full(4, 9.0)]))
    (result * X).sum().backward()
    np.testing.assert_array_equal(source.grad.array, X[[2, 0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: x.index_select(0, np.zeros((2, 2), int)), ["a vector", "(2, 2)"]),
        (lambda x: x.index_add(0, np.array([0, 1]), tg.ones(3, 4)), ["(3, 4)", "(2, 4)"]),
    ],
)
def test_what_does_not_fit(call: object, words: list[str]) -> None:
    with pytest.raises(tg.ShapeError) as caught:
        call(tg.tensor(X))  # type: ignore[operator]
    for word in words:
        assert word in str(caught.value)


def test_a_factor_that_is_1_has_a_gradient():
    alpha = tg.tensor(1.0, requires_grad=True)
    tg.zeros(3).index_add(0, tg.tensor([0, 0]), tg.tensor([1.0, 2.0]), alpha=alpha).backward()
    assert alpha.grad.item() == 3.0
