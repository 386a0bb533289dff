"""Registration by attribute, and the walks over a module's parts."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        self.shift = nn.Parameter(tg.zeros(2))
        self.register_buffer("mean", tg.zeros(2))
        self.count = 3


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


def test_walks_give_paths_in_order() -> None:
    net = Net()
    paths = ["shift", "first.weight", "first.bias", "second.0.weight", "second.0.bias"]
    assert names(net.named_parameters()) == paths
    assert names(net.named_parameters(prefix="net")) == ["net." + path for path in paths]
    assert names(net.named_parameters(recurse=False)) == ["shift"]
    assert names(net.named_buffers()) == ["mean"]
    assert names(net.named_modules()) == ["", "first", "second", "second.0", "second.1"]
    assert names(net.named_children()) == ["first", "second"]
    assert list(net.children()) == [net.first, net.second]
    assert len(list(net.modules())) == 5
    assert [p.shape for p in net.parameters()] == [(2,), (3, 2), (3,), (2, 3), (2,)]
    assert list(net.buffers()) == [net.mean]


def test_a_tied_parameter_counts_once() -> None:
    net = Net()
    net.second[0].weight = net.again = nn.Parameter(tg.zeros(2, 3))
    assert len(list(net.parameters())) == 5
    every = names(net.named_parameters(remove_duplicate=False))
    assert "again" in every
    assert "second.0.weight" in every
    assert len(every) == 6
    net.third = net.first
    assert len(list(net.modules())) == 5
    assert names(net.named_modules(remove_duplicate=False)).count("third") == 1
    assert names(net.named_children()) == ["first", "second"]


def test_assigning_and_deleting_register_and_unregister() -> None:
    net = Net()
    net.count = nn.Parameter(tg.zeros(1))  # a plain attribute becomes a parameter
    assert "count" in names(net.named_parameters())
    net.first = nn.Identity()
    assert "first.weight" not in names(net.named_parameters())
    net.shift = None
    assert "shift" not in names(net.named_parameters())
    net.shift = nn.Parameter(tg.ones(2))
    assert "shift" in names(net.named_parameters())
    net.mean = tg.ones(2)
    assert net.get_buffer("mean").tolist() == [1.0, 1.0]
    del net.second
    assert names(net.named_children()) == ["first"]
    assert not hasattr(net, "second")
    net.mean = nn.Parameter(tg.ones(2))  # a buffer becomes a parameter
    assert names(net.named_buffers()) == []
    assert "mean" in dir(net)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shift", tg.zeros(2), r"Net.shift is a parameter, and cannot be set to a plain Tensor; .*nn.Parameter\("),
        ("shift", 3.0, r"Net.shift is a parameter, and cannot be set to a float"),
        ("first", 3, r"Net.first is a module, and cannot be set to a int; it takes a Module or None"),
        ("mean", [1.0], r"Net.mean is a buffer, and cannot be set to a list; it takes a Tensor or None"),
    ],
)
def test_a_registered_name_refuses_other_things(name: str, value: Any, message: str) -> None:
    net = Net()
    before = getattr(net, name)
    with pytest.raises(TypeError, match=message):
        setattr(net, name, value)
    assert getattr(net, name) is before


@pytest.mark.parametrize("name", ["shift", "mean", "first"])
def test_a_registered_name_refuses_a_parameter_of_another_framework_and_says_whose_it_is(name: str) -> None:
    kind = type("Parameter", (), {"__module__": "torch.nn.parameter", "shape": (2,), "dtype": np.dtype("float32")})
    net = Net()
    said = (
        rf"Net.{name} is a \w+, and cannot be set to a tensor of torch \(torch\.nn\.parameter\.Parameter\): convert it"
    )
    with pytest.raises(TypeError, match=said):
        setattr(net, name, kind())


def test_forgotten_super_init_is_named() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match=r"Forgetful.__init__ assigns the module 'layer' before super\(\)"):
        Forgetful()

    class Late(nn.Module):
        def __init__(self) -> None:
            self.size = 3

    with pytest.raises(AttributeError, match=r"its __init__ must call super\(\).__init__\(\) first"):
        list(Late().parameters())


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(AttributeError, match="Net has no attribute 'frist'"):
        Net().frist


def test_register_functions_check() -> None:
    net = nn.Module()
    with pytest.raises(TypeError, match=r"register_parameter\('a'\) needs a Parameter or None, got Tensor"):
        net.register_parameter("a", tg.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"register_buffer\('a'\) needs a Tensor or None, got list"):
        net.register_buffer("a", [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"register_module\('a'\) needs a Module or None, got str"):
        net.add_module("a", "b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the name of a buffer is a string, got 3"):
        net.register_buffer(3, None)  # type: ignore[arg-type]
    for name in ("", "a.b"):
        with pytest.raises(KeyError, match="a name is not empty and has no dot in it"):
            net.register_buffer(name, None)
    with pytest.raises(KeyError, match="Module already has an attribute 'forward'"):
        net.register_buffer("forward", None)


def test_names_can_be_kept_for_later() -> None:
    net = nn.Module()
    net.register_parameter("bias", None)
    net.register_module("part", None)
    assert net.bias is None
    assert list(net.parameters()) == list(net.children()) == []
    net.bias = nn.Parameter(tg.zeros(1))
    assert names(net.named_parameters()) == ["bias"]


def test_getting_by_path() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("second.1") is net.second[1]
    assert net.get_parameter("second.0.bias") is net.second[0].bias
    with pytest.raises(AttributeError, match=r"Sequential at 'second' has no module '7', it has '0', '1'"):
        net.get_submodule("second.7.x")
    with pytest.raises(AttributeError, match=r"Linear at 'first' has no parameter 'wait', it has 'weight', 'bias'"):
        net.get_parameter("first.wait")
    with pytest.raises(AttributeError, match=r"Net has no buffer 'var', it has 'mean'"):
        net.get_buffer("var")


def test_a_property_is_not_overruled() -> None:
    class Wrapped(nn.Module):
        @property
        def weight(self) -> Any:
            return self._weight

        @weight.setter
        def weight(self, value: Any) -> None:
            self._weight = value

    module = Wrapped()
    module.weight = nn.Parameter(tg.zeros(2))
    assert names(module.named_parameters()) == ["_weight"]
    assert module.weight is module._weight


def test_parts_that_no_optimizer_would_find_are_noticed() -> None:
    class Lost(nn.Module):
        def __init__(self, what: str) -> None:
            super().__init__()
            if what == "list":
                self.layers = [nn.Linear(2, 2)]
            elif what == "dict":
                self.layers = {"a": nn.Linear(2, 2)}
            elif what == "parameters":
                self.weights = (nn.Parameter(tg.ones(2)),)
            elif what == "leaf":
                self.weight = tg.ones(2, requires_grad=True)

    for what, said in {
        "list": r"Lost\.layers is a list of modules, whose parameters are not found: use nn\.ModuleList",
        "dict": r"Lost\.layers is a dict of modules, .* use nn\.ModuleDict",
        "parameters": r"Lost\.weights is a tuple of parameters, which are not found: use nn\.ParameterList",
        "leaf": r"Lost\.weight requires a gradient, but is not a parameter of the module: wrap it in nn\.Parameter",
    }.items():
        with pytest.warns(UserWarning, match=said) as caught:
            module = Lost(what)
        assert caught[0].filename == __file__
        assert not list(module.parameters())
    plain = Lost("nothing")
    plain.later = [nn.Linear(2, 2)]  # on purpose, it seems
    plain.numbers, plain.constant = [1, 2], tg.ones(2)


def test_a_module_may_be_generic_in_either_order() -> None:
    T = TypeVar("T")

    class First(Generic[T], nn.Module):
        pass

    class Last(nn.Module, Generic[T]):
        pass

    assert isinstance(First[int](), nn.Module)
    assert isinstance(Last[int](), nn.Module)
