"""maximum, minimum, clamp and where: values, ties, bounds and errors."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

NAN = float("nan")


def grads(f, *values):
    inputs = [tg.tensor(v, requires_grad=True) for v in values]
    f(*inputs).backward()
    return [t.grad.tolist() for t in inputs]


def test_ties_are_shared_by_halves():
    assert grads(tg.maximum, [1.0, 2.0, 2.0], [1.0, 1.0, 3.0]) == [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    assert grads(tg.minimum, [1.0, 2.0, 2.0], [1.0, 1.0, 3.0]) == [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]


def test_maximum_with_a_number_and_nan():
    assert tg.maximum(tg.tensor([-1.0, 2.0]), 0).tolist() == [0.0, 2.0]
    assert np.isnan(tg.minimum(tg.tensor([NAN]), 0.0).item())


@pytest.mark.parametrize(
    ("bounds", "expected", "gradient"),
    [
        ({"min": -1, "max": 1}, [-1.0, -1.0, 0.5, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
        ({"min": 0}, [0.0, 0.0, 0.5, 1.0, 2.0], [0.0, 0.0, 1.0, 1.0, 1.0]),
        ({"max": 0.5}, [-2.0, -1.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 0.0, 0.0]),
        ({"min": 1, "max": -1}, [-1.0, -1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_clamp(bounds, expected, gradient):
    x = tg.tensor([-2.0, -1.0, 0.5, 1.0, 2.0], requires_grad=True)
    out = x.clamp(**bounds)
    assert out.tolist() == expected
    out.backward()
    assert x.grad.tolist() == gradient


def test_the_gradient_outside_goes_to_the_bound():
    by_x, by_low, by_high = grads(tg.clamp, [-2.0, 0.0, 5.0], [-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
    assert (by_x, by_low, by_high) == ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])


def test_clip_takes_numpys_arguments_too():
    x = tg.tensor([-2.0, 0.5, 2.0])
    for out in (np.clip(x, -1, 1), np.clip(x, a_min=-1, a_max=1), np.clip(x, min=-1, max=1), x.clip(-1, 1)):
        assert out.tolist() == [-1.0, 0.5, 1.0]
    assert np.clip(x, None, 1).tolist() == [-2.0, 0.5, 1.0]
    assert tg.clamp_min(x, 0).tolist() == [0.0, 0.5, 2.0]
    assert tg.clamp_max(x, 0).tolist() == [-2.0, 0.0, 0.0]


def test_clamp_without_bounds_says_so():
    with pytest.raises(TypeError, match="neither min nor max is given"):
        tg.tensor([1.0]).clamp()


def test_where_keeps_the_dtype_and_broadcasts():
    x = tg.tensor([[1.0, -2.0], [3.0, -4.0]], requires_grad=True)
    out = tg.where(x > 0, x, 0.0)
    assert out.dtype == tg.float32
    assert out.tolist() == [[1.0, 0.0], [3.0, 0.0]]
    out.backward()
    assert x.grad.tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert tg.where(x > 0, 1.0, 0.0).dtype == tg.float32
    assert np.where(np.array([True, False]), x, 9).tolist() == [[1.0, 9.0], [3.0, 9.0]]
    assert x.where(x > 0, tg.tensor([7.0, 8.0])).tolist() == [[1.0, 8.0], [3.0, 8.0]]


def test_where_does_not_let_a_bad_gradient_through():
    x = tg.tensor([0.0, 4.0], requires_grad=True)
    safe = tg.where(x > 0, x, 1.0)
    tg.where(x > 0, safe.sqrt(), 0.0).backward()
    assert x.grad.tolist() == [0.0, 0.25]


def test_where_of_a_condition_alone_gives_indices():
    rows, columns = tg.where(tg.tensor([[0, 3], [4, 0]]) > 0)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    assert rows.dtype == tg.int64


def test_where_with_one_value_says_so():
    with pytest.raises(TypeError, match="one of x and y"):
        tg.where(tg.tensor([True]), tg.tensor([1.0]))


def test_nan_to_num():
    x = tg.tensor([1.0, NAN, float("inf"), -float("inf")], requires_grad=True)
    out = tg.nan_to_num(x, nan=5.0, posinf=6.0, neginf=7.0)
    assert out.tolist() == [1.0, 5.0, 6.0, 7.0]
    out.backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert np.nan_to_num(x).tolist()[1] == 0.0


def test_a_masked_array_is_no_condition():
    x = tg.tensor([1.0, 2.0])
    condition = np.ma.array([True, True], mask=[False, True])
    for call in (lambda: tg.where(condition, x, 0.0), lambda: tg.where(condition), lambda: x.where(condition, 0.0)):
        with pytest.raises(tg.DtypeError, match="where: a tensor has no mask"):
            call()


def test_a_replacement_of_nan_has_no_gradient():
    with pytest.raises(tg.GraphError, match="nan_to_num: nan is a constant here"):
        tg.nan_to_num(tg.tensor([1.0]), nan=tg.tensor(1.0, requires_grad=True))
