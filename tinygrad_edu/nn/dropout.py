"""Dropout: silencing numbers at random while training."""

from __future__ import annotations

from ..tensors.tensor import Tensor
from . import functional as F
from .checks import probability
from .module.module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, set each number to 0 with probability p and divide the others by 1 - p; else do nothing.

    The random numbers come from the default generator, which `manual_seed` sets.

    Args:
        p: the probability with which a number is dropped.
        inplace: accepted for PyTorch's sake; the result is always a new tensor.

    Raises:
        ValueError: if p is not between 0 and 1.

    Shape: any, unchanged; the dtype is floating.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Dropout(0.5).eval()(tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p: float = probability("Dropout", p)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x, in part silenced when in training."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"
