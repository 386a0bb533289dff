"""What modules are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

X, Y = tg.ones(3, 4), tg.tensor([0, 1, 2])


class Plain(nn.Module):
    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x


class Scaled(nn.Module):
    def __init__(self, scale: Any, *more: Any) -> None:
        super().__init__()
        self.scale = scale


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.ReLU(X), r"^ReLU\(float32\[3, 4\]\): make the module first, .*: ReLU\(\)\(x\)$"),
        (lambda: nn.ReLU(X.numpy()), r"ReLU\(\)\(x\)"),
        (lambda: nn.Sigmoid(X), r"Sigmoid\(\)\(x\)"),
        (lambda: nn.Softmax(X), r"Softmax\(\)\(x\)"),
        (lambda: nn.Flatten(X), r"Flatten\(\)\(x\)"),
        (lambda: nn.Dropout(X), r"Dropout\(\)\(x\)"),
        (lambda: nn.Linear(X), r"Linear\(in_features, out_features\)\(x\)"),
        (lambda: nn.LayerNorm(X), r"LayerNorm\(normalized_shape\)\(x\)"),
        (lambda: nn.MSELoss(X, X), r"MSELoss\(\)\(input, target\)"),
        (lambda: nn.CrossEntropyLoss(X, Y), r"CrossEntropyLoss\(\)\(input, target\)"),
        (lambda: Plain(X), r"^Plain\(float32\[3, 4\]\): .*Plain\(\)\(x\)$"),
    ],
)
def test_a_class_that_is_called_with_data(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


def test_tensors_that_are_options_are_taken() -> None:
    weight = tg.ones(4)
    assert nn.CrossEntropyLoss(weight).weight is weight
    assert Scaled(X).scale is X
    assert Scaled(1.0, X, np.ones(2)).scale == 1.0
    assert len(nn.ParameterList([X])) == 1
