"""Calling modules, their modes, conversions, text and copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


class Net(nn.Module):
    """A model with nesting, a buffer, a list and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5))
        self.heads = nn.ModuleList([nn.Linear(6, 2), nn.Linear(6, 3)])
        self.scale = nn.Parameter(tg.ones(2))
        self.tied = self.heads[0]
        self.register_buffer("seen", tg.tensor(0))
        self.register_buffer("mask", tg.ones(2), persistent=False)
        self.note = "plain"

    def forward(self, x: Any) -> Any:
        return self.heads[0](self.encoder(x)) * self.scale * self.mask


def test_call_runs_forward_with_all_arguments() -> None:
    class Power(nn.Module):
        def forward(self, x: Any, exponent: int, *, shift: float = 0.0) -> Any:
            return x**exponent + shift

    assert Power()(tg.tensor([3.0]), 2, shift=1.0).tolist() == [10.0]


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty defines no forward\(\)"):
        Empty()(1)


def test_train_and_eval_reach_every_module() -> None:
    net = Net()
    assert all(module.training for module in net.modules())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(TypeError, match=r"train\(mode\) takes True or False, got 'yes'"):
        net.train("yes")  # type: ignore[arg-type]


def test_eval_makes_a_model_with_dropout_deterministic() -> None:
    net, x = Net(), tg.ones(8, 4)
    assert (net(x).array != net(x).array).any()
    net.eval()
    assert (net(x).array == net(x).array).all()


def test_apply_goes_to_children_first() -> None:
    order: list[str] = []
    net = nn.Sequential(nn.Sequential(nn.Tanh()), nn.ReLU())
    assert net.apply(lambda module: order.append(type(module).__name__)) is net
    assert order == ["Tanh", "Sequential", "ReLU", "Sequential"]


def test_conversion_keeps_parameters_and_what_points_to_them() -> None:
    net = Net()
    weight = net.heads[0].weight
    net(tg.ones(2, 4)).backward()
    assert net.double() is net
    assert net.heads[0].weight is weight
    assert {p.dtype for p in net.parameters()} == {tg.float64}
    assert weight.grad is not None
    assert weight.grad.dtype == tg.float64
    assert net.mask.dtype == tg.float64
    assert net.seen.dtype == tg.int64
    net.eval()(tg.ones(2, 4, dtype=tg.float64)).backward()
    assert weight.grad.dtype == tg.float64
    assert net.float().mask.dtype == tg.float32
    assert net.half().scale.dtype == tg.float16


@pytest.mark.parametrize("args", [(tg.float64,), ("cpu", tg.float64), (tg.zeros(1, dtype=tg.float64),), ("float64",)])
def test_to_takes_a_dtype_a_device_or_a_tensor(args: tuple[Any, ...]) -> None:
    assert Net().to(*args).scale.dtype == tg.float64
    assert Net().to(*args, non_blocking=True).scale.dtype == tg.float64


def test_to_a_device_changes_nothing_but_there_is_only_one() -> None:
    net = Net()
    assert net.to("cpu").cpu().to(device="cpu").scale.dtype == tg.float32
    with pytest.raises(ValueError, match=r"Module.to\('cuda:0'\): the only device is 'cpu'"):
        net.to("cuda:0")


def test_to_a_dtype_that_is_not_real_is_an_error_and_changes_nothing() -> None:
    net = Net()
    with pytest.raises(tg.DtypeError, match=r"Module.to\(int64\): the numbers of a module are real"):
        net.to(tg.int64)
    with pytest.raises(tg.DtypeError, match=r"Module.to\('wrong'\): not a dtype"):
        net.to("wrong")
    assert net.scale.dtype == tg.float32


def test_zero_grad() -> None:
    net = Net()
    net(tg.ones(2, 4)).backward()
    held = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is held  # filled where it stands, as by an optimizer
    assert held is not None
    assert held.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


class Blocked(tg.Function):
    """Its argument, of which no gradient comes back."""

    @staticmethod
    def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: tg.Tensor) -> Any:
        return None


@pytest.mark.parametrize("how", ["module", "module, zeros", "optimizer", "optimizer, zeros", "None"])
def test_samples_are_forgotten_with_the_gradient_even_if_that_is_none(how: str) -> None:
    layer = nn.Linear(2, 1, bias=False)
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.1)

    def run() -> None:
        (tg.ones(4, 2) @ Blocked.apply(layer.weight)[0]).backward(per_sample=True)

    run()
    assert layer.weight.grad is None
    if how.startswith("module"):
        layer.zero_grad(set_to_none=how == "module")
    elif how.startswith("optimizer"):
        optimizer.zero_grad(set_to_none=how == "optimizer")
    else:
        layer.weight.grad = None
    with pytest.raises(tg.GraphError, match="there was no per-sample backward pass"):
        layer.sample_grads()
    run()
    assert len(layer.weight.sample_grads) == 4


def test_requires_grad_freezes() -> None:
    net = Net()
    net.encoder.requires_grad_(False)
    net(tg.ones(2, 4)).backward()
    assert net.encoder[0].weight.grad is None
    assert net.heads[0].weight.grad is not None
    net.encoder.requires_grad_()
    assert net.encoder[0].weight.requires_grad


def test_deepcopy_is_independent_and_keeps_tied_weights_tied() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.tied is twin.heads[0]
    assert twin.tied.weight is not net.tied.weight
    twin.scale.array[...] = 5.0
    assert net.scale.tolist() == [1.0, 1.0]
    twin(tg.ones(2, 4)).backward()
    assert net.scale.grad is None
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in net.named_parameters()]


def test_pickle_gives_the_same_model() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.ModuleDict({"a": nn.PReLU()})["a"]).eval()
    twin = pickle.loads(pickle.dumps(net))  # our own bytes
    x = tg.ones(2, 4)
    np.testing.assert_array_equal(twin(x).array, net(x).array)
    assert not twin.training
    assert isinstance(twin[0].weight, nn.Parameter)
    twin(x).backward()
    assert twin[0].weight.grad is not None


def test_text_shows_the_tree_and_extra_lines() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Sequential(nn.Identity())
            self.none = None

        def extra_repr(self) -> str:
            return "first line\nsecond line"

    assert repr(Odd()) == ("Odd(\n  first line\n  second line\n  (one): Sequential(\n    (0): Identity()\n  )\n)")
    assert repr(nn.Module()) == "Module()"
