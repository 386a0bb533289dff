"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from ..engine.primitives import Operand
from ..errors import DtypeError
from ..tensors.tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that becomes one of a module's parameters when it is assigned to an attribute.

    Args:
        data: an array or a Tensor (whose memory is shared, outside of any graph), a number or a nested
            list of numbers.
        requires_grad: whether `backward` keeps the gradient with respect to it in `.grad`.

    Raises:
        DtypeError: if a gradient is required for a dtype that is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Parameter(tg.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Operand, requires_grad: bool = True) -> None:
        super().__init__(data)
        if requires_grad:
            if self.dtype.kind != "f":
                raise DtypeError(
                    f"Parameter of shape {self.shape} has dtype {self.dtype}: only floating-point tensors can require "
                    "a gradient. Make it one with .float(), or pass requires_grad=False for a constant"
                )
            self.requires_grad = True

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
