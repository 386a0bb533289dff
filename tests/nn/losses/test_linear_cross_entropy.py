"""The loss with a layer in it is the two, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import assert_close, one_hot_passes

import tinygrad_edu as tg
from tinygrad_edu import nn

F = tg.nn.functional


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_a_layer_and_a_loss(bias: bool, reduction: str) -> None:
    loss = nn.LinearCrossEntropyLoss(3, 4, bias=bias, reduction=reduction, label_smoothing=0.1).double()
    x, t = tg.tensor(normal(5, 3)), tg.tensor([0, 3, 1, -100, 2])
    expected = F.cross_entropy(loss.linear(x), t, reduction=reduction, label_smoothing=0.1)
    np.testing.assert_allclose(loss(x, t).detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    assert list(loss.state_dict()) == (["linear.weight", "linear.bias"] if bias else ["linear.weight"])


def test_at_several_places() -> None:
    loss = nn.LinearCrossEntropyLoss(3, 4, out_features=(2, 5), bias=True, reduction="none").double()
    x, t = tg.tensor(normal(6, 3)), tg.tensor(np.arange(60).reshape(6, 2, 5) % 4)
    logits = loss.linear(x).reshape(6, 4, 2, 5)
    found, expected = loss(x, t), F.cross_entropy(logits, t, reduction="none")
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-12)


def test_its_gradients_are_sums_that_open() -> None:
    loss = nn.LinearCrossEntropyLoss(3, 4, bias=True, reduction="none").double()
    x, t = tg.tensor(normal(5, 3)), tg.tensor([0, 3, 1, 1, 2])
    expected = one_hot_passes(loss(x, t), list(loss.parameters()))
    loss(x, t).backward(per_sample=True)
    for p, stack in zip(loss.parameters(), expected, strict=True):
        assert_close(p.sample_grads.materialize(), stack, "weight")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.LinearCrossEntropyLoss(3, 4)(tg.zeros(5, 2), [0]), r"takes input of shape \(3,\) or \(N, 3\), got"),
        (lambda: F.linear_cross_entropy(tg.zeros(2, 3, 3), tg.zeros(4, 3), [0]), r"got \(2, 3, 3\)"),
        (lambda: F.linear_cross_entropy(tg.zeros(3), tg.zeros(3), 0), r"linear_weight of shape \(3,\), which is \(C"),
        (
            lambda: F.linear_cross_entropy(tg.zeros(2, 3), tg.zeros(4, 3), [0, 1], linear_bias=tg.zeros(3)),
            r"linear_bias has shape \(3,\), linear_weight \(4, 3\) needs \(4,\)",
        ),
    ],
)
def test_what_does_not_fit(call: Any, said: str) -> None:
    with pytest.raises(tg.ShapeError, match=said):
        call()


def test_what_it_cannot_be_made_with() -> None:
    with pytest.raises(ValueError, match="LinearCrossEntropyLoss: unknown reduction 'avg'"):
        nn.LinearCrossEntropyLoss(3, 4, reduction="avg")
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        nn.LinearCrossEntropyLoss(3, 0)
