"""Patches a tile at a time are all patches, and columns that are added up are their transpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from made import normal

import tinygrad_edu as tg
from tinygrad_edu.ops import patches
from tinygrad_edu.ops.windows import Windows

from .test_windows import windows_and_sizes


@pytest.mark.parametrize("room", [2**19, 30])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=windows_and_sizes(), as_rows=st.booleans())
def test_tiles_hold_all_patches(case: Any, as_rows: bool, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "ROOM", room)
    windows, sizes = case
    assume(min(windows.counts(sizes)) > 0)
    x = normal(3, 2, *sizes)
    view = windows.view(windows.padded(x))
    axes = windows.axes
    order = (0, *range(2, 2 + 2 * axes), 1) if as_rows else (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    count = int(np.prod(windows.counts(sizes)))
    expected = view.transpose(order).reshape((3, count, -1) if as_rows else (3, -1, count))
    seen = np.zeros(expected.shape)
    for images, places, tile in patches.each_tile(x, windows, as_rows):
        part = (images, places) if as_rows else (images, slice(None), places)
        seen[part] += tile.reshape(seen[part].shape)
    np.testing.assert_array_equal(seen, expected)


@given(windows_and_sizes())
def test_fold_is_the_transpose_of_unfold(case: tuple[Windows, tuple[int, ...]]) -> None:
    windows, sizes = case
    assume(min(windows.counts(sizes)) > 0)
    x = normal(2, 3, *sizes)
    unfolded = patches.unfold_windows(x, windows)
    columns = normal(*unfolded.shape, seed=1)
    folded = patches.fold_windows(columns, windows, sizes)
    np.testing.assert_allclose((folded * x).sum(), (columns * unfolded).sum(), rtol=1e-11, atol=1e-11)


def test_windows_of_a_tensor_are_those_of_its_array() -> None:
    windows = Windows((2, 2), (2, 1), ((1, 0), (0, 1)), (1, 1))
    x = normal(2, 3, 4, 5)
    np.testing.assert_array_equal(patches.seen_through(tg.tensor(x), windows).array, patches.seen_through(x, windows))
