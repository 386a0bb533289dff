"""Errors that arise inside a module say in which one."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_the_path_of_a_misfit_is_named() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(128, 2))

        def forward(self, x: Any) -> Any:
            return self.net(x)

    with pytest.raises(tg.ShapeError) as caught:
        Model()(tg.zeros(32, 8))
    text = "Linear 'net.2' expects (*, 128), got (32, 64): axis -1 is 64. Set in_features=64?"
    assert str(caught.value) == text


def test_a_module_called_by_itself_has_no_path() -> None:
    with pytest.raises(tg.ShapeError, match=r"^Linear expects \(\*, 3\), got \(2, 4\)"):
        nn.Linear(3, 1)(tg.zeros(2, 4))


def test_a_module_in_a_list_that_is_not_called_itself() -> None:
    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(3, 2)])

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x

    with pytest.raises(tg.ShapeError, match=r"^Linear '1.layers.1' expects"):
        nn.Sequential(nn.Identity(), Stack())(tg.zeros(1, 2))


def test_an_error_of_an_op_gets_the_path_in_front() -> None:
    class Add(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + tg.zeros(5)

    with pytest.raises(tg.ShapeError, match=r"^in Add '1': add\("):
        nn.Sequential(nn.Identity(), Add())(tg.zeros(3))


def test_a_foreign_error_keeps_its_message_and_gets_one_note() -> None:
    class Bad(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("mine")

    model = nn.Sequential(nn.Sequential(Bad()))
    with pytest.raises(KeyError) as caught:
        model(1)
    assert caught.value.args == ("mine",)
    assert caught.value.__notes__ == ["in Bad '0.0'"]


def test_the_error_of_a_module_that_is_called_inside_itself() -> None:
    class Loop(nn.Module):
        def forward(self, depth: int) -> Any:
            if depth:
                return self(depth - 1)
            raise tg.ShapeError("Loop ends")

    model = nn.Sequential(Loop())
    with pytest.raises(tg.ShapeError, match=r"^Loop '0' ends$"):
        model(3)


class Forgetful(nn.Module):
    def forward(self, x: tg.Tensor) -> None:
        x * 2


@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.ReLU(), nn.LayerNorm(2), nn.Dropout(), nn.Tanh(), nn.GRU(2, 2)])
def test_a_forward_without_a_return_is_noticed_by_the_next_module(layer: nn.Module) -> None:
    kind = type(layer).__name__
    with pytest.raises(tg.DtypeError, match=rf"{kind} '1'.*got None where a tensor belongs.*end without a return"):
        nn.Sequential(Forgetful(), layer)(tg.ones(3, 2))


@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.LayerNorm(2), nn.Dropout(), nn.GELU(), nn.GRU(2, 2)])
def test_a_list_is_no_tensor(layer: nn.Module) -> None:
    with pytest.raises(tg.DtypeError, match=r"a list.*no.* tensor: wrap it in tg\.tensor"):
        layer([[1.0, 2.0]])


@pytest.mark.parametrize("given", [None, (1.0, 2.0), [3.0]])
def test_a_mistake_in_forward_is_not_blamed_on_arguments_that_are_no_tensors(given: Any) -> None:
    class Misspelt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: tg.Tensor, state: Any) -> Any:
            return self.liner(x)

    with pytest.raises(AttributeError, match=r"^Misspelt has no attribute 'liner'"):
        Misspelt()(tg.ones(3, 2), given)


def test_a_path_in_a_message_with_a_colon() -> None:
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 5), 1)
    with pytest.raises(tg.ShapeError, match=r"^MultiheadAttention 'layers\.0\.self_attn': attn_mask has shape"):
        layer(tg.zeros(3, 2, 4), mask=tg.zeros(4, 4))
