"""The smooth activations as modules; the functions are tested with the ops, and against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


@pytest.mark.parametrize("name", nn.activations.smooth.__all__)
def test_default_options_give_a_finite_result_and_gradient(name: str) -> None:
    options: dict[str, Any] = {"dim": 1} if name in ("Softmax", "Softmin", "LogSoftmax") else {}
    module = getattr(nn, name)(**options)
    x = tg.tensor([[-100.0, -0.3], [0.4, 100.0]], requires_grad=True)
    module(x).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert module(x).dtype == tg.float32


def test_softmax_needs_an_axis() -> None:
    with pytest.raises(TypeError, match="Pass dim=-1"):
        nn.Softmax()(tg.zeros(2, 3))


def test_glu_needs_two_halves() -> None:
    with pytest.raises(tg.ShapeError, match=r"glu: axis -1 of shape \(2, 3\) is 3, which has no two halves"):
        nn.GLU()(tg.zeros(2, 3))
