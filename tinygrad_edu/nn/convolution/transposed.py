"""Transposed convolution: convolution the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.convolution import convolve_transposed
from ...ops.rearranging import pad
from ...ops.windows import Sizes, Windows, each
from ...tensors.tensor import Tensor
from ..widening import watched
from .plain import Convolution, Each, batch_of, check_weight, place, placed

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


def _transposed(
    name: str, input: Any, weight: Any, bias: Any, windows: Windows, more: Sizes, groups: int, because: str
) -> Tensor:
    """The transposed convolution of a batch, or of one sample; its output is longer by `more`."""
    axes = windows.axes
    x = batch_of(name, input, weight.shape[0], axes, because)
    for extra, stride, apart in zip(more, windows.stride, windows.dilation, strict=True):
        if extra >= max(stride, apart):
            raise ValueError(
                f"{name}: output_padding={more} must be smaller than the stride, {windows.stride}, or the dilation, "
                f"{windows.dilation}"
            )
    sizes = _least_sizes(windows, x.shape[2:], more)
    if min(sizes) < 1:
        raise ShapeError(
            f"{name}: an input of sizes {tuple(x.shape[2:])} gives sizes {sizes}, with kernel {windows.kernel}, stride "
            f"{windows.stride} and padding {tuple(p for p, _ in windows.padding)}. Use less padding, or a larger input"
        )
    windows, zeros = _covered(windows, more)
    reached = tuple([n - z for n, z in zip(sizes, zeros, strict=True)])
    if any(zeros):
        out = pad(
            convolve_transposed(x, weight, None, windows, reached, groups), ((0, 0), (0, 0), *[(0, z) for z in zeros])
        )
        out = out if bias is None else out + bias.reshape((-1, *[1] * axes))
    else:
        out = convolve_transposed(x, weight, bias, windows, sizes, groups)
    return out if len(input.shape) == axes + 2 else out.reshape(out.shape[1:])


def _least_sizes(windows: Windows, counts: Sequence[int], more: Sequence[int]) -> Sizes:
    """How large an input is of which there are so many windows; longer by `more`."""
    rows = zip(counts, windows.stride, windows.spans, windows.padding, more, strict=True)
    return tuple([(n - 1) * stride + span - before - after + extra for n, stride, span, (before, after), extra in rows])


def _covered(windows: Windows, more: Sequence[int]) -> tuple[Windows, Sizes]:
    """Windows whose number fits the longer output, and how many zeros come behind what they reach.

    Less than a stride is left over by windows anyway. Beyond that, the output continues into what was padding.
    """
    padding, zeros = [], []
    for (before, after), stride, extra in zip(windows.padding, windows.stride, more, strict=True):
        beyond = max(0, extra - stride + 1)
        padding.append((before, max(0, after - beyond)))
        zeros.append(max(0, beyond - after))
    return windows._replace(padding=tuple(padding)), tuple(zeros)


def _function(
    axes: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Each,
    padding: Each,
    output_padding: Each,
    groups: int,
    dilation: Each,
) -> Tensor:
    name = f"conv_transpose{axes}d"
    check_weight(name, weight, bias, groups, axes, transposed=True)
    more = each(name, "output_padding", output_padding, axes, least=0)
    windows = place(name, tuple(weight.shape[2:]), stride, each(name, "padding", padding, axes, least=0), dilation)
    because = f"and the weight of shape {tuple(weight.shape)} takes {weight.shape[0]}"
    return _transposed(name, input, weight, bias, windows, more, groups, because)


def conv_transpose1d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
) -> Tensor:
    """`conv_transpose2d` along one axis: input (N, C, L), weight (C, O / groups, K).

    Raises:
        ShapeError: as from `conv_transpose2d`.
        ValueError: as from `conv_transpose2d`.

    >>> import tinygrad_edu as tg
    >>> x, weight = tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[1.0, 10.0]]])
    >>> tg.nn.functional.conv_transpose1d(x, weight)
    tensor([[[ 1., 12., 20.]]])
    """
    return _function(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
) -> Tensor:
    """The gradient of `conv2d` with respect to its input, as an op: the weight spreads each element out.

    With the same weight and options it turns the output shape of `conv2d` back into the input shape.

    Args:
        input: tensor of shape (N, C, H, W), or (C, H, W) for one image.
        weight: tensor of shape (C, O / groups, kernel height, kernel width).
        bias: tensor of shape (O,), or None.
        stride: how far apart neighbouring elements of the input are in the output.
        padding: how many positions are cut off on each side of the output.
        output_padding: extra size at the end of the output: a strided convolution maps several sizes to one, and this
            says which one is meant.
        groups: how many groups the channels are divided into; each group of outputs sees only its group of inputs.
        dilation: the spacing between the elements of the weight in the output.

    Returns:
        Tensor of shape (N, O, *sizes), or (O, *sizes); a size is
        (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Raises:
        ShapeError: if the channels, the weight or the bias do not fit, or nothing is left of the output.
        ValueError: if an option is out of range; `output_padding` must be less than the stride or the dilation.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.conv_transpose2d(tg.ones(1, 1, 2, 2), tg.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    return _function(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
) -> Tensor:
    """`conv_transpose2d` along three axes: input (N, C, D, H, W), weight (C, O / groups, *kernel).

    Raises:
        ShapeError: as from `conv_transpose2d`.
        ValueError: as from `conv_transpose2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.conv_transpose3d(tg.ones(1, 1, 1, 1, 1), tg.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 2, 2, 2)
    """
    return _function(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


class TransposedConvolution(Convolution):
    """The options and the forward of ConvTranspose1d, ConvTranspose2d and ConvTranspose3d."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
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
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(
                f"{name}: padding_mode={padding_mode!r} is not possible: here padding cuts off, use 'zeros'"
            )
        around, more = (
            each(name, kind, value, self._axes, least=0)
            for kind, value in (("padding", padding), ("output_padding", output_padding))
        )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, around, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = more

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The transposed convolution of x with the weight, plus the bias.

        Args:
            x: tensor of shape (N, in_channels, *sizes), or the same without N.
            output_size: the sizes of the output, in place of `output_padding`; or its whole shape.

        Raises:
            ValueError: if no output has these sizes.
        """
        name = type(self).__name__
        windows = placed(name, self.kernel_size, self.stride, self.padding, self.dilation)
        more = self.output_padding if output_size is None else self._more(x, output_size, windows)
        because = f"in_channels is {self.in_channels}"
        out = _transposed(name, x, self.weight, self.bias, windows, more, self.groups, because)
        return watched(self, self.weight, out, x)

    def _more(self, x: Any, output_size: Sequence[int], windows: Windows) -> Sizes:
        """The output_padding that gives an output of these sizes."""
        axes, name = self._axes, type(self).__name__
        if len(output_size) not in (axes, len(x.shape)):
            raise ValueError(
                f"{name}: output_size={tuple(output_size)} has {len(output_size)} numbers, an input of shape {x.shape} "
                f"needs {axes}, or {len(x.shape)}"
            )
        batch_of(name, x, self.in_channels, axes, f"in_channels is {self.in_channels}")
        wanted, least = tuple(output_size)[-axes:], _least_sizes(windows, x.shape[-axes:], (0,) * axes)
        more = tuple([n - low for n, low in zip(wanted, least, strict=True)])
        if any(not 0 <= extra < stride for extra, stride in zip(more, self.stride, strict=True)):
            most = tuple([low + stride - 1 for low, stride in zip(least, self.stride, strict=True)])
            raise ValueError(
                f"{name}: output_size={wanted} is not possible: an input of shape {tuple(x.shape)} gives {least} "
                f"to {most}"
            )
        return more


class ConvTranspose1d(TransposedConvolution):
    """`ConvTranspose2d` along one axis.

    Shape: (N, in_channels, L) to (N, out_channels, L'), or the same without N.

    Raises:
        ShapeError: as from `ConvTranspose2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ConvTranspose1d(3, 6, kernel_size=4, stride=2)(tg.zeros(2, 3, 10)).shape
    (2, 6, 22)
    """

    _axes = 1


class ConvTranspose2d(TransposedConvolution):
    """A bank of filters that spread images out; see `tg.nn.functional.conv_transpose2d`.

    Weight and bias start uniform between plus and minus 1/sqrt(fan), as PyTorch's do: fan is out_channels / groups
    times the size of the kernel.

    Args:
        in_channels: the number of input channels.
        out_channels: the number of output channels.
        kernel_size: the size of a filter; one number, or one for each axis.
        stride: how far apart neighbouring elements of the input are in the output.
        padding: how many positions are cut off on each side of the output.
        output_padding: extra size at the end of the output.
        groups: how many groups the channels are divided into; each group of outputs sees only its group of inputs.
        bias: whether to add a bias.
        dilation: the spacing between the elements of a filter in the output.
        padding_mode: ``"zeros"``; there is no other.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight: Parameter of shape (in_channels, out_channels / groups, *kernel_size).
        bias: Parameter of shape (out_channels,), or None.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), or the same without N, with H' = (H - 1) stride - 2
        padding + dilation (kernel_size - 1) + output_padding + 1. Pass `output_size` in the call to choose the sizes,
        where a strided convolution may have started from several.

    Raises:
        ShapeError: when called with an input that has the wrong number of axes or channels, or if nothing is left of
            the output.

    Source: Zeiler et al., "Deconvolutional Networks" (2010).

    >>> import tinygrad_edu as tg
    >>> up = tg.nn.ConvTranspose2d(4, 2, kernel_size=3, stride=2, padding=1)
    >>> up(tg.zeros(1, 4, 5, 5)).shape, up(tg.zeros(1, 4, 5, 5), output_size=(10, 10)).shape
    ((1, 2, 9, 9), (1, 2, 10, 10))
    """

    _axes = 2


class ConvTranspose3d(TransposedConvolution):
    """`ConvTranspose2d` along three axes.

    Shape: (N, in_channels, D, H, W) to (N, out_channels, D', H', W'), or the same without N.

    Raises:
        ShapeError: as from `ConvTranspose2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ConvTranspose3d(1, 2, kernel_size=2, stride=2)(tg.zeros(1, 1, 3, 3, 3)).shape
    (1, 2, 6, 6, 6)
    """

    _axes = 3
