"""ops/selecting.py: slices of an axis, by their places, and what a mask of booleans selects."""

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


def test_windows_of_an_axis() -> None:
    x = tg.tensor(X, requires_grad=True)
    windows = x.unfold(-1, 3, 1)
    np.testing.assert_array_equal(windows.array, np.lib.stride_tricks.sliding_window_view(X, 3, axis=1))
    np.testing.assert_array_equal(x.unfold(0, 2, 2).array, [X[:2].T])
    assert x.unfold(0, 0, 2).shape == (2, 4, 0)
    windows.sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.tile([1.0, 2.0, 2.0, 1.0], (3, 1)))


def test_windows_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="whose memory cannot be written to"):
        tg.tensor(X).unfold(0, 2, 1)[0] = 0.0


def test_windows_that_do_not_fit() -> None:
    with pytest.raises(tg.ShapeError, match=r"unfold: axis 1 of shape \(3, 4\) is shorter than a window of 5"):
        tg.tensor(X).unfold(1, 5, 1)
    with pytest.raises(ValueError, match=r"unfold: size=2, step=0: .* a step at least 1"):
        tg.tensor(X).unfold(1, 2, 0)
    with pytest.raises(TypeError, match="unfold: needs an axis, a size and a step"):
        tg.tensor(X).unfold(1, 2)


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


NUMBERS = np.arange(6.0).reshape(2, 3) + 1
MASK = np.array([True, False, True])


def test_masked_fill_stops_the_gradient_where_it_fills() -> None:
    x, value = tg.tensor(NUMBERS, requires_grad=True), tg.tensor(7.0, requires_grad=True)
    result = x.masked_fill(tg.tensor(MASK), value)
    np.testing.assert_array_equal(result.array, np.where(MASK, 7.0, NUMBERS))
    (result * NUMBERS).sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.where(MASK, 0.0, NUMBERS))
    assert float(value.grad) == NUMBERS[:, MASK].sum()


def test_a_number_that_is_not_finite_makes_no_nan_in_the_gradient() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.masked_fill(np.array([True, False]), float("-inf"))
    assert y.dtype == tg.float32
    y.exp().sum().backward()
    np.testing.assert_allclose(x.grad.array, [0.0, np.exp(2.0)], rtol=1e-6)


def test_masked_select_and_scatter() -> None:
    x = tg.tensor(NUMBERS, requires_grad=True)
    picked = x.masked_select(MASK)
    np.testing.assert_array_equal(picked.array, NUMBERS[:, MASK].ravel())
    (picked * np.arange(4.0)).sum().backward()
    np.testing.assert_array_equal(x.grad.array, [[0, 0, 1], [2, 0, 3]])
    source = tg.tensor([10.0, 20.0, 30.0, 40.0, 50.0], requires_grad=True)
    result = tg.masked_scatter(tg.tensor(NUMBERS), MASK, source)
    np.testing.assert_array_equal(result.array, [[10, 2, 20], [30, 5, 40]])
    result.sum().backward()
    np.testing.assert_array_equal(source.grad.array, [1, 1, 1, 1, 0])


def test_a_mask_that_does_not_broadcast_is_a_shape_error() -> None:
    with pytest.raises(tg.ShapeError, match=r"masked_select: shapes \(3,\) and \(2,\) do not broadcast"):
        tg.ones(3).masked_select(tg.tensor([True, False]))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.masked_fill(np.array([1, 0, 1]), 0), tg.DtypeError, ["int64", "mask != 0"]),
        (lambda x: x.masked_fill(np.array([True, False]), 0), tg.ShapeError, ["(2,)", "(2, 3)"]),
        (lambda x: x.masked_fill(np.ones((1, 2, 3), bool), 0), tg.ShapeError, ["(1, 2, 3)"]),
        (lambda x: x.masked_fill(MASK, np.zeros(3)), tg.ShapeError, ["(3,)", "0-d"]),
        (lambda x: x.masked_scatter(MASK, tg.ones(3)), tg.ShapeError, ["4 true", "only 3"]),
    ],
)
def test_masks_that_do_not_fit(call: object, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call(tg.tensor(NUMBERS))  # type: ignore[operator]
    for word in words:
        assert word in str(caught.value)
