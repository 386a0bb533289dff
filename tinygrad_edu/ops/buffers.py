"""Memory that one call of an op uses and the next one uses again: fresh memory costs as much as computing in it.

Each thread has its own. Nothing that a call returns may lie in it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_MOST = 2**22  # bytes that are kept under one name; what is larger is made for the call, and given back
_SHORT = 16  # numbers, the least that NumPy takes
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


def turn(target: Any, source: Any) -> None:
    """Copy (m, C, …) into an array in whose memory the C channels of each place lie side by side.

    Channels that lie a large power of two apart push one another out of the cache: these are moved closer first.
    """
    if source.strides[1] % 1024 == 0 and source.size:
        flat = source.reshape((*source.shape[:2], math.prod(source.shape[2:])))
        shifted = buffer("shifted", (*flat.shape[:2], flat.shape[2] + 16), source.dtype)[..., : flat.shape[2]]
        shifted[...] = flat
        source = shifted.reshape(source.shape)
    target[...] = source


def unbuffered(function: F) -> F:
    """The function, in which NumPy computes with rows as they lie, instead of copying short ones into a buffer first.

    That it copies, although the dtypes agree, rows with gaps between them that are shorter than its buffer, costs two
    thirds of the speed for rows of a thousand numbers.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        before = np.setbufsize(_SHORT)
        try:
            return function(*args, **kwargs)
        finally:
            np.setbufsize(before)

    return call  # type: ignore[return-value]
