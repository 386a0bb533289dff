"""ops/casting.py: dtypes, devices and copies."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def test_gradients_come_back_in_the_dtype_that_they_left_in() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x.double() * np.array([3.0, 4.0])).sum().backward()
    assert x.grad.dtype == tg.float32
    np.testing.assert_array_equal(x.grad.array, np.array([3.0, 4.0], np.float32))


def test_the_same_dtype_is_the_same_tensor() -> None:
    x = tg.tensor([1.0])
    assert x.float() is x
    assert x.to(tg.float32) is x
    assert x.to(tg.float32, copy=True) is not x
    assert x.cpu() is x


@pytest.mark.parametrize("method", ["long", "int", "bool"])
def test_integers_are_constants(method: str) -> None:
    x = tg.tensor([1.7, 0.0, -1.7], requires_grad=True)
    y = getattr(x, method)()
    assert not y.requires_grad
    assert y.tolist() == ([True, False, True] if method == "bool" else [1, 0, -1])


def test_the_methods_of_each_dtype() -> None:
    x = tg.tensor([1, 0])
    methods = {
        "float": "float32",
        "double": "float64",
        "half": "float16",
        "int": "int32",
        "long": "int64",
        "bool": "bool",
    }
    for method, dtype in methods.items():
        assert getattr(x, method)().dtype == dtype
    assert x.type(tg.float64).dtype == x.astype("float64").dtype == np.astype(x, np.float64).dtype == tg.float64
    assert x.type() == "int64"
    assert x.type("torch.FloatTensor").dtype == tg.float32
    assert x.type_as(tg.tensor(0.5)).dtype == tg.float32


def test_to_takes_a_dtype_a_tensor_or_a_device() -> None:
    x = tg.tensor([1, 2])
    assert x.to(tg.float64).dtype == x.to("float64").dtype == x.to(dtype=np.float64).dtype == tg.float64
    assert x.to(tg.tensor(0.5)).dtype == tg.float32
    assert x.to("cpu") is x
    assert x.to("cpu", tg.float64).dtype == x.to(device="cpu", dtype=tg.float64).dtype == tg.float64
    with pytest.raises(ValueError, match="device 'cuda:0' does not exist here: the only device is 'cpu'"):
        x.to("cuda:0")


@pytest.mark.parametrize("dtype", ["complex64", "U3", object])
def test_what_no_tensor_can_hold(dtype: object) -> None:
    with pytest.raises(tg.DtypeError, match="real numbers or booleans"):
        tg.tensor([1.0]).astype(dtype)


def test_a_name_of_no_dtype() -> None:
    with pytest.raises(tg.DtypeError, match="names no dtype"):
        tg.tensor([1.0]).astype("flaot32")


def test_clone_is_a_copy_in_the_graph() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for y in (x.clone(), x.copy(), np.copy(x)):
        assert not np.shares_memory(x.array, y.array)
        x.grad = None
        (y * 3).sum().backward()
        np.testing.assert_array_equal(x.grad.array, [3, 3])


def test_contiguous() -> None:
    x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    assert x.contiguous() is x
    y = x.t()
    assert not y.is_contiguous()
    assert y.contiguous().is_contiguous()
    (y.contiguous() * np.array([[1.0], [2.0], [3.0]])).sum().backward()
    np.testing.assert_array_equal(x.grad.array, [[1, 2, 3], [1, 2, 3]])


def test_pythons_types_mean_what_they_mean_in_numpy_and_pytorch() -> None:
    x = tg.ones(2)
    for made in (
        x.to(float),
        x.astype(float),
        np.astype(x, float),
        tg.zeros(2, dtype=float),
        tg.tensor(1, dtype=float),
    ):
        assert made.dtype == np.float64
    assert tg.zeros(2, dtype=int).dtype == np.int64
    assert x.to(bool).dtype == np.bool_
