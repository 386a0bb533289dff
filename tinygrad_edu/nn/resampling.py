"""Interpolation and upsampling: images and signals of another size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..engine.primitives import Operand
from ..errors import ShapeError, describe
from ..ops.casting import _clone
from ..ops.pooling import require_floating
from ..ops.resampling import adaptive_avg_pool, resample
from ..ops.shape import reshape
from ..ops.transpose import permute
from ..ops.windows import each
from ..tensors.tensor import Tensor
from .module.module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]

# What each mode computes, and for how many axes; 0: for any.
_MODES = {
    "nearest": ("nearest", 0),
    "nearest-exact": ("nearest-exact", 0),
    "area": ("area", 0),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
}

Scales = float | Sequence[float]


def interpolate(
    input: Operand,
    size: int | Sequence[int] | None = None,
    scale_factor: Scales | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize all axes but the first two, with the nearest elements or by interpolation.

    Elements are treated as cells. The centre of a new element (with "nearest", its start) lies somewhere in an old one;
    the distance between these points is 1 / scale, or, without a scale, old size / new size.

    Args:
        input: floating tensor of shape (N, C, *), with one to three axes behind the first two.
        size: the new sizes, one number or one for each of these axes. Either this or `scale_factor`.
        scale_factor: the factor by which each axis grows, rounded down to whole elements.
        mode: "nearest"; "nearest-exact", which uses the centres of elements and is symmetric; "linear" for one axis,
            "bilinear" for two, "trilinear" for three: weighted by the distance to the elements on both sides; "area":
            the means of windows, as in `adaptive_avg_pool2d`.
        align_corners: with the linear modes, whether elements are points, the first and last of which stay in place.
        recompute_scale_factor: whether to use the ratio of the sizes in place of `scale_factor`, from which it differs
            where the size was rounded.
        antialias: not supported; False.

    Returns:
        Tensor of shape (N, C, *size).

    Raises:
        ShapeError: if the number of axes does not fit the mode, or an axis other than the first would be empty.
        ValueError: for an unknown mode, both or none of `size` and `scale_factor`, the wrong number of them, or
            an option that the mode does not have.
        TypeError: if a size is not an integer.
        DtypeError: if `input` is not floating.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[[1.0, 3.0]]])
    >>> tg.nn.functional.interpolate(x, scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    >>> tg.nn.functional.interpolate(x, size=4, mode="linear")
    tensor([[[1. , 1.5, 2.5, 3. ]]])
    """
    if antialias:
        raise ValueError("interpolate: there is no antialias=True: use mode='area' to make an image smaller")
    kind, axes = _kind(mode, align_corners)
    shape = tuple(input.shape)
    spatial = len(shape) - 2
    if spatial not in ((axes,) if axes else (1, 2, 3)):
        needed = "(N, C, L), (N, C, H, W) or (N, C, D, H, W)" if not axes else f"N, C and {axes} more axes"
        raise ShapeError(f"interpolate: mode={mode!r} takes {needed}, got {shape}. x[None] adds a leading axis")
    require_floating("interpolate", input)
    sizes, scales = _sizes(shape[2:], size, scale_factor, recompute_scale_factor)
    if kind == "area":
        return adaptive_avg_pool("interpolate", input, sizes, spatial)
    return resample(input, sizes, scales, kind, bool(align_corners))


def _kind(mode: str, align_corners: bool | None) -> tuple[str, int]:
    if mode not in _MODES:
        raise ValueError(f"interpolate: unknown mode {mode!r}: use {', '.join(map(repr, _MODES))}")
    kind, axes = _MODES[mode]
    if align_corners is not None and kind != "linear":
        raise ValueError(
            f"interpolate: align_corners={align_corners} is for the linear modes, not for {mode!r}: leave it out"
        )
    return kind, axes


def _sizes(
    have: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The new sizes, and for each axis the scale to reckon with; None where the sizes give it."""
    if size is None and scale_factor is None:
        raise ValueError("interpolate: pass size or scale_factor, got neither")
    if size is not None and scale_factor is not None:
        raise ValueError(f"interpolate: size={size} and scale_factor={scale_factor} are two sizes: pass one of them")
    axes, unknown = len(have), (None,) * len(have)
    given = size if scale_factor is None else scale_factor
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) != axes:
        name = "size" if scale_factor is None else "scale_factor"
        raise ValueError(f"interpolate: {name}={given} has {len(given)} numbers for {axes} axes: pass one, or {axes}")
    if scale_factor is None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor is for scale_factor, not for size: leave it out")
        return each("interpolate", "size", size, axes), unknown
    try:
        scales = tuple([float(s) for s in (scale_factor if isinstance(scale_factor, Sequence) else [scale_factor])])
    except (TypeError, ValueError):
        raise TypeError(f"interpolate: scale_factor must be numbers, got {describe(scale_factor)}") from None
    scales = scales * axes if len(scales) == 1 else scales
    if not all(0 < s < math.inf for s in scales):
        raise ValueError(f"interpolate: scale_factor={scale_factor} must be positive and finite")
    sizes = tuple([math.floor(n * s) for n, s in zip(have, scales, strict=True)])
    return sizes, unknown if recompute else scales


class Upsample(Module):
    """Resize all axes but the first two; see `functional.interpolate`.

    Args:
        size: the new sizes, one number or one for each of these axes. Either this or `scale_factor`.
        scale_factor: the factor by which each axis grows, rounded down to whole elements.
        mode: "nearest", "nearest-exact", "linear", "bilinear", "trilinear" or "area".
        align_corners: with the linear modes, whether elements are points, the first and last of which stay in place.
        recompute_scale_factor: whether to use the ratio of the sizes in place of `scale_factor`.

    Shape: (N, C, *) to (N, C, *size).

    Raises:
        ShapeError: when called with an input whose number of axes does not fit the mode.
        ValueError: when called, if the options contradict each other.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Upsample(scale_factor=2, mode="bilinear")(tg.zeros(8, 3, 14, 14)).shape
    (8, 3, 28, 28)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: Scales | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size: Any = tuple(size) if isinstance(size, Sequence) else size
        self.scale_factor: Any = scale_factor
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple([float(s) for s in scale_factor])
        elif scale_factor:
            self.scale_factor = float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x with its new sizes."""
        sizes = self.size, self.scale_factor
        return interpolate(x, *sizes, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self) -> str:
        """The scale or the size, and the mode."""
        scaled = self.scale_factor is not None
        return f"{f'scale_factor={self.scale_factor!r}' if scaled else f'size={self.size!r}'}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` with mode "nearest".

    Args:
        size: the new sizes, one number or one for each axis. Either this or `scale_factor`.
        scale_factor: the factor by which each axis grows.

    Shape: (N, C, H, W) to (N, C, *size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.UpsamplingNearest2d(scale_factor=2)(tg.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: Scales | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` with mode "bilinear", in which the corners stay in place.

    Args:
        size: the new sizes, one number or one for each axis. Either this or `scale_factor`.
        scale_factor: the factor by which each axis grows.

    Shape: (N, C, H, W) to (N, C, *size).

    >>> import tinygrad_edu as tg
    >>> tg.nn.UpsamplingBilinear2d(size=(1, 3))(tg.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1. , 1.5, 2. ]]]])
    """

    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: Scales | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


def pixel_shuffle(input: Operand, upscale_factor: int) -> Tensor:
    """Channels laid out as pixels: each r² channels become r by r pixels of one.

    Args:
        input: tensor of shape (*, C r², H, W).
        upscale_factor: r.

    Returns:
        Tensor of shape (*, C, H r, W r).

    Raises:
        ShapeError: if there are fewer than three axes, or the channels are not a multiple of r².
        TypeError: if the factor is not an integer.
        ValueError: if it is not positive.

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution …" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pixel_shuffle(tg.tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    (r,) = each("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    front, channels, height, width = _image("pixel_shuffle", input)
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: axis -3 of {tuple(input.shape)} is {channels}, it must be a multiple of "
            f"upscale_factor² = {r * r}"
        )
    n = len(front)
    apart = reshape(input, (*front, channels // (r * r), r, r, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return reshape(_clone(permute(apart, order), "C"), (*front, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Operand, downscale_factor: int) -> Tensor:
    """Pixels laid out as channels: the reverse of `pixel_shuffle`.

    Args:
        input: tensor of shape (*, C, H r, W r).
        downscale_factor: r.

    Returns:
        Tensor of shape (*, C r², H, W).

    Raises:
        ShapeError: if there are fewer than three axes, or the last two are not multiples of r.
        TypeError: if the factor is not an integer.
        ValueError: if it is not positive.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pixel_unshuffle(tg.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).reshape(-1)
    tensor([1., 2., 3., 4.])
    """
    (r,) = each("pixel_unshuffle", "downscale_factor", downscale_factor, 1)
    front, channels, height, width = _image("pixel_unshuffle", input)
    for axis, n in ((-2, height), (-1, width)):
        if n % r:
            raise ShapeError(
                f"pixel_unshuffle: axis {axis} of {tuple(input.shape)} is {n}, it must be a multiple of "
                f"downscale_factor = {r}"
            )
    n = len(front)
    apart = reshape(input, (*front, channels, height // r, r, width // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return reshape(_clone(permute(apart, order), "C"), (*front, channels * r * r, height // r, width // r))


def _image(op: str, x: Any) -> tuple[tuple[int, ...], int, int, int]:
    shape = tuple(x.shape)
    if len(shape) < 3:
        raise ShapeError(f"{op} expects (*, C, H, W), got {shape}: there is no axis -3. Insert one: x[None]")
    return shape[:-3], *shape[-3:]


class PixelShuffle(Module):
    """Channels laid out as pixels; see `functional.pixel_shuffle`.

    Args:
        upscale_factor: r: r² channels become r by r pixels.

    Shape: (*, C r², H, W) to (*, C, H r, W r).

    >>> import tinygrad_edu as tg
    >>> tg.nn.PixelShuffle(3)(tg.zeros(8, 18, 4, 4)).shape
    (8, 2, 12, 12)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x with more pixels, and fewer channels."""
        return pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels laid out as channels; see `functional.pixel_unshuffle`.

    Args:
        downscale_factor: r: r by r pixels become r² channels.

    Shape: (*, C, H r, W r) to (*, C r², H, W).

    >>> import tinygrad_edu as tg
    >>> tg.nn.PixelUnshuffle(3)(tg.zeros(8, 2, 12, 12)).shape
    (8, 18, 4, 4)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x with fewer pixels, and more channels."""
        return pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"
