"""Memory that is used again: by the same thread, under the same name, and not if it is large."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from tinygrad_edu.ops.buffers import buffer


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
