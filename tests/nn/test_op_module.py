"""Activations as modules and as functions; what they compute is tested with the ops, and against PyTorch."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

F = nn.functional

ACTIVATIONS = [name for name, value in vars(nn.activations).items() if inspect.isclass(value)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_default_options_give_a_finite_result_and_gradient(name: str) -> None:
    options: dict[str, Any] = {"dim": 1} if name in ("Softmax", "Softmin", "LogSoftmax") else {}
    options = {"threshold": 0.1, "value": 5.0} if name == "Threshold" else options
    module = getattr(nn, name)(**options)
    x = tg.tensor([[[-100.0, -0.3], [0.4, 100.0]]], requires_grad=True)
    module(x).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert module(x).dtype == tg.float32


def test_inplace_is_accepted_and_leaves_the_input_alone() -> None:
    x = tg.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x).tolist() == [0.0, 2.0]
    assert x.tolist() == [-1.0, 2.0]
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"


def test_options_are_arguments_attributes_and_text() -> None:
    module = nn.Hardtanh(-2.0, max_val=0.5)
    assert (module.min_val, module.max_val, module.inplace) == (-2.0, 0.5, False)
    assert repr(module) == "Hardtanh(min_val=-2.0, max_val=0.5)"
    assert repr(copy.deepcopy(module)) == repr(module)
    module.max_val = 2.0
    assert module(tg.tensor([-3.0, 3.0])).tolist() == [-2.0, 2.0]
    with pytest.raises(TypeError, match="max_value"):
        nn.Hardtanh(max_value=1.0)  # type: ignore[call-arg]


def test_where_pytorch_has_inplace_it_is_accepted_behind_the_options() -> None:
    x = tg.tensor([-1.0, 2.0])
    for out in (F.threshold(x, 1.5, 0.5, True), F.threshold(x, 1.5, value=0.5, inplace=True)):
        assert out.tolist() == [0.5, 2.0]
    assert F.relu(input=x, inplace=True).tolist() == F.relu(x, True).tolist() == [0.0, 2.0]  # type: ignore[call-arg]
    assert x.tolist() == [-1.0, 2.0]
    assert list(inspect.signature(F.elu).parameters) == ["input", "alpha", "inplace"]
    with pytest.raises(TypeError):
        F.relu(x, True, 1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        F.gelu(x, inplace=True)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "name", ["gelu", "sigmoid", "tanh", "softplus", "softmax", "hardshrink", "layer_norm", "linear"]
)
def test_what_needs_no_form_of_its_own_is_the_op(name: str) -> None:
    assert getattr(F, name) is getattr(tg, name)


def test_arguments_that_are_too_many_or_given_twice_are_refused() -> None:
    x = tg.ones(2)
    with pytest.raises(TypeError, match=r"^elu\(\): multiple values for argument 'inplace'"):
        F.elu(x, 0.3, True, inplace=True)
    for call in (lambda: F.relu(x, True, True), lambda: F.threshold(x, 1.0, 2.0, True, False)):
        with pytest.raises(TypeError, match=r"\(\): too many positional arguments"):
            call()
