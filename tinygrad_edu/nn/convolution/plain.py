"""Convolution: one body for any number of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError, require_own
from ...ops.convolution import convolve
from ...ops.windows import Sizes, Windows, each
from ...tensors.tensor import Tensor
from .. import init
from ..checks import axes_in_words, count
from ..layer import Layer
from ..parameter import Parameter
from ..shape import pad
from ..widening import watched

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

Each = int | Sequence[int]
SIZES = {1: "L", 2: "H, W", 3: "D, H, W"}
_MODES = ("zeros", "reflect", "replicate", "circular")


# ---- what is common to both directions


def check_weight(name: str, weight: Any, bias: Any, groups: Any, axes: int, transposed: bool) -> None:
    """Raise unless the weight and the bias fit the function."""
    require_own(name, weight, bias)
    shape, kind = tuple(weight.shape), "(in_channels, out_channels" if transposed else "(out_channels, in_channels"
    if len(shape) != axes + 2:
        raise ShapeError(f"{name}: weight has shape {shape}, not {kind} / groups, {SIZES[axes]})")
    if count(name, "groups", groups, least=1) and shape[0] % groups:
        raise ShapeError(f"{name}: axis 0 of the weight, of shape {shape}, is not divisible by groups={groups}")
    outputs = shape[1] * groups if transposed else shape[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ShapeError(f"{name}: bias has shape {tuple(bias.shape)}, a weight of shape {shape} needs ({outputs},)")


def batch_of(name: str, x: Any, channels: int, axes: int, because: str) -> Any:
    """`x` with a leading axis of samples.

    Raises:
        ShapeError: unless it is (N, channels, *sizes) or (channels, *sizes), with no size 0; `because` says what
            requires that many channels.
    """
    require_own(name, x)
    ndim = len(x.shape)
    if ndim not in (axes + 1, axes + 2) or x.shape[-axes - 1] != channels:
        raise _misfit(name, tuple(x.shape), channels, axes, because)
    if 0 in x.shape[-axes:]:
        raise ShapeError(f"{name}: an input of shape {tuple(x.shape)} has no places to slide over")
    return x if ndim == axes + 2 else x.reshape((1, *x.shape))


def _misfit(name: str, shape: tuple[int, ...], channels: int, axes: int, because: str) -> ShapeError:
    """What is wrong with the shape of an input, and what to do about it."""
    one, ndim = f"({channels}, {SIZES[axes]})", len(shape)
    wanted = f"(N, {one[1:]}" if ndim == axes + 2 else f"(N, {one[1:]} or {one}"
    start = f"{name} expects {wanted}, got {shape}: "
    if ndim not in (axes + 1, axes + 2):
        return ShapeError(f"{start}it has {axes_in_words(ndim)}{_missing(shape, channels, axes)}")
    at = ndim - axes - 1
    fault = f"axis {at} is {shape[at]}, {because}. "
    if shape[-1] == channels:
        order = ", ".join(map(str, (*range(at), ndim - 1, *range(at, ndim - 1))))
        return ShapeError(f"{start}{fault}Channels come {'second' if at else 'first'}: use x.permute({order})")
    if channels == 1 and at == 0:
        return ShapeError(f"{start}{fault}Samples without an axis of channels? Use x.unsqueeze(1)")
    return ShapeError(f"{start}{fault}Set in_channels={shape[at]}?")


def _missing(shape: tuple[int, ...], channels: int, axes: int) -> str:
    """How to come from a shape of too few axes to one that fits, where that can be guessed."""
    side = round((shape[-1] / channels) ** (1 / axes)) if len(shape) == 2 and channels else 0
    if side > 1 and channels * side**axes == shape[-1] and shape[0] != shape[1]:
        sizes = ", ".join(map(str, (channels, *[side] * axes)))
        return f". Vectors of {shape[-1]} numbers become images by x.unflatten(1, ({sizes}))"
    if len(shape) == axes and channels == 1:
        return ". One sample without an axis of channels? Use x.unsqueeze(0)"
    return ""


def place(name: str, kernel: Sizes, stride: Each, padding: str | Each, dilation: Each) -> Windows:
    """Windows, from options in PyTorch's form.

    Raises:
        ValueError: for numbers out of range, an unknown word, or padding="same" with a stride.
    """
    axes = len(kernel)
    steps, apart = each(name, "stride", stride, axes), each(name, "dilation", dilation, axes)
    if not isinstance(padding, str):
        around = each(name, "padding", padding, axes, least=0)
        return Windows(kernel, steps, tuple([(p, p) for p in around]), apart)
    bare = Windows(kernel, steps, ((0, 0),) * axes, apart)
    if padding == "valid":
        return bare
    if padding != "same":
        raise ValueError(f"{name}: padding={padding!r} is not known: use 'same', 'valid', or how many places")
    if math.prod(steps) != 1:
        raise ValueError(
            f"{name}: padding='same' keeps the size, and stride={stride} does not: give padding as numbers"
        )
    return bare._replace(padding=tuple([((span - 1) // 2, span // 2) for span in bare.spans]))


placed: Final = lru_cache(maxsize=256)(place)  # of a layer's options, which are tuples


class Convolution(Layer):
    """What all convolution layers share: options, a weight, and a bias.

    Attributes:
        transposed: whether it is a transposed convolution.
    """

    weight: Parameter
    bias: Parameter | None
    transposed: ClassVar[bool] = False
    _axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
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
        super().__init__()
        name, axes = type(self).__name__, self._axes
        self.in_channels: int = count(name, "in_channels", in_channels)
        self.out_channels: int = count(name, "out_channels", out_channels, least=1)
        self.groups: int = count(name, "groups", groups, least=1)
        for kind, n in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if n % self.groups:
                raise ValueError(f"{name}: {kind}={n} is not divisible by groups={self.groups}")
        if padding_mode not in _MODES:
            raise ValueError(f"{name}: padding_mode={padding_mode!r} is not known: use {', '.join(map(repr, _MODES))}")
        self.padding_mode = padding_mode
        self.kernel_size: Sizes = each(name, "kernel_size", kernel_size, axes)
        self.stride: Sizes = each(name, "stride", stride, axes)
        self.dilation: Sizes = each(name, "dilation", dilation, axes)
        self.padding: str | Sizes = padding if isinstance(padding, str) else each(name, "padding", padding, axes, 0)
        self.output_padding: Sizes = (0,) * axes
        placed(name, self.kernel_size, self.stride, self.padding, self.dilation)
        outer, inner = self.out_channels, self.in_channels // self.groups
        if self.transposed:
            outer, inner = self.in_channels, self.out_channels // self.groups
        weight = (outer, inner, *self.kernel_size)
        self._make_parameters(device, dtype, weight=weight, bias=(self.out_channels,) if bias else None)

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        fan_in = math.prod(self.weight.shape[1:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the defaults."""
        none, one = (0,) * self._axes, (1,) * self._axes
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        usual = {"padding": none, "dilation": one, "output_padding": none, "groups": 1}
        shown += [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


# ---- forwards


def _convolution(name: str, input: Any, weight: Any, bias: Any, windows: Windows, groups: int, because: str) -> Tensor:
    """The convolution of a batch, or of one sample."""
    axes = windows.axes
    x = batch_of(name, input, weight.shape[1] * groups, axes, because)
    windows.check(name, x.shape[2:])
    out = convolve(x, weight, bias, windows, groups)
    return out if len(input.shape) == axes + 2 else out.reshape(out.shape[1:])


def _function(
    axes: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Each,
    padding: str | Each,
    dilation: Each,
    groups: int,
) -> Tensor:
    name = f"conv{axes}d"
    check_weight(name, weight, bias, groups, axes, transposed=False)
    windows = place(name, tuple(weight.shape[2:]), stride, padding, dilation)
    because = f"and the weight of shape {tuple(weight.shape)} with groups={groups} takes {weight.shape[1] * groups}"
    return _convolution(name, input, weight, bias, windows, groups, because)


def conv1d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along one axis: input (N, C, L), weight (O, C / groups, K).

    Raises:
        ShapeError: as from `conv2d`.
        ValueError: as from `conv2d`.

    >>> import tinygrad_edu as tg
    >>> x, weight = tg.tensor([[[1.0, 2.0, 4.0, 7.0]]]), tg.tensor([[[-1.0, 1.0]]])
    >>> tg.nn.functional.conv1d(x, weight)
    tensor([[[1., 2., 3.]]])
    """
    return _function(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """Slide the weight over the images: at each position, sum the products with the elements under it.

    The kernel is not flipped; in signal processing this is called cross-correlation.

    Args:
        input: tensor of shape (N, C, H, W), or (C, H, W) for one image.
        weight: tensor of shape (O, C / groups, kernel height, kernel width).
        bias: tensor of shape (O,), or None.
        stride: the step between positions; one number, or one for each axis.
        padding: how many zeros are added on each side; or ``"valid"``, none, or ``"same"``, as many as keep the size,
            with one more at the end if their number is odd.
        dilation: the spacing between the elements of the kernel.
        groups: how many groups the channels are divided into; each group of outputs sees only its group of inputs.

    Returns:
        Tensor of shape (N, O, *sizes), or (O, *sizes); a size is
        (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    Raises:
        ShapeError: if the channels, the weight or the bias do not fit, or the kernel is larger than the image.
        ValueError: if an option is out of range, or ``"same"`` comes with a stride.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.conv2d(tg.ones(1, 1, 3, 3), tg.ones(1, 1, 2, 2), padding=1)
    tensor([[[[1., 2., 2., 1.],
              [2., 4., 4., 2.],
              [2., 4., 4., 2.],
              [1., 2., 2., 1.]]]])
    """
    return _function(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Operand,
    weight: Operand,
    bias: Operand = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along three axes: input (N, C, D, H, W), weight (O, C / groups, *kernel).

    Raises:
        ShapeError: as from `conv2d`.
        ValueError: as from `conv2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.conv3d(tg.ones(1, 1, 2, 2, 2), tg.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return _function(3, input, weight, bias, stride, padding, dilation, groups)


class PlainConvolution(Convolution):
    """What Conv1d, Conv2d and Conv3d compute."""

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x with the weight, plus the bias."""
        name = type(self).__name__
        windows = placed(name, self.kernel_size, self.stride, self.padding, self.dilation)
        because = f"in_channels is {self.in_channels}"
        around = x
        if self.padding_mode != "zeros" and windows.is_padded:
            batch_of(name, x, self.in_channels, self._axes, because)
            widths = [n for pair in reversed(windows.padding) for n in pair]
            around = pad(x, widths, self.padding_mode)
            windows = windows._replace(padding=((0, 0),) * self._axes)
        out = _convolution(name, around, self.weight, self.bias, windows, self.groups, because)
        return watched(self, self.weight, out, x)


class Conv1d(PlainConvolution):
    """`Conv2d` along one axis.

    Shape: (N, in_channels, L) to (N, out_channels, L'), or the same without N.

    Raises:
        ShapeError: as from `Conv2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Conv1d(3, 6, kernel_size=5, padding="same")(tg.zeros(2, 3, 10)).shape
    (2, 6, 10)
    """

    _axes = 1


class Conv2d(PlainConvolution):
    """A bank of filters that slide over images; see `tg.nn.functional.conv2d`.

    Weight and bias start uniform between plus and minus 1/sqrt(fan_in), as PyTorch's do: fan_in is the number of inputs
    of one output, in_channels / groups times the size of the kernel.

    Args:
        in_channels: the number of input channels.
        out_channels: the number of output channels, which is the number of filters.
        kernel_size: the size of a filter; one number, or one for each axis.
        stride: the step between positions of the filter.
        padding: how many elements are added on each side of the image; or ``"valid"``, none, or ``"same"``, as many as
            keep the size.
        dilation: the spacing between the elements of a filter.
        groups: how many groups the channels are divided into; each group of outputs sees only its group of inputs.
        bias: whether to add a bias.
        padding_mode: what is added: ``"zeros"``; ``"reflect"``, the image mirrored at its edge; ``"replicate"``, its
            edge repeated; or ``"circular"``, the image from its other side.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight: Parameter of shape (out_channels, in_channels / groups, *kernel_size).
        bias: Parameter of shape (out_channels,), or None.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), or the same without N, with
        H' = (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.

    Raises:
        ShapeError: when called with an input that has the wrong number of axes or channels, or smaller than the kernel.

    Source: LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition" (1989).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Conv2d(1, 6, kernel_size=3)(tg.zeros(2, 1, 28, 28)).shape
    (2, 6, 26, 26)
    """

    _axes = 2


class Conv3d(PlainConvolution):
    """`Conv2d` along three axes.

    Shape: (N, in_channels, D, H, W) to (N, out_channels, D', H', W'), or the same without N.

    Raises:
        ShapeError: as from `Conv2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Conv3d(1, 2, kernel_size=3, stride=2)(tg.zeros(1, 1, 7, 7, 7)).shape
    (1, 2, 3, 3, 3)
    """

    _axes = 3
