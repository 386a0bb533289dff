"""Which sample each element of an image belongs to, and each number under a window: the one from the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..sample_rules.ids import NOBODY, simplify
from .windows import Windows


def under_windows(ids: Any, sizes: Sequence[int], windows: Windows) -> Any:
    """The ids (…, *counts, *kernel) of what is under the windows, from those of an image (…, *sizes)."""
    axes = windows.axes
    front = ids.shape[: ids.ndim - axes]
    if all(n == 1 for n in ids.shape[ids.ndim - axes :]):
        return ids.reshape((*front, *[1] * 2 * axes))
    return windows.view(windows.padded(np.broadcast_to(ids, (*front, *sizes)), NOBODY))


def of_image(ids: Any, sizes: Sequence[int], windows: Windows) -> Any:
    """The ids of an image (…, *sizes), from those under the windows; None if several samples use one element."""
    axes = windows.axes
    front = ids.shape[: ids.ndim - 2 * axes]
    if all(n == 1 for n in ids.shape[len(front) :]):
        return ids.reshape((*front, *[1] * axes))
    counts = windows.counts(sizes)
    ids = np.broadcast_to(ids, (*front, *counts, *windows.kernel))
    whole: Any = np.full((*front, *windows.padded_sizes(sizes)), NOBODY)
    for place, slices in windows.places(counts):
        there, new = whole[(..., *slices)], ids[(..., *place)]
        if ((there >= 0) & (new >= 0) & (there != new)).any():
            return None
        np.maximum(there, new, out=there)
    return simplify(windows.cropped(whole))
