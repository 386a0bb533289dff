"""Models: always new ones, and what to give where there is none to be had."""

from __future__ import annotations

import functools
import random
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem.models import dtype_of, maker
from tinygrad_edu.bench.problem.randomness import preserved


class Net(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(2, width)

    def forward(self, x: Any) -> Any:
        return self.layer(x)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(tg.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


@pytest.mark.parametrize("model", [Net, lambda: Net(4), functools.partial(Net, width=5), functools.partial(Net, 5)])
def test_a_class_or_function_is_called_anew_for_each_seed(model: Any) -> None:
    make = maker(model)
    first, again, other = make(1), make(1), make(2)
    assert first is not again
    assert same(first, again)
    assert not same(first, other)


def test_all_three_generators_are_seeded_for_it() -> None:
    class Drawn(Net):
        def __init__(self) -> None:
            super().__init__()
            self.numbers = (tg.rand(1).item(), float(np.random.random()), random.random())  # noqa: NPY002

    with preserved():
        first, again, other = (maker(Drawn)(seed) for seed in (1, 1, 2))
    assert first.numbers == again.numbers
    assert all(a != b for a, b in zip(first.numbers, other.numbers))


def test_a_module_is_copied_and_its_numbers_are_where_all_copies_begin() -> None:
    net = Net()
    make = maker(net)
    first = make(0)
    with tg.no_grad():
        first.layer.weight.fill_(7.0)
        net.layer.bias.fill_(9.0)  # later changes are not seen
    second = make(1)
    assert not tg.equal(first.layer.weight, second.layer.weight)
    assert tg.equal(net.layer.weight, second.layer.weight)
    assert not tg.equal(net.layer.bias, second.layer.bias)


def test_a_function_that_returns_one_and_the_same_module_gives_copies_of_it() -> None:
    net = Net()
    made = maker(lambda: net)(0)
    assert made is not net
    with tg.no_grad():
        made.layer.weight.fill_(7.0)
    assert not tg.equal(net.layer.weight, made.layer.weight)


def test_a_module_that_cannot_be_copied_asks_for_a_function() -> None:
    class Locked(Net):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    with pytest.raises(BenchError, match=r"model cannot be copied \(.*lock.*\): give a class or function"):
        maker(Locked())
    assert isinstance(maker(Locked)(0), Locked)


def test_a_factory_that_raises_gives_its_own_error() -> None:
    class Mine(Exception):
        pass

    def build() -> nn.Module:
        raise Mine("in line 3")

    with pytest.raises(Mine, match="in line 3") as caught:
        maker(build)(0)
    assert caught.value.__cause__ is None


def test_what_makes_no_module_is_refused() -> None:
    with pytest.raises(BenchError, match=r"model: Linear needs in_features, out_features: .*lambda: Linear\(…\)"):
        maker(nn.Linear)
    with pytest.raises(BenchError, match=r"model: <lambda> needs width: .*lambda: f\(…\)"):
        maker(lambda width: Net(width))
    with pytest.raises(BenchError, match="model: got 'Net'; give a module, or a class or function"):
        maker("Net")
    with pytest.raises(BenchError, match=r"model: <lambda>\(\) returned None, not a module"):
        maker(lambda: None)(0)
    with pytest.raises(BenchError, match=r"model: <lambda>\(\) returned <class .*, not a module"):
        maker(lambda: Net)(0)
    strange = type("Module", (), {"__module__": "torch.nn", "__call__": lambda self: None})()
    with pytest.raises(BenchError, match=r"model: got something of torch .*use what tinygrad_edu has"):
        maker(strange)


def test_the_dtype_is_that_of_what_learns() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double())
    assert dtype_of(net) == np.float32
    net[0].requires_grad_(False)
    assert dtype_of(net) == np.float64
    net.requires_grad_(False)
    for nothing in (net, nn.ReLU()):
        with pytest.raises(BenchError, match="no parameter that requires a gradient: there is nothing to train"):
            dtype_of(nothing)
