"""Max pooling: the maximum of each window, and the reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...engine.primitives import Operand
from ...ops import pooling as ops
from ...ops.unpooling import max_unpool
from ...tensors.tensor import Tensor
from ..module.module import Module

__all__ = ["MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]

Sizes = int | Sequence[int]


def max_pool1d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window that slides along the last axis; the rest is as in `max_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    windows = ops.windows_of("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return ops.max_pool("max_pool1d", input, windows, ceil_mode, return_indices)


def max_pool2d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window that slides over the last two axes.

    Among tied elements, the first one in the window gets the gradient. NaN counts as the largest.

    Args:
        input: tensor of shape (N, C, H, W) or (C, H, W), floating or of integers.
        kernel_size: how many elements a window has along an axis: one number, or one for each axis.
        stride: the step between windows; default, `kernel_size`.
        padding: how many positions are added at both ends of an axis, which are never the maximum; at most half of
            `kernel_size`.
        dilation: the spacing between the elements of a window.
        ceil_mode: whether to include windows that start before the end of the padding and extend beyond it.
        return_indices: whether to return the positions of the maxima too.

    Returns:
        Tensor of shape (N, C, H', W') or (C, H', W'). With `return_indices` a pair of this and an int64 tensor of that
        shape: i·W + j for an element at (i, j).

    Raises:
        ShapeError: if the input has the wrong number of axes, is empty (apart from the batch axis), or no window fits
            into it.
        TypeError: for an option that is not an integer.
        ValueError: for an option that is too small, or padding that is too large.
        DtypeError: for an input of booleans.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[[1.0, 2.0, 0.0, 1.0], [4.0, 3.0, 7.0, 0.0]]])
    >>> tg.nn.functional.max_pool2d(x, 2)
    tensor([[[4., 7.]]])
    >>> values, indices = tg.nn.functional.max_pool2d(x, 2, return_indices=True)
    >>> indices
    tensor([[[4, 6]]])
    """
    windows = ops.windows_of("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return ops.max_pool("max_pool2d", input, windows, ceil_mode, return_indices)


def max_pool3d(
    input: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window that slides over the last three axes; the rest is as in `max_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.max_pool3d(tg.arange(8).reshape(1, 2, 2, 2), 2)
    tensor([[[[7]]]])
    """
    windows = ops.windows_of("max_pool3d", 3, kernel_size, stride, padding, dilation)
    return ops.max_pool("max_pool3d", input, windows, ceil_mode, return_indices)


class _MaxPool(Module):
    """What all have: the options."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride: Sizes = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """The maxima, and on request their positions."""
        options = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return self._function(x, *options)

    def extra_repr(self) -> str:
        """The options except `return_indices`."""
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxPool1d(_MaxPool):
    """The maximum of each window that slides along the last axis; the options are those of `MaxPool2d`.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    >>> import tinygrad_edu as tg
    >>> tg.nn.MaxPool1d(2)(tg.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[3., 5.]])
    """

    _function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window that slides over the last two axes; see `functional.max_pool2d`.

    Args:
        kernel_size: how many elements a window has along an axis: one number, or one for each axis.
        stride: the step between windows; default, `kernel_size`.
        padding: how many positions are added at both ends of an axis, which are never the maximum; at most half of
            `kernel_size`.
        dilation: the spacing between the elements of a window.
        return_indices: whether to return the positions of the maxima too, as `MaxUnpool2d` needs them.
        ceil_mode: whether to include windows that start before the end of the padding and extend beyond it.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W'), with H' = (H + 2 padding - dilation
    (kernel_size - 1) - 1) / stride + 1, rounded down, or up with `ceil_mode`.

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or that no window fits into.

    >>> import tinygrad_edu as tg
    >>> tg.nn.MaxPool2d(3, stride=2, padding=1)(tg.zeros(8, 16, 28, 28)).shape
    (8, 16, 14, 14)
    """

    _function = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of each window that slides over the last three axes; the options are those of `MaxPool2d`.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.MaxPool3d(2)(tg.zeros(8, 16, 4, 6, 6)).shape
    (8, 16, 2, 3, 3)
    """

    _function = staticmethod(max_pool3d)


def max_unpool1d(
    input: Operand,
    indices: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements put back where `max_pool1d` found them, with 0 elsewhere; the rest is as in `max_unpool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.max_unpool1d(tg.tensor([[3.0, 5.0]]), tg.tensor([[1, 3]]), 2)
    tensor([[0., 3., 0., 5.]])
    """
    return max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Operand,
    indices: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements put back where `max_pool2d` found them, with 0 elsewhere.

    Where a position occurs several times, as with overlapping windows, the last element wins and gets the gradient. (In
    PyTorch all of them get it.)

    Args:
        input: tensor of shape (N, C, H, W) or (C, H, W).
        indices: int64 tensor of the same shape, as `max_pool2d` returns it.
        kernel_size: that of the pooling, one number or one for each axis.
        stride: that of the pooling; default, `kernel_size`.
        padding: that of the pooling.
        output_size: the sizes of the last axes, or of all, of what was pooled; default, the smallest possible.

    Returns:
        Tensor whose last axes have their sizes from before the pooling.

    Raises:
        ShapeError: if the input has the wrong number of axes, or the indices another shape.
        IndexError: if an index lies outside.
        DtypeError: if the indices are not int64.
        TypeError: for an option that is not an integer.
        ValueError: for an option that is too small, or impossible sizes.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.max_unpool2d(tg.tensor([[[5.0]]]), tg.tensor([[[2]]]), 2)
    tensor([[[0., 0.],
             [5., 0.]]])
    """
    return max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Operand,
    indices: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements put back where `max_pool3d` found them, with 0 elsewhere; the rest is as in `max_unpool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.max_unpool3d(tg.ones(1, 1, 1, 1), tg.tensor([[[[7]]]]), 2).sum()
    tensor(1.)
    """
    return max_unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


class _MaxUnpool(Module):
    """What all have: the options, one number for each axis."""

    _function: ClassVar[Callable[..., Tensor]]
    _axes: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        name = type(self).__name__
        windows = ops.windows_of(name, self._axes, kernel_size, stride, padding)
        self.kernel_size: tuple[int, ...] = windows.kernel
        self.stride: tuple[int, ...] = windows.stride
        self.padding: tuple[int, ...] = tuple([before for before, _ in windows.padding])

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The elements of x in their places."""
        return self._function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The options."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The elements put back where `MaxPool1d` found them, with 0 elsewhere; the options are those of `MaxUnpool2d`.

    Shape: (N, C, L') or (C, L'), the same for both; to (N, C, L) or (C, L).

    >>> import tinygrad_edu as tg
    >>> tg.nn.MaxUnpool1d(2)(tg.tensor([[3.0, 5.0]]), tg.tensor([[1, 3]]))
    tensor([[0., 3., 0., 5.]])
    """

    _function = staticmethod(max_unpool1d)
    _axes = 1


class MaxUnpool2d(_MaxUnpool):
    """The elements put back where `MaxPool2d` found them, with 0 elsewhere; see `functional.max_unpool2d`.

    Args:
        kernel_size: that of the pooling, one number or one for each axis.
        stride: that of the pooling; default, `kernel_size`.
        padding: that of the pooling.

    Shape: (N, C, H', W') or (C, H', W'), the same for both; to (N, C, H, W) or (C, H, W). Pass `output_size` in the
        call where the pooling left something out.

    Raises:
        ShapeError: when called with arrays that are not of these shapes.

    >>> import tinygrad_edu as tg
    >>> pool, unpool = tg.nn.MaxPool2d(2, return_indices=True), tg.nn.MaxUnpool2d(2)
    >>> values, indices = pool(tg.tensor([[[1.0, 2.0], [4.0, 3.0]]]))
    >>> unpool(values, indices)
    tensor([[[0., 0.],
             [4., 0.]]])
    """

    _function = staticmethod(max_unpool2d)
    _axes = 2


class MaxUnpool3d(_MaxUnpool):
    """The elements put back where `MaxPool3d` found them, with 0 elsewhere; the options are those of `MaxUnpool2d`.

    Shape: (N, C, D', H', W') or (C, D', H', W'), the same for both; to (N, C, D, H, W) or (C, D, H, W).

    >>> import tinygrad_edu as tg
    >>> tg.nn.MaxUnpool3d(2)(tg.ones(1, 1, 1, 1), tg.tensor([[[[7]]]])).shape
    (1, 2, 2, 2)
    """

    _function = staticmethod(max_unpool3d)
    _axes = 3
