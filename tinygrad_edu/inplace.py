"""Changing a tensor in place: `x[i] = v`, `x += y`, and the methods that end in an underscore.

Three cases, which `_recorded` tells apart:

- Nothing here wants a gradient, or recording is off (`no_grad`): the numbers are overwritten in their memory,
  and the clock of changes is advanced, so that a graph that had saved them says so, and is never wrong.
- A gradient is wanted, and `x` is a result or a constant: the change is recorded like any op. A new array is
  computed and this tensor takes it over; who used the tensor before still has the old array, and gradients
  are right for both. Other views of the old memory do not see the change then.
- `x` is a leaf that requires a gradient: an error, because the numbers that its gradient is by would be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from .dtypes import Array
from .errors import DtypeError, GraphError, ShapeError, explain
from .graph import Leaf
from .methods import TensorMethods
from .ops import gather, index, join, random, slices
from .ops import mask as masks
from .ops.generator import Generator, source
from .primitives import Operand
from .recording import TensorBase, mode
from .versions import mark_changed

__all__ = ["InplaceMethods"]

T = TypeVar("T", bound=TensorBase)


class InplaceMethods(TensorMethods):
    """What changes a tensor. Every method returns the tensor itself."""

    __slots__ = ()

    # Assignment: the value is converted to the tensor's dtype

    def __setitem__(self, key: Any, value: Operand) -> None:
        _assign(self, key, value, "x[index] = value")

    def copy_(self, src: Operand, non_blocking: bool = False) -> Self:
        """Take over the numbers of `src`, which broadcasts to this shape, converted to this dtype."""
        return _assign(self, ..., src, "copy_")

    def fill_(self, value: Operand) -> Self:
        """Put one number in every place."""
        return _assign(self, ..., value, "fill_")

    def zero_(self) -> Self:
        """Put 0 in every place."""
        return _assign(self, ..., 0, "zero_")

    def fill_diagonal_(self, fill_value: float) -> Self:
        """Put one number on the main diagonal of a matrix."""
        if len(self.array.shape) != 2:
            raise ShapeError(f"fill_diagonal_: needs a matrix, got shape {self.array.shape}")
        places = np.arange(min(self.array.shape))
        return _assign(self, (places, places), fill_value, "fill_diagonal_")

    def masked_fill_(self, mask: Operand, value: Operand) -> Self:
        """Put one number where `mask`, which broadcasts to this shape, is true."""
        return _replace(self, "masked_fill_", masks.masked_fill, mask, value)

    def masked_scatter_(self, mask: Operand, source: Operand) -> Self:
        """Put the elements of `source`, in their order, where `mask` is true."""
        return _replace(self, "masked_scatter_", masks.masked_scatter, mask, source)

    def index_fill_(self, dim: int, index: Operand, value: Operand) -> Self:
        """Put one number in the slices of axis `dim` at the places `index`."""
        return _replace(self, "index_fill_", slices.index_fill, dim, index, value)

    def index_copy_(self, dim: int, index: Operand, source: Operand) -> Self:
        """Put the slices of `source` at the places `index` of axis `dim`."""
        return _replace(self, "index_copy_", slices.index_copy, dim, index, source)

    def index_add_(self, dim: int, index: Operand, source: Operand, *, alpha: float = 1) -> Self:
        """Add the slices of `source`, times `alpha`, at the places `index` of axis `dim`."""
        source = source if alpha == 1 else source * alpha
        return _replace(self, "index_add_", slices.index_add, dim, index, source)

    def scatter_(self, dim: int, index: Operand, src: Operand = None, *, value: Any = None, reduce: Any = None) -> Self:
        """Put the elements of `src` where `gather` with this `index` would read."""
        source = value if src is None else src
        return _replace(self, "scatter_", lambda x, i, s: gather.scatter(x, dim, i, s, reduce=reduce), index, source)

    def scatter_add_(self, dim: int, index: Operand, src: Operand) -> Self:
        """Add the elements of `src` where `gather` with this `index` would read."""
        return _replace(self, "scatter_add_", gather.scatter_add, dim, index, src)

    # Arithmetic: what it gives must have the tensor's shape, and a dtype that fits into its own

    def __iadd__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "+=", np.add, other)

    def __isub__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "-=", np.subtract, other)

    def __imul__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "*=", np.multiply, other)

    def __itruediv__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "/=", np.true_divide, other)

    def __ifloordiv__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "//=", np.floor_divide, other)

    def __imod__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "%=", np.remainder, other)

    def __ipow__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "**=", np.power, other)

    def __imatmul__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "@=", np.matmul, other)

    def __iand__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "&=", np.bitwise_and, other)

    def __ior__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "|=", np.bitwise_or, other)

    def __ixor__(self, other: Operand) -> Self:  # type: ignore[override]
        return _change(self, "^=", np.bitwise_xor, other)

    def add_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Add `other`, times `alpha`."""
        return _change(self, "add_", np.add, other if alpha == 1 else other * alpha)

    def sub_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Subtract `other`, times `alpha`."""
        return _change(self, "sub_", np.subtract, other if alpha == 1 else other * alpha)

    def mul_(self, other: Operand) -> Self:
        """Multiply by `other`."""
        return _change(self, "mul_", np.multiply, other)

    def div_(self, other: Operand) -> Self:
        """Divide by `other`."""
        return _change(self, "div_", np.true_divide, other)

    def pow_(self, exponent: Operand) -> Self:
        """Raise to the power `exponent`."""
        return _change(self, "pow_", np.power, exponent)

    def remainder_(self, other: Operand) -> Self:
        """Keep the remainder of the division by `other`."""
        return _change(self, "remainder_", np.remainder, other)

    def addcmul_(self, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Self:
        """Add ``value * tensor1 * tensor2``."""
        return _change(self, "addcmul_", np.add, tensor1 * tensor2 * value)

    def addcdiv_(self, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Self:
        """Add ``value * tensor1 / tensor2``."""
        return _change(self, "addcdiv_", np.add, tensor1 / tensor2 * value)

    def lerp_(self, end: Operand, weight: Operand) -> Self:
        """Go the part `weight` of the way to `end`."""
        with_end: Any = end - self
        return _change(self, "lerp_", np.add, with_end * weight)

    def clamp_(self, min: Operand = None, max: Operand = None) -> Self:
        """Keep within `min` and `max`."""
        if min is not None:
            _change(self, "clamp_", np.maximum, min)
        return self if max is None else _change(self, "clamp_", np.minimum, max)

    clip_ = clamp_

    def clamp_min_(self, min: Operand) -> Self:
        """Keep at or above `min`."""
        return self.clamp_(min)

    def clamp_max_(self, max: Operand) -> Self:
        """Keep at or below `max`."""
        return self.clamp_(None, max)

    def abs_(self) -> Self:
        """Take the absolute value."""
        return _change(self, "abs_", np.absolute)

    def ceil_(self) -> Self:
        """Round up."""
        return _change(self, "ceil_", np.ceil)

    def cos_(self) -> Self:
        """Take the cosine."""
        return _change(self, "cos_", np.cos)

    def exp_(self) -> Self:
        """Take e to this power."""
        return _change(self, "exp_", np.exp)

    def floor_(self) -> Self:
        """Round down."""
        return _change(self, "floor_", np.floor)

    def log_(self) -> Self:
        """Take the natural logarithm."""
        return _change(self, "log_", np.log)

    def neg_(self) -> Self:
        """Change the sign."""
        return _change(self, "neg_", np.negative)

    def reciprocal_(self) -> Self:
        """Take 1 / x."""
        return _change(self, "reciprocal_", np.reciprocal)

    def relu_(self) -> Self:
        """Put 0 in place of what is negative."""
        from .ops.activations import relu

        return _replace(self, "relu_", relu)

    def round_(self) -> Self:
        """Round to the nearest integer, halves to the even one."""
        return _change(self, "round_", np.rint)

    def sigmoid_(self) -> Self:
        """Take 1 / (1 + exp(-x))."""
        from .ops.activations import sigmoid

        return _replace(self, "sigmoid_", sigmoid)

    def sign_(self) -> Self:
        """Take the sign: -1, 0 or 1."""
        return _change(self, "sign_", np.sign)

    def sin_(self) -> Self:
        """Take the sine."""
        return _change(self, "sin_", np.sin)

    def sqrt_(self) -> Self:
        """Take the square root."""
        return _change(self, "sqrt_", np.sqrt)

    def square_(self) -> Self:
        """Take the square."""
        return _change(self, "square_", np.square)

    def tanh_(self) -> Self:
        """Take the hyperbolic tangent."""
        return _change(self, "tanh_", np.tanh)

    # Random numbers

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with normally distributed numbers."""
        if std < 0:
            raise ValueError(f"normal_: std={std} must not be negative")
        numbers = random.normal_array(self.array.shape, self.array.dtype, generator)
        return _assign(self, ..., numbers * std + mean, "normal_")

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with numbers from [a, b), all equally likely."""
        if a > b:
            raise ValueError(f"uniform_: the interval from {a} to {b} is empty")
        numbers = random.uniform_array(self.array.shape, self.array.dtype, generator)
        return _assign(self, ..., numbers * (b - a) + a, "uniform_")

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Fill with exponentially distributed numbers of mean 1 / lambd."""
        numbers = source(generator).standard_exponential(self.array.shape)
        return _assign(self, ..., numbers / lambd, "exponential_")

    def bernoulli_(self, p: Operand = 0.5, *, generator: Generator | None = None) -> Self:
        """Fill with ones, with probability `p`, and zeros."""
        chances = p.array if isinstance(p, TensorBase) else p
        numbers = random.bernoulli_array(self.array.shape, self.array.dtype, chances, generator)
        return _assign(self, ..., numbers, "bernoulli_")

    def random_(self, low: int, high: int | None = None, *, generator: Generator | None = None) -> Self:
        """Fill with integers from `low` up to, and without, `high`; ``random_(high)`` starts at 0."""
        first, last = (0, low) if high is None else (low, high)
        return _assign(self, ..., random.randint(first, last, self.array.shape, generator=generator), "random_")


def _recorded(x: TensorBase, operands: tuple[Any, ...], label: str) -> bool:
    """Whether the change must be recorded; raises for a leaf, whose change cannot be."""
    if not mode.recording:
        return False
    if isinstance(x.source, Leaf):
        raise GraphError(
            f"{label} on a leaf of shape {x.array.shape} that requires a gradient: its gradient would be "
            "by numbers that are gone. Change it inside `with tg.no_grad():`, or change a copy, x.clone()"
        )
    return x.source is not None or any(isinstance(y, TensorBase) and y.source is not None for y in operands)


def _take_over(x: Any, new: Any, label: str) -> None:
    """Let `x` be what `new` is, if that has the shape of `x`, in the dtype of `x`."""
    if new.array.shape != x.array.shape:
        raise _wrong_shape(label, x.array, new.array.shape)
    _require_cast(label, new.array.dtype, x.array.dtype)
    if new.array.dtype != x.array.dtype:
        new = new.astype(x.array.dtype)
    x.array, x.source = new.array, new.source


def _writable(x: TensorBase, label: str) -> Array:
    array: Array = x.array
    if not array.flags.writeable:
        raise ValueError(
            f"{label} on a tensor of shape {array.shape} whose memory cannot be written to: one number "
            "may stand in many places (an expanded tensor), or the array is read-only. Change a copy, x.clone()"
        )
    return array


def _change(x: T, label: str, function: np.ufunc, *others: Operand) -> T:
    """`x = function(x, *others)`, in place."""
    if _recorded(x, others, label):
        _take_over(x, function(x, *others), label)
        return x
    array = _writable(x, label)
    values = [y.array if isinstance(y, TensorBase) else y for y in others]
    try:
        function(array, *values, out=array, casting="same_kind")
    except TypeError as error:
        _require_cast(label, _result_dtype(function, array, values), array.dtype)
        raise explain(label, (array, *values), error) from error
    except ValueError as error:
        if others and (shape := _result_shape(array, values)) != array.shape:
            raise _wrong_shape(label, array, np.shape(values[0]) if shape is None else shape) from None
        raise explain(label, (array, *values), error) from error
    mark_changed(array)
    return x


def _result_dtype(function: np.ufunc, array: Array, values: list[Any]) -> np.dtype[Any]:
    """The dtype that the function gives; that of `array` if it gives none."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(array, *values)).dtype
    except (TypeError, ValueError):
        return array.dtype


def _result_shape(array: Array, values: list[Any]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(array.shape, *[np.shape(v) for v in values])
    except ValueError:
        return None


def _replace(x: T, label: str, function: Callable[..., Any], *others: Operand) -> T:
    """`x = function(x, *others)`, in place, for a function that has no `out=`."""
    if _recorded(x, others, label):
        _take_over(x, function(x, *others), label)
        return x
    array = _writable(x, label)
    new = function(x.detach(), *[y.detach() if isinstance(y, TensorBase) else y for y in others]).array  # type: ignore[attr-defined]
    if new.shape != array.shape:
        raise _wrong_shape(label, array, new.shape)
    _require_cast(label, new.dtype, array.dtype)
    array[...] = new
    mark_changed(array)
    return x


def _assign(x: T, key: Any, value: Operand, label: str) -> T:
    """`x[key] = value`."""
    key = index.plain_index(key)
    if isinstance(value, list | tuple):
        if mode.recording and any(isinstance(v, TensorBase) and v.source is not None for v in value):
            value = join.stack(value)
        else:
            value = np.asarray([v.array if isinstance(v, TensorBase) else v for v in value])
    recorded = _recorded(x, (value,), label)
    array = x.array if recorded else _writable(x, label)
    try:
        if recorded:
            index.check_value(array, key, value, label)
            new = index._set_item(x, key, value)
            x.array, x.source = new.array, new.source
            return x
        array[key] = value.array if isinstance(value, TensorBase) else value
    except (TypeError, ValueError, IndexError) as error:
        if not isinstance(error, ShapeError) and not isinstance(error, IndexError):
            index.check_value(array, key, value, label)
        raise explain(label, (array, key, value), error) from error
    mark_changed(array)
    return x


def _require_cast(label: str, have: np.dtype[Any], wanted: np.dtype[Any]) -> None:
    if not np.can_cast(have, wanted, "same_kind"):
        raise DtypeError(
            f"{label}: the result has dtype {have}, which does not fit into this tensor's {wanted}. "
            f"Convert the tensor first, as in x = x.to({have}), or the other operand. Nothing was changed"
        )


def _wrong_shape(label: str, array: Array, shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        f"{label}: a tensor of shape {array.shape} cannot take in shape {shape}: the result must keep "
        "the tensor's shape. Write x = x + y to get a new tensor. Nothing was changed"
    )
