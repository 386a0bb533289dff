"""Parameter: a leaf that wants a gradient."""

from __future__ import annotations

import copy

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_a_parameter_is_a_leaf_in_the_memory_of_its_tensor() -> None:
    data = tg.tensor([1.0, 2.0], requires_grad=True)
    p = nn.Parameter(data * 1)
    assert p.is_leaf
    assert p.requires_grad
    assert nn.Parameter(data).array is data.array
    (p * 3).backward()
    assert p.grad is not None
    assert p.grad.tolist() == [3.0, 3.0]
    assert data.grad is None, "a parameter must not stand in the graph of the tensor it was made of"


def test_results_and_detached_parameters_are_plain_tensors() -> None:
    p = nn.Parameter(tg.ones(2))
    assert type(p * 2) is tg.Tensor
    assert type(p.detach()) is tg.Tensor
    with tg.no_grad():
        q = p
        q -= 1.0
    assert q is p
    assert type(copy.deepcopy(p)) is nn.Parameter


def test_integers_need_requires_grad_false() -> None:
    with pytest.raises(
        tg.DtypeError, match=r"Parameter of shape \(2,\) has dtype int64.*\.float\(\), or pass requires_grad"
    ):
        nn.Parameter(tg.tensor([1, 2]))
    frozen = nn.Parameter(tg.tensor([1, 2]), requires_grad=False)
    assert not frozen.requires_grad
    assert repr(frozen) == "Parameter containing:\ntensor([1, 2])"
