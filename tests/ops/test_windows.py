"""Windows: how many there are, what is in them, and what is said of those that do not fit."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.ops.windows import Windows, each


@st.composite
def windows_and_sizes(draw: Any) -> tuple[Windows, tuple[int, ...]]:
    axes = draw(st.integers(1, 3))

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes)))

    padding = tuple(zip(sizes(0, 2), sizes(0, 2), strict=True))
    return Windows(sizes(1, 3), sizes(1, 3), padding, sizes(1, 2)), sizes(0, 6)


@given(windows_and_sizes())
def test_view_and_places_are_the_windows(case: tuple[Windows, tuple[int, ...]]) -> None:
    windows, sizes = case
    counts = windows.counts(sizes)
    if min(counts) < 1:
        with pytest.raises(ShapeError, match="does not fit into it"):
            windows.check("op", sizes)
        return
    windows.check("op", sizes)
    x = np.random.default_rng(0).normal(size=(2, *sizes))
    whole = windows.padded(x, 7.0)
    np.testing.assert_array_equal(whole, np.pad(x, [(0, 0), *windows.padding], constant_values=7.0))
    np.testing.assert_array_equal(windows.cropped(whole), x)
    view = windows.view(whole)
    assert view.shape == (2, *counts, *windows.kernel)
    found = {}
    for place, slices in windows.places(counts):
        found[place] = whole[(..., *slices)]
        np.testing.assert_array_equal(found[place], view[(..., *place)])
    assert len(found) == windows.size
    for place, at in product(found, product(*map(range, counts))):
        index = [s * i + d * p for s, i, d, p in zip(windows.stride, at, windows.dilation, place, strict=True)]
        np.testing.assert_array_equal(found[place][(..., *at)], whole[(..., *index)])


def test_a_view_of_windows_cannot_be_written_to() -> None:
    view = Windows((2,), (1,), ((0, 0),), (1,)).view(np.zeros(4))
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0] = 1


def test_each() -> None:
    assert each("op", "stride", 2, 3) == (2, 2, 2)
    assert each("op", "stride", (2,), 2) == (2, 2)
    assert each("op", "stride", [np.int64(1), 2], 2) == (1, 2)
    with pytest.raises(ValueError, match=r"op: stride=\(1, 2, 3\) has 3 numbers, it needs one, or one for each of 2"):
        each("op", "stride", (1, 2, 3), 2)
    with pytest.raises(ValueError, match="op: stride must be at least 1, got 0"):
        each("op", "stride", 0, 2)
    for wrong in (1.5, "same", None, (1, 2.0)):
        with pytest.raises(TypeError, match="op: stride must be an integer, or 2 of them, got"):
            each("op", "stride", wrong, 2)


def test_what_does_not_fit_is_named() -> None:
    windows = Windows((3, 3), (1, 1), ((0, 0), (1, 0)), (1, 2))
    with pytest.raises(ShapeError, match=r"conv: axis -1 has size 2 and padding 1 \+ 0, .* 5 \(kernel 3, dilation 2\)"):
        windows.check("conv", (3, 2))
