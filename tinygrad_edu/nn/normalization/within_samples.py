"""Layer, RMS and group normalization: within each sample; and vectors of length 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.channels import group_norm
from ...ops.normalization import layer_norm, rms_norm
from ...ops.norms import norm
from ...ops.piecewise import clamp_min
from ...tensors.tensor import Tensor
from .. import init
from ..checks import count
from ..layer import Layer
from ..parameter import Parameter
from ..widening import watched

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


def normalize(input: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12, *, axis: int | None = None) -> Tensor:
    """Divide by the p-norm along an axis, or by `eps` where the norm is smaller.

    Args:
        input: floating tensor of one axis or more.
        p: the order of the norm.
        dim: the axis along which the vectors lie.
        eps: the smallest norm to divide by.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    dim = dim if axis is None else axis
    return input / clamp_min(norm(input, p, dim, keepdim=True), eps)  # type: ignore[no-any-return]


class _Norm(Layer):
    """What both have: the trailing shape, and a weight that starts at 1."""

    weight: Parameter | None

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None, elementwise_affine: bool) -> None:
        super().__init__()
        name = type(self).__name__
        sizes = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
        self.normalized_shape: tuple[int, ...] = tuple(count(name, "normalized_shape", n, least=1) for n in sizes)
        if eps is not None and not eps >= 0:
            raise ValueError(f"{name}: eps must be 0 or more, got {eps}")
        self.eps = eps
        self.elementwise_affine = elementwise_affine

    def reset_parameters(self) -> None:
        """Set the weight to 1, and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)

    def _normalized(self, norm: Callable[..., Tensor], x: Tensor, *parameters: Parameter | None) -> Tensor:
        """What the op `norm` gives; its errors name the module."""
        try:
            out = norm(x, self.normalized_shape, *parameters, self.eps)
        except ShapeError as error:
            raise ShapeError(str(error).replace(norm.__name__, type(self).__name__, 1)) from error
        return watched(self, self.weight, out, x)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(_Norm):
    """Shift and scale each sample's trailing axes to mean 0 and variance 1, then apply weight and bias.

    Args:
        normalized_shape: the size, or the sizes, of the trailing axes.
        eps: added to the variance under the square root.
        elementwise_affine: whether to have a weight, starting at 1, and a bias, starting at 0.
        bias: whether to have a bias beside the weight.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (*, *normalized_shape), unchanged.

    Raises:
        ShapeError: when called with an input whose trailing axes have other sizes.

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
        super().__init__(normalized_shape, eps, elementwise_affine)
        shape = self.normalized_shape if elementwise_affine else None
        self._make_parameters(device, dtype, weight=shape, bias=shape if bias else None)

    def reset_parameters(self) -> None:
        """Set the weight to 1, and the bias to 0."""
        super().reset_parameters()
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        return self._normalized(layer_norm, x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The shape and the options, and whether there is a bias."""
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class RMSNorm(_Norm):
    """Divide each sample's trailing axes by their root mean square, then multiply by the weight.

    Args:
        normalized_shape: the size, or the sizes, of the trailing axes.
        eps: added to the mean square under the square root; None for the machine epsilon of the dtype.
        elementwise_affine: whether to have a weight, starting at 1.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Shape: (*, *normalized_shape), unchanged.

    Raises:
        ShapeError: when called with an input whose trailing axes have other sizes.

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
        super().__init__(normalized_shape, eps, elementwise_affine)
        self._make_parameters(device, dtype, weight=self.normalized_shape if elementwise_affine else None)

    def forward(self, x: Tensor) -> Tensor:
        """x, divided by its root mean square."""
        return self._normalized(rms_norm, x, self.weight)


class GroupNorm(Layer):
    """Shift and scale each group of channels of each sample to mean 0 and variance 1, then apply weight and bias.

    Args:
        num_groups: how many groups of neighbouring channels there are.
        num_channels: the number of channels, C.
        eps: added to the variance under the square root.
        affine: whether to have a weight, starting at 1, and a bias, starting at 0, with one number for each channel.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.
        bias: whether to have a bias beside the weight.

    Shape: (N, C, *), unchanged.

    Raises:
        ValueError: if `num_channels` is not a multiple of `num_groups`.
        ShapeError: when called with an input that has a different number of channels.

    Source: Wu and He, "Group Normalization" (2018).

    >>> import tinygrad_edu as tg
    >>> tg.nn.GroupNorm(2, 4, eps=0.0)(tg.tensor([[1.0, 3.0, 10.0, 30.0]])).detach()
    tensor([[-1.,  1., -1.,  1.]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups: int = count("GroupNorm", "num_groups", num_groups, least=1)
        self.num_channels: int = count("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(f"GroupNorm: num_channels={num_channels} is not a multiple of num_groups={num_groups}")
        if not eps >= 0:
            raise ValueError(f"GroupNorm: eps must be 0 or more, got {eps}")
        self.eps = eps
        self.affine = affine
        shape = (self.num_channels,) if affine else None
        self._make_parameters(device, dtype, weight=shape, bias=shape if bias else None)

    def reset_parameters(self) -> None:
        """Set the weight to 1, and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        shape = tuple(x.shape)
        if len(shape) < 2:
            raise ShapeError(f"GroupNorm expects (N, {self.num_channels}, *), got {shape}: it has no axis 1")
        if shape[1] != self.num_channels and (self.affine or shape[1] % self.num_groups):
            is_last = len(shape) > 2 and shape[-1] == self.num_channels
            hint = "Channels are axis 1: use x.movedim(-1, 1)?" if is_last else f"Set num_channels={shape[1]}?"
            raise ShapeError(
                f"GroupNorm expects (N, {self.num_channels}, *), got {shape}: axis 1 is {shape[1]}. {hint}"
            )
        return watched(self, self.weight, group_norm(x, self.num_groups, self.weight, self.bias, self.eps), x)

    def extra_repr(self) -> str:
        """The numbers of groups and channels, and the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
