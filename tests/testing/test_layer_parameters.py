"""Paths in an object, and what there is in it of arrays and of layers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.testing.layer_parameters import Path, candidates, layers_in, listed, narrow_arrays


class Box:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def backward(self, g: Any) -> Any:
        return g


class Slotted:
    __slots__ = ("W", "later")

    def __init__(self) -> None:
        self.W = np.ones(2)

    def backward(self, g: Any) -> Any:
        return g


class Silent:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


@pytest.mark.parametrize("text", ["W", "layers[0].W", "params['W1']", "a.b[-1]['x y'].c", "[3]", "['k']"])
def test_paths_are_written_as_they_are_read(text: str) -> None:
    assert str(Path.parse(text)) == text


@pytest.mark.parametrize("text", ["W 1", "layers[", "layers[x]", "a..b", "3", "params[W]"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path: write W, layers"):
        Path.parse(text)


def test_get_and_set() -> None:
    box = Box(layers=[Box(W=np.ones(2)), {"b": 0.5}], flag=True, name="x")
    path = Path.parse("layers[0].W")
    path.set(box, np.zeros(3))
    np.testing.assert_array_equal(path.get(box), np.zeros(3))
    Path.parse("layers[1]['b']").set(box, 2.0)
    assert Path.parse('layers[1]["b"]').get_number(box) == 2.0
    for text in ("layers[2]", "layers[0].V", "layers['b']", "flag.b.c"):
        with pytest.raises(LookupError):
            Path.parse(text).get(box)
        assert Path.parse(text).get_number(box) is None
    for text in ("flag", "name", "layers"):
        assert Path.parse(text).get_number(box) is None


@pytest.mark.parametrize(
    ("text", "partners"),
    [
        ("W", ["dW", "grad_W", "W_grad"]),
        ("a[0].W", ["a[0].dW", "a[0].grad_W", "a[0].W_grad"]),
        ("Ws[1]", ["dWs[1]", "grad_Ws[1]", "Ws_grad[1]"]),
        ("params['b']", ["params['db']", "grads['b']", "grads['db']", "grad_params['b']", "gradients['b_grad']"]),
    ],
)
def test_where_gradients_are_looked_for(text: str, partners: list[str]) -> None:
    assert set(partners) <= set(map(str, Path.parse(text).partners()))
    if text != "params['b']":
        assert list(map(str, Path.parse(text).partners())) == partners


def test_what_can_be_a_parameter() -> None:
    inner = Box(W=np.ones(2), n=3, ids=np.arange(3), rate=0.1)
    box = Box(layers=[inner, Silent(W=np.ones(2)), inner], slotted=Slotted(), params={"a": {"b": np.ones(1)}}, kind=Box)
    inner.parent = box  # type: ignore[attr-defined]
    box.closed = Fraction(1, 2), np.random.default_rng(0), lambda: 0.5  # type: ignore[attr-defined]
    near = ["layers[0].W", "layers[0].rate", "slotted.W", "params['a']['b']"]
    assert list(map(str, candidates(box, near=True))) == near
    assert set(map(str, candidates(box))) == {*near, "layers[1].W"}
    assert list(map(str, layers_in(box))) == ["", "layers[0]", "slotted"]
    assert list(layers_in(box).values())[1] is inner


def test_what_is_listed() -> None:
    assert listed(Box(W=np.ones((2, 3)), name="x", W2=None)) == "W (2, 3), name, W2"
    assert listed(Silent()) == "no attributes"


def test_narrow_arrays_are_found_everywhere() -> None:
    arrays = [np.ones(n, dtype) for n, dtype in enumerate([np.float32, np.float16, np.float32, np.float64, np.int32])]
    box = Box(a=Silent(b=[arrays[0], (arrays[1],)]), c={"d": arrays[2]}, e=arrays[3], f=arrays[4], np=np)
    box.itself = box  # type: ignore[attr-defined]
    assert {id(a) for a in narrow_arrays(box)} == {id(a) for a in arrays[:3]}
