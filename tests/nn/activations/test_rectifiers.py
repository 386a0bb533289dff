"""PReLU, which learns its slope; the other rectifiers stand among the tests of all ops and modules."""

from __future__ import annotations

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_prelu_learns_its_slope() -> None:
    module = nn.PReLU(2, init=0.5)
    module(tg.tensor([[-2.0, -4.0], [1.0, -1.0]])).backward()
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [-2.0, -5.0]
    with pytest.raises(tg.ShapeError, match=r"prelu: weight has shape \(2,\), input \(4, 3\): it needs one weight"):
        module(tg.zeros(4, 3))
