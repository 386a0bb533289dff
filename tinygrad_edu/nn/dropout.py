"""Dropout: silencing numbers at random while training."""

from __future__ import annotations

import numpy as np

from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError
from ..ops.arithmetic import mul
from ..ops.generator import Generator, draw
from ..tensors.tensor import Tensor
from .checks import probability
from .module.module import Module

__all__ = ["Dropout"]


def dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Set each number to 0 with probability `p`, and divide the others by 1 - p, so that the mean stays.

    Args:
        input: floating tensor of any shape.
        p: the probability with which a number is dropped.
        training: if False, the result is the input.
        inplace: accepted for PyTorch's sake; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        DtypeError: if `input` is not floating.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.dropout(tg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    p = probability("dropout", p)
    if input.dtype.kind != "f":
        raise DtypeError(f"dropout: input has dtype {input.dtype}, it must be floating-point: use .float()")
    if not training or p == 0:
        return input  # type: ignore[no-any-return]
    kept = draw(generator, "random", input.shape, np.float32) >= p
    scale = np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=input.dtype)
    return mul(input, make_tensor(np.asarray(scale), None))


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
        return dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"
