"""Running averages of gradients and of their squares, in place and without new memory."""

from __future__ import annotations

import numpy as np

from ..dtypes import Array


def average(mean: Array, g: Array, keep: float, scratch: Array) -> None:
    """m ← m + (1 − keep)·(g − m), for `mean` m.

    >>> import numpy as np
    >>> mean = np.array([2.0])
    >>> average(mean, np.array([6.0]), 0.75, np.empty(1))
    >>> mean
    array([3.])
    """
    np.subtract(g, mean, scratch)
    scratch *= 1.0 - keep
    mean += scratch


def average_square(square: Array, g: Array, keep: float, scratch: Array) -> None:
    """v ← keep·v + (1 − keep)·g², for `square` v.

    >>> import numpy as np
    >>> square = np.array([4.0])
    >>> average_square(square, np.array([4.0]), 0.75, np.empty(1))
    >>> square
    array([7.])
    """
    np.multiply(g, g, scratch)
    scratch *= 1.0 - keep
    square *= keep
    square += scratch
