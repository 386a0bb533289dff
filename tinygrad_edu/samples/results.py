"""From what is computed of factors to what the user is given: tensors, and sizes in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.graph import array_of
from ..engine.recording import make_tensor
from .opening.arrays import tracked
from .opening.open_sum import OpenSum

if TYPE_CHECKING:
    from ..engine.typing import Tensor


def tensor_of(value: Any, dtype: np.dtype[Any]) -> Tensor:
    """A result as a Tensor of a parameter's dtype."""
    if tracked(value):
        return value.astype(dtype)  # type: ignore[no-any-return]
    return make_tensor(np.array(value, dtype), None)


def in_dtype(value: Any, dtype: Any) -> Any:
    """Numbers, an array or a Tensor as an array of `dtype`."""
    return np.asarray(array_of(value), dtype)


def root(squares: Any) -> Any:
    """Square roots, of which that of 0 has the derivative 0."""
    if not tracked(squares):
        return np.sqrt(squares)
    zero = squares.array == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, squares)))


def cosines(gram: Any) -> Any:
    """The cosines of a Gram matrix; 0 for a vector of length 0."""
    lengths = root(np.diagonal(gram))
    zero = array_of(lengths) == 0
    scale = np.where(zero, 0.0, 1.0) / np.where(zero, 1.0, lengths)
    return gram * scale[:, None] * scale


def centred_squares(whole: OpenSum) -> Any:
    """Σ_m (G_m - mean)², of the parameter's shape, float64."""
    n = whole.count
    mean = whole.weighted(np.full(n, 1 / n))
    squared = None if tracked(mean) else whole.squared_sum()
    if squared is not None:
        left = squared - n * np.square(mean.astype(np.float64))
        if not (left < 1e-3 * squared).any():
            return left
    total: Any = 0.0
    for block in whole.each_block(exact=True):
        centred = block - mean
        total = total + (centred * centred).sum(0, dtype=np.float64)
    return total


def size_in_words(count: float) -> str:
    """So many bytes, in the unit that suits them.

    >>> size_in_words(1536)
    '1.5 KiB'
    """
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
