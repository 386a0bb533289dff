"""What Python itself asks of a tensor: operators, each of which is an op, indexing, its truth and its length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..engine.graph import TensorBase, array_of
from ..engine.primitives import Operand
from ..errors import ShapeError
from ..ops import arithmetic, comparison, indexing, logical, transpose
from ..ops import matmul as matrices

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class TensorOperators(TensorBase):
    """What Python writes with signs, brackets and words: `x + y`, `x[i]`, `len(x)`, `if x`; and `x.T`."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Tensor:
        return arithmetic.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return arithmetic.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return arithmetic.sub(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return arithmetic.sub(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return arithmetic.mul(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return arithmetic.mul(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return arithmetic.div(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return arithmetic.div(other, self)

    def __neg__(self) -> Tensor:
        return arithmetic.neg(self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return arithmetic.floor_divide(self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return arithmetic.floor_divide(other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return arithmetic.remainder(self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return arithmetic.remainder(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return arithmetic.pow(self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return arithmetic.pow(other, self)

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return arithmetic.abs(self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else comparison.eq(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else comparison.ne(self, other)

    __hash__: Final = object.__hash__

    def __lt__(self, other: Operand) -> Tensor:
        return comparison.lt(self, other)

    def __le__(self, other: Operand) -> Tensor:
        return comparison.le(self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return comparison.gt(self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return comparison.ge(self, other)

    def __and__(self, other: Operand) -> Tensor:
        return logical.bitwise_and(self, other)

    def __rand__(self, other: Operand) -> Tensor:
        return logical.bitwise_and(other, self)

    def __or__(self, other: Operand) -> Tensor:
        return logical.bitwise_or(self, other)

    def __ror__(self, other: Operand) -> Tensor:
        return logical.bitwise_or(other, self)

    def __xor__(self, other: Operand) -> Tensor:
        return logical.bitwise_xor(self, other)

    def __rxor__(self, other: Operand) -> Tensor:
        return logical.bitwise_xor(other, self)

    def __invert__(self) -> Tensor:
        return logical.bitwise_not(self)

    def __matmul__(self, other: Operand) -> Tensor:
        return matrices.matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return matrices.matmul(other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    @property
    def T(self) -> Tensor:
        """With the axes in reverse order; a view."""
        return transpose.reverse_axes(self)

    @property
    def mT(self) -> Tensor:
        """With the last two axes swapped; a view."""
        return transpose.matrix_transpose(self)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.array.shape} is ambiguous: use .any() or .all(), "
                "and `is None` to ask whether there is one"
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
