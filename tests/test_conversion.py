"""What becomes an array, and in which dtype."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.conversion import as_array, is_python


@pytest.mark.parametrize(
    ("data", "dtype", "expected"),
    [
        (1.5, None, np.float32),
        (1, None, np.int64),
        (True, None, np.bool_),
        ([1, 2.5], None, np.float32),
        ([[]], None, np.float32),
        (np.float64(1.5), None, np.float64),
        (np.arange(3, dtype=np.int8), None, np.int8),
        (1.5, np.float64, np.float64),
        ([1, 2], "float64", np.float64),
    ],
)
def test_dtype(data: object, dtype: object, expected: type) -> None:
    array = as_array(data, dtype)
    assert type(array) is np.ndarray
    assert array.dtype == expected


def test_arrays_and_tensors_keep_their_memory() -> None:
    a = np.ones(3)
    assert as_array(a, None) is a
    assert as_array(tg.Tensor(a), None) is a
    assert as_array(a, np.float64) is a


def test_what_is_pythons_own() -> None:
    assert is_python(1.0)
    assert is_python([[1.0], [2.0]])
    assert not is_python(np.float64(1.0))
    assert not is_python(np.ones(2))
    assert not is_python(tg.ones(2))
