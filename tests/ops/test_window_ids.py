"""Ids under windows and back, against windows written out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tinygrad_edu.ops.window_ids import of_image, under_windows
from tinygrad_edu.ops.windows import Windows

from .test_windows import windows_and_sizes


@given(windows_and_sizes(), st.integers(1, 5), st.integers(0, 99))
def test_the_one_is_the_others_inverse(case: tuple[Windows, tuple[int, ...]], people: int, seed: int) -> None:
    windows, sizes = case
    assume(min(windows.counts(sizes)) > 0 and max(sizes) > 1 and max(*windows.counts(sizes), windows.size) > 1)
    ids: Any = np.random.default_rng(seed).integers(-1, people, (2, *sizes))
    under = under_windows(ids, sizes, windows)
    assert under.shape == (2, *windows.counts(sizes), *windows.kernel)
    back = of_image(under, sizes, windows)
    seen = of_image(under_windows(np.ones_like(ids), sizes, windows), sizes, windows) == 1
    np.testing.assert_array_equal(np.broadcast_to(back, ids.shape), np.where(np.broadcast_to(seen, ids.shape), ids, -1))


def test_what_is_the_same_everywhere_stays_short() -> None:
    windows = Windows((2,), (1,), ((0, 0),), (1,))
    ids: Any = np.arange(3).reshape(3, 1)
    under = under_windows(ids, (5,), windows)
    assert under.shape == (3, 1, 1)
    np.testing.assert_array_equal(of_image(under, (5,), windows), ids)


def test_several_samples_in_one_element() -> None:
    windows = Windows((2,), (1,), ((0, 0),), (1,))
    assert of_image(np.arange(4).reshape(4, 1), (5,), windows) is None
    apart = Windows((2,), (2,), ((0, 0),), (1,))
    np.testing.assert_array_equal(of_image(np.arange(2).reshape(2, 1), (5,), apart), [0, 0, 1, 1, -1])
