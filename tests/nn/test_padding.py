"""The modules that put numbers around; the function is tested in test_shape.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from between_layers import check_between_layers
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

MODES = {"Constant": "constant", "Zero": "constant", "Reflection": "reflect", "Replication": "edge", "Circular": "wrap"}


def made(kind: str, axes: int, padding: Any) -> Any:
    return getattr(nn, f"{kind}Pad{axes}d")(padding, *([7.0] if kind == "Constant" else []))


@pytest.mark.parametrize("kind", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_numbers_around_each_axis_are_numpys(kind: str, axes: int) -> None:
    widths = [(0, 0)] * 2 + [(2, 1), (0, 2), (1, 1)][:axes]
    padding = tuple(n for pair in reversed(widths[2:]) for n in pair)
    x = normal(2, 3, *[4, 3, 5][:axes])
    value = {"constant_values": 7.0} if kind == "Constant" else {}
    expected = np.pad(x, widths, mode=MODES[kind], **value)  # type: ignore[call-overload]
    module = made(kind, axes, padding)
    assert module.padding == padding
    np.testing.assert_array_equal(module(tg.tensor(x)).array, expected)
    np.testing.assert_array_equal(module(tg.tensor(x[0])).array, expected[0])


@pytest.mark.parametrize("kind", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients(kind: str, axes: int) -> None:
    module, shape = made(kind, axes, 1), [(2, 3), (1, 3, 2), (1, 2, 2, 2)][axes - 1]
    x = normal(2, *shape)
    assert check_module(module, x, order=2 if axes == 1 else 1).ok
    assert check_laws(module, x).ok
    check_between_layers(module, shape)


@pytest.mark.parametrize("kind", ["Reflection", "Replication", "Circular"])
def test_other_axes_are_refused(kind: str) -> None:
    with pytest.raises(tg.ShapeError, match=r"pad: mode '\w+' pads the last one to three axes .* an axis: x\[None\]"):
        made(kind, 2, 1)(tg.ones(4, 4))
