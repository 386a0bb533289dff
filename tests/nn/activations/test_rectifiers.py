"""The activations made of pieces as modules; the functions are tested with the ops, and against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


@pytest.mark.parametrize("name", nn.activations.rectifiers.__all__)
def test_default_options_give_a_finite_result_and_gradient(name: str) -> None:
    options: dict[str, Any] = {"threshold": 0.1, "value": 5.0} if name == "Threshold" else {}
    module = getattr(nn, name)(**options)
    x = tg.tensor([[-100.0, -0.3], [0.4, 100.0]], requires_grad=True)
    module(x).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert module(x).dtype == tg.float32


def test_inplace_is_accepted_and_leaves_the_input_alone() -> None:
    x = tg.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x).tolist() == [0.0, 2.0]
    assert x.tolist() == [-1.0, 2.0]
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"


def test_prelu_learns_its_slope() -> None:
    module = nn.PReLU(2, init=0.5)
    module(tg.tensor([[-2.0, -4.0], [1.0, -1.0]])).backward()
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [-2.0, -5.0]
    with pytest.raises(tg.ShapeError, match=r"prelu: weight has shape \(2,\), input \(4, 3\): it needs one weight"):
        module(tg.zeros(4, 3))
