"""A clock of in-place changes, so that an overwritten saved array is an error, never a wrong gradient.

A plain step costs one comparison per node: as long as the clock stands where it stood when the node
was made, nothing can have been overwritten. Only when it has moved on are the saved arrays looked up,
by the array that owns their memory, so that a change through one view is seen through every other.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

now: int = 0  # the time: how many in-place changes there have been
_changes: dict[int, tuple[int, weakref.ref[Any]]] = {}  # id of a memory's owner -> (time of change, owner)


def mark_changed(array: Any) -> None:
    """Record that the memory behind `array` has just been written to."""
    global now
    now += 1
    owner = _owner(array)
    key = id(owner)
    held = _changes.get(key)  # gone with its array, so that an entry found is this array's
    reference = weakref.ref(owner, lambda _: _changes.pop(key, None)) if held is None else held[1]
    _changes[key] = now, reference


def changed_at(array: Any) -> int:
    """The time of the last recorded change of the memory behind `array` (or a tuple of them), 0 if none."""
    if isinstance(array, tuple):  # an index of several arrays, or several results
        return max([changed_at(part) for part in array], default=0)
    if not isinstance(array, np.ndarray):
        return 0
    time, owner = _changes.get(id(_owner(array)), (0, None))
    return time if owner is not None and owner() is not None else 0


def _owner(array: Any) -> Any:
    """The array that holds the memory: NumPy collapses chains of views, but keeps foreign bases."""
    while True:
        base = getattr(array, "base", None)
        if base is None:
            return array
        if not isinstance(base, np.ndarray):
            base = getattr(base, "base", None)  # sliding windows hold their array by an object of NumPy's
            if not isinstance(base, np.ndarray):
                return array
        array = base
