"""Lazy linear layers: LazyLinear."""

from __future__ import annotations

from typing import Any, ClassVar

from ...dtypes import DType
from ...errors import ShapeError
from ...tensors.tensor import Tensor
from ..layer import Layer
from ..linear import Linear
from ..uninitialized import Uninitialized
from .base import Lazy

__all__ = ["LazyLinear"]


class LazyLinear(Lazy, Linear):
    """A `Linear` that reads `in_features` off its first input.

    Args:
        out_features: size of the last axis of the output.
        bias: whether to add a bias.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (*, any) to (*, out_features). Call the model once before making the optimizer or counting parameters.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyLinear(2)
    >>> layer(tg.zeros(5, 3)).shape, layer
    ((5, 2), Linear(in_features=3, out_features=2, bias=True))
    """

    _size: ClassVar[str] = "in_features"
    _plain: ClassVar[type[Layer]] = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: DType = None) -> None:
        super().__init__(0, out_features, bias, device, dtype)
        self._wait()

    def _seen(self, x: Tensor) -> int:
        if not isinstance(self.weight, Uninitialized):
            return self.weight.shape[1]
        if not x.shape:
            raise ShapeError("LazyLinear expects (*, in_features), got (): it has no axis")
        return x.shape[-1]

    def _of_size(self, size: int) -> Layer:
        return Linear(size, self.out_features, self.bias is not None, dtype=self.weight.dtype)
