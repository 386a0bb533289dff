"""Lazy convolutions: LazyConv1d to LazyConvTranspose3d."""

from __future__ import annotations

from typing import Any, ClassVar

from ...dtypes import DType
from ...errors import ShapeError
from ...tensors.tensor import Tensor
from ..checks import axes_in_words
from ..convolution.plain import SIZES, Conv1d, Conv2d, Conv3d, Convolution, Each, PlainConvolution
from ..convolution.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, TransposedConvolution
from ..layer import Layer
from ..uninitialized import Uninitialized
from .base import Lazy

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _LazyConvolution(Lazy, Convolution):
    _size: ClassVar[str] = "in_channels"

    def _seen(self, x: Tensor) -> int:
        if not isinstance(self.weight, Uninitialized):
            return self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups
        axes = self._axes
        if len(x.shape) not in (axes + 1, axes + 2):
            raise ShapeError(
                f"{type(self).__name__} expects (N, in_channels, {SIZES[axes]}) or (in_channels, {SIZES[axes]}), got "
                f"{tuple(x.shape)}: it has {axes_in_words(len(x.shape))}"
            )
        return x.shape[-axes - 1]

    def _of_size(self, size: int) -> Layer:
        more = {"output_padding": self.output_padding} if self.transposed else {}
        made: Layer = self._plain(  # type: ignore[call-arg]
            size,
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            **more,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias is not None,
            padding_mode=self.padding_mode,
            dtype=self.weight.dtype,
        )
        return made


class _LazyConv(_LazyConvolution, PlainConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: str | Each = 0,
        dilation: Each = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            0, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self._wait()


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConv1d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 2), (2, 3, 3), 'Conv1d')
    """

    _plain: ClassVar[type[Layer]] = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConv2d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 2, 2), (2, 3, 3, 3), 'Conv2d')
    """

    _plain: ClassVar[type[Layer]] = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConv3d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4, 4, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 2, 2, 2), (2, 3, 3, 3, 3), 'Conv3d')
    """

    _plain: ClassVar[type[Layer]] = Conv3d


class _LazyConvTranspose(_LazyConvolution, TransposedConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each = 0,
        output_padding: Each = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Each = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            *(0, out_channels, kernel_size, stride, padding, output_padding),
            *(groups, bias, dilation, padding_mode, device, dtype),
        )
        self._wait()


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConvTranspose1d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 6), (3, 2, 3), 'ConvTranspose1d')
    """

    _plain: ClassVar[type[Layer]] = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConvTranspose2d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 6, 6), (3, 2, 3, 3), 'ConvTranspose2d')
    """

    _plain: ClassVar[type[Layer]] = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that reads `in_channels` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyConvTranspose3d(2, kernel_size=3)
    >>> layer(tg.rand(5, 3, 4, 4, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 2, 6, 6, 6), (3, 2, 3, 3, 3), 'ConvTranspose3d')
    """

    _plain: ClassVar[type[Layer]] = ConvTranspose3d
