"""Weight normalisation under both kinds of names: what is learnt, what is computed, copies, and undoing it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn.utils import parametrizations, remove_weight_norm, weight_norm
from tinygrad_edu.testing import check_laws, check_module

BOTH = [weight_norm, parametrizations.weight_norm]


def lengths_of(layer: Any) -> Any:
    return next(p for path, p in layer.named_parameters() if path.endswith(("_g", "original0")))


@pytest.mark.parametrize("normalized", BOTH)
@pytest.mark.parametrize("dim", [0, 1, None, -1])
def test_the_weight_is_the_same_at_first_and_then_as_long_as_is_learnt(dim: int | None, normalized: Any) -> None:
    layer, x = nn.Linear(3, 2).double(), normal(4, 3)
    before = layer(tg.tensor(x)).detach().numpy()
    assert normalized(layer, dim=dim) is layer
    np.testing.assert_allclose(layer(tg.tensor(x)).detach().numpy(), before, rtol=1e-13)
    lengths_of(layer).array[...] = 5.0
    weight = layer.weight.detach().numpy()
    axes = None if dim in (None, -1) else (1 - dim,)
    np.testing.assert_allclose(np.sqrt((weight**2).sum(axes)), 5.0, rtol=1e-13)


@pytest.mark.parametrize("normalized", BOTH)
def test_gradients_laws_and_samples(normalized: Any) -> None:
    layer, x = normalized(nn.Linear(3, 2).double()), normal(4, 3)
    check_module(layer, x)
    check_laws(layer, x)
    check_open_sum(lambda: layer(x).sin().sum(1), list(layer.parameters()))


@pytest.mark.parametrize("normalized", BOTH)
def test_training_moves_lengths_and_directions(normalized: Any) -> None:
    layer, x = normalized(nn.Linear(3, 2)), tg.rand(4, 3)
    before = layer.weight.detach().numpy().copy()
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.5)
    (layer(x) ** 2).sum().backward()
    optimizer.step(samples=4)
    assert all(p.grad is not None and p.grad.array.any() for p in layer.parameters())
    assert (layer.weight.detach().numpy() != before).any()


@pytest.mark.parametrize("normalized", BOTH)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_their_own(copied: Any, normalized: Any) -> None:
    layer, x = normalized(nn.Sequential(nn.Linear(3, 2))[0]), tg.rand(4, 3)
    layer(x)
    twin = copied(layer)
    np.testing.assert_array_equal(twin(x).detach().numpy(), layer(x).detach().numpy())
    lengths_of(twin).array[...] *= 2
    assert (twin(x).detach().numpy() != layer(x).detach().numpy()).any()
    assert repr(twin) == repr(layer)
    assert isinstance(twin, nn.Linear)


@pytest.mark.parametrize("normalized", BOTH)
def test_removing_it_leaves_a_parameter(normalized: Any) -> None:
    layer, x = normalized(nn.Linear(3, 2)), tg.rand(4, 3)
    before = layer(x).detach().numpy()
    assert remove_weight_norm(layer) is layer
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]
    assert list(layer.children()) == []
    np.testing.assert_array_equal(layer(x).detach().numpy(), before)


@pytest.mark.parametrize("normalized", BOTH)
def test_two_weights_of_one_module(normalized: Any) -> None:
    layer = nn.Bilinear(2, 3, 4).double()
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    normalized(normalized(layer), "bias")
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, rtol=1e-13)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, rtol=1e-13)  # type: ignore[union-attr]
    remove_weight_norm(layer)
    assert isinstance(layer.weight, nn.Parameter)
    check_module(layer, normal(3, 2), normal(3, 3, seed=1))
    remove_weight_norm(layer, "bias")
    assert type(layer) is nn.Bilinear


def test_what_is_frozen_stays_so() -> None:
    layer = weight_norm(nn.Linear(3, 2).requires_grad_(False))
    assert not any(p.requires_grad for p in layer.parameters())
    assert not remove_weight_norm(layer).weight.requires_grad


@pytest.mark.parametrize("normalized", BOTH)
def test_what_is_refused(normalized: Any) -> None:
    with pytest.raises(ValueError, match="Linear has no parameter 'wait' of its own, it has 'weight', 'bias'"):
        normalized(nn.Linear(3, 2), "wait")
    layer = normalized(nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"Linear.weight is computed already: remove_weight_norm\(module, 'weight'\)"):
        normalized(layer)
    with pytest.raises(tg.ShapeError, match="weight_norm"):
        normalized(nn.Linear(3, 2), dim=5)
    with pytest.raises(ValueError, match=r"remove_weight_norm: Linear.weight is not computed by weight_norm"):
        remove_weight_norm(nn.Linear(3, 2))
    lazy = nn.LazyLinear(3)
    with pytest.raises(tg.ShapeError, match="Call the model once"):
        normalized(lazy)
    assert lazy.has_uninitialized_params()
