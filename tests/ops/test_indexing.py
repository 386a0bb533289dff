"""ops/indexing.py: whatever NumPy takes between brackets, and its gradient: an addition at the places read."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.ops.indexing import positions

X = np.arange(24.0).reshape(2, 3, 4) + 1

INDICES = {
    "integer": 1,
    "negative": -1,
    "integers": (1, 2, 3),
    "slice": slice(1, None),
    "step": (slice(None), slice(None, None, -2)),
    "none": (None, 0, ..., None),
    "ellipsis": (..., 1),
    "all": (),
    "array": np.array([1, 0, 1, 1]),
    "matrix": np.array([[1, -1], [0, 0]]),
    "unsigned": np.array([1, 0, 1], np.uint8),
    "pairs": (np.array([0, 1, 1]), np.array([2, -1, -1])),
    "outer": (np.array([[0], [1]]), np.array([0, 2, 2])),
    "array and integer": (np.array([0, 1, 1]), 1),
    "second axis": (slice(None), np.array([0, 2, 0])),
    "last axis": (..., np.array([3, 3, 0])),
    "middle and rest": (slice(None), np.array([0, 0]), slice(None)),
    "apart": (np.array([1, 1]), slice(1, 3), np.array([0, 0])),
    "array and none": (None, np.array([1, 1]), None),
    "array and slice": (np.array([1, 1]), slice(None, None, 2)),
    "list": [1, 1, 0],
    "nested list": [[0, 1], [1, 1]],
    "empty list": [],
    "range": (range(2), [1, 1]),
    "mask": X > 7,
    "row mask": np.array([False, True]),
    "row mask and array": (np.array([False, True]), np.array([0, 0])),
    "axis mask": (slice(None), np.array([True, False, True])),
    "no mask": np.zeros((2, 3), bool),
    "true": True,
    "false": False,
    "numpy integer": (np.int64(1), np.array(0)),
}


def as_numpy(index: object) -> object:
    """What NumPy itself needs: arrays in place of ranges and lists."""
    if isinstance(index, tuple):
        return tuple(as_numpy(part) for part in index)
    return np.asarray(index, dtype=np.intp) if isinstance(index, range | list) else index


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_reading_and_its_gradient(index: object) -> None:
    plain = as_numpy(index)
    expected = X[plain]
    x = tg.tensor(X, requires_grad=True)
    result = x[index]
    np.testing.assert_array_equal(result.array, expected)
    weights = np.arange(float(expected.size)).reshape(expected.shape) + 1
    (result * weights).sum().backward()
    wanted = np.zeros_like(X)
    np.add.at(wanted, plain, weights)
    np.testing.assert_array_equal(x.grad.array, wanted)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_positions_are_those_in_memory_order(index: object) -> None:
    plain = as_numpy(index)
    np.testing.assert_array_equal(positions(X.shape, plain), np.arange(24).reshape(X.shape)[plain].ravel())


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_second_derivatives(index: object) -> None:
    x = tg.tensor(X / 10, requires_grad=True)
    (first,) = tg.autograd.grad((x[index] ** 3).sum(), x, create_graph=True)
    (second,) = tg.autograd.grad(first.sum(), x)
    times = np.zeros_like(X)
    plain = as_numpy(index)
    np.add.at(times, plain, 1.0)
    np.testing.assert_allclose(second.array, times * 6 * X / 10)


def test_tensors_as_indices() -> None:
    x = tg.tensor(X)
    rows, columns = tg.tensor([0, 1]), tg.tensor([2, 0])
    np.testing.assert_array_equal(x[rows].array, X[[0, 1]])
    np.testing.assert_array_equal(x[rows, columns].array, X[[0, 1], [2, 0]])
    np.testing.assert_array_equal(x[:, columns, 1].array, X[:, [2, 0], 1])
    np.testing.assert_array_equal(x[[rows[0], 1]].array, X[[0, 1]])
    np.testing.assert_array_equal(x[x > 5].array, X[X > 5])
    assert x[tg.tensor(1)].shape == (3, 4)


def test_basic_indices_give_views_and_others_copies() -> None:
    x = tg.tensor(X)
    assert np.shares_memory(x[1:, None, ::-1].array, x.array)
    assert not np.shares_memory(x[[0, 1]].array, x.array)


def test_a_single_number_is_a_0d_tensor() -> None:
    x = tg.tensor(X, requires_grad=True)
    y = x[1, 2, 3]
    assert y.shape == ()
    assert y.item() == 24
    y.backward()
    assert x.grad.array[1, 2, 3] == x.grad.array.sum() == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 5])
def test_rows_of_a_table_add_up_as_often_as_they_are_read(dtype: type, width: int) -> None:
    rng = np.random.default_rng(0)
    table = tg.tensor(rng.normal(size=(11, width)).astype(dtype), requires_grad=True)
    ids = rng.integers(-11, 11, (7, 9))
    weights = rng.normal(size=(7, 9, width)).astype(dtype)
    (table[ids] * weights).sum().backward()
    onehot = np.eye(11)[ids % 11]
    np.testing.assert_allclose(table.grad.array, np.einsum("btv,btd->vd", onehot, weights), rtol=1e-5, atol=1e-6)
    assert table.grad.dtype == dtype


def test_the_gradient_of_a_slice_is_not_the_slice_of_someone_else() -> None:
    x = tg.tensor(X, requires_grad=True)
    a, b = x[0], x[0]
    (a + b).backward()
    np.testing.assert_array_equal(x.grad.array[0], 2 * np.ones((3, 4)))
    np.testing.assert_array_equal(x.grad.array[1], np.zeros((3, 4)))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (2, ["2", "axis 0", "size 2"]),
        ((0, 0, 0, 0), ["too many indices"]),
        (np.array([5]), ["5", "size 2"]),
        (0.5, ["only integers"]),
    ],
)
def test_wrong_indices(index: object, words: list[str]) -> None:
    with pytest.raises(IndexError) as error:
        tg.tensor(X)[index]
    for word in ("getitem", "float64[2, 3, 4]", *words):
        assert word in str(error.value)


# Writing


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_set_item_is_numpy_s_assignment_on_a_copy(index: object) -> None:
    plain = as_numpy(index)
    selected = X[plain]
    value = -np.arange(float(selected.size)).reshape(selected.shape) - 1
    expected = X.copy()
    expected[plain] = value
    x, v = tg.tensor(X, requires_grad=True), tg.tensor(value, requires_grad=True)
    result = tg.set_item(x, index, v)
    np.testing.assert_array_equal(result.array, expected)
    np.testing.assert_array_equal(x.array, X)
    weights = np.arange(24.0).reshape(X.shape) + 1
    (result * weights).sum().backward()
    untouched = np.ones_like(X)
    untouched[plain] = 0
    np.testing.assert_array_equal(x.grad.array, weights * untouched)
    # A value that was written last, and so stays, has the weight of its place; the others have none.
    stays = expected[plain] == value
    np.testing.assert_array_equal(v.grad.array, np.where(stays, weights[plain], 0))


def test_values_broadcast_and_their_gradients_sum() -> None:
    x, v = tg.tensor(X, requires_grad=True), tg.tensor([[[5.0], [6.0], [7.0]]], requires_grad=True)
    result = tg.set_item(x, 1, v)
    np.testing.assert_array_equal(result.array[1], np.broadcast_to([[5.0], [6.0], [7.0]], (3, 4)))
    result.sum().backward()
    assert v.grad.shape == (1, 3, 1)
    np.testing.assert_array_equal(v.grad.array, np.full((1, 3, 1), 4.0))


def test_a_value_that_does_not_fit() -> None:
    with pytest.raises(tg.ShapeError) as error:
        tg.set_item(tg.tensor(X), 0, tg.zeros(2, 4))
    assert "(2, 4)" in str(error.value)
    assert "(3, 4)" in str(error.value)


@pytest.mark.parametrize("create_graph", [False, True])
def test_setting_by_a_mask_on_a_0d_tensor_in_the_middle_of_a_graph(create_graph):
    x = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    for mask, slope in ((False, 12.0), (True, 0.0)):
        y = x * x
        y[tg.tensor(mask)] = 0.5
        (g,) = tg.autograd.grad(3 * y + 0 * x, x, create_graph=create_graph)
        assert g.item() == slope


def test_one_number_is_a_view_of_its_place() -> None:
    x = tg.tensor(X)
    for index in ((1, 2, 3), (-1, -1, -1), (1, 2, 3, ...)):
        assert x[index].shape == ()
        x[index].fill_(9.0)
        assert x.array[1, 2, 3] == 9
        x[index].fill_(24.0)
    zero_d = tg.tensor(3.0)
    zero_d[()].fill_(4.0)
    assert zero_d.item() == 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, bool])
def test_a_row_of_a_constant_is_what_it_is_of_a_tensor_in_a_graph(dtype) -> None:
    for array in (X.astype(dtype), X.T.astype(dtype), X[:, 0, 0].astype(dtype)):
        for index in (0, 1, -1):
            row = tg.tensor(array)[index]
            assert type(row) is tg.Tensor
            assert type(row.array) is np.ndarray
            assert (row.dtype, row.shape, row.tolist()) == (array.dtype, array.shape[1:], array[index].tolist())
            if array.dtype.kind == "f":
                tracked = tg.tensor(array, requires_grad=True)[index]
                assert (tracked.dtype, tracked.tolist()) == (row.dtype, row.tolist())


def test_a_row_of_a_constant_sees_what_is_written_to_it_later_in_a_graph_too() -> None:
    x, w = tg.zeros(3, 2), tg.tensor([1.0, 2.0], requires_grad=True)
    row, element = x[1], x[1][0]
    row[0] = 5.0
    assert (x[1, 0].item(), element.item()) == (5.0, 5.0)
    x[1] = w * 3
    assert row.tolist() == [3.0, 6.0]
    (row * row).backward()
    assert w.grad.tolist() == [18.0, 36.0]


def test_a_row_that_is_not_there() -> None:
    for x in (tg.zeros(3, 2), tg.zeros(3, 2, requires_grad=True)):
        for index in (3, -4):
            with pytest.raises(IndexError, match=rf"index {index} is out of bounds for axis 0 with size 3"):
                x[index]
    with pytest.raises(IndexError, match="too many indices"):
        tg.tensor(1.0)[0]


def test_a_masked_array_is_no_index():
    x = tg.tensor([1.0, 2.0, 3.0])
    for index in (np.ma.array([0, 1], mask=[False, True]), np.ma.array([True, False, True], mask=[True, False, False])):
        for read in (lambda i: x[i], lambda i: x[i, None], lambda i: tg.set_item(x, i, 0.0)):
            with pytest.raises(tg.DtypeError, match="an index: a tensor has no mask"):
                read(index)
