"""Flatten, Unflatten and pad."""

from __future__ import annotations

from typing import Any

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


def test_pad_begins_with_the_last_axis() -> None:
    out = nn.functional.pad(tg.ones(1, 2), (1, 2, 3, 0), value=9.0)
    assert out.shape == (4, 5)
    assert out.tolist()[3] == [9.0, 1.0, 1.0, 9.0, 9.0]
    assert out.tolist()[0] == [9.0] * 5


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        (((1, 2, 3),), tg.ShapeError, r"\(1, 2, 3\) has 3 numbers; a tensor of shape \(1, 2\) takes pairs"),
        (((1,) * 6,), tg.ShapeError, r"has 6 numbers; .* at most 2, beginning with the last axis"),
        (((1, 1), "mirror"), ValueError, "unknown mode 'mirror': use 'constant', 'reflect', 'replicate', 'circular'"),
        (((1, 1), "reflect", 2.0), ValueError, "value=2.0 is for mode='constant', not for 'reflect'"),
        (
            ((2, 0), "reflect"),
            tg.ShapeError,
            r"axis 1 of shape \(1, 2\) is too short for 2 more of mode 'reflect': it has 1",
        ),
        (((3, 0), "circular"), tg.ShapeError, "too short for 3 more of mode 'circular': it has 2"),
        (((1, 1, 1, 1), "reflect"), tg.ShapeError, r"needs a pair for each .* has 2 for shape \(1, 2\)"),
        (((-2, -1),), tg.ShapeError, r"axis -1 of shape \(1, 2\) cannot be cropped by \(-2, -1\): it has 2"),
        (((-2, -1), "replicate"), tg.ShapeError, r"cannot be cropped by \(-2, -1\)"),
    ],
)
def test_pad_misfits(args: tuple[Any, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        nn.functional.pad(tg.ones(1, 2), *args)
