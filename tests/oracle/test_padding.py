"""Numbers put around, against PyTorch's: values, gradients by the inputs, what is refused, and what it looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import normal
from twins import Call, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

MODES = ["constant", "reflect", "replicate", "circular"]


def defined(mode: str, shape: list[int], pad: list[int]) -> bool:
    """Whether PyTorch says what it computes: of an axis that was cropped to nothing, or circles too short, it does not.

    It refuses some of the axes that have nothing left and not others.
    """
    for i in range(len(pad) // 2):
        n, before, after = shape[-1 - i], pad[2 * i], pad[2 * i + 1]
        left = n + min(before, 0) + min(after, 0)
        if mode == "circular" and (left < 1 or max(before, after) > left):
            return False
        if mode in ("reflect", "replicate") and n + before + after < 1:
            return False
    return True


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from(MODES))
def test_pad(data: Any, mode: str) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    axes = data.draw(st.integers(1, len(shape)))
    pad = data.draw(st.lists(st.integers(-2, 3), min_size=2 * axes, max_size=2 * axes))
    if not defined(mode, shape, pad):
        return
    x, theirs = normal(*shape), torch.nn.functional.pad
    options = {"pad": pad, "mode": mode, **({"value": 1.5} if mode == "constant" else {})}
    try:
        theirs(torch.tensor(x), **options)
    except (RuntimeError, NotImplementedError):
        with pytest.raises(tg.ShapeError):
            F.pad(tg.tensor(x), **options)
        return
    compare(Call(F.pad, options), Call(theirs, options), x)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Constant", "Zero", "Reflection", "Replication", "Circular"])
def test_module(kind: str, axes: int) -> None:
    for padding in (1, [(2, 1), (2, 1, 0, 1), (2, 1, 0, 1, 1, 2)][axes - 1]):
        ours, theirs = twins(f"{kind}Pad{axes}d", padding, *([7.0] if kind == "Constant" else []))
        assert repr(ours) == repr(theirs)
        for front in [(2, 3), (3,)]:
            compare(ours, theirs, numbers(*front, *[4, 3, 5][:axes]))


@pytest.mark.parametrize("kind", ["Reflection", "Replication", "Circular"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_other_axes_are_refused(kind: str, axes: int) -> None:
    for count in (axes, axes + 3):
        shape = [3] * count
        with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
            getattr(torch.nn, f"{kind}Pad{axes}d")(1)(torch.ones(shape))
        with pytest.raises(tg.ShapeError):
            getattr(nn, f"{kind}Pad{axes}d")(1)(tg.ones(shape))


def test_a_value_without_a_constant_is_refused() -> None:
    for library in (tg, torch):
        with pytest.raises((ValueError, RuntimeError)):
            library.nn.functional.pad(library.ones(1, 2, 3), (1, 1), "reflect", 2.0)
        assert library.nn.functional.pad(library.ones(1, 2, 3), (1, 1), "reflect", 0.0).shape == (1, 2, 5)
