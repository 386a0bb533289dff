"""LayerNorm and RMSNorm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtypes import DType
from ..errors import ShapeError
from ..ops.casting import check_device
from ..ops.normalization import layer_norm, rms_norm
from ..tensors.tensor import Tensor
from . import init
from .checks import count
from .module.module import Module
from .parameter import Parameter
from .widening import watched

__all__ = ["LayerNorm", "RMSNorm"]


class _Norm(Module):
    """What both have: the trailing shape, and a weight that starts at 1."""

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None,
        elementwise_affine: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_device(device, name)
        sizes = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
        self.normalized_shape: tuple[int, ...] = tuple(count(name, "normalized_shape", n, least=1) for n in sizes)
        if eps is not None and not eps >= 0:
            raise ValueError(f"{name}: eps must be 0 or more, got {eps}")
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", init.new_parameter(self.normalized_shape, dtype) if elementwise_affine else None
        )

    def reset_parameters(self) -> None:
        """Set the weight to 1, and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(_Norm):
    """Shift and scale each sample's trailing axes to mean 0 and variance 1, then apply weight and bias.

    Args:
        normalized_shape: the size, or the sizes, of the trailing axes.
        eps: added to the variance under the root.
        elementwise_affine: whether there are a weight, starting at 1, and a bias, starting at 0.
        bias: whether there is a bias, if there is a weight.
        device: accepted for the sake of programs that name it; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (*, *normalized_shape), unchanged.

    Raises:
        ShapeError: when called with an input whose trailing axes are others.

    Source: Ba, Kiros and Hinton, "Layer Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.LayerNorm(2, eps=0.0)(tg.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.,  1.]])
    """

    bias: Parameter | None
    eps: float

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, device, dtype)
        has_bias = elementwise_affine and bias
        self.register_parameter("bias", init.new_parameter(self.normalized_shape, dtype) if has_bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1, and the bias to 0."""
        super().reset_parameters()
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        try:
            out = layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        except ShapeError as error:
            raise ShapeError(str(error).replace("layer_norm", "LayerNorm", 1)) from error
        return watched(self, self.weight, out, x)

    def extra_repr(self) -> str:
        """The shape and the options, and whether there is a bias."""
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class RMSNorm(_Norm):
    """Divide each sample's trailing axes by their root mean square, then multiply by the weight.

    Args:
        normalized_shape: the size, or the sizes, of the trailing axes.
        eps: added to the mean square under the root; None for the distance from 1 to the next number.
        elementwise_affine: whether there is a weight, starting at 1.
        device: accepted for the sake of programs that name it; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Shape: (*, *normalized_shape), unchanged.

    Raises:
        ShapeError: when called with an input whose trailing axes are others.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.RMSNorm(2, eps=0.0)(tg.tensor([[1.0, 7.0]])).detach()
    tensor([[0.2, 1.4]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, device, dtype)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """x, divided by its root mean square."""
        try:
            out = rms_norm(x, self.normalized_shape, self.weight, self.eps)
        except ShapeError as error:
            raise ShapeError(str(error).replace("rms_norm", "RMSNorm", 1)) from error
        return watched(self, self.weight, out, x)
