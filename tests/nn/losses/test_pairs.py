"""Pairs: which ranks higher, which are alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


def test_ranking_is_fair_to_both() -> None:
    x, y, t = tg.tensor(normal(9)), tg.tensor(normal(9, seed=1)), tg.tensor([1, -1, 1, 1, -1, 1, -1, 1, 1])
    one = F.margin_ranking_loss(x, y, t, margin=0.5, reduction="none")
    other = F.margin_ranking_loss(y, x, -t, margin=0.5, reduction="none")
    assert np.array_equal(one.array, other.array)
    assert F.margin_ranking_loss(x, y, 1).item() == F.margin_ranking_loss(x, y, tg.ones(9)).item()


def test_a_tie_costs_the_margin_whatever_the_scores() -> None:
    x = tg.tensor(normal(3), requires_grad=True)
    F.margin_ranking_loss(x, tg.zeros(3), tg.zeros(3), margin=0.5).backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]  # type: ignore[union-attr]


def test_shapes_of_targets() -> None:
    with pytest.raises(
        tg.ShapeError, match=r"margin_ranking_loss: input1 has shape \(4, 1\), target \(4,\): .*input1.sq"
    ):
        F.margin_ranking_loss(tg.zeros(4, 1), tg.zeros(4, 1), tg.ones(4))
    with pytest.raises(tg.ShapeError, match=r"cosine_embedding_loss: there are 4 pairs, .* \(4,\), got \(4, 1\)"):
        F.cosine_embedding_loss(tg.zeros(4, 3), tg.zeros(4, 3), tg.ones(4, 1))
    with pytest.raises(tg.ShapeError, match=r"there are 4 pairs, so target must have the shape \(4,\), got \(\)"):
        F.cosine_embedding_loss(tg.zeros(4, 3), tg.zeros(4, 3), 1)
    with pytest.raises(tg.ShapeError, match=r"there is one pair, so target must have the shape \(\), got \(3,\)"):
        F.cosine_embedding_loss(tg.zeros(3), tg.zeros(3), tg.ones(3))
    with pytest.raises(
        tg.ShapeError, match=r"the inputs have shape \(2, 3, 4\), they must be vectors: \(N, D\) or \(D,\)"
    ):
        F.cosine_embedding_loss(tg.zeros(2, 3, 4), tg.zeros(2, 3, 4), tg.ones(2))


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e15])
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_cosines_do_not_depend_on_lengths(scale: float, dtype: Any) -> None:
    x = tg.tensor(scale * np.array([[3.0, 4.0], [3.0, 4.0], [-3.0, -4.0]]), dtype=dtype, requires_grad=True)
    y = tg.tensor(scale * np.array([[3.0, 4.0], [4.0, 3.0], [3.0, 4.0]]), dtype=dtype, requires_grad=True)
    losses = F.cosine_embedding_loss(x, y, tg.tensor([1, -1, 1]), margin=0.5, reduction="none")
    np.testing.assert_allclose(losses.detach().array, [0.0, 0.46, 2.0], rtol=1e-6, atol=1e-6)
    losses.backward()
    for t in (x, y):
        assert np.isfinite(t.grad.array).all()  # type: ignore[union-attr]


def test_zero_vectors_are_at_right_angles_to_all() -> None:
    x = tg.zeros(2, 3, requires_grad=True)
    losses = F.cosine_embedding_loss(x, tg.ones(2, 3), tg.tensor([1, -1]), reduction="none")
    assert losses.tolist() == [1.0, 0.0]
    losses.backward()
    assert np.isfinite(x.grad.array).all()  # type: ignore[union-attr]


def test_unlike_things_are_pushed_as_far_as_the_margin() -> None:
    x = tg.tensor([0.5, 1.5, 2.5], requires_grad=True)
    losses = F.hinge_embedding_loss(x, -1, margin=2.0, reduction="none")
    assert losses.tolist() == [1.5, 0.5, 0.0]
    losses.backward()
    assert x.grad.tolist() == [-1.0, -1.0, 0.0]  # type: ignore[union-attr]
