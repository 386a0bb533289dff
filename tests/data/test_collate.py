"""Collating: what becomes of the samples of a batch."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.data import default_collate

Point = namedtuple("Point", "x y")


def test_numbers_become_tensors():
    for samples, dtype in [([0.5, 1.5], np.float32), ([1, 2], np.int64), ([True, False], np.bool_)]:
        batch = default_collate(samples)
        assert (batch.tolist(), batch.dtype) == (samples, dtype)
    assert default_collate([1, 2.5]).dtype == np.float32
    tg.set_default_dtype("float64")
    try:
        assert default_collate([0.5]).dtype == np.float64
    finally:
        tg.set_default_dtype("float32")


def test_arrays_and_numpy_numbers_keep_their_dtype():
    batch = default_collate([np.ones((2, 3), "float16"), np.zeros((2, 3), "float16")])
    assert (batch.shape, batch.dtype) == ((2, 2, 3), np.float16)
    batch = default_collate([np.float64(1), np.float64(2)])
    assert (batch.tolist(), batch.dtype) == ([1.0, 2.0], np.float64)


@given(
    st.lists(st.sampled_from(["f2", "f4", "f8", "i1", "u4", "i8", "?"]), min_size=1, max_size=4),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    st.booleans(),
)
def test_arrays_and_tensors_are_stacked(dtypes, shape, transposed):
    rows = [(np.arange(np.prod(shape)).reshape(shape[::-1]).T + i).astype(dtype) for i, dtype in enumerate(dtypes)]
    rows = rows if transposed else [np.array(row, order="C") for row in rows]
    expected = np.stack(rows)
    for batch in (default_collate(rows), default_collate([tg.tensor(row) for row in rows])):
        assert (batch.dtype, batch.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(batch.array, expected)
        assert batch.array.flags.c_contiguous
        assert not any(np.shares_memory(batch.array, row) for row in rows)


def test_arrays_of_other_classes_and_numbers_beside_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3))
    mapped[:] = [[1, 2, 3], [4, 5, 6]]
    batch = default_collate(list(mapped))
    assert (type(batch.array), batch.tolist()) == (np.ndarray, [[1, 2, 3], [4, 5, 6]])
    batch = default_collate([np.array(1, np.int64), np.int64(2), 3])
    assert (batch.tolist(), batch.dtype) == ([1, 2, 3], np.int64)
    assert default_collate([np.float32(1), np.float64(2)]).dtype == np.float64
    masked = np.ma.masked_array([1.0], [True])
    for samples in ([masked], [np.ones(1), masked]):
        with pytest.raises(tg.DtypeError, match="default_collate: a tensor has no mask"):
            default_collate(samples)


def test_tensors_that_want_a_gradient_stay_in_the_graph():
    a, b = (tg.tensor([float(i)], requires_grad=True) for i in (1, 2))
    batch = default_collate([a, b])
    (batch * tg.tensor([[3.0], [4.0]])).backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([3.0], [4.0])


def test_structures_keep_their_kind():
    batch = default_collate([{"p": Point(1.0, "a"), "t": (1, [2.0])}, {"p": Point(2.0, "b"), "t": (3, [4.0])}])
    assert isinstance(batch["p"], Point)
    assert batch["p"].x.tolist() == [1.0, 2.0]
    assert batch["p"].y == ["a", "b"]
    assert isinstance(batch["t"], list)
    assert batch["t"][0].tolist() == [1, 3]
    assert batch["t"][1][0].tolist() == [2.0, 4.0]
    assert type(default_collate([OrderedDict(a=1)])) is OrderedDict
    assert default_collate([b"x", b"y"]) == [b"x", b"y"]


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (
            [np.ones(3), np.ones(3), np.ones(4)],
            tg.ShapeError,
            r"sample 0 has shape \(3,\), sample 2 .*\(4,\).*pad them",
        ),
        ([(1, 2), (1, 2, 3)], tg.ShapeError, "sample 0 has 2 parts, sample 1 of the batch 3"),
        ([{"a": 1}, {"b": 1}], KeyError, "sample 1 of the batch has no 'a'"),
        ([None, None], TypeError, "a sample holds a NoneType.*Pass collate_fn="),
        ([np.array(["a"])], TypeError, "a sample holds a ndarray"),
        ([np.ones(2), np.array(["a", "b"])], TypeError, "sample 0 has dtype float64, sample 1 of the batch <U1"),
        ([np.float32(1), None], TypeError, "sample 0 has dtype float32, sample 1 of the batch object"),
        ([tg.ones(2), np.ones(2)], TypeError, "sample 0 is a tensor, sample 1 of the batch is a ndarray"),
        ([1, "a"], TypeError, "sample 0 is the number 1, sample 1 of the batch is a str"),
        ([(1, 2), (1, 2), 5], TypeError, "sample 0 is a tuple, sample 2 of the batch is a int"),
        ([{"a": 1}, (1,)], TypeError, "sample 0 is a dict, sample 1 of the batch is a tuple"),
        ([2**70, 1], tg.DtypeError, "default_collate.*got dtype object"),
        ([], ValueError, "there are no samples"),
    ],
)
def test_samples_that_make_no_batch(samples, error, message):
    with pytest.raises(error, match=message):
        default_collate(samples)
