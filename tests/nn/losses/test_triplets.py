"""Triplets: norms, swapped sides, and distances of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal, parameter

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

TRIPLET = [tg.tensor(normal(5, 3, seed=seed)) for seed in range(3)]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("swap", [False, True])
def test_by_hand(p: float, swap: bool) -> None:
    a, b, c = (t.array for t in TRIPLET)
    near, far, third = (np.linalg.norm(x - y, p, axis=-1) for x, y in ((a, b), (a, c), (b, c)))
    expected = np.maximum(0.5 + near - (np.minimum(far, third) if swap else far), 0)
    losses = F.triplet_margin_loss(*TRIPLET, margin=0.5, p=p, eps=0.0, swap=swap, reduction="none")
    np.testing.assert_allclose(losses.array, expected, rtol=1e-12, atol=1e-12)


def test_the_distance_of_ones_own_may_be_that_of_the_other() -> None:
    for swap in (False, True):
        expected = F.triplet_margin_loss(*TRIPLET, swap=swap, reduction="none")
        own = F.triplet_margin_with_distance_loss(*TRIPLET, swap=swap, reduction="none")
        assert np.array_equal(own.array, expected.array)
        module = nn.TripletMarginWithDistanceLoss(distance_function=F.pairwise_distance, swap=swap, reduction="none")
        assert np.array_equal(module(*TRIPLET).array, expected.array)


def test_a_distance_may_have_parameters() -> None:
    class Stretched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(tg.ones(3, dtype=tg.float64))

        def forward(self, x: Any, y: Any) -> Any:
            return ((x - y) * self.scale).norm(dim=-1)

    loss = nn.TripletMarginWithDistanceLoss(distance_function=Stretched(), margin=3.0)
    assert [name for name, _ in loss.named_parameters()] == ["distance_function.scale"]
    assert tg.testing.check_module(loss, *TRIPLET).ok


def test_distances_that_are_none() -> None:
    call = F.triplet_margin_with_distance_loss
    with pytest.raises(tg.DtypeError, match=r"distance_function returned 1.0, not a tensor"):
        call(*TRIPLET, distance_function=lambda x, y: 1.0)


def test_equal_points_have_finite_gradients() -> None:
    x = tg.ones(2, 3, requires_grad=True)
    F.triplet_margin_loss(x, x * 1, x * 1, swap=True).backward()
    assert np.isfinite(x.grad.array).all()  # type: ignore[union-attr]


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_margins(margin: float) -> None:
    for call in (F.triplet_margin_loss, F.triplet_margin_with_distance_loss):
        with pytest.raises(ValueError, match=rf"{call.__name__}: margin must be greater than 0, got {margin}"):
            call(*TRIPLET, margin=margin)  # type: ignore[operator]


def test_what_is_far_enough_has_no_gradient() -> None:
    anchor, positive = parameter(1, 2), parameter(1, 2, seed=1)
    F.triplet_margin_loss(anchor, positive, tg.full((1, 2), 100.0, dtype=tg.float64)).backward()
    assert anchor.grad.tolist() == [[0.0, 0.0]]
