"""Sample numbers: which are valid, and the errors for those that are not."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import array_of
from ..errors import describe


def sample_number(owner: str, index: Any, size: int) -> int:
    """The sample number `index`, which may be counted from the end, as one from 0 to `size` - 1.

    Raises:
        TypeError: if it is not an integer.
        IndexError: if there is no such sample.
    """
    if type(index) is not int:
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(f"{owner}[{describe(index)}]: the number of a sample is an integer") from None
    if not -size <= index < size:
        raise IndexError(f"{owner}[{index}]: it has {size} samples")
    return int(index) if index >= 0 else int(index + size)


def sample_numbers(owner: str, indices: Any) -> Array:
    """Many sample numbers as an array.

    Raises:
        TypeError: if they are not integers.
    """
    numbers = np.asarray(array_of(indices))
    if numbers.size and numbers.dtype.kind == "b":
        raise TypeError(f"{owner}: a mask of booleans where sample numbers are expected: np.flatnonzero(mask) has them")
    if numbers.size and numbers.dtype.kind not in "iu":
        raise TypeError(f"{owner}: the numbers of samples are integers, got {describe(numbers)}")
    return numbers.astype(np.intp, copy=False)


def require_within(owner: str, numbers: Array, size: int) -> None:
    """Raise IndexError if there is no sample of one of the numbers, which may be counted from the end."""
    if numbers.size and not (-size <= numbers.min() and numbers.max() < size):
        wrong = numbers[(numbers < -size) | (numbers >= size)]
        raise IndexError(f"{owner}[{wrong[0]}]: it has {size} samples")
