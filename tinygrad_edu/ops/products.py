"""The product of two arrays of matrices, by whichever of NumPy's calls is fast for their shapes.

Every op that multiplies matrices calls it: `matmul`, `linear`, convolution, recurrence, attention, and their rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arguments import rows_of


def product(x: Any, y: Any) -> Any:
    """x @ y, for arrays of any number of axes but 0; in a rule that is being recorded, for tensors as well.

    Raises:
        ValueError: if the shapes do not fit, as from NumPy.
    """
    if type(x) is not np.ndarray or type(y) is not np.ndarray:
        return x @ y
    left, right = x.ndim, y.ndim
    # For matrices np.dot gives the same numbers, and is up to ten times as fast where k is small.
    if left <= 2 and right <= 2:
        return np.dot(x, y)
    if right == 2 < left and x.shape[-1] == y.shape[0]:
        return np.dot(rows_of(x), y).reshape((*x.shape[:-1], y.shape[1]))
    return np.matmul(x, y)
