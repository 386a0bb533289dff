"""Sums in blocks, float16 by way of float32, and the powers of two that keep powers in range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.precision import add_up, by_float64, in_float32, is_in_range, toward_one


@st.composite
def arrays_and_axes(draw: st.DrawFn) -> tuple[Any, Any]:
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 5, 33, 70]), min_size=1, max_size=3))
    axes = draw(st.none() | st.sets(st.integers(-len(shape), -1)).map(lambda found: tuple(sorted(found))))
    x = np.random.default_rng(draw(st.integers(0, 99))).normal(size=shape)
    layout = draw(st.sampled_from(["plain", "turned", "repeated"]))
    if layout == "turned":
        x = np.asfortranarray(x)
    elif layout == "repeated":
        x = np.broadcast_to(x[:1], x.shape)
    return x, axes[0] if axes and len(axes) == 1 else axes


@given(arrays_and_axes(), st.booleans(), st.sampled_from([np.float64, np.float32, np.float16, np.int32]))
def test_add_up_is_numpys_sum(drawn: tuple[Any, Any], keepdims: bool, dtype: Any) -> None:
    x, axes = drawn[0].astype(dtype), drawn[1]
    exact = np.sum(x.astype(np.float64), axis=axes, keepdims=keepdims)
    added = np.sum(np.abs(x.astype(np.float64)), axis=axes, keepdims=keepdims)
    result = add_up(x, axes, keepdims)
    assert np.shape(result) == exact.shape
    assert result.dtype == (np.int64 if dtype is np.int32 else dtype)
    eps = 0 if dtype is np.int32 else np.finfo(dtype).eps
    assert (np.abs(result.astype(np.float64) - exact) <= 40 * eps * added).all()


@pytest.mark.parametrize("shape", [(10_000, 3), (2, 10_000, 3), (100, 100, 3)])
def test_the_error_hardly_grows_with_the_number_of_rows(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random(shape, np.float32)
    axes = 1 if shape[0] == 2 else tuple(range(len(shape) - 1))
    exact = x.sum(axes, dtype=np.float64)
    assert (np.abs(add_up(x, axes) - exact) <= 8 * np.spacing(exact.astype(np.float32))).all()


def test_half_precision_is_added_up_in_single() -> None:
    x = np.ones((4096, 2), np.float16)
    assert add_up(x, 0).tolist() == [4096.0, 4096.0]  # in float16, 2048 + 1 is 2048
    bias = tg.zeros(2, dtype=tg.float16).requires_grad_()
    (tg.tensor(x) + bias).backward()
    assert bias.grad.tolist() == [4096.0, 4096.0]


def test_a_function_of_half_precision_rounds_once() -> None:
    kinds = []

    @in_float32
    def square_root_of_square(x: Any, y: Any = None, *, scale: Any = 1) -> Any:
        kinds.append(x.dtype)
        return np.sqrt(x * x) * scale, None, y

    x, y = np.array([3e4], np.float16), np.array([1.0], np.float16)
    result, nothing, other = square_root_of_square(x, y, scale=1)
    assert (result.dtype, result.tolist(), nothing, other.dtype) == (np.float16, [30000.0 - 0.0], None, np.float16)
    wide = square_root_of_square(x, np.array([1.0], np.float32))
    assert (wide[0].dtype, wide[0].tolist()) == (np.float32, [30000.0])
    assert square_root_of_square(np.array([2.0]))[0].dtype == np.float64
    assert kinds == [np.float32, np.float32, np.float64]


def test_derivatives_of_half_precision_can_be_differentiated() -> None:
    x = tg.tensor([300.0, 400.0], dtype=tg.float16, requires_grad=True)
    (slope,) = tg.autograd.grad(x.norm(), x, create_graph=True)
    assert slope.dtype == tg.float16
    np.testing.assert_allclose(slope.detach().numpy(), [0.6, 0.8], rtol=1e-3)
    slope[0].backward()  # (1 - 0.36) / 500 and -0.48 / 500
    np.testing.assert_allclose(x.grad.numpy(), [1.28e-3, -0.96e-3], rtol=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_power_of_two_brings_the_largest_near_one_and_rounds_nothing(dtype: Any) -> None:
    info = np.finfo(dtype)
    x = np.array([[info.max, 1.0], [3.0, -5.0], [info.tiny * 3, 0.0], [0.0, 0.0], [math.inf, 1.0]], dtype)
    factor = toward_one(x, 1)
    assert (np.frexp(factor)[0] == 0.5).all()
    assert factor.dtype == dtype
    largest = np.abs(x * factor).max(1)
    assert ((largest[:3] >= 0.125) & (largest[:3] <= 8)).all()
    assert largest[3:].tolist() == [0.0, math.inf]
    assert toward_one(x[1:2], 1, np.min)[0, 0] == 0.25
    assert toward_one(x[2:3], 1, at_least=3.0)[0, 0] == 0.25


def test_what_overflowed_or_lost_terms_is_out_of_range() -> None:
    tiny = np.finfo(np.float32).tiny
    assert is_in_range(np.array([1.0, 10 * tiny], np.float32), 10)
    for bad in (np.inf, np.nan, 0.0, 9 * tiny):
        assert not is_in_range(np.array([1.0, bad], np.float32), 10)
    assert is_in_range(np.zeros(0, np.float32), 3)


def test_a_function_of_float32_by_way_of_float64() -> None:
    kinds = []

    def double(x: Any) -> Any:
        kinds.append(getattr(x, "dtype", None))
        return x + x

    for x in (np.ones(1, np.float32), np.ones(1), np.ones(1, int)):
        assert by_float64(double, x).dtype == x.dtype
    assert by_float64(double, 1.0) == 2.0
    assert kinds == [np.float64, np.float64, np.int64, None]
