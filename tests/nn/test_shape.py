"""Flatten and Unflatten."""

from __future__ import annotations

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_flatten_keeps_the_sample_axis() -> None:
    x = tg.randn(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Flatten()(x).tolist()[1] == x[1].reshape(-1).tolist()


def test_unflatten_undoes_it() -> None:
    x = tg.randn(2, 12)
    out = nn.Unflatten(1, (3, -1))(x)
    assert out.shape == (2, 3, 4)
    assert nn.Flatten()(out).tolist() == x.tolist()
    with pytest.raises(tg.ShapeError):
        nn.Unflatten(1, (5, 5))(x)
