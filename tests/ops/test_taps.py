"""Windows along one axis: that the taps name all their elements once, and what is added and copied by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal

from tinygrad_edu.ops.taps import Taps, adaptive, added, of_path, of_runs, placed, sliding, summed
from tinygrad_edu.ops.windows import Windows


def matrix(taps: Taps) -> Any:
    """How often each window has each element."""
    found = np.zeros((taps.total, taps.size))
    for tap in taps.each:
        windows, elements = np.arange(taps.total)[tap.windows], np.arange(taps.size)[tap.elements]
        assert len(np.unique(windows)) == len(windows) == len(elements) == len(np.unique(elements)) > 0
        assert tap.alone == (not found[:, elements].any())
        found[windows, elements] += 1
    assert found.max(initial=0) <= 1
    return found


@st.composite
def all_kinds(draw: Any) -> Taps:
    size, total = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    kind = draw(st.sampled_from(["sliding", "adaptive", "path", "runs"]))
    small = st.integers(1, 3)
    if kind == "sliding":
        return sliding(size, total, draw(small), draw(small), draw(st.integers(0, 2)), draw(small))
    if kind == "adaptive":
        return adaptive(size, total)
    if kind == "path":
        return of_path(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=10)), size)
    bounds = np.sort(draw(st.lists(st.integers(0, size), min_size=total + 1, max_size=total + 1)))
    return of_runs(size, bounds[:-1], bounds[1:])


@given(all_kinds())
def test_sums_and_copies_are_a_matrix_and_its_transpose(taps: Taps) -> None:
    table = matrix(taps)
    x, y = normal(2, taps.size, 3), normal(2, taps.total, 3, seed=1)
    np.testing.assert_allclose(summed(x, 1, taps), np.einsum("wn,bnc->bwc", table, x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(added(y, 1, taps), np.einsum("wn,bwc->bnc", table, y), rtol=1e-13, atol=1e-13)
    if all(tap.alone for tap in taps.each):
        np.testing.assert_array_equal(placed(y, 1, taps), np.einsum("wn,bwc->bnc", table, y))


@given(st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
def test_sliding_windows_are_those_of_padded_arrays(size: int, kernel: int, stride: int, pad: int, step: int) -> None:
    windows = Windows((kernel,), (stride,), ((pad, pad),), (step,))
    (total,) = windows.counts((size,))
    if total < 1:
        return
    x = normal(size)
    expected = windows.view(windows.padded(x)).sum(-1)
    np.testing.assert_allclose(summed(x, 0, sliding(size, total, kernel, stride, pad, step)), expected, atol=1e-13)


@given(st.integers(1, 12), st.integers(1, 12))
def test_adaptive_windows_cover_the_axis(size: int, total: int) -> None:
    table = matrix(adaptive(size, total))
    for i, row in enumerate(table):
        inside = np.flatnonzero(row)
        assert inside[0] == i * size // total
        assert inside[-1] == -(-(i + 1) * size // total) - 1
        assert len(inside) == inside[-1] - inside[0] + 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_along_a_path_stand_the_elements_it_names(path: list[int]) -> None:
    x = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(placed(x, 0, of_path(path, 6)), x[path])


@pytest.mark.parametrize(
    ("taps", "slices"),
    [
        (sliding(26, 13, 2, 2), 2),
        (sliding(26, 13, 3, 2, 1), 3),
        (adaptive(224, 7), 32),
        (of_path([2, 1, *range(28), 26, 25], 28), 3),
        (of_runs(56, np.arange(28) * 2, np.arange(28) * 2 + 2), 2),
    ],
)
def test_the_usual_windows_are_as_many_slices_as_they_have_places(taps: Taps, slices: int) -> None:
    assert len(taps.each) == slices
    assert all(isinstance(part, slice) for tap in taps.each for part in (tap.windows, tap.elements))
