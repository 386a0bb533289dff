"""Lazy modules: what they are before their first call, and that they are the plain ones after it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_module

KINDS: list[tuple[Any, tuple[Any, ...], Any, tuple[int, ...]]] = [
    (nn.LazyLinear, (4,), nn.Linear, (5, 3)),
    (nn.LazyLinear, (4, False), nn.Linear, (5, 3)),
    (nn.LazyBatchNorm1d, (), nn.BatchNorm1d, (5, 3)),
    (nn.LazyBatchNorm2d, (1e-3, None), nn.BatchNorm2d, (5, 3, 2, 2)),
    (nn.LazyBatchNorm3d, (1e-3, 0.2, False), nn.BatchNorm3d, (5, 3, 2, 1, 2)),
    (nn.LazyBatchNorm1d, (1e-3, 0.2, True, False), nn.BatchNorm1d, (5, 3, 2)),
    (nn.LazyInstanceNorm1d, (), nn.InstanceNorm1d, (5, 3, 2)),
    (nn.LazyInstanceNorm1d, (), nn.InstanceNorm1d, (3, 2)),
    (nn.LazyInstanceNorm2d, (), nn.InstanceNorm2d, (5, 3, 2, 2)),
    (nn.LazyInstanceNorm3d, (1e-3, 0.2, False), nn.InstanceNorm3d, (5, 3, 2, 1, 2)),
    (nn.LazyConv1d, (4, 2, 1, 1, 2), nn.Conv1d, (5, 3, 4)),
    (nn.LazyConv2d, (6, 2, 1, "same", 1, 3, False, "circular"), nn.Conv2d, (5, 3, 4, 4)),
    (nn.LazyConv2d, (4, 2), nn.Conv2d, (3, 4, 4)),
    (nn.LazyConv3d, (4, (1, 2, 1), 2), nn.Conv3d, (5, 3, 4, 4, 4)),
    (nn.LazyConvTranspose1d, (4, 2), nn.ConvTranspose1d, (5, 3, 4)),
    (nn.LazyConvTranspose2d, (6, 3, 2, 1, 1, 3, False), nn.ConvTranspose2d, (5, 3, 4, 4)),
    (nn.LazyConvTranspose3d, (4, 2, 2, 0, 0, 1, True, 2), nn.ConvTranspose3d, (5, 3, 2, 2, 2)),
]


def model() -> Any:
    return nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.LazyLinear(2))


@pytest.mark.parametrize(("kind", "args", "plain", "shape"), KINDS)
def test_the_first_call_makes_it_the_plain_module(kind: Any, args: Any, plain: Any, shape: tuple[int, ...]) -> None:
    layer, x = kind(*args), tg.rand(*shape)
    before = [*layer.parameters(), *layer.buffers()]
    assert layer.has_uninitialized_params()
    out = layer(x)
    assert type(layer) is plain
    assert out.shape == layer(x).shape
    assert all(a is b for a, b in zip(before, [*layer.parameters(), *layer.buffers()], strict=True))
    assert all(type(p) is nn.Parameter and p.requires_grad for p in layer.parameters())
    assert all(type(b) is tg.Tensor for b in layer.buffers())
    if not kind.__name__.startswith("LazyInstance"):
        assert repr(layer) == repr(plain(3, *args))
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(layer(x).detach().numpy(), twin(x).detach().numpy())
    for p in layer.parameters():
        assert p.array.any() or p is layer.bias


def test_starting_values_are_those_of_the_plain_module() -> None:
    layer = nn.LazyLinear(200)
    layer(tg.zeros(1, 100))
    assert 0.095 < float(layer.weight.abs().max()) <= 0.1
    assert 0.09 < float(layer.bias.abs().max()) <= 0.1  # type: ignore[union-attr]
    norm = nn.LazyBatchNorm1d()
    norm.eval()(tg.ones(2, 3))
    assert norm.weight.tolist() == norm.running_var.tolist() == [1.0] * 3  # type: ignore[union-attr]


def test_gradients_after_the_first_call() -> None:
    layers = model().double()
    with pytest.raises(tg.ShapeError, match="Call the model once"):
        check_module(layers, normal(5, 3))
    layers(tg.tensor(normal(5, 3)))
    check_module(layers, normal(5, 3))
    assert type(layers[1]) is nn.BatchNorm1d


def test_a_conversion_before_the_first_call_holds() -> None:
    layers = model().double()
    assert layers[0].weight.dtype == tg.float64
    layers(tg.rand(5, 3, dtype=tg.float64))
    assert {t.dtype for t in (*layers.parameters(), *layers.buffers())} == {tg.float64, tg.int64}
    assert nn.LazyLinear(2, dtype=tg.float64).weight.dtype == tg.float64


def test_a_frozen_one_stays_frozen() -> None:
    layers = model().requires_grad_(False)
    layers(tg.rand(5, 3))
    assert not any(p.requires_grad for p in layers.parameters())


@pytest.mark.parametrize(
    "use",
    [
        lambda layers: sum(p.numel() for p in layers.parameters()),
        lambda layers: layers[0].weight.shape,
        lambda layers: layers[0].weight * 2,
        lambda layers: nn.init.zeros_(layers[0].weight),
        lambda layers: layers[1].running_mean.numpy(),
    ],
)
def test_its_numbers_cannot_be_used_before(use: Callable[[Any], Any]) -> None:
    layers = model()
    with pytest.raises(tg.ShapeError, match=r"Call the model once with a batch before this"):
        use(layers)
    layers(tg.rand(5, 3))
    use(layers)


@pytest.mark.parametrize("make", [lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9), lambda p: tg.optim.Adam(p)])
def test_an_optimizer_that_was_made_before_moves_what_the_first_call_makes(make: Any) -> None:
    layers = model()
    optimizer = make(layers.parameters())
    optimizer.zero_grad()
    optimizer.step(samples=1)  # nothing has a gradient yet
    layers(tg.rand(5, 3)).sum().backward()
    before = [p.array.copy() for p in layers.parameters()]
    optimizer.step(samples=5)
    moved = [(p.array != old).any() for p, old in zip(layers.parameters(), before, strict=True)]
    assert any(moved)
    assert moved[-1]
    with pytest.raises(ValueError, match="parameter 1 is also in this group, a second time"):
        tg.optim.SGD([nn.LazyLinear(2).weight] * 2, lr=0.1)


def test_what_is_written_to_data_before_is_lost_and_that_is_said() -> None:
    layer = nn.LazyLinear(2)
    with pytest.warns(UserWarning, match=r"\.data is empty before the module was called, and what is written"):
        layer.weight.data.fill_(7.0)
    layer(tg.zeros(5, 3))
    assert float(layer.weight.abs().max()) < 1


def test_text_before() -> None:
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert repr(layer.weight) == "<UninitializedParameter>"
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layers: pickle.loads(pickle.dumps(layers))])
def test_copies_are_on_their_own(copied: Any) -> None:
    layers = model().double()
    twin = copied(layers)
    layers(tg.rand(5, 3, dtype=tg.float64))
    assert isinstance(twin[0].weight, nn.UninitializedParameter)
    assert twin(tg.rand(4, 7, dtype=tg.float64)).shape == (4, 2)
    assert twin[0].weight.shape == (4, 7)
    assert layers[0].weight.shape == (4, 3)


def test_a_state_dict_that_is_loaded_brings_the_shapes() -> None:
    source, target, x = model(), model(), tg.rand(5, 3)
    source(x)
    target.load_state_dict(source.state_dict())
    assert type(target[0]) is nn.LazyLinear
    np.testing.assert_array_equal(target.eval()(x).detach().numpy(), source.eval()(x).detach().numpy())
    assert type(target[0]) is nn.Linear
    other = model()
    other.load_state_dict(source.state_dict())
    with pytest.raises(tg.ShapeError, match=r"Linear '0' expects \(\*, 3\), got \(5, 4\)"):
        other(tg.rand(5, 4))


def test_no_starting_values_are_drawn_for_what_a_state_dict_has_brought() -> None:
    first, second = nn.LazyLinear(3), nn.LazyLinear(3)
    first(tg.ones(4, 2))
    second.load_state_dict(first.state_dict())
    tg.manual_seed(0)
    second(tg.ones(4, 2))
    after = tg.get_rng_state()
    assert after == tg.manual_seed(0).get_state()


def test_a_state_dict_from_before_the_first_call() -> None:
    source, target = model(), model()
    state = source.state_dict()
    assert list(state) == [name for name, _ in target.state_dict().items()]
    target.load_state_dict(state)
    assert target[0].has_uninitialized_params()
    target(tg.rand(5, 3))
    with pytest.raises(tg.StateError, match=r"0\.weight: not initialized in the state_dict"):
        target.load_state_dict(copy.deepcopy(state))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.LazyLinear(2), (), r"^LazyLinear '0' expects \(\*, in_features\), got \(\)"),
        (nn.LazyBatchNorm2d(), (4, 3), r"^LazyBatchNorm2d '0' expects \(N, C, H, W\), got \(4, 3\)"),
        (nn.LazyInstanceNorm1d(), (3,), r"^LazyInstanceNorm1d '0' expects"),
        (
            nn.LazyConv2d(4, 3),
            (5, 3),
            r"^LazyConv2d '0' expects \(N, in_channels, H, W\) or .*, got \(5, 3\)",
        ),
    ],
)
def test_an_input_that_does_not_fit_changes_nothing(layer: Any, shape: tuple[int, ...], message: str) -> None:
    kind = type(layer)
    with pytest.raises(tg.ShapeError, match=message):
        nn.Sequential(layer)(tg.zeros(*shape))
    assert type(layer) is kind
    assert layer.has_uninitialized_params()


def test_hooks_see_the_call() -> None:
    layer, seen = nn.LazyLinear(2), []
    layer.register_forward_pre_hook(lambda module, args: seen.append(type(module).__name__))
    layer.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    layer(tg.zeros(5, 3))
    assert seen == ["LazyLinear", (5, 2)]


def test_a_gradient_can_be_forgotten_before_there_is_one() -> None:
    layer = nn.LazyLinear(2)
    layer.zero_grad()
    layer.reset_parameters()
    assert layer.weight.grad is None


def test_what_has_its_numbers_can_be_made_to_wait_again() -> None:
    layer = nn.LazyBatchNorm1d(dtype=tg.float64)
    tensors = layer.weight, layer.running_mean
    backs = [tensor.way_back() for tensor in tensors]
    layer.load_state_dict(nn.BatchNorm1d(3).state_dict())
    assert layer.weight.shape == layer.running_mean.shape == (3,)
    for back in backs:
        back()
    assert (layer.weight, layer.running_mean) == tensors
    assert repr(layer.weight) == "<UninitializedParameter>"
    assert repr(layer.running_mean) == "<UninitializedBuffer>"
    assert (layer.weight.requires_grad, layer.running_mean.requires_grad) == (True, False)
    layer.weight.materialize((2,))
    assert layer.weight.dtype == np.float64
