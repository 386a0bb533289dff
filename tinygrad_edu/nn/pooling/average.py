"""Average pooling: the mean of each window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...engine.primitives import Operand
from ...ops import pooling as ops
from ...tensors.tensor import Tensor
from ..module.module import Module

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d"]

Sizes = int | Sequence[int]


def avg_pool1d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window that slides along the last axis; the rest is as in `avg_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[2. , 3.5]])
    """
    windows = ops.windows_of("avg_pool1d", 1, kernel_size, stride, padding)
    return ops.avg_pool("avg_pool1d", input, windows, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window that slides over the last two axes.

    Args:
        input: floating tensor of shape (N, C, H, W) or (C, H, W).
        kernel_size: how many elements a window has along an axis: one number, or one for each axis.
        stride: the step between windows; default, `kernel_size`.
        padding: how many zeros are added at both ends of an axis; at most half of `kernel_size`.
        ceil_mode: whether to include windows that start before the end of the padding and extend beyond it. What lies
            beyond the padding never counts.
        count_include_pad: whether the zeros count as elements.
        divisor_override: what the sums are divided by, in place of the number of elements.

    Returns:
        Tensor of shape (N, C, H', W') or (C, H', W').

    Raises:
        ShapeError: if the input has the wrong number of axes, is empty (apart from the batch axis), or no window fits
            into it.
        TypeError: for an option that is not an integer.
        ValueError: for an option that is too small, padding that is too large, or a divisor of 0.
        DtypeError: if `input` is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.avg_pool2d(tg.tensor([[[1.0, 2.0, 0.0, 1.0], [4.0, 1.0, 7.0, 0.0]]]), 2)
    tensor([[[2., 2.]]])
    """
    windows = ops.windows_of("avg_pool2d", 2, kernel_size, stride, padding)
    return ops.avg_pool("avg_pool2d", input, windows, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window that slides over the last three axes; the rest is as in `avg_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.avg_pool3d(tg.ones(1, 2, 2, 2), 2)
    tensor([[[[1.]]]])
    """
    windows = ops.windows_of("avg_pool3d", 3, kernel_size, stride, padding)
    return ops.avg_pool("avg_pool3d", input, windows, ceil_mode, count_include_pad, divisor_override)


class _AvgPool(Module):
    """What those over several axes have: the options."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size: Any = kernel_size
        self.stride: Any = kernel_size if stride is None else stride
        self.padding: Any = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """The means."""
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return self._function(x, *windows, self.divisor_override)

    def extra_repr(self) -> str:
        """The options of the windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(Module):
    """The mean of each window that slides along the last axis; the options are those of `AvgPool2d`.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    >>> import tinygrad_edu as tg
    >>> tg.nn.AvgPool1d(2)(tg.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[2. , 3.5]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        windows = ops.windows_of("AvgPool1d", 1, kernel_size, stride, padding)
        self.kernel_size: tuple[int, ...] = windows.kernel
        self.stride: tuple[int, ...] = windows.stride
        self.padding: tuple[int, ...] = (windows.padding[0][0],)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """The means."""
        return avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """The options of the windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window that slides over the last two axes; see `functional.avg_pool2d`.

    Args:
        kernel_size: how many elements a window has along an axis: one number, or one for each axis.
        stride: the step between windows; default, `kernel_size`.
        padding: how many zeros are added at both ends of an axis; at most half of `kernel_size`.
        ceil_mode: whether to include windows that start before the end of the padding and extend beyond it.
        count_include_pad: whether the zeros count as elements.
        divisor_override: what the sums are divided by, in place of the number of elements.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W'), with H' = (H + 2 padding - kernel_size) / stride
    + 1, rounded down, or up with `ceil_mode`.

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or that no window fits into.

    >>> import tinygrad_edu as tg
    >>> tg.nn.AvgPool2d(2)(tg.zeros(8, 16, 28, 28)).shape
    (8, 16, 14, 14)
    """

    _function = staticmethod(avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window that slides over the last three axes; the options are those of `AvgPool2d`.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.AvgPool3d(2)(tg.zeros(8, 16, 4, 6, 6)).shape
    (8, 16, 2, 3, 3)
    """

    _function = staticmethod(avg_pool3d)
