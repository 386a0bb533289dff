"""Reductions said in PyTorch's former words, and which input tells how many samples there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loss_calls import MODULES, typical

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.nn.losses.reduction import sampled

CALLS = typical()
WITHOUT = {"gaussian_nll_loss", "huber_loss", "triplet_margin_with_distance_loss"}  # which never had these words
FORMER = [
    ({"size_average": True}, "mean"),
    ({"size_average": False}, "sum"),
    ({"reduce": True}, "mean"),
    ({"reduce": False}, "none"),
    ({"size_average": False, "reduce": True}, "sum"),
    ({"size_average": True, "reduce": False}, "none"),
]


@pytest.mark.parametrize("name", sorted(CALLS.keys() - WITHOUT))
@pytest.mark.parametrize(("former", "reduction"), FORMER)
def test_former_words(name: str, former: dict[str, bool], reduction: str) -> None:
    function, arrays = getattr(F, name), [tg.tensor(array) for array in CALLS[name].arrays]
    with pytest.warns(UserWarning, match=rf"{name}: size_average and .* write reduction='{reduction}'") as caught:
        result = function(*arrays, **former)
    assert caught[0].filename == __file__
    assert np.array_equal(result.array, function(*arrays, reduction=reduction).array)
    with pytest.warns(UserWarning, match=rf"{MODULES[name]}: .* write reduction='{reduction}'"):
        module = getattr(nn, MODULES[name])(**former)
    assert module.reduction == reduction


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_losses_that_never_had_them(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'size_average'"):
        getattr(nn, MODULES[name])(size_average=True)


def test_a_subclass_takes_them_too() -> None:
    class Scaled(nn.MSELoss):
        def forward(self, input: Any, target: Any) -> Any:
            return 2 * super().forward(input, target)

    with pytest.warns(UserWarning, match="write reduction='mean'"):
        assert Scaled(reduce=True)(tg.ones(4), tg.zeros(4)).item() == 2.0


def test_the_input_that_was_computed_counts_the_samples() -> None:
    data, computed = tg.ones(3), tg.ones(3, requires_grad=True) * 2
    assert sampled(data, computed) is computed
    assert sampled(computed, data) is computed
    assert sampled(data, tg.zeros(2)) is data


def test_a_step_counts_pairs_and_triplets_whichever_of_them_is_computed() -> None:
    model, x = nn.Linear(4, 3), tg.randn(6, 4)
    fixed, signs = tg.zeros(6, 3), tg.ones(6)
    for losses in (
        lambda y: F.cosine_embedding_loss(fixed, y, signs),
        lambda y: F.margin_ranking_loss(fixed, y, 1),
        lambda y: F.triplet_margin_loss(fixed, fixed, y),
        lambda y: F.gaussian_nll_loss(fixed, 0.0, y.exp()),
    ):
        model.zero_grad()
        losses(model(x)).backward()
        with pytest.warns(tg.SampleCountWarning, match="sums over 6"):
            tg.optim.SGD(model.parameters(), lr=0.1).step()


def test_a_pair_may_count_as_two_samples_and_a_triplet_as_three() -> None:
    model, x = nn.Linear(4, 3), tg.randn(6, 4)
    for losses, most in (
        (lambda y, z: F.cosine_embedding_loss(y, z, tg.ones(6)), 12),
        (lambda y, z: F.triplet_margin_loss(y, z, y - z), 18),
    ):
        for samples in (6, most):
            model.zero_grad()
            losses(model(x), model(-x)).backward()
            tg.optim.SGD(model.parameters(), lr=0.1).step(samples=samples)
        losses(model(x), model(-x)).backward()
        with pytest.warns(tg.SampleCountWarning, match=r"sums over"):
            tg.optim.SGD(model.parameters(), lr=0.1).step(samples=100)
