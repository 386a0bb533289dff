"""Layers in a program that shows a failure."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.testing.repro.objects import written_object
from tinygrad_edu.testing.repro.program import Program


class Layer:
    def __init__(self, never: Any) -> None:
        raise AssertionError("nobody knows the arguments")

    def backward(self, g: Any) -> Any:
        return g


def made(**attributes: Any) -> Any:
    layer = object.__new__(Layer)
    vars(layer).update(attributes)
    return layer


def run(layer: Any) -> tuple[Any, str]:
    """The layer that the program makes, and the program."""
    program = Program()
    name = written_object(layer, program)
    text = program.text()
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope[name], text


def test_attributes_are_written_out() -> None:
    w = np.array([[0.1, 2.0]])
    inner = made(W=w, rate=0.5, mode="train")
    layer, _ = run(made(layers=[inner, None], params={"W": w}, pair=(inner, 3), one=(2,)))
    np.testing.assert_array_equal(layer.layers[0].W, w)
    assert layer.params["W"] is layer.layers[0].W
    assert layer.pair[0] is layer.layers[0]
    assert (layer.layers[0].rate, layer.layers[0].mode, layer.layers[1], layer.one) == (0.5, "train", None, (2,))
    assert type(layer) is Layer


def test_what_is_too_large_is_left_to_be_filled_in() -> None:
    program = Program()
    written_object(made(W=np.ones((30, 30))), program)
    assert "layer_W = ...  # float64 (30, 30): as in your program" in program.text()
