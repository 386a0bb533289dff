"""Memory that is used again: by the same thread, under the same name, and not if it is large."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.ops.buffers import buffer, turn, unbuffered


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_used_again_and_grows() -> None:
    first = buffer("tried", (4, 4), np.float32)
    assert first.shape == (4, 4)
    assert first.dtype == np.float32
    assert address(first) % 64 == 0
    assert address(buffer("tried", (2, 2), np.float64)) == address(first)
    assert not np.shares_memory(first, buffer("another", (4, 4), np.float32))
    larger = buffer("tried", (100, 100), np.float32)
    assert address(buffer("tried", (4,), np.int8)) == address(larger)


def test_threads_have_their_own() -> None:
    mine = buffer("tried", (4,), np.float32)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(buffer("tried", (4,), np.float32)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, found[0])


def test_what_is_large_is_not_kept() -> None:
    large = buffer("tried", (2**21,), np.float32)
    assert not np.shares_memory(large, buffer("tried", (2**21,), np.float32))


@pytest.mark.parametrize("sizes", [(3, 5), (16, 32), (0, 4)])
def test_turning_is_copying_in_another_order(sizes: tuple[int, ...]) -> None:
    source = np.random.default_rng(0).normal(size=(2, 4, *sizes)).astype(np.float32)
    target = np.moveaxis(np.zeros((2, *sizes, 4), np.float32), -1, 1)
    turn(target, source)
    np.testing.assert_array_equal(target, source)


def test_numpys_buffer_is_what_it_was() -> None:
    @unbuffered
    def inside(fails: bool) -> int:
        if fails:
            raise ValueError("on purpose")
        return np.getbufsize()

    before = np.getbufsize()
    assert inside(False) < before
    with pytest.raises(ValueError, match="on purpose"):
        inside(True)
    assert np.getbufsize() == before
