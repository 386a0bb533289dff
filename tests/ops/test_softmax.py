"""softmax: stable, the same on every path through the code, and its rows sum to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_ulps import worst_ulps
from made import normal

import tinygrad_edu as tg

INF = float("inf")


def exact(x: np.ndarray, axis: int) -> np.ndarray:
    """In the highest precision there is."""
    e = np.exp(x.astype(np.longdouble) - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (64, 10), (64, 50), (33, 1), (40, 2, 3), (2, 3, 4, 5), (2, 40, 3)])
def test_every_path_gives_the_same_numbers(shape, dtype):
    x = (normal(*shape) * 20).astype(dtype)
    for axis in range(-1, len(shape) - 1):
        out = tg.softmax(tg.tensor(x), axis)
        log = tg.log_softmax(tg.tensor(x), dim=axis)
        assert out.dtype == log.dtype == dtype
        accuracy = 50 * np.finfo(dtype).eps
        np.testing.assert_allclose(out.numpy(), exact(x, axis).astype(dtype), rtol=50 * accuracy, atol=1e-30)
        np.testing.assert_allclose(out.numpy().sum(axis), 1, rtol=accuracy)
        np.testing.assert_allclose(log.numpy(), np.log(exact(x, axis)), rtol=accuracy, atol=accuracy)
        assert out.numpy().flags.c_contiguous


def test_layout_does_not_matter():
    x = normal(10, 64)
    np.testing.assert_allclose(tg.softmax(tg.tensor(x).T, 1).numpy(), tg.softmax(tg.tensor(x), 0).numpy().T, rtol=1e-14)


def test_large_numbers_do_not_overflow():
    x = tg.tensor([[1000.0, 0.0], [-1000.0, -1000.0], [3e38, -3e38]], requires_grad=True)
    assert tg.softmax(x[:2], 1).tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert tg.log_softmax(x[:1], 1).tolist() == [[0.0, -1000.0]]
    tg.log_softmax(x[:2], 1).backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_minus_infinity_masks():
    x = tg.tensor([[1.0, -INF, 1.0]] * 40, requires_grad=True)
    out = tg.softmax(x, 1)
    assert out.tolist() == [[0.5, 0.0, 0.5]] * 40
    out[:, 0].sum().backward()
    assert x.grad.tolist() == [[0.25, 0.0, -0.25]] * 40
    assert tg.log_softmax(x, -1).tolist()[0][1] == -INF


def test_softmin_and_spellings():
    x = tg.tensor([[1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(tg.softmin(x, 1).numpy(), tg.softmax(-x, 1).numpy())
    np.testing.assert_array_equal(x.softmax(axis=1).numpy(), x.softmax(-1).numpy())
    assert x.softmax(1, dtype=tg.float64).dtype == tg.float64
    assert tg.tensor([[1, 2]]).log_softmax(1).dtype == tg.float32


def test_empty_input():
    for shape in [(0, 3), (3, 0), (0, 3, 2), (2, 0, 3)]:
        x = tg.tensor(np.zeros(shape), requires_grad=True)
        for f in (tg.softmax, tg.log_softmax):
            f(x, 1).backward()
            assert f(x, 1).shape == x.grad.shape == shape


def test_no_classes_on_the_last_axis():
    x = tg.tensor(np.zeros((2, 3, 0)), requires_grad=True)
    for f in (tg.softmax, tg.log_softmax):
        f(x, -1).backward()
        assert f(x, -1).shape == x.grad.shape == (2, 3, 0)


def test_an_axis_is_needed():
    with pytest.raises(TypeError, match="softmax: which axis should sum to 1"):
        tg.softmax(tg.tensor([[1.0]]))
    with pytest.raises(tg.ShapeError, match="log_softmax: dim=2 is out of range"):
        tg.log_softmax(tg.tensor([[1.0]]), 2)


@settings(max_examples=25)
@given(st.integers(1, 80), st.integers(1, 40), st.floats(-100, 100))
def test_adding_a_number_changes_nothing(rows, columns, number):
    x = normal(rows, columns, seed=rows)
    moved = tg.softmax(tg.tensor(x + number), 1).numpy()
    np.testing.assert_allclose(moved, tg.softmax(tg.tensor(x), 1).numpy(), rtol=1e-11)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(50, 4), (4, 50)])
def test_half_precision_is_rounded_once(name, shape):
    x = normal(*shape)
    value, _ = worst_ulps(lambda t: getattr(tg, name)(t, 1), x, dtype=np.float16)
    assert value <= 0.51


def test_sums_over_many_classes_keep_their_digits():
    x = np.random.default_rng(0).uniform(-4, 4, (3, 5000))
    value, _ = worst_ulps(lambda t: tg.softmax(t, 1), x, dtype=np.float32)
    assert value <= 8
