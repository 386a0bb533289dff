"""state_dict and load_state_dict: all or nothing, and every difference at once."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def model() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    net.register_buffer("steps", tg.tensor(0))
    net.register_buffer("scratch", tg.zeros(2), persistent=False)
    return net


def numbers(net: nn.Module) -> dict[str, Any]:
    return {name: value.array.copy() for name, value in net.state_dict().items()}


def test_a_state_dict_is_ordered_detached_and_shares_memory() -> None:
    net = model()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == ["steps", "0.weight", "0.bias", "1.weight", "1.bias"]
    assert not any(value.requires_grad for value in state.values())
    assert state["0.weight"].array is net.get_parameter("0.weight").array
    assert net.state_dict(keep_vars=True)["0.weight"] is net.get_parameter("0.weight")
    assert next(iter(net.state_dict(prefix="net."))) == "net.steps"


def test_round_trip() -> None:
    first, second = model(), model()
    weight = second.get_parameter("0.weight")
    first.steps = tg.tensor(7)
    assert second.load_state_dict(first.state_dict()) == ([], [])
    assert second.get_parameter("0.weight") is weight, "loading replaced a parameter that an optimizer may hold"
    for name, value in numbers(first).items():
        np.testing.assert_array_equal(numbers(second)[name], value)
    assert weight.array is not first.get_parameter("0.weight").array


def test_tied_parameters_appear_under_each_name() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    state = copy.deepcopy(net.state_dict())
    assert {"0.weight", "1.weight"} <= set(state)
    net.load_state_dict(state)
    assert net[1].weight is net[0].weight


def test_every_difference_is_listed_and_nothing_is_loaded() -> None:
    net = model()
    before = numbers(net)
    state = {name: value + 1 for name, value in before.items() if name != "1.bias"}
    state["0.weight"] = np.ones((3, 5), np.float32)
    state["0.bias"] = np.ones((1, 3), np.float32)
    state["2.weight"] = np.ones(1)
    with pytest.raises(tg.StateError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "load_state_dict() into Sequential: the state_dict does not fit, and nothing was loaded" in text
    assert "missing keys: '1.bias'" in text
    assert "unexpected keys: '2.weight'" in text
    assert "0.weight: shape (3, 5) in the state_dict, (3, 2) in the module" in text
    assert "0.bias: shape (1, 3) in the state_dict, (3,) in the module" in text
    assert isinstance(caught.value, RuntimeError)
    for name, value in numbers(net).items():
        np.testing.assert_array_equal(value, before[name])


def test_not_strict_loads_what_fits_and_tells_the_rest() -> None:
    net = model()
    result = net.load_state_dict({"0.bias": np.full(3, 9.0), "other": np.zeros(1)}, strict=False)
    assert result.missing_keys == ["steps", "0.weight", "1.weight", "1.bias"]
    assert result.unexpected_keys == ["other"]
    assert str(result).startswith("IncompatibleKeys(missing_keys=['steps', ")
    assert str(net.load_state_dict(net.state_dict())) == "<All keys matched successfully>"
    assert net.get_parameter("0.bias").tolist() == [9.0, 9.0, 9.0]


def test_not_strict_still_refuses_a_wrong_shape() -> None:
    net = model()
    before = numbers(net)
    with pytest.raises(tg.StateError, match=r"0.bias: shape \(4,\) in the state_dict, \(3,\) in the module"):
        net.load_state_dict({"0.weight": before["0.weight"] + 1, "0.bias": np.zeros(4)}, strict=False)
    np.testing.assert_array_equal(numbers(net)["0.weight"], before["0.weight"])


def test_dtypes_are_converted_unless_numbers_would_be_lost() -> None:
    net = model()
    state = net.state_dict()
    state["0.bias"] = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64)
    net.load_state_dict(state)
    assert net.get_parameter("0.bias").dtype == tg.float32
    state["steps"] = tg.tensor(1.5)
    with pytest.raises(tg.StateError, match="steps: dtype float32 in the state_dict, int64 in the module"):
        net.load_state_dict(state)


def test_a_cast_that_overflows_with_warnings_as_errors_leaves_nothing_half_loaded() -> None:
    net = nn.Linear(2, 1).half()
    before = numbers(net)
    with pytest.raises(RuntimeWarning, match="overflow"):
        net.load_state_dict({"weight": np.ones((1, 2)), "bias": np.full(1, 1e9)})
    np.testing.assert_array_equal(numbers(net)["weight"], before["weight"])


def test_loading_what_is_no_mapping() -> None:
    with pytest.raises(TypeError, match=r"needs a mapping of names to tensors, got list"):
        model().load_state_dict([1])  # type: ignore[arg-type]


def test_loading_between_forward_and_backward_is_noticed() -> None:
    net = nn.Linear(2, 2)
    out = net(tg.tensor([[1.0, 2.0]], requires_grad=True))
    net.load_state_dict({name: value + 1 for name, value in numbers(net).items()})
    with pytest.raises(tg.GraphError, match="overwritten"):
        out.backward()


def test_loading_a_path_or_a_module_says_what_to_pass() -> None:
    with pytest.raises(TypeError, match=r"got str: load the file first, with tg\.load\(path\); or load_saf"):
        model().load_state_dict("model.npz")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got Sequential: pass its state_dict\(\)"):
        model().load_state_dict(nn.Sequential())  # type: ignore[arg-type]


def test_advice_fits_what_was_passed() -> None:
    net = nn.Linear(2, 1)
    state = net.state_dict()
    for given, advice in (
        ({"weight": state["weight"]}, "Pass strict=False to load the keys that fit"),
        ({"epoch": 3, "model": state}, "The entry 'model' has such keys: pass that instead"),
        ({"other": state["weight"]}, "  unexpected keys: 'other'"),
    ):
        with pytest.raises(tg.StateError) as caught:
            net.load_state_dict(given)
        assert str(caught.value).splitlines()[-1] == advice
