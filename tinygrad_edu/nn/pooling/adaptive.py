"""Adaptive pooling: a given number of windows divide up an input of any size.

Of an axis of size n, window i of m has the elements from ⌊i n / m⌋ to before ⌈(i + 1) n / m⌉.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...engine.primitives import Operand
from ...ops.pooling import adaptive_max_pool
from ...ops.resampling import adaptive_avg_pool
from ...tensors.tensor import Tensor
from ..module.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]

Sizes = int | Sequence[int]
SomeSizes = int | Sequence[int | None]


def adaptive_avg_pool1d(input: Operand, output_size: Sizes) -> Tensor:
    """The mean of each of the windows that divide up the last axis; the rest is as in `adaptive_avg_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_avg_pool1d(tg.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[1.5, 4. ]])
    """
    return adaptive_avg_pool("adaptive_avg_pool1d", input, output_size, 1)


def adaptive_avg_pool2d(input: Operand, output_size: SomeSizes) -> Tensor:
    """The mean of each of the windows that divide up the last two axes; with size 1, of everything.

    Args:
        input: floating tensor of shape (N, C, H, W) or (C, H, W).
        output_size: how many windows there are along an axis: one number, or one for each axis, where None leaves an
            axis as it is.

    Returns:
        Tensor whose last two axes have these sizes.

    Raises:
        ShapeError: if the input has the wrong number of axes, or one of the last two is empty.
        TypeError: if a size is not an integer.
        ValueError: if a size is negative, or the number of sizes is not that of the axes.
        DtypeError: if `input` is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_avg_pool2d(tg.tensor([[[1.0, 2.0], [3.0, 6.0]]]), (1, None))
    tensor([[[2., 4.]]])
    """
    return adaptive_avg_pool("adaptive_avg_pool2d", input, output_size, 2)


def adaptive_avg_pool3d(input: Operand, output_size: SomeSizes) -> Tensor:
    """The mean of each of the windows that divide up the last three axes; the rest is as in `adaptive_avg_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_avg_pool3d(tg.ones(2, 4, 4, 4), 1).shape
    (2, 1, 1, 1)
    """
    return adaptive_avg_pool("adaptive_avg_pool3d", input, output_size, 3)


def adaptive_max_pool1d(input: Operand, output_size: Sizes, return_indices: bool = False) -> Any:
    """The maximum of each of the windows that divide up the last axis; the rest is as in `adaptive_max_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_max_pool1d(tg.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[2., 6.]])
    """
    return adaptive_max_pool("adaptive_max_pool1d", input, output_size, 1, return_indices)


def adaptive_max_pool2d(input: Operand, output_size: SomeSizes, return_indices: bool = False) -> Any:
    """The maximum of each of the windows that divide up the last two axes.

    Among tied elements, the first one in the window gets the gradient. NaN counts as the largest.

    Args:
        input: floating tensor of shape (N, C, H, W) or (C, H, W).
        output_size: how many windows there are along an axis: one number, or one for each axis, where None leaves an
            axis as it is.
        return_indices: whether to return the positions of the maxima too.

    Returns:
        Tensor whose last two axes have these sizes. With `return_indices` a pair of this and an int64 tensor of that
        shape: i·W + j for an element at (i, j).

    Raises:
        ShapeError: if the input has the wrong number of axes, or one of the last two is empty.
        TypeError: if a size is not an integer.
        ValueError: if a size is negative, or the number of sizes is not that of the axes.
        DtypeError: if `input` is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_max_pool2d(tg.tensor([[[1.0, 2.0], [3.0, 6.0]]]), (1, None))
    tensor([[[3., 6.]]])
    """
    return adaptive_max_pool("adaptive_max_pool2d", input, output_size, 2, return_indices)


def adaptive_max_pool3d(input: Operand, output_size: SomeSizes, return_indices: bool = False) -> Any:
    """The maximum of each of the windows that divide up the last three axes; see `adaptive_max_pool2d`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.adaptive_max_pool3d(tg.ones(2, 4, 4, 4), 1).shape
    (2, 1, 1, 1)
    """
    return adaptive_max_pool("adaptive_max_pool3d", input, output_size, 3, return_indices)


class _AdaptiveAvgPool(Module):
    """What all have: the sizes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: SomeSizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The means."""
        return self._function(x, self.output_size)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of the windows that divide up the last axis.

    Args:
        output_size: how many windows there are.

    Shape: (N, C, L) or (C, L) to (N, C, output_size) or (C, output_size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveAvgPool1d(2)(tg.tensor([[1.0, 2.0, 6.0]]))
    tensor([[1.5, 4. ]])
    """

    _function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each of the windows that divide up the last two axes; see `functional.adaptive_avg_pool2d`.

    Args:
        output_size: how many windows there are along an axis: one number, or one for each axis, where None leaves an
            axis as it is.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, *output_size) or (C, *output_size).

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or is empty.

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveAvgPool2d(1)(tg.zeros(8, 16, 7, 5)).shape
    (8, 16, 1, 1)
    """

    _function = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each of the windows that divide up the last three axes; the options are those of `AdaptiveAvgPool2d`.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, *output_size) or (C, *output_size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveAvgPool3d((1, 2, None))(tg.zeros(8, 16, 4, 7, 5)).shape
    (8, 16, 1, 2, 5)
    """

    _function = staticmethod(adaptive_avg_pool3d)


class _AdaptiveMaxPool(Module):
    """What all have: the sizes, and whether places are returned."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: SomeSizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """The maxima, and on request their positions."""
        return self._function(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maximum of each of the windows that divide up the last axis.

    Args:
        output_size: how many windows there are.
        return_indices: whether to return the positions of the maxima too.

    Shape: (N, C, L) or (C, L) to (N, C, output_size) or (C, output_size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveMaxPool1d(2)(tg.tensor([[1.0, 2.0, 6.0]]))
    tensor([[2., 6.]])
    """

    _function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maximum of each of the windows that divide up the last two axes; see `functional.adaptive_max_pool2d`.

    Args:
        output_size: how many windows there are along an axis: one number, or one for each axis, where None leaves an
            axis as it is.
        return_indices: whether to return the positions of the maxima too.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, *output_size) or (C, *output_size).

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or is empty.

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveMaxPool2d((3, None))(tg.zeros(8, 16, 7, 5)).shape
    (8, 16, 3, 5)
    """

    _function = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maximum of each of the windows that divide up the last three axes; see `AdaptiveMaxPool2d`.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, *output_size) or (C, *output_size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.AdaptiveMaxPool3d(1)(tg.zeros(8, 16, 4, 7, 5)).shape
    (8, 16, 1, 1, 1)
    """

    _function = staticmethod(adaptive_max_pool3d)
