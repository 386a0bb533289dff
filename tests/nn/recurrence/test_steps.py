"""The steps of one layer in one direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.nn.recurrence.steps import GATES, take


def weights(kind: str, dtype: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    wide = 2 * GATES[kind]
    return [tg.tensor(rng.normal(size=shape), dtype=dtype) for shape in [(wide, 3), (wide, 2), (wide,), (wide,)]]


def start(kind: str, dtype: Any) -> list[Any]:
    return [tg.ones(4, 2, dtype=dtype)] * (2 if kind == "LSTM" else 1)


@pytest.mark.parametrize("kind", GATES)
def test_each_kind_gives_its_states(kind: str) -> None:
    found = take(kind, tg.ones(4, 5, 3), start(kind, tg.float32), weights(kind, tg.float32))
    assert [part.shape for part in found] == [(4, 5, 2)] * (2 if kind == "LSTM" else 1)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("wide", ["input", "state", "weights"])
def test_the_widest_dtype_is_that_of_all(kind: str, wide: str) -> None:
    dtypes = {name: tg.float64 if name == wide else tg.float32 for name in ("input", "state", "weights")}
    x = tg.ones(4, 5, 3, dtype=dtypes["input"], requires_grad=True)
    own = [w.requires_grad_() for w in weights(kind, dtypes["weights"])]
    found = take(kind, x, start(kind, dtypes["state"]), own)
    assert all(part.dtype == tg.float64 for part in found)
    found[0].sum().backward()
    assert x.grad.dtype == x.dtype
    assert all(w.grad.dtype == w.dtype for w in own)


def test_the_last_step_first() -> None:
    x = tg.tensor(np.random.default_rng(1).normal(size=(4, 5, 3)))
    args = start("GRU", tg.float64), weights("GRU", tg.float64)
    (forth,), (back,) = take("GRU", x, *args), take("GRU", tg.flip(x, 1), *args, True)
    np.testing.assert_array_equal(back.array[:, ::-1], forth.array)
