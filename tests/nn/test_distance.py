"""pad, normalize, and one_hot; dropout is tested with its module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


def test_pad_begins_with_the_last_axis() -> None:
    out = F.pad(tg.ones(1, 2), (1, 2, 3, 0), value=9.0)
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
    ],
)
def test_pad_misfits(args: tuple[Any, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        F.pad(tg.ones(1, 2), *args)


def test_normalize_and_cosines_of_zero_vectors_have_finite_gradients() -> None:
    x = tg.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    F.normalize(x).sum().backward()
    F.cosine_similarity(x, tg.ones(2, 2)).sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.array).all()


def test_one_hot() -> None:
    assert F.one_hot(tg.tensor([[1, 0]])).tolist() == [[[0, 1], [1, 0]]]
    assert F.one_hot(tg.zeros(0, dtype=tg.int64), 3).shape == (0, 3)
    with pytest.raises(ValueError, match=r"the index at \[1\] is 3, with num_classes=3 it must be from 0 to 2"):
        F.one_hot(tg.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match=r"the index at \[0\] is -1"):
        F.one_hot(tg.tensor([-1, 3]))
    with pytest.raises(ValueError, match="pass num_classes"):
        F.one_hot(tg.zeros(0, dtype=tg.int64))
    with pytest.raises(tg.DtypeError, match="one_hot takes integer class indices, got dtype float32"):
        F.one_hot(tg.tensor([1.0]))


def test_cosines_of_inputs_that_broadcast_along_the_axis() -> None:
    a, b = tg.arange(1.0, 7.0).reshape(1, 2, 3).double(), tg.arange(2.0, 8.0).reshape(2, 1, 3).double()
    repeated = np.broadcast_to(b.array, (2, 2, 3))
    lengths = np.sqrt((a.array**2).sum(1) * (repeated**2).sum(1))
    expected = (a.array * repeated).sum(1) / lengths
    np.testing.assert_allclose(F.cosine_similarity(a, b, dim=-2).array, expected, rtol=1e-14)
    assert F.cosine_similarity(a[0, 0], b, dim=2).shape == (2, 1)
    with pytest.raises(tg.ShapeError, match="axis -1 is 3 against 2"):
        F.cosine_similarity(tg.ones(2, 3), tg.ones(2, 2))
