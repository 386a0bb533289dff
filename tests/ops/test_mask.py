"""ops/mask.py: what a mask of booleans selects."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(6.0).reshape(2, 3) + 1
MASK = np.array([True, False, True])


def test_masked_fill_stops_the_gradient_where_it_fills() -> None:
    x, value = tg.tensor(X, requires_grad=True), tg.tensor(7.0, requires_grad=True)
    result = x.masked_fill(tg.tensor(MASK), value)
    np.testing.assert_array_equal(result.array, np.where(MASK, 7.0, X))
    (result * X).sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.where(MASK, 0.0, X))
    assert float(value.grad) == X[:, MASK].sum()


def test_a_number_that_is_not_finite_makes_no_nan_in_the_gradient() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.masked_fill(np.array([True, False]), float("-inf"))
    assert y.dtype == tg.float32
    y.exp().sum().backward()
    np.testing.assert_allclose(x.grad.array, [0.0, np.exp(2.0)], rtol=1e-6)


def test_masked_select_and_scatter() -> None:
    x = tg.tensor(X, requires_grad=True)
    picked = x.masked_select(MASK)
    np.testing.assert_array_equal(picked.array, X[:, MASK].ravel())
    (picked * np.arange(4.0)).sum().backward()
    np.testing.assert_array_equal(x.grad.array, [[0, 0, 1], [2, 0, 3]])
    source = tg.tensor([10.0, 20.0, 30.0, 40.0, 50.0], requires_grad=True)
    result = tg.masked_scatter(tg.tensor(X), MASK, source)
    np.testing.assert_array_equal(result.array, [[10, 2, 20], [30, 5, 40]])
    result.sum().backward()
    np.testing.assert_array_equal(source.grad.array, [1, 1, 1, 1, 0])


def test_a_mask_that_does_not_broadcast_is_a_shape_error() -> None:
    with pytest.raises(tg.ShapeError, match=r"masked_select: shapes \(3,\) and \(2,\) do not broadcast"):
        tg.ones(3).masked_select(tg.tensor([True, False]))


def test_nonzero_both_ways() -> None:
    x = tg.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert x.nonzero().tolist() == tg.argwhere(x).tolist() == [[0, 1], [1, 0]]
    assert [p.tolist() for p in np.nonzero(x)] == [p.tolist() for p in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
    assert np.flatnonzero(x).tolist() == [1, 2]
    assert np.argwhere(tg.tensor(MASK)).tolist() == [[0], [2]]


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
def test_what_does_not_fit(call: object, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call(tg.tensor(X))  # type: ignore[operator]
    for word in words:
        assert word in str(caught.value)
