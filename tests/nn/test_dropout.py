"""Dropout: random in training, absent otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_a_share_p_is_dropped_and_the_mean_stays() -> None:
    out = nn.Dropout(0.3)(tg.ones(400, 500)).array
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.7)}
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert out.dtype == np.float32


def test_the_gradient_takes_the_same_mask() -> None:
    x = tg.ones(100, requires_grad=True)
    out = nn.Dropout(0.5)(x)
    out.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.array, out.array)


def test_the_default_generator_or_another_decides() -> None:
    x = tg.ones(50)
    tg.manual_seed(1)
    first = nn.Dropout()(x)
    tg.manual_seed(1)
    assert (nn.Dropout()(x).array == first.array).all()
    assert (nn.Dropout()(x).array != first.array).any()
    draws = [nn.functional.dropout(x, generator=tg.Generator().manual_seed(5)).array for _ in range(2)]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("module", [nn.Dropout(0.9).eval(), nn.Dropout(0.0)])
def test_identity(module: nn.Module) -> None:
    x = tg.ones(3)
    assert module(x) is x


def test_everything_can_be_dropped() -> None:
    assert nn.Dropout(1.0)(tg.ones(3)).tolist() == [0.0] * 3


def test_a_number_alone() -> None:
    assert nn.Dropout(0.5)(tg.tensor(1.0)).item() in (0.0, 2.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_is_checked(p: float) -> None:
    with pytest.raises(ValueError, match=rf"Dropout: p={p} is not a probability: it must be between 0 and 1"):
        nn.Dropout(p)
    with pytest.raises(ValueError, match="is not a probability"):
        nn.functional.dropout(tg.ones(1), p)


def test_integers_are_refused() -> None:
    with pytest.raises(tg.DtypeError, match="dropout: input has dtype int64"):
        nn.Dropout()(tg.tensor([1]))
