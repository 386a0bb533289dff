"""ops/creation.py: PyTorch's call forms, dtypes, leaves."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


@pytest.mark.parametrize(("function", "value"), [(tg.zeros, 0), (tg.ones, 1)])
def test_the_call_forms(function: object, value: int) -> None:
    for result in (function(2, 3), function((2, 3)), function([2, 3]), function(size=(2, 3))):  # type: ignore[operator]
        np.testing.assert_array_equal(result.array, np.full((2, 3), value, np.float32))
        assert result.dtype == tg.float32
        assert not result.requires_grad
    assert function(2, dtype=tg.int64).dtype == tg.int64  # type: ignore[operator]
    assert function().shape == ()  # type: ignore[operator]
    assert function(2, requires_grad=True, device="cpu").is_leaf  # type: ignore[operator]


def test_full_takes_the_dtype_of_its_number() -> None:
    assert tg.full((2,), 1.5).dtype == tg.float32
    assert tg.full((2,), 3).dtype == tg.int64
    assert tg.full((2,), True).dtype == np.bool_
    assert tg.full(3, tg.tensor(2.0, dtype=tg.float64)).dtype == tg.float64
    assert tg.full((2, 2), 3, dtype=tg.float64).tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_the_default_dtype() -> None:
    tg.set_default_dtype(tg.float64)
    try:
        for x in (tg.zeros(1), tg.ones(1), tg.empty(1), tg.eye(1), tg.linspace(0, 1, 2), tg.full((1,), 0.5)):
            assert x.dtype == tg.float64
    finally:
        tg.set_default_dtype(tg.float32)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_like_another(name: str) -> None:
    x = tg.tensor([[1.0, 2.0]], dtype=tg.float64, requires_grad=True)
    for result in (getattr(tg, name)(x), getattr(np, name)(x)):
        assert isinstance(result, tg.Tensor)
        assert (result.shape, result.dtype, result.requires_grad) == ((1, 2), tg.float64, False)
    assert getattr(tg, name)(x, dtype=tg.float32, requires_grad=True).requires_grad
    assert getattr(np, name)(x, dtype=np.int64).dtype == tg.int64


def test_like_an_expanded_tensor_every_place_has_its_own_memory() -> None:
    x = tg.zeros_like(tg.ones(1).expand(3))
    x[0] = 5
    assert x.tolist() == [5, 0, 0]


def test_full_like() -> None:
    x = tg.tensor([1.0, 2.0])
    assert tg.full_like(x, 7).tolist() == np.full_like(x, 7).tolist() == [7, 7]
    assert np.full_like(x, 7).dtype == tg.float32


@pytest.mark.parametrize(
    ("arguments", "expected", "dtype"),
    [
        ((3,), [0, 1, 2], "int64"),
        ((1, 4), [1, 2, 3], "int64"),
        ((5, 0, -2), [5, 3, 1], "int64"),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], "float32"),
        ((3.0,), [0, 1, 2], "float32"),
        ((0,), [], "int64"),
    ],
)
def test_arange(arguments: tuple[float, ...], expected: list[float], dtype: str) -> None:
    x = tg.arange(*arguments)
    assert (x.tolist(), x.dtype) == (expected, dtype)


def test_ranges() -> None:
    assert tg.arange(tg.tensor(3), dtype=tg.float64, requires_grad=True).requires_grad
    np.testing.assert_allclose(tg.linspace(-1, 1, 5).array, np.linspace(-1, 1, 5))
    np.testing.assert_allclose(tg.logspace(0, 3, 4, base=2).array, [1, 2, 4, 8])
    np.testing.assert_array_equal(tg.eye(2, 3).array, np.eye(2, 3))
    np.testing.assert_array_equal(tg.tril_indices(3, 4, -1).array, np.tril_indices(3, -1, 4))
    np.testing.assert_array_equal(tg.triu_indices(3, 4, 1).array, np.triu_indices(3, 1, 4))


def test_new_ones_have_the_dtype_of_the_old() -> None:
    x = tg.tensor([1.0], dtype=tg.float64)
    for y in (x.new_zeros(2, 3), x.new_ones((2, 3)), x.new_empty(2, 3), x.new_full((2, 3), 4)):
        assert (y.shape, y.dtype) == ((2, 3), tg.float64)
    assert x.new_tensor([1, 2]).dtype == tg.float64
    assert x.new_zeros(2, dtype=tg.int64).dtype == tg.int64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.zeros(-1), tg.ShapeError, "negative"),
        (lambda: tg.zeros(2, size=(3,)), TypeError, "given twice"),
        (lambda: tg.zeros(2.5), TypeError, "sizes are integers"),
        (lambda: tg.zeros(2, device="cuda"), ValueError, "'cuda' does not exist here"),
        (lambda: tg.zeros(2, dtype=tg.int64, requires_grad=True), tg.DtypeError, "floating"),
        (lambda: tg.ones(2, dtype="complex64"), tg.DtypeError, "complex64"),
        (lambda: tg.arange(3, 0), ValueError, "does not lead from 3 to 0"),
        (lambda: tg.arange(0, 3, 0), ValueError, "step=0"),
        (lambda: tg.linspace(0, 1, -1), ValueError, "steps=-1"),
        (lambda: tg.arange("3"), tg.DtypeError, "real numbers"),
    ],
)
def test_errors(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]


def test_what_fills_has_no_gradient():
    a = tg.tensor(2.0, requires_grad=True)
    for name, call in (
        ("full", lambda v: tg.full((2,), v)),
        ("full_like", lambda v: tg.full_like(tg.ones(2), v)),
        ("full", lambda v: tg.ones(2).new_full((2,), v)),
    ):
        with pytest.raises(tg.GraphError, match=f"{name}: fill_value is a constant here"):
            call(a)
        assert call(a.detach()).tolist() == [2.0, 2.0]
        with tg.no_grad():
            assert call(a).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_a_masked_array_is_not_taken_as_a_pattern(name):
    with pytest.raises(tg.DtypeError, match=f"{name}: a tensor has no mask"):
        getattr(tg, name)(np.ma.array([1.0, 2.0], mask=[True, False]))
