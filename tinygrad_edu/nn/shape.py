"""Flatten and Unflatten."""

from __future__ import annotations

from collections.abc import Sequence

from ..ops import shape as s
from ..tensors.tensor import Tensor
from .module.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Merge the axes from `start_dim` to `end_dim` into one; by default all but the first, the sample axis.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Flatten()(tg.zeros(5, 8, 8)).shape
    (5, 64)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """x with the axes merged."""
        return s.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The first and the last axis."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split axis `dim` into axes of the sizes `unflattened_size`, one of which may be -1.

    Raises:
        ShapeError: when called with an input whose axis does not have the product of these sizes.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Unflatten(1, (8, 8))(tg.zeros(5, 64)).shape
    (5, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size: tuple[int, ...] = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """x with the axis split."""
        return s.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
