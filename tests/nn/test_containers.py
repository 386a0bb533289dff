"""Sequential, lists and dictionaries of modules and of parameters."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def layers(count: int) -> list[nn.Module]:
    return [nn.Linear(2, 2) for _ in range(count)]


def test_sequential_runs_in_order_and_takes_names() -> None:
    class Double(nn.Module):
        def forward(self, x: Any) -> Any:
            return 2 * x

    class Add(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + 1

    assert nn.Sequential(Double(), Add())(3) == 7
    named = nn.Sequential(OrderedDict(add=Add(), twice=Double()))
    assert named(3) == 8
    assert named.add is named[0]
    assert list(dict(named[1:].named_children())) == ["twice"]
    assert nn.Sequential()(3) == 3


def test_sequential_indexing_slicing_and_changing() -> None:
    parts = layers(4)
    net = nn.Sequential(*parts)
    assert net[0] is parts[0]
    assert net[-1] is parts[3]
    middle = net[1:3]
    assert isinstance(middle, nn.Sequential)
    assert list(middle) == parts[1:3]
    assert list(dict(middle.named_children())) == ["0", "1"]
    extra = nn.Tanh()
    assert net.append(extra) is net
    assert len(net) == 5
    net[0] = extra
    assert net[0] is extra
    del net[0]
    assert list(net) == [*parts[1:], extra]
    assert list(dict(net.named_children())) == ["0", "1", "2", "3"]
    net.insert(0, parts[0])
    assert net[0] is parts[0]
    assert net.pop(-1) is extra
    assert parts[1] in net
    assert len(net + nn.Sequential(extra)) == 5
    del net[1:]
    assert list(net) == [parts[0]]


def test_names_of_sequential_survive_changes() -> None:
    net = nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.ReLU(), c=nn.Tanh()))
    del net[1]
    assert list(dict(net.named_children())) == ["a", "c"]


def test_a_subclass_may_hold_more_than_its_parts() -> None:
    class Scaled(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(*layers(2))
            self.scale = nn.Parameter(tg.ones(1))

    net = Scaled()
    assert len(net) == 2
    assert net(tg.ones(1, 2)).shape == (1, 2)
    assert len(list(net.parameters())) == 5


def test_module_list() -> None:
    parts = layers(3)
    modules = nn.ModuleList(parts)
    modules += [nn.Tanh()]
    assert len(modules) == 4
    assert list(modules[:2]) == parts[:2]
    assert isinstance(modules[:2], nn.ModuleList)
    assert len(modules + layers(1)) == 5
    assert len(list(modules.parameters())) == 6
    with pytest.raises(NotImplementedError, match="ModuleList cannot be called"):
        modules(1)


@pytest.mark.parametrize("container", [nn.Sequential(nn.Tanh()), nn.ModuleList([nn.Tanh()])])
def test_lists_refuse_what_does_not_fit(container: Any) -> None:
    with pytest.raises(IndexError, match="index 3 is out of range, there are 1 parts"):
        container[3]
    with pytest.raises(TypeError, match=r"holds modules, got the function .*: use the module of that name"):
        container.append(lambda x: x)
    assert len(container) == 1


def test_module_dict() -> None:
    modules = nn.ModuleDict({"a": nn.Tanh()})
    modules["b"] = nn.Linear(1, 1)
    modules.update([("c", nn.ReLU())])
    assert list(modules) == list(modules.keys()) == ["a", "b", "c"]
    assert "b" in modules
    assert len(modules) == 3
    assert [type(m).__name__ for m in modules.values()] == ["Tanh", "Linear", "ReLU"]
    assert dict(modules.items())["a"] is modules["a"]
    assert isinstance(modules.pop("a"), nn.Tanh)
    assert modules.get("a") is None
    with pytest.raises(KeyError, match=r"ModuleDict has no 'z', it has \['b', 'c'\]"):
        modules["z"]
    with pytest.raises(TypeError, match="ModuleDict holds modules, got for 'd' int 3"):
        modules["d"] = 3  # type: ignore[assignment]
    with pytest.raises(KeyError, match="already has an attribute 'keys'"):
        modules["keys"] = nn.Tanh()
    del modules["b"]
    modules.clear()
    assert len(modules) == 0


def test_parameter_list_and_dict() -> None:
    numbers = nn.ParameterList([tg.zeros(2), nn.Parameter(tg.ones(3))])
    numbers.append(tg.ones(1))  # type: ignore[arg-type]
    assert [p.shape for p in numbers] == [(2,), (3,), (1,)]
    assert all(isinstance(p, nn.Parameter) for p in numbers)
    assert [name for name, _ in numbers.named_parameters()] == ["0", "1", "2"]
    numbers[0] = nn.Parameter(tg.zeros(5))
    assert numbers[0].shape == (5,)
    assert repr(numbers).splitlines()[1] == "  (0): Parameter of shape (5,), float32"
    table = nn.ParameterDict({"a": tg.zeros(2)})
    table["b"] = nn.Parameter(tg.zeros(1))
    assert list(table.state_dict()) == ["a", "b"]
    assert "(b): Parameter of shape (1,), float32" in repr(table)
    with pytest.raises(TypeError, match="ParameterList holds parameters, got int 3"):
        numbers.append(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ParameterDict holds parameters, got list"):
        table["c"] = [1]  # type: ignore[assignment]


def test_what_is_no_module_says_what_to_give() -> None:
    for wrong, said in [
        (nn.ReLU, r"got the class ReLU: make a module of it, ReLU\(…\)"),
        ([nn.ReLU()], r"got a list of them: pass them one by one, Sequential\(\*modules\)"),
        (tg.relu, "got the function relu: use the module of that name"),
    ]:
        with pytest.raises(TypeError, match=rf"Sequential holds modules, {said}"):
            nn.Sequential(wrong)  # type: ignore[arg-type]
