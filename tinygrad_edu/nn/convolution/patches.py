"""Unfold and Fold: the patches of images as columns, and columns added up to images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...engine.primitives import Operand
from ...errors import ShapeError, require_own
from ...ops.patches import fold_windows, unfold_windows
from ...ops.windows import Windows, each
from ...tensors.tensor import Tensor
from ..op_module import OpModule, module_of

__all__ = ["Fold", "Unfold"]

Each = int | Sequence[int]


def _placed(op: str, kernel_size: Each, dilation: Each, padding: Each, stride: Each) -> Windows:
    around = each(op, "padding", padding, 2, least=0)
    return Windows(
        each(op, "kernel_size", kernel_size, 2),
        each(op, "stride", stride, 2),
        tuple([(p, p) for p in around]),
        each(op, "dilation", dilation, 2),
    )


def _batch(op: str, x: Any, batched: int, wanted: str) -> Any:
    """`x` with an axis of samples in front, if it has `batched` axes or one less."""
    require_own(op, x)
    ndim = len(x.shape)
    if ndim not in (batched - 1, batched) or 0 in x.shape[ndim - batched + 1 :]:
        raise ShapeError(f"{op} expects (N, {wanted}) or ({wanted}), without an axis of size 0, got {tuple(x.shape)}")
    return x if ndim == batched else x.reshape((1, *x.shape))


def unfold(input: Operand, kernel_size: Each, dilation: Each = 1, padding: Each = 0, stride: Each = 1) -> Tensor:
    """The patches under a sliding window, as columns.

    Args:
        input: tensor of shape (N, C, H, W), or (C, H, W) for one image.
        kernel_size: the size of the window; one number, or one for each axis.
        dilation: the spacing between the elements of the window.
        padding: how many zeros are added on each side.
        stride: the step between windows.

    Returns:
        Tensor of shape (N, C x kernel, places), or (C x kernel, places); places are positions of the window in memory
        order.

    Raises:
        ShapeError: if the input has the wrong number of axes, or is smaller than the window.
        ValueError: if an option is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.unfold(tg.tensor([[[[1.0, 2.0, 3.0]]]]), (1, 2))
    tensor([[[1., 2.],
             [2., 3.]]])
    """
    x, windows = _batch("unfold", input, 4, "C, H, W"), _placed("unfold", kernel_size, dilation, padding, stride)
    windows.check("unfold", x.shape[2:])
    counts = windows.counts(x.shape[2:])
    shape = (x.shape[1] * windows.size, math.prod(counts))
    return unfold_windows(x, windows).reshape(shape if len(input.shape) == 3 else (x.shape[0], *shape))


def fold(
    input: Operand,
    output_size: Each,
    kernel_size: Each,
    dilation: Each = 1,
    padding: Each = 0,
    stride: Each = 1,
) -> Tensor:
    """Columns added up to images: where windows overlap, their elements are summed.

    It is the backward rule of `unfold`, and its inverse where windows do not overlap.

    Args:
        input: tensor of shape (N, C x kernel, places), or without N.
        output_size: height and width of the images.
        kernel_size: the size of the window; one number, or one for each axis.
        dilation: the spacing between the elements of the window.
        padding: how many positions are cut off on each side.
        stride: the step between windows.

    Returns:
        Tensor of shape (N, C, H, W), or (C, H, W).

    Raises:
        ShapeError: if the length or the number of columns does not fit these windows.
        ValueError: if an option is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.fold(tg.tensor([[[1.0, 2.0], [2.0, 3.0]]]), (1, 3), (1, 2))
    tensor([[[[1., 4., 3.]]]])
    """
    x, windows = _batch("fold", input, 3, "C x kernel, places"), _placed("fold", kernel_size, dilation, padding, stride)
    sizes = each("fold", "output_size", output_size, 2)
    windows.check("fold", sizes)
    counts = windows.counts(sizes)
    channels, rest = divmod(x.shape[1], windows.size)
    if rest:
        raise ShapeError(
            f"fold: axis {len(input.shape) - 2} is {x.shape[1]}, which is not divisible by the {windows.size} numbers "
            f"of a window, kernel_size={windows.kernel}"
        )
    if x.shape[2] != math.prod(counts):
        raise ShapeError(
            f"fold: axis {len(input.shape) - 1} is {x.shape[2]}, but in output_size={sizes} the window has "
            f"{math.prod(counts)} places, {' x '.join(map(str, counts))}"
        )
    columns = x.reshape((x.shape[0], channels, *windows.kernel, *counts))
    out = fold_windows(columns, windows, sizes)
    return out.reshape(out.shape[1:]) if len(input.shape) == 2 else out


@module_of(unfold)
class Unfold(OpModule):
    """The patches under a sliding window, as columns; see `tg.nn.functional.unfold`.

    Shape: (N, C, H, W) to (N, C x kernel, places), or the same without N.

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or is smaller than the window.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Unfold(kernel_size=3)(tg.zeros(2, 1, 5, 5)).shape
    (2, 9, 9)
    """

    kernel_size: Each
    dilation: Each = 1
    padding: Each = 0
    stride: Each = 1


@module_of(fold)
class Fold(OpModule):
    """Columns added up to images; see `tg.nn.functional.fold`.

    Shape: (N, C x kernel, places) to (N, C, H, W), or the same without N.

    Raises:
        ShapeError: when called with columns whose length or number does not fit the windows.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Fold(output_size=(5, 5), kernel_size=3)(tg.zeros(2, 9, 9)).shape
    (2, 1, 5, 5)
    """

    output_size: Each
    kernel_size: Each
    dilation: Each = 1
    padding: Each = 0
    stride: Each = 1
