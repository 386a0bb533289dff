"""ops/splitting.py: parts along an axis, in PyTorch's terms and in NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(20.0).reshape(10, 2)


def values(parts: object) -> list[object]:
    return [part.tolist() for part in parts]  # type: ignore[attr-defined]


def test_split_takes_the_size_of_a_part_and_np_split_their_number() -> None:
    x = tg.tensor(X)
    assert [len(p) for p in x.split(4)] == [4, 4, 2]
    assert [len(p) for p in x.split([1, 2, 7])] == [1, 2, 7]
    assert [p.shape for p in x.split(1, dim=1)] == [p.shape for p in tg.split(x, 1, axis=-1)] == [(10, 1), (10, 1)]
    assert [len(p) for p in np.split(x, 5)] == [2] * 5
    assert values(np.split(x, [3, 5])) == values(np.split(X, [3, 5]))
    assert values(np.array_split(x, 3)) == values(np.array_split(X, 3))
    with pytest.raises(tg.ShapeError, match="which 3 does not divide"):
        np.split(x, 3)


@pytest.mark.parametrize("cuts", [3, 1, 12, [3, 5], [-3], [4, 2], [5, 100]])
def test_tensor_split_is_np_array_split(cuts: object) -> None:
    assert values(tg.tensor(X).tensor_split(cuts)) == values(np.array_split(X, cuts))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10, 11])
def test_chunk(count: int) -> None:
    parts = tg.tensor(X).chunk(count)
    size = -(-10 // count)
    assert [len(p) for p in parts][:-1] == [size] * (len(parts) - 1)
    np.testing.assert_array_equal(tg.cat(parts).array, X)
    assert [p.shape for p in tg.zeros(0, 2).chunk(2)] == [(0, 2), (0, 2)]


def test_parts_are_views() -> None:
    x = tg.tensor(X)
    assert all(np.shares_memory(part.array, x.array) for part in (*x.split(3), *x.unbind(1)))


def test_gradients_of_used_parts_go_to_their_places_and_others_are_zero() -> None:
    x = tg.tensor(X, requires_grad=True)
    first, _, third = x.split([3, 3, 4])
    (2 * first.sum() + (third * third).sum()).backward()
    expected = np.zeros_like(X)
    expected[:3], expected[6:] = 2, 2 * X[6:]
    np.testing.assert_array_equal(x.grad.array, expected)


def test_second_derivatives_through_split() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a, b = x.split([1, 2])
    (first,) = tg.autograd.grad((a * b) ** 2, x, create_graph=True)
    (second,) = tg.autograd.grad(first, x)
    np.testing.assert_allclose(first.array, [2 * (4 + 9), 4, 6])
    np.testing.assert_allclose(second.array, [26 + 8 + 12, 8 + 2, 12 + 2])


def test_unbind_and_iteration() -> None:
    x = tg.tensor(X, requires_grad=True)
    columns = x.unbind(dim=1)
    assert values(columns) == [X[:, 0].tolist(), X[:, 1].tolist()]
    assert values(np.unstack(x, axis=1)) == values(columns)
    assert tg.zeros(0, 2).unbind() == ()
    for i, row in enumerate(x):
        (row * i).sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.arange(10.0)[:, None] * np.ones((1, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.split(0), "must be positive"),
        (lambda x: x.split([3, 3]), r"sizes \[3, 3\] do not sum to 10"),
        (lambda x: x.split(2, dim=2), "dim=2 is out of range"),
        (lambda x: x.chunk(0), "must be positive"),
        (lambda x: x.tensor_split(0), "must be positive"),
        (lambda x: tg.tensor(1.0).split(1), "0-d"),
        (lambda x: tg.tensor(1.0).unbind(), "0-d"),
    ],
)
def test_impossible_parts(call: object, message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        call(tg.tensor(X))  # type: ignore[operator]
