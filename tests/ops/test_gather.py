"""ops/gather.py: gather, scatter and their relatives, in PyTorch's terms and in NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(12.0).reshape(3, 4) + 1


def test_take_along_axis_is_numpy_s() -> None:
    order = np.argsort(-X, axis=1)
    x = tg.tensor(X, requires_grad=True)
    result = np.take_along_axis(x, order, axis=1)
    np.testing.assert_array_equal(result.array, np.take_along_axis(X, order, axis=1))
    (result * X).sum().backward()
    np.testing.assert_array_equal(x.grad.array, X[:, ::-1])
    one = np.array([[2]])
    np.testing.assert_array_equal(tg.take_along_axis(x, one, 0).array, np.take_along_axis(X, one, 0))
    np.testing.assert_array_equal(x.take_along_dim(tg.tensor([0, 5])).array, X.ravel()[[0, 5]])
    np.testing.assert_array_equal(tg.take_along_dim(x, tg.tensor(order), dim=-1).array, -np.sort(-X, 1))
    with pytest.raises(tg.ShapeError, match="equally many axes"):
        np.take_along_axis(x, np.array([0]), 0)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather_reads_and_scatter_add_is_its_gradient(dim: int) -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, X.shape[dim], (2, 3))
    x = tg.tensor(X, requires_grad=True)
    result = x.gather(dim, tg.tensor(index))
    np.testing.assert_array_equal(tg.gather(x, axis=dim, index=index).array, result.array)
    weights = np.arange(6.0).reshape(2, 3) + 1
    (result * weights).sum().backward()
    wanted = np.zeros_like(X)
    for i, j in np.ndindex(2, 3):
        at = (index[i, j], j) if dim == 0 else (i, index[i, j])
        assert result.array[i, j] == X[at]
        wanted[at] += weights[i, j]
    np.testing.assert_array_equal(x.grad.array, wanted)
    added = tg.zeros(3, 4).double().scatter_add(dim, index, tg.tensor(weights))
    np.testing.assert_array_equal(added.array, wanted)


def test_scatter_writes_and_the_last_write_gets_the_gradient() -> None:
    x, source = tg.tensor(X, requires_grad=True), tg.tensor([[10.0, 20.0, 30.0]], requires_grad=True)
    index = np.array([[1, 1, 3]])
    result = x.scatter(1, index, source)
    np.testing.assert_array_equal(result.array[0], [1, 20, 3, 30])
    result.sum().backward()
    np.testing.assert_array_equal(x.grad.array[0], [1, 0, 1, 0])
    np.testing.assert_array_equal(source.grad.array, [[0, 1, 1]])
    onehot = tg.zeros(3, 4).scatter(1, tg.tensor([[0], [3], [1]]), 1.0)
    np.testing.assert_array_equal(onehot.array, np.eye(4)[[0, 3, 1]])
    np.testing.assert_array_equal(tg.scatter(tg.zeros(3), 0, np.array([2]), value=4).array, [0, 0, 4])
    np.testing.assert_array_equal(tg.zeros(2).scatter(0, np.array([1, 1]), 4.0, reduce="add").array, [0, 8])
    with pytest.raises(ValueError, match="'mean' is not known"):
        tg.zeros(3).scatter(0, np.array([0]), 1.0, reduce="mean")


def test_a_longer_source_is_used_as_far_as_the_index_reaches() -> None:
    source = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    tg.zeros(4).scatter_add(0, np.array([3, 3]), source).sum().backward()
    np.testing.assert_array_equal(source.grad.array, [1, 1, 0])


def test_take_is_flat_and_np_take_has_an_axis() -> None:
    x = tg.tensor(X)
    index = np.array([[0, 5], [5, -1]])
    np.testing.assert_array_equal(x.take(tg.tensor(index)).array, np.take(X, index))
    np.testing.assert_array_equal(np.take(x, index).array, np.take(X, index))
    np.testing.assert_array_equal(np.take(x, [1, 1], axis=1).array, X[:, [1, 1]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.gather(0, np.array([0])), tg.ShapeError, ["(1,)", "(3, 4)", "as many axes"]),
        (lambda x: x.gather(0, np.zeros((3, 5), int)), tg.ShapeError, ["axis 1 is 5, more than 4"]),
        (lambda x: x.gather(1, np.zeros((3, 1))), tg.DtypeError, ["float64", ".long()"]),
        (lambda x: x.gather(1, np.full((3, 1), 4)), IndexError, ["4", "size 4"]),
        (lambda x: x.gather(2, np.zeros((3, 1), int)), tg.ShapeError, ["dim=2 is out of range"]),
        (lambda x: x.gather(1), TypeError, ["index="]),
        (lambda x: x.scatter(1, np.zeros((3, 1), int)), TypeError, ["src="]),
        (lambda x: x.scatter(1, np.zeros((3, 2), int), tg.ones(3, 1)), tg.ShapeError, ["(3, 1)", "(3, 2)"]),
    ],
)
def test_what_does_not_fit(call: object, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call(tg.tensor(X))  # type: ignore[operator]
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_a_number_to_scatter_widens_nothing(dtype: type) -> None:
    x, index = tg.ones(1, 3).to(dtype), tg.tensor([[2, 2]])
    number: float = 2 if dtype is np.int64 else 1.5
    for result in (x.scatter_add(1, index, number), x.scatter(1, index, number, reduce="add")):
        assert result.dtype == dtype
        assert result.tolist() == [[1, 1, 1 + 2 * number]]
    assert x.scatter_add(1, index, np.float64(number)).dtype == (np.float32 if dtype is np.int64 else dtype)
    assert tg.ones(1, 3, dtype=tg.int64).scatter_add(1, index, 1.5).dtype == np.float32


def test_many_additions_in_half_precision_keep_their_digits() -> None:
    added = tg.zeros(2, dtype=tg.float16).scatter_add(0, np.zeros(4000, int), tg.ones(4000, dtype=tg.float16))
    assert added.tolist() == [4000.0, 0.0]
