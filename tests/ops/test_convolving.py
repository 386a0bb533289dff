"""Convolution by products, against sums written as one einsum: whatever the tiles, the layout and the blocks."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from made import normal

from tinygrad_edu.ops import convolving, depthwise, patches
from tinygrad_edu.ops.windows import Windows

Case = tuple[Any, Any, Any, Windows, int]


@st.composite
def convolutions(draw: Any) -> Case:
    """An input, a weight, a gradient of the result, windows and groups: sizes that leave remainders everywhere."""
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes)))

    groups = draw(st.sampled_from([1, 1, 2, 5]))
    c = groups * draw(st.sampled_from([1, 2] if groups > 1 else [1, 3, 17]))
    o = groups * draw(st.sampled_from([1, 2] if groups > 1 else [1, 3, 17, 40]))
    windows = Windows(each(1, 3), each(1, 2), tuple(zip(each(0, 2), each(0, 2), strict=True)), each(1, 2))
    sizes = each(3, 12 if axes == 1 else 7 if axes == 2 else 4)
    counts = windows.counts(sizes)
    assume(min(counts) > 0)
    n = draw(st.integers(0, 5))
    weight = normal(o, c // groups, *windows.kernel, seed=1)
    return normal(n, c, *sizes), weight, normal(n, o, *counts, seed=2), windows, groups


def patches_of(x: Any, windows: Windows, groups: int) -> Any:
    view = windows.view(windows.padded(x))
    return view.reshape((view.shape[0], groups, view.shape[1] // groups, *view.shape[2:]))


def summed(case: Case) -> tuple[Any, Any, Any]:
    """The result, and the gradient of each sample's by the weight, each as one einsum; and the result's place."""
    x, w, g, windows, groups = case
    t, k = "xyz"[: windows.axes], "rst"[: windows.axes]
    there = patches_of(x, windows, groups)
    weight = w.reshape((groups, len(w) // groups, *w.shape[1:]))
    gradient = g.reshape((len(g), groups, g.shape[1] // groups, *g.shape[2:]))
    out = np.einsum(f"ngc{t}{k},goc{k}->ngo{t}", there, weight).reshape(g.shape)
    apart = np.einsum(f"ngc{t}{k},ngo{t}->ngoc{k}", there, gradient).reshape((len(x), *w.shape))
    columns = np.einsum(f"ngo{t},goc{k}->ngc{t}{k}", gradient, weight)
    whole = np.zeros((*x.shape[:2], *windows.padded_sizes(x.shape[2:])))
    for place, slices in windows.places(g.shape[2:]):
        whole[(..., *slices)] += columns[(..., *place)].reshape((*x.shape[:2], *g.shape[2:]))
    return out, apart, windows.cropped(whole)


def close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("room", "small"), [(2**19, True), (40, True), (700, False)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=convolutions())
def test_all_ways_give_the_sums(case: Case, room: int, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "ROOM", room)
    monkeypatch.setattr(depthwise, "ROOM", room)
    monkeypatch.setattr(convolving, "SMALL_KERNELS", small)
    monkeypatch.setattr(convolving, "_ROWS", 8)
    x, w, g, windows, groups = case
    out, apart, by_input = summed(case)
    bias, other = normal(len(w), seed=3), normal(x.shape[1], seed=4)
    lines = (-1, *[1] * windows.axes)
    close(convolving.convolved(x, w, None, windows, groups), out)
    close(convolving.convolved(x, w, bias, windows, groups), out + bias.reshape(lines))
    close(convolving.correlated(x, g, windows, groups), apart.sum(0))
    close(convolving.transposed(g, w, None, windows, x.shape[2:], groups), by_input)
    close(convolving.transposed(g, w, other, windows, x.shape[2:], groups), by_input + other.reshape(lines))
    found, axes = convolving.correlated_apart(x, g, windows, groups)
    close(np.transpose(found, (0, *[1 + axis for axis in np.argsort(axes)])), apart)


def test_arrays_that_are_no_arrays_in_order() -> None:
    windows = Windows((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x, w = normal(4, 6, 5, 20).transpose(0, 3, 1, 2), normal(3, 3, 20, 24, seed=1).transpose(3, 2, 0, 1)
    expected = convolving.convolved(x.copy(), w.copy(), None, windows, 1)
    np.testing.assert_allclose(convolving.convolved(x, w, None, windows, 1), expected, rtol=1e-12, atol=1e-12)


def test_float32_is_as_precise_as_its_sums() -> None:
    windows = Windows((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x, w = normal(2, 32, 9, 9), normal(48, 32, 3, 3, seed=1)
    exact = convolving.convolved(x, w, None, windows, 1)
    scale = convolving.convolved(np.abs(x), np.abs(w), None, windows, 1)
    found = convolving.convolved(x.astype(np.float32), w.astype(np.float32), None, windows, 1)
    assert found.dtype == np.float32
    assert (np.abs(found - exact) <= 2e-6 * scale).all()


def test_a_large_batch_of_images_needs_little_memory() -> None:
    """The patches of 2048 digits are 50 MB in float32: no array of that size is made."""
    windows = Windows((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x, w = np.ones((2048, 1, 28, 28), np.float32), np.ones((1, 1, 3, 3), np.float32)
    convolving.convolved(x[:1], w, None, windows, 1)
    tracemalloc.start()
    try:
        out = convolving.convolved(x, w, None, windows, 1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < out.nbytes + 2**24
