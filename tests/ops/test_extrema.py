"""max, min and their relatives: three meanings of max, ties, NaN, places, errors."""

from __future__ import annotations

import numpy as np
import pytest
from made import gradient

import tinygrad_edu as tg

X = [[1.0, 5.0, 5.0], [4.0, 2.0, 4.0]]


def test_max_of_everything_along_an_axis_and_of_two_tensors():
    x = tg.tensor(X)
    assert x.max().item() == 5.0
    result = x.max(1)
    assert result.values.tolist() == [5.0, 4.0]
    assert result.indices.tolist() == [1, 0]
    assert result.indices.dtype == tg.int64
    values, indices = tg.min(x, dim=0, keepdim=True)
    assert (values.tolist(), indices.tolist()) == ([[1.0, 2.0, 4.0]], [[0, 1, 1]])
    assert tg.max(x, tg.tensor([3.0, 3.0, 3.0])).tolist() == [[3.0, 5.0, 5.0], [4.0, 3.0, 4.0]]
    assert x.min(tg.tensor(2.0)).tolist() == [[1.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    assert x.max(np.int64(1)).indices.tolist() == [1, 0]


def test_both_spellings():
    x = tg.tensor(X)
    assert x.max(axis=1, keepdims=True).values.shape == (2, 1)
    assert x.amax(axis=(0, 1), keepdims=True).shape == (1, 1)
    assert x.argmax(axis=1).tolist() == x.argmax(1).tolist() == [1, 0]
    assert x.argmin(dim=0, keepdim=True).tolist() == [[0, 1, 1]]


def test_numpys_max_gives_the_values_alone():
    x = tg.tensor(X, requires_grad=True)
    for function in (np.max, np.amax):
        assert function(x, axis=1).tolist() == [5.0, 4.0]
    for function in (np.min, np.amin):
        assert function(x, 0).tolist() == [1.0, 2.0, 4.0]
    assert np.argmax(x, axis=1).tolist() == [1, 0]
    assert np.argmin(x).item() == 0
    assert np.max(x, axis=1, keepdims=True).requires_grad


def test_ties_share_evenly_where_there_is_no_index():
    assert gradient(lambda x: x.amax(1), X) == [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]
    assert gradient(lambda x: x.max(), X) == [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
    assert gradient(lambda x: x.amin(1), X) == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_the_element_at_the_index_takes_all():
    assert gradient(lambda x: x.max(1).values, X) == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert gradient(lambda x: x.min(0)[0], X) == [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]


def test_nan_wins_and_takes_the_gradient():
    x = tg.tensor([1.0, float("nan"), 3.0], requires_grad=True)
    assert np.isnan(x.max().item())
    assert np.isnan(x.min(0).values.item())
    assert x.argmax().item() == 1
    x.amax().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_aminmax():
    low, high = tg.aminmax(tg.tensor(X), dim=1)
    assert (low.tolist(), high.tolist()) == ([1.0, 2.0], [5.0, 4.0])


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin"])
def test_nothing_to_choose_from(name):
    empty = tg.tensor(np.zeros((0, 3)))
    with pytest.raises(tg.ShapeError, match=r"no element to choose from: x has shape \(0, 3\)"):
        getattr(empty, name)()
    with pytest.raises(tg.ShapeError, match="it reduces axis 0"):
        getattr(empty, name)(0)
    assert getattr(tg.tensor(np.zeros((0, 3))), name.removeprefix("arg"))(1) is not None


def test_wrong_axis():
    with pytest.raises(tg.ShapeError, match=r"max: dim=2 is out of range for shape \(2, 3\)"):
        tg.tensor(X).max(2)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("pick", ["max", "min", "median"])
def test_what_is_picked_shows_the_op_that_picked_it(pick, keep):
    x = tg.tensor([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]], requires_grad=True)
    values, _ = getattr(x, pick)(1, keepdim=keep)
    assert values.grad_fn.op.name == pick
    assert values.shape == ((2, 1) if keep else (2,))
