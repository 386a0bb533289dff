"""Sorting, topk and medians: values, places, ties, NaN, gradients, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made import gradient

import tinygrad_edu as tg

NAN = float("nan")
matrices = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.integers(-3, 3))


@settings(max_examples=40)
@given(matrices, st.booleans(), st.sampled_from([0, 1, -1]))
def test_sorting_is_in_order_and_stable(array, descending, axis):
    values, indices = tg.sort(tg.tensor(array), axis, descending)
    sign = -1 if descending else 1
    expected = np.argsort(sign * array, axis=axis, kind="stable")
    np.testing.assert_array_equal(indices.numpy(), expected)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(array, expected, axis))
    np.testing.assert_array_equal(tg.tensor(array).argsort(axis, descending).numpy(), expected)


@settings(max_examples=40)
@given(matrices, st.integers(0, 6), st.booleans(), st.sampled_from([0, 1]))
def test_topk_are_the_first_of_the_sorted(array, k, largest, axis):
    k = min(k, array.shape[axis])
    values, indices = tg.topk(tg.tensor(array), k, axis, largest)
    ordered = tg.sort(tg.tensor(array), axis, largest).values.numpy()
    np.testing.assert_array_equal(values.numpy(), np.take(ordered, range(k), axis))
    np.testing.assert_array_equal(np.take_along_axis(array, indices.numpy(), axis), values.numpy())
    loose = tg.topk(tg.tensor(array), k, axis, largest, sorted=False)
    np.testing.assert_array_equal(np.sort(loose.values.numpy(), axis), np.sort(values.numpy(), axis))
    for places in (indices.numpy(), loose.indices.numpy()):
        assert np.all(np.diff(np.sort(places, axis), axis=axis) > 0), "a place was taken twice"


def test_gradients_go_where_the_values_came_from():
    weights = tg.tensor([1.0, 2.0, 3.0])
    assert gradient(lambda x: x.sort().values * weights, [30.0, 10.0, 20.0]) == [3.0, 1.0, 2.0]
    assert gradient(lambda x: np.sort(x) * weights, [30.0, 10.0, 20.0]) == [3.0, 1.0, 2.0]
    assert gradient(lambda x: x.topk(2).values * weights[:2], [30.0, 10.0, 20.0]) == [1.0, 0.0, 2.0]
    assert gradient(lambda x: x.kthvalue(2).values, [30.0, 10.0, 20.0]) == [0.0, 0.0, 1.0]


def test_numpys_sort_gives_the_values_alone():
    x = tg.tensor([[3.0, 1.0], [2.0, 4.0]])
    assert np.sort(x).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert np.sort(x, axis=0).tolist() == [[2.0, 1.0], [3.0, 4.0]]
    assert np.sort(x, axis=None).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert np.argsort(x).tolist() == [[1, 0], [0, 1]]
    assert tg.msort(x).tolist() == [[2.0, 1.0], [3.0, 4.0]]


def test_median_is_the_lower_one_and_numpys_the_average():
    rows = [[4.0, 1.0, 3.0, 2.0], [9.0, 7.0, 8.0, 6.0]]
    x = tg.tensor(rows, requires_grad=True)
    assert x.median().item() == 4.0
    assert x.median(1).values.tolist() == [2.0, 7.0]
    assert x.median(dim=1, keepdim=True).indices.tolist() == [[3], [1]]
    assert np.median(x).item() == 5.0
    for axis in (0, 1):
        np.testing.assert_array_equal(np.median(x, axis=axis).detach().numpy(), np.median(np.array(rows), axis=axis))
    assert np.median(x, keepdims=True).shape == (1, 1)
    assert np.median(x, axis=1, keepdims=True).shape == (2, 1)
    assert gradient(lambda x: np.median(x, axis=1), rows) == [[0.0, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 0.0]]
    assert gradient(lambda x: x.median(1).values, rows) == [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    assert gradient(lambda x: x.median(), [1.0, 2.0, 2.0, 5.0]) == [0.0, 0.5, 0.5, 0.0]


def test_nan_is_the_largest_and_makes_a_median_nan():
    x = tg.tensor([2.0, NAN, 1.0])
    assert x.argsort().tolist() == [2, 0, 1]
    assert x.argsort(descending=True).tolist() == [1, 0, 2]
    assert x.topk(1).indices.tolist() == [1]
    assert np.isnan(x.median().item())
    assert x.median(0).indices.item() == 1
    assert np.isnan(np.median(x).item())


def test_errors():
    x = tg.tensor([[1.0, 2.0, 3.0]])
    with pytest.raises(tg.ShapeError, match=r"topk: k=4 of axis 1 of shape \(1, 3\): use 0 to 3"):
        x.topk(4)
    with pytest.raises(tg.ShapeError, match=r"kthvalue: k=0 of axis 1 of shape \(1, 3\): use 1 to 3"):
        x.kthvalue(0)
    with pytest.raises(tg.ShapeError, match="sort: dim=2 is out of range"):
        x.sort(2)
    with pytest.raises(tg.ShapeError, match="median: no element"):
        tg.tensor(np.zeros(0)).median()
