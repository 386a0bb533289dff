"""Angles and distances; more of them is compared with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


def test_cosines_of_zero_vectors_have_finite_gradients() -> None:
    x = tg.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    F.cosine_similarity(x, tg.ones(2, 2)).sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.array).all()


def test_cosines_of_inputs_that_broadcast_along_the_axis() -> None:
    a, b = tg.arange(1.0, 7.0).reshape(1, 2, 3).double(), tg.arange(2.0, 8.0).reshape(2, 1, 3).double()
    repeated = np.broadcast_to(b.array, (2, 2, 3))
    lengths = np.sqrt((a.array**2).sum(1) * (repeated**2).sum(1))
    expected = (a.array * repeated).sum(1) / lengths
    np.testing.assert_allclose(F.cosine_similarity(a, b, dim=-2).array, expected, rtol=1e-14)
    assert F.cosine_similarity(a[0, 0], b, dim=2).shape == (2, 1)
    with pytest.raises(tg.ShapeError, match="axis -1 is 3 against 2"):
        F.cosine_similarity(tg.ones(2, 3), tg.ones(2, 2))
