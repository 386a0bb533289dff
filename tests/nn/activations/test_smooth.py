"""The softmax family and GLU as modules; the functions are tested with the ops, and against PyTorch."""

from __future__ import annotations

import pytest
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module


def test_softmax_needs_an_axis() -> None:
    with pytest.raises(TypeError, match="Pass dim=-1"):
        nn.Softmax()(tg.zeros(2, 3))


def test_softmax2d_is_over_the_channels() -> None:
    for shape in ((3, 2, 4), (5, 3, 2, 4)):
        out = nn.Softmax2d()(tg.rand(*shape))
        assert bool(((out.sum(-3) - 1).abs() < 1e-6).all())
    check_module(nn.Softmax2d(), normal(2, 3, 2, 2))
    check_laws(nn.Softmax2d(), normal(2, 3, 2, 2))
    with pytest.raises(tg.ShapeError, match=r"Softmax2d expects \(N, C, H, W\) or \(C, H, W\), got \(2, 3\)"):
        nn.Softmax2d()(tg.zeros(2, 3))


def test_glu_needs_two_halves() -> None:
    with pytest.raises(tg.ShapeError, match=r"glu: axis -1 of shape \(2, 3\) is 3, which is not even"):
        nn.GLU()(tg.zeros(2, 3))
