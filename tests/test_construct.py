"""Making a tensor of numbers that are at hand."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DtypeError, ShapeError


def test_tensor_copies_and_as_tensor_does_not() -> None:
    a = np.arange(3.0)
    assert not np.shares_memory(tg.tensor(a).array, a)
    assert tg.as_tensor(a).array is a
    assert tg.from_numpy(a).array is a
    assert tg.Tensor(a).array is a
    t = tg.tensor(a)
    assert tg.as_tensor(t) is t
    assert tg.as_tensor(t, dtype=tg.float32).dtype == np.float32
    assert not np.shares_memory(tg.tensor(t).array, t.array)


def test_nested_lists_of_numbers_arrays_and_tensors() -> None:
    t = tg.tensor([[1.0, tg.tensor(2.0)], [np.float32(3), 4]])
    assert t.dtype == np.float32
    assert t.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tg.tensor([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])]).shape == (2, 2)
    assert tg.tensor([]).shape == (0,)


def test_bad_data_is_refused() -> None:
    with pytest.raises(ShapeError, match="different lengths"):
        tg.tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(DtypeError, match="real numbers or booleans"):
        tg.tensor(["a"])
    with pytest.raises(DtypeError, match="complex128"):
        tg.tensor(np.ones(2) * 1j)
    with pytest.raises(DtypeError, match="object"):
        tg.tensor(np.array([object()]))
    with pytest.raises(TypeError, match=r"from_numpy.*list"):
        tg.from_numpy([1.0])


def test_is_tensor() -> None:
    assert tg.is_tensor(tg.nn.Parameter([1.0]))
    assert not tg.is_tensor(np.ones(2))


def test_what_names_no_dtype() -> None:
    with pytest.raises(DtypeError, match="'flaot' names no dtype"):
        tg.tensor([1.0], dtype="flaot")
