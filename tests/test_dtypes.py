"""The dtypes are NumPy's; one of them is the default for Python numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DtypeError


def test_they_are_numpys() -> None:
    assert tg.float32 == np.dtype("float32")
    assert tg.tensor([1.0], dtype=tg.float64).dtype is np.dtype(np.float64)


def test_they_have_pytorchs_short_names_too() -> None:
    assert (tg.float, tg.double, tg.half) == (np.float32, np.float64, np.float16)
    assert (tg.bool, tg.short, tg.int, tg.long) == (np.bool_, np.int16, np.int32, np.int64)
    assert tg.zeros(2, dtype=tg.long).dtype == tg.zeros(2).long().dtype
    assert tg.zeros(2, dtype=tg.float).dtype == tg.zeros(2).double().float().dtype


def test_the_default_is_what_python_floats_become() -> None:
    assert tg.tensor([1.0, 2.0]).dtype == np.float32
    assert tg.tensor(1.5).dtype == np.float32
    assert tg.tensor([1, 2]).dtype == np.int64
    assert tg.tensor(True).dtype == np.bool_
    assert tg.tensor(np.array([1.0])).dtype == np.float64
    tg.set_default_dtype("float64")
    try:
        assert tg.get_default_dtype() == np.float64
        assert tg.tensor([1.0, 2.0]).dtype == np.float64
        assert (tg.tensor([1, 2]) / 2).dtype == np.float64
    finally:
        tg.set_default_dtype(tg.float32)


@pytest.mark.parametrize("dtype", [np.int64, bool])
def test_the_default_is_a_floating_dtype(dtype: type) -> None:
    with pytest.raises(DtypeError, match="float32 or float64"):
        tg.set_default_dtype(dtype)


@pytest.mark.parametrize("data", [[1, 2], np.array([True])])
def test_only_floating_tensors_require_a_gradient(data: object) -> None:
    with pytest.raises(DtypeError, match=r"only floating-point tensors can require a gradient.*float\(\)"):
        tg.tensor(data, requires_grad=True)
    t = tg.tensor(data)
    with pytest.raises(DtypeError, match="only floating-point"):
        t.requires_grad = True
    assert not t.requires_grad
