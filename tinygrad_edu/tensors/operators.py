"""Operators, each of which is an op; indexing, truth and length of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ..engine.graph import TensorBase, array_of
from ..engine.primitives import Operand
from ..errors import ShapeError
from ..ops import arithmetic, comparison, indexing, logical, transpose
from ..ops import matmul as matrices

if TYPE_CHECKING:
    from ..engine.typing import Tensor


def _swapped(op: Callable[[Operand, Operand], Tensor]) -> Callable[[Operand, Operand], Tensor]:
    """`op` for a tensor on the right: Python calls it with the operands swapped."""
    return lambda right, left: op(left, right)


class TensorOperators(TensorBase):
    """What Python writes with signs, brackets and words: `x + y`, `x[i]`, `len(x)`, `if x`; and `x.T`."""

    __slots__ = ()

    __add__: Final = arithmetic.add
    __radd__: Final = _swapped(arithmetic.add)
    __sub__: Final = arithmetic.sub
    __rsub__: Final = _swapped(arithmetic.sub)
    __mul__: Final = arithmetic.mul
    __rmul__: Final = _swapped(arithmetic.mul)
    __truediv__: Final = arithmetic.div
    __rtruediv__: Final = _swapped(arithmetic.div)
    __floordiv__: Final = arithmetic.floor_divide
    __rfloordiv__: Final = _swapped(arithmetic.floor_divide)
    __mod__: Final = arithmetic.remainder
    __rmod__: Final = _swapped(arithmetic.remainder)
    __pow__: Final = arithmetic.pow
    __rpow__: Final = _swapped(arithmetic.pow)
    __matmul__: Final = matrices.matmul
    __rmatmul__: Final = _swapped(matrices.matmul)
    __neg__: Final = arithmetic.neg
    __pos__: Final = arithmetic.positive
    __abs__: Final = arithmetic.abs

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else comparison.eq(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else comparison.ne(self, other)

    __hash__: Final = object.__hash__

    __lt__: Final = comparison.lt
    __le__: Final = comparison.le
    __gt__: Final = comparison.gt
    __ge__: Final = comparison.ge

    __and__: Final = logical.bitwise_and
    __rand__: Final = _swapped(logical.bitwise_and)
    __or__: Final = logical.bitwise_or
    __ror__: Final = _swapped(logical.bitwise_or)
    __xor__: Final = logical.bitwise_xor
    __rxor__: Final = _swapped(logical.bitwise_xor)
    __invert__: Final = logical.bitwise_not

    __getitem__: Final = indexing.getitem

    @property
    def T(self) -> Tensor:
        """The axes in reverse order; a view."""
        return transpose.reverse_axes(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped; a view."""
        return transpose.matrix_transpose(self)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.array.shape} is ambiguous: use .any() or .all(), "
                "and `is None` to check whether there is one"
            )
        return bool(self.array.item())

    def __index__(self) -> int:
        return self.array.__index__()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError("len() of a 0-d tensor, which has no axis")
        return self.array.shape[0]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.shape:
            raise TypeError("iteration over a 0-d tensor, which has no axis")
        return (self[i] for i in range(self.array.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self.array == array_of(value)).any())
