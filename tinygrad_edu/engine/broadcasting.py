"""Undoing a broadcast: the one place where a gradient is summed back to its operand's shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..precision import add_up


def sum_to_shape(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Sum `gradient` over the axes along which an operand of `shape` was repeated.

    Broadcasting copies a value, and the derivative with respect to a copied value is the sum over its copies.

    Args:
        gradient: array or Tensor whose shape an array of `shape` broadcasts to.
        shape: shape of the operand.

    Returns:
        Array or Tensor of shape `shape`.

    Raises:
        ShapeError: if `shape` does not broadcast to the gradient's shape.

    >>> import numpy as np
    >>> sum_to_shape(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> sum_to_shape(np.ones((4, 3)), (4, 1)).tolist()
    [[3.0], [3.0], [3.0], [3.0]]
    """
    have = gradient.shape
    if have == shape:
        return gradient
    extra = len(have) - len(shape)
    if extra == 1 and have[1:] == shape:  # a bias: the common case
        return add_up(gradient, 0) if isinstance(gradient, np.ndarray) else gradient.sum(axis=0)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, have[extra:], strict=True)):
        raise ShapeError(f"a gradient of shape {have} cannot be summed to shape {shape}")
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and have[extra + i] != 1)
    axes = (*range(extra), *stretched)
    summed = add_up(gradient, axes) if isinstance(gradient, np.ndarray) else gradient.sum(axis=axes)
    return summed if summed.shape == shape else summed.reshape(shape)
