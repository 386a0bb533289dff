"""Flipping, rolling, repeating and padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from ..sample_rules.families import Moving, moving_axis
from ..sample_rules.rule import value_of
from .arguments import Axes, on_axis, one_axis, some_axes
from .broadcasting import broadcast_to
from .casting import clone
from .indexing import getitem
from .shape import _reshape, reshape, sizes
from .taps import Taps, of_path, placed

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["flip", "fliplr", "flipud", "repeat_interleave", "roll", "tile"]


@primitive(
    vjps=(lambda g, out, m, axis: np.flip(g, axis),),
    saves=("",),
    numpy=np.flip,
    cases=lambda draw: [
        (draw(2, 3), None),
        (draw(2, 3), 1),
        (draw(2, 3, 2), (0, -1)),
        (draw(0), 0),
        (draw(), None),
    ],
    samples=moving_axis,
)
def _flip(m: Operand, axis: Any = None) -> Operand:
    return np.flip(m, axis).copy()  # PyTorch has no views that run backwards


def flip(x: Operand, *places: Any, dims: Axes = None, axis: Axes = None) -> Tensor:
    """`x` reversed along the given axes; a copy, as in PyTorch.

    Args:
        x: tensor of any shape.
        places: the axes, ``flip(x, 0, 1)`` or ``flip(x, (0, 1))``.
        dims: the axes, by name.
        axis: the same as `dims`.

    Returns:
        Tensor of the same shape.

    Raises:
        ShapeError: if an axis is out of range or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    axes = some_axes("flip", x, sizes("flip", places) if places else dims, axis)
    if axes is None:
        raise TypeError("flip: name the axes, as in x.flip(0)")
    return _flip(x, axes)


@implements(np.fliplr)
def fliplr(m: Operand) -> Tensor:
    """`m` reversed along axis 1: left to right.

    Args:
        m: tensor of two axes or more.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ShapeError: if there is no axis 1.

    >>> import tinygrad_edu as tg
    >>> tg.fliplr(tg.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Operand) -> Tensor:
    """`m` reversed along axis 0: upside down.

    Args:
        m: tensor of one axis or more.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ShapeError: for a 0-d tensor.

    >>> import tinygrad_edu as tg
    >>> tg.flipud(tg.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    return flip(m, 0)


def _back(shift: Any) -> Any:
    return tuple(-n for n in shift) if isinstance(shift, tuple) else -shift


@primitive(
    vjps=(lambda g, out, a, shift, axis: np.roll(g, _back(shift), axis),),
    saves=("",),
    fresh=True,
    numpy=np.roll,
    cases=lambda draw: [
        (draw(5), 2, None),
        (draw(2, 3), -1, None),
        (draw(2, 3), (1, 2), (0, 1)),
        (draw(0, 2), 1, 0),
        (draw(), 1, None),
    ],
    samples=moving_axis,
)
def _roll(a: Operand, shift: Any, axis: Any = None) -> Operand:
    return np.roll(a, shift, axis)


def roll(x: Operand, shifts: int | Sequence[int], dims: Axes = None, *, axis: Axes = None) -> Tensor:
    """`x` shifted along the given axes; elements that leave at one end come in at the other.

    Args:
        x: tensor of any shape.
        shifts: by how many places, one number or one for each axis.
        dims: the axes; None shifts all elements in their order, and keeps the shape.
        axis: the same as `dims`.

    Returns:
        Tensor of the same shape.

    Raises:
        ShapeError: if an axis is out of range, or there are not as many shifts as axes.

    >>> import tinygrad_edu as tg
    >>> tg.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    axes = some_axes("roll", x, dims, axis)
    by = tuple(shifts) if isinstance(shifts, Sequence) else shifts
    count = 1 if isinstance(by, int) else len(by)
    if count != (1 if axes is None or isinstance(axes, int) else len(axes)):
        raise ShapeError(f"roll: shifts={shifts} and dims={axes if dims is None else dims} must be equally many")
    if isinstance(by, tuple) and (axes is None or isinstance(axes, int)):
        by = by[0]
    return _roll(x, by, axes)


@implements(np.tile)
def tile(A: Operand, reps: Any, *more: int) -> Tensor:
    """The whole tensor repeated along each axis.

    Args:
        A: tensor of any shape.
        reps: how often along each axis; missing leading ones are 1, additional ones make new axes.
        more: lets ``tile(x, 2, 3)`` be written for ``tile(x, (2, 3))``.

    Returns:
        Tensor whose sizes are those of `A` times `reps`.

    Raises:
        ShapeError: for a negative number of times.

    >>> import tinygrad_edu as tg
    >>> tg.tile(tg.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = sizes("tile", (reps, *more))
    if any(n < 0 for n in times):
        raise ShapeError(f"tile: cannot repeat a negative number of times, got {times}")
    depth = max(len(times), len(A.shape))
    times = (1,) * (depth - len(times)) + times
    shape = (1,) * (depth - len(A.shape)) + A.shape
    # (n,) -> (1, n) -> (r, n) -> (r * n,), for every axis at once
    apart = _reshape(A, tuple(m for n in shape for m in (1, n)))
    many = broadcast_to(apart, tuple(m for r, n in zip(times, shape, strict=True) for m in (r, n)))
    return _copied(_reshape(many, tuple(r * n for r, n in zip(times, shape, strict=True))), A)


def _copied(many: Tensor, x: Any) -> Tensor:
    """`many`, or a copy where it is `x` just once, of which it would be a view."""
    return clone(many) if math.prod(many.shape) == math.prod(x.shape) else many


def repeat(x: Operand, *repeats: Any) -> Tensor:
    """The whole tensor repeated, as `tile` does, with at least one number for every axis.

    (`np.repeat` of a Tensor repeats every element, which is `repeat_interleave`.)

    Raises:
        ShapeError: if there are fewer numbers than axes.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = sizes("repeat", repeats)
    if len(times) < len(x.shape):
        raise ShapeError(f"repeat: {times} must have a number for each axis of shape {x.shape}. Or use tg.tile")
    return tile(x, times)


def repeat_interleave(
    x: Operand,
    repeats: Any,
    dim: int | None = None,
    *,
    axis: int | None = None,
    output_size: int | None = None,
) -> Tensor:
    """Each element, or slice along an axis, repeated in place.

    Args:
        x: tensor of any shape.
        repeats: how often, one integer or one for each slice.
        dim: the axis; None flattens `x` first.
        axis: the same as `dim`.
        output_size: not needed here.

    Returns:
        Tensor that is longer along that axis.

    Raises:
        ShapeError: if the repeats are not one for each slice.

    >>> import tinygrad_edu as tg
    >>> tg.repeat_interleave(tg.tensor([1, 2]), 2), tg.repeat_interleave(tg.tensor([1, 2]), [1, 3])
    (tensor([1, 1, 2, 2]), tensor([1, 2, 2, 2]))
    """
    place = one_axis("repeat_interleave", x, dim, axis)
    if place is None:
        x, place = reshape(x, x.shape if len(x.shape) == 1 else (int(np.prod(x.shape)),)), 0
    times = np.asarray(array_of(repeats))
    if times.size == 1:
        n = int(times.reshape(()))
        shape = x.shape
        each = _reshape(x, (*shape[: place + 1], 1, *shape[place + 1 :]))
        many = broadcast_to(each, (*shape[: place + 1], n, *shape[place + 1 :]))
        return _copied(_reshape(many, (*shape[:place], shape[place] * n, *shape[place + 1 :])), x)
    if times.shape != (x.shape[place],):
        raise ShapeError(
            f"repeat_interleave: {times.size} repeats for the {x.shape[place]} slices of axis {place} of {x.shape}"
        )
    return getitem(x, on_axis(place, np.repeat(np.arange(x.shape[place]), times)))


@implements(np.repeat)
def _np_repeat(a: Operand, repeats: Any, axis: int | None = None) -> Tensor:
    return repeat_interleave(a, repeats, axis)


# Padding


class _Padding(Moving):
    """Where the ids do not change along the axes that become longer, they stay."""

    def ids_of(self, node: Any, ids: Any) -> Any:
        longer = [axis for axis, widths in enumerate(value_of(node, "pad_width")) if any(widths)]
        return [ids] if all(ids.shape[axis] == 1 for axis in longer) else super().ids_of(node, ids)


def _inside(g: Any, pad_width: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(pad_width, shape, strict=True))]


@primitive(
    vjps=(lambda g, out, x, pad_width, value: _inside(g, pad_width, x.shape),),
    saves=("",),
    name="pad",
    cases=lambda draw: [
        (draw(3), ((1, 2),), 0.0),
        (draw(2, 3), ((0, 0), (2, 1)), 5.0),
        (draw(0, 2), ((1, 0), (0, 1)), 0.0),
        (draw(), (), 0.0),
    ],
    samples=_Padding(),
)
def _pad(x: Operand, pad_width: tuple[tuple[int, int], ...], value: float = 0.0) -> Operand:
    out = np.full([n + sum(widths) for n, widths in zip(x.shape, pad_width, strict=True)], value, x.dtype)
    out[tuple(slice(before, before + n) for (before, _), n in zip(pad_width, x.shape, strict=True))] = x
    return out


def pad(x: Operand, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Tensor:
    """`x` padded: what `np.pad` of a Tensor does.

    Args:
        x: tensor of any shape.
        pad_width: for each axis how many before and how many after, ``((0, 0), (1, 2))``; one pair for all
            axes, or one number. Negative numbers crop: what is reflected or repeated from the edge is the
            whole axis, what is wrapped or beside constants the cropped one, as in PyTorch.
        mode: ``"constant"``, or where the numbers come from: ``"edge"``, ``"reflect"``, ``"symmetric"`` or
            ``"wrap"``.
        constant_values: the number put there, for ``"constant"``.

    Returns:
        Tensor, longer along each padded axis.

    Raises:
        ShapeError: if the pairs are not one for each axis, or an axis is too short to be reflected.

    >>> import numpy as np, tinygrad_edu as tg
    >>> np.pad(tg.tensor([1, 2, 3]), 1), np.pad(tg.tensor([1, 2, 3]), (2, 0), mode="reflect")
    (tensor([0, 1, 2, 3, 0]), tensor([3, 2, 1, 2, 3]))
    """
    depth = len(x.shape)
    try:
        pairs = np.broadcast_to(np.asarray(pad_width), (depth, 2)).tolist()
    except ValueError:
        raise ShapeError(f"pad: pad_width={pad_width} is not one (before, after) for each axis of {x.shape}") from None
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad: mode {mode!r} is not known: use 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'")
    crops = any(b < 0 or a < 0 for b, a in pairs)
    if crops and mode in ("constant", "wrap"):
        x = _cropped(x, pairs)
    widths = tuple((max(b, 0), max(a, 0)) for b, a in pairs)
    if mode == "constant":
        return _pad(x, widths, constant_values)
    for axis, ((before, after), n) in enumerate(zip(widths, x.shape, strict=True)):
        if before or after:
            if n == 0 or (mode == "reflect" and n == 1):
                raise ShapeError(f"pad: axis {axis} of shape {x.shape} is too short for mode {mode!r}")
            x = placed(x, axis, _padded_axis(n, before, after, mode))
    out = _cropped(x, pairs) if crops and mode != "wrap" else x
    return cast("Tensor", out) if any(map(any, widths)) else clone(out)  # nothing was put around: so far that is x


@lru_cache(maxsize=64)
def _padded_axis(size: int, before: int, after: int, mode: str) -> Taps:
    """Which element is at each place of a padded axis, as NumPy pads."""
    return of_path(np.pad(np.arange(size), (before, after), mode=cast(Any, mode)).tolist(), size)


def _cropped(x: Any, pairs: Any) -> Any:
    """Without as many elements at the ends of each axis as the negative numbers say."""
    return getitem(x, tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pairs, x.shape, strict=True)))


implements(np.pad)(pad)
