"""What becomes an array, and in which dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.tensors.conversion import as_array, is_python


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


MASKED = np.ma.masked_array([1.0, 2.0], mask=[True, False])
X = tg.ones(2, dtype=tg.float64)


@pytest.mark.parametrize(
    "convert",
    [
        tg.tensor, tg.as_tensor, tg.from_numpy, tg.Tensor, tg.nn.Parameter, X.new_tensor, lambda a: tg.tensor([a, a]),
        lambda a: X + a, lambda a: np.multiply(a, X), lambda a: tg.maximum(X, a), lambda a: tg.where(X > 0, X, a),
        lambda a: tg.cat([X, a]), lambda a: X @ a, lambda a: (X * tg.ones(2, requires_grad=True)).backward(a),
        lambda a: setattr(tg.ones(2, requires_grad=True), "grad", a), lambda a: setattr(tg.ones(2), "data", a),
        lambda a: tg.data.default_collate([a, a]), lambda a: tg.nn.functional.mse_loss(X, a),
        lambda a: tg.nn.functional.cross_entropy(tg.ones(2, 3), a.astype(int)),
        lambda a: tg.nn.functional.nll_loss(tg.ones(2, 3), a.astype(int)),
        lambda a: tg.nn.LayerNorm(2).load_state_dict({"weight": a, "bias": a}),
    ],
)  # fmt: skip
def test_a_mask_is_not_dropped(convert: Any) -> None:
    with pytest.raises(tg.DtypeError, match=r"mask.*would be lost.*a\.filled\(value\)"):
        convert(MASKED)


def test_a_filled_array_is_an_array() -> None:
    assert tg.tensor(MASKED.filled(0.0)).tolist() == [0.0, 2.0]


def test_what_a_function_without_a_return_gave() -> None:
    for call in (lambda: tg.tensor(None), lambda: tg.nn.functional.mse_loss(None, tg.ones(3))):
        with pytest.raises(
            tg.DtypeError, match=r"got None where a tensor belongs: .* forward\(\), end without a return"
        ):
            call()
    with pytest.raises(tg.DtypeError, match="real numbers or booleans, got a dict"):
        tg.tensor({"a": 1})
