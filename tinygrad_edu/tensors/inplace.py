"""Changing a tensor in place: `x[i] = v`, `x += y`, and the methods that end in an underscore.

Each method says what is computed; `writes` has how that gets into the tensor, recorded or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Self, TypeVar

import numpy as np

from ..engine.graph import TensorBase, array_of
from ..engine.primitives import Operand
from ..errors import ShapeError
from ..ops import activations, gather, piecewise, random, selecting
from ..ops.arithmetic import times
from ..ops.generator import Generator, draw
from .methods import TensorMethods
from .writes import assign, change, replace

T = TypeVar("T", bound=TensorBase)


def _operator(sign: str, function: np.ufunc) -> Callable[[T, Operand], T]:
    """The operator `sign`, such as ``+=``, that computes by `function`."""
    return lambda x, other: change(x, sign, function, other)


class InplaceMethods(TensorMethods):
    """What changes a tensor. Every method returns the tensor itself."""

    __slots__ = ()

    # Assignment: the value is converted to the tensor's dtype

    def __setitem__(self, key: Any, value: Operand) -> None:
        assign(self, key, value, "x[index] = value")

    def copy_(self, src: Operand, non_blocking: bool = False) -> Self:
        """Copy the numbers of `src`, broadcast to this shape and converted to this dtype."""
        return assign(self, ..., src, "copy_")

    def fill_(self, value: Operand) -> Self:
        """Fill with one number."""
        return assign(self, ..., value, "fill_")

    def zero_(self) -> Self:
        """Fill with zeros."""
        return assign(self, ..., 0, "zero_")

    def fill_diagonal_(self, fill_value: float) -> Self:
        """Put one number on the main diagonal of a matrix."""
        if len(self.array.shape) != 2:
            raise ShapeError(f"fill_diagonal_: needs a matrix, got shape {self.array.shape}")
        places = np.arange(min(self.array.shape))
        return assign(self, (places, places), fill_value, "fill_diagonal_")

    def masked_fill_(self, mask: Operand, value: Operand) -> Self:
        """Put one number where `mask`, which broadcasts to this shape, is true."""
        return replace(self, "masked_fill_", selecting.masked_fill, mask, value)

    def masked_scatter_(self, mask: Operand, source: Operand) -> Self:
        """Put the elements of `source`, in their order, where `mask` is true."""
        return replace(self, "masked_scatter_", selecting.masked_scatter, mask, source)

    def index_fill_(self, dim: int, index: Operand, value: Operand) -> Self:
        """Put one number in the slices of axis `dim` at the places `index`."""
        return replace(self, "index_fill_", selecting.index_fill, dim, index, value)

    def index_copy_(self, dim: int, index: Operand, source: Operand) -> Self:
        """Put the slices of `source` at the places `index` of axis `dim`."""
        return replace(self, "index_copy_", selecting.index_copy, dim, index, source)

    def index_add_(self, dim: int, index: Operand, source: Operand, *, alpha: float = 1) -> Self:
        """Add the slices of `source`, times `alpha`, at the places `index` of axis `dim`."""
        return replace(self, "index_add_", selecting.index_add, dim, index, times(source, alpha))

    def scatter_(self, dim: int, index: Operand, src: Operand = None, *, value: Any = None, reduce: Any = None) -> Self:
        """Put the elements of `src` where `gather` with this `index` would read."""
        source = value if src is None else src
        return replace(self, "scatter_", lambda x, i, s: gather.scatter(x, dim, i, s, reduce=reduce), index, source)

    def scatter_add_(self, dim: int, index: Operand, src: Operand) -> Self:
        """Add the elements of `src` where `gather` with this `index` would read."""
        return replace(self, "scatter_add_", gather.scatter_add, dim, index, src)

    # Arithmetic: what it gives must have the tensor's shape, and a dtype that fits into its own

    __iadd__: Final = _operator("+=", np.add)
    __isub__: Final = _operator("-=", np.subtract)
    __imul__: Final = _operator("*=", np.multiply)
    __itruediv__: Final = _operator("/=", np.true_divide)
    __ifloordiv__: Final = _operator("//=", np.floor_divide)
    __imod__: Final = _operator("%=", np.remainder)
    __ipow__: Final = _operator("**=", np.power)
    __imatmul__: Final = _operator("@=", np.matmul)
    __iand__: Final = _operator("&=", np.bitwise_and)
    __ior__: Final = _operator("|=", np.bitwise_or)
    __ixor__: Final = _operator("^=", np.bitwise_xor)

    def add_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Add `other`, times `alpha`."""
        return change(self, "add_", np.add, times(other, alpha))

    def sub_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Subtract `other`, times `alpha`."""
        return change(self, "sub_", np.subtract, times(other, alpha))

    def mul_(self, other: Operand) -> Self:
        """Multiply by `other`."""
        return change(self, "mul_", np.multiply, other)

    def div_(self, other: Operand) -> Self:
        """Divide by `other`."""
        return change(self, "div_", np.true_divide, other)

    def pow_(self, exponent: Operand) -> Self:
        """Raise to the power `exponent`."""
        return change(self, "pow_", np.power, exponent)

    def remainder_(self, other: Operand) -> Self:
        """Take the remainder of the division by `other`."""
        return change(self, "remainder_", np.remainder, other)

    def addcmul_(self, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Self:
        """Add ``value * tensor1 * tensor2``."""
        return change(self, "addcmul_", np.add, tensor1 * tensor2 * value)

    def addcdiv_(self, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Self:
        """Add ``value * tensor1 / tensor2``."""
        return change(self, "addcdiv_", np.add, tensor1 / tensor2 * value)

    def lerp_(self, end: Operand, weight: Operand) -> Self:
        """Interpolate linearly: go the fraction `weight` of the way to `end`."""
        with_end: Any = end - self
        return change(self, "lerp_", np.add, with_end * weight)

    def clamp_(self, min: Operand = None, max: Operand = None) -> Self:
        """Keep within `min` and `max`."""
        return replace(self, "clamp_", piecewise.clamp, min, max)

    clip_ = clamp_

    def clamp_min_(self, min: Operand) -> Self:
        """Keep at or above `min`."""
        return self.clamp_(min)

    def clamp_max_(self, max: Operand) -> Self:
        """Keep at or below `max`."""
        return self.clamp_(None, max)

    def abs_(self) -> Self:
        """Take the absolute value."""
        return change(self, "abs_", np.absolute)

    def ceil_(self) -> Self:
        """Round up."""
        return change(self, "ceil_", np.ceil)

    def cos_(self) -> Self:
        """Take the cosine."""
        return change(self, "cos_", np.cos)

    def exp_(self) -> Self:
        """Take the exponential, e to this power."""
        return change(self, "exp_", np.exp)

    def floor_(self) -> Self:
        """Round down."""
        return change(self, "floor_", np.floor)

    def log_(self) -> Self:
        """Take the natural logarithm."""
        return change(self, "log_", np.log)

    def neg_(self) -> Self:
        """Change the sign."""
        return change(self, "neg_", np.negative)

    def reciprocal_(self) -> Self:
        """Take 1 / x."""
        return change(self, "reciprocal_", np.reciprocal)

    def relu_(self) -> Self:
        """Set negative numbers to 0."""
        return replace(self, "relu_", activations.relu)

    def round_(self) -> Self:
        """Round to the nearest integer, halves to the even one."""
        return change(self, "round_", np.rint)

    def sigmoid_(self) -> Self:
        """Take 1 / (1 + exp(-x))."""
        return replace(self, "sigmoid_", activations.sigmoid)

    def sign_(self) -> Self:
        """Take the sign: -1, 0 or 1."""
        return change(self, "sign_", np.sign)

    def sin_(self) -> Self:
        """Take the sine."""
        return change(self, "sin_", np.sin)

    def sqrt_(self) -> Self:
        """Take the square root."""
        return change(self, "sqrt_", np.sqrt)

    def square_(self) -> Self:
        """Take the square."""
        return change(self, "square_", np.square)

    def tanh_(self) -> Self:
        """Take the hyperbolic tangent."""
        return change(self, "tanh_", np.tanh)

    # Random numbers

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with normally distributed numbers."""
        if std < 0:
            raise ValueError(f"normal_: std={std} must not be negative")
        numbers = random.normal_array(self.array.shape, self.array.dtype, generator)
        return assign(self, ..., numbers * std + mean, "normal_")

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with numbers from [a, b), uniformly distributed."""
        if a > b:
            raise ValueError(f"uniform_: the interval from {a} to {b} is empty")
        numbers = random.uniform_array(self.array.shape, self.array.dtype, generator)
        return assign(self, ..., numbers * (b - a) + a, "uniform_")

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with exponentially distributed numbers of mean 1 / lambd."""
        numbers = draw(generator, "standard_exponential", self.array.shape)
        return assign(self, ..., numbers / lambd, "exponential_")

    def bernoulli_(self, p: Operand = 0.5, *, generator: Generator | None = None) -> Self:
        """Fill with ones, with probability `p`, and zeros."""
        chances = array_of(p)
        numbers = random.bernoulli_array(self.array.shape, self.array.dtype, chances, generator)
        return assign(self, ..., numbers, "bernoulli_")

    def random_(self, low: int, high: int | None = None, *, generator: Generator | None = None) -> Self:
        """Fill with integers from `low` up to but not including `high`; ``random_(high)`` starts at 0."""
        first, last = (0, low) if high is None else (low, high)
        return assign(self, ..., random.randint(first, last, self.array.shape, generator=generator), "random_")
