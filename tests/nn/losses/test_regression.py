"""Losses between numbers: what they refuse, and where their pieces meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional
LOSSES = [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((4, 1), (4,), r"input has shape \(4, 1\), target \(4,\): .*use input.squeeze\(-1\)"),
        ((4,), (4, 1), r"use target.squeeze\(-1\)"),
        ((4, 3), (4, 2), r"axis 1 is 3 against 2"),
        ((4, 3), (3,), r"they have 2 and 1 axes"),
    ],
)
def test_shapes_are_not_broadcast(loss: Any, shape: tuple[int, ...], target: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        loss(tg.zeros(*shape), tg.zeros(*target))


@pytest.mark.parametrize("loss", LOSSES)
def test_one_number_may_be_every_target(loss: Any) -> None:
    x = tg.tensor([0.0, 1.0, 3.0])
    assert loss(x, 1.0).item() == loss(x, tg.ones(3)).item()


@pytest.mark.parametrize("loss", LOSSES)
def test_empty_batches_and_dtypes(loss: Any) -> None:
    assert loss(tg.zeros(0), tg.zeros(0)).item() == 0.0
    with pytest.raises(ValueError, match="reduction='mean' divides by zero: the batch is empty"):
        loss(tg.zeros(0), tg.zeros(0), reduction="mean")
    with pytest.raises(ValueError, match=rf"{loss.__name__}: unknown reduction None: use one of 'sum', 'mean', 'none'"):
        loss(tg.zeros(1), tg.zeros(1), reduction=None)
    with pytest.raises(tg.DtypeError, match=rf"{loss.__name__}: input has dtype int64, it must be floating-point"):
        loss(tg.tensor([1]), tg.zeros(1))
    assert loss(tg.ones(2), tg.tensor([1, 0])).dtype == tg.float32


def test_pieces_meet() -> None:
    edges = tg.tensor([0.5, 1.0, 2.0])
    assert F.smooth_l1_loss(edges, 0.0, beta=1.0, reduction="none").tolist() == [0.125, 0.5, 1.5]
    assert F.huber_loss(edges, 0.0, delta=1.0, reduction="none").tolist() == [0.125, 0.5, 1.5]
    assert F.smooth_l1_loss(edges, 0.0, beta=0.0).item() == 3.5


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (F.smooth_l1_loss, {"beta": -1.0}, "smooth_l1_loss: beta must be 0 or more, got -1.0"),
        (F.huber_loss, {"delta": 0.0}, "huber_loss: delta must be greater than 0, got 0.0"),
        (F.huber_loss, {"delta": float("nan")}, "got nan"),
    ],
)
def test_options_are_checked(loss: Any, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss(tg.zeros(1), tg.zeros(1), **options)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_mean_of_float16_is_right_where_the_sum_is_too_large(name: str) -> None:
    x = tg.full((64, 64), 20.0, dtype=tg.float16, requires_grad=True)
    loss = getattr(F, name)(x, tg.zeros(64, 64, dtype=tg.float16), reduction="mean")
    assert loss.dtype == tg.float16
    assert loss.item() == {"mse_loss": 400.0, "l1_loss": 20.0}.get(name, 19.5)
    loss.backward()
    assert x.grad.dtype == tg.float16  # type: ignore[union-attr]
    slope = 40 if name == "mse_loss" else 1
    assert x.grad.tolist() == [[float(np.float16(slope / 4096))] * 64] * 64  # type: ignore[union-attr]


def test_a_mean_of_float16_is_known_to_be_one() -> None:
    x = tg.ones(2, dtype=tg.float16, requires_grad=True)
    F.mse_loss(tg.ones(8, 2, dtype=tg.float16) * x, tg.zeros(8, 2, dtype=tg.float16), reduction="mean").backward()
    with pytest.warns(tg.SampleCountWarning, match="mean"):
        tg.optim.SGD([x], lr=0.1).step(samples=8)


@pytest.mark.parametrize("loss", [F.huber_loss, F.smooth_l1_loss])
@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
def test_large_errors_are_not_squared(loss: Any, dtype: Any) -> None:
    size = float(np.finfo(dtype).max) / 4
    x = tg.tensor([size, -size, 0.0], dtype=dtype, requires_grad=True)
    losses = loss(x, tg.zeros(3, dtype=dtype), reduction="none")
    np.testing.assert_allclose(losses.detach().array, [size, size, 0.0], rtol=1e-3)
    losses.backward()
    assert x.grad.tolist() == [1.0, -1.0, 0.0]  # type: ignore[union-attr]


def test_weighted_means() -> None:
    x, weight = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([1.0, 0.0, 3.0])
    assert F.l1_loss(x, 0.0, weight=weight).item() == 10.0
    assert F.l1_loss(x, 0.0, weight=weight, reduction="mean").item() == 2.5
    assert F.mse_loss(x, 0.0, weight=weight, reduction="mean").item() == 7.0
    assert F.huber_loss(x, 0.0, weight=weight * 2, reduction="mean").item() == pytest.approx(16 / 3)
    with pytest.raises(ValueError, match="l1_loss: reduction='mean' divides by zero: the weights add up to 0"):
        F.l1_loss(x, 0.0, weight=weight * 0, reduction="mean")
    with pytest.raises(ValueError, match="the batch is empty"):
        F.l1_loss(tg.zeros(0), tg.zeros(0), weight=tg.zeros(0), reduction="mean")


def test_a_weighted_mean_of_float16_is_right_where_the_weights_add_up_to_too_much() -> None:
    x = tg.full((64, 64), 20.0, dtype=tg.float16)
    loss = F.l1_loss(x, 0.0, weight=x, reduction="mean")
    assert (loss.item(), loss.dtype) == (20.0, tg.float16)


def test_of_weighted_sums_the_number_of_samples_is_unknown() -> None:
    model = tg.nn.Linear(2, 1)
    F.mse_loss(model(tg.ones(8, 2)), tg.zeros(8, 1), weight=tg.full((8, 1), 0.125)).backward()
    tg.optim.SGD(model.parameters(), lr=0.1).step()  # which is a mean, and gives no warning
