"""The softmax family and GLU as modules; the functions are tested with the ops, and against PyTorch."""

from __future__ import annotations

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_softmax_needs_an_axis() -> None:
    with pytest.raises(TypeError, match="Pass dim=-1"):
        nn.Softmax()(tg.zeros(2, 3))


def test_glu_needs_two_halves() -> None:
    with pytest.raises(tg.ShapeError, match=r"glu: axis -1 of shape \(2, 3\) is 3, which has no two halves"):
        nn.GLU()(tg.zeros(2, 3))
