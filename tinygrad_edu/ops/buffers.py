"""Memory that one call of an op uses and the next one uses again: fresh memory costs as much as computing in it.

Each thread has its own. Nothing that a call returns may lie in it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

_MOST = 2**22  # bytes that are kept under one name; what is larger is made for the call, and given back
_LINE = 64  # bytes of a cache line, at which products of small matrices like to begin


class _Kept(threading.local):
    def __init__(self) -> None:
        self.memory: dict[str, Any] = {}


_kept = _Kept()


def buffer(name: str, shape: Sequence[int], dtype: Any) -> Any:
    """An array of this shape and dtype, with anything in it: what was last given under this name is overwritten.

    >>> import numpy as np
    >>> buffer("example", (2, 3), np.float32).shape
    (2, 3)
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > _MOST:
        return np.empty(shape, dtype)
    memory = _kept.memory.get(name)
    if memory is None or memory.size < size:
        room = np.empty(size + _LINE, np.uint8)
        start = -room.__array_interface__["data"][0] % _LINE
        memory = _kept.memory[name] = room[start : start + size]
    return memory[:size].view(dtype).reshape(shape)
