"""Pooling: the largest number or the mean of each window.

Both are taken along one axis after the other, the last one first: so the gradient of a largest number goes to the first
of those that tie, in memory order, and of those that are NaN to the last, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import Node, array_of
from ..engine.primitives import Operand, primitive
from ..errors import DtypeError, ShapeError, describe
from ..sample_rules.families import Custom, moving_axis
from ..sample_rules.ids import simplify
from ..sample_rules.rule import Found, value_of
from .arguments import on_axis
from .taps import Taps, adaptive, begun, into_windows, resized, sliding, summed
from .windows import Windows, each

if TYPE_CHECKING:
    from ..engine.typing import Tensor

NAMES = "DHW"


# The largest number of each window along an axis


def _maxima(x: Any, axis: int, taps: Taps) -> Any:
    least = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    out, rest = begun(x, axis, taps, least)
    for tap in rest:
        part = out[on_axis(axis, tap.windows)]
        np.maximum(part, x[on_axis(axis, tap.elements)], out=part)
        out[on_axis(axis, tap.windows)] = part
    return out


def _winners(x: Any, out: Any, axis: int, taps: Taps) -> Array:
    """At which place each window has its largest number: at the first one; if it is NaN, at the last."""
    last = max([tap.place for tap in taps.each], default=0)
    nan = x.dtype.kind == "f" and bool(np.isnan(out).any())
    ranks: Any = np.zeros(out.shape, np.min_scalar_type(2 * last + 1))  # places before the last one; after them, NaN
    for place, windows, elements, _ in taps.each:
        part, rank = x[on_axis(axis, elements)], ranks[on_axis(axis, windows)]
        if place < last:  # what has been found nowhere else is there
            np.maximum(rank, (part == out[on_axis(axis, windows)]) * rank.dtype.type(last - place), out=rank)
        if nan:
            np.maximum(rank, np.isnan(part) * rank.dtype.type(last + 1 + place), out=rank)
        ranks[on_axis(axis, windows)] = rank
    found = last - ranks
    return np.where(ranks > last, ranks - last - 1, found) if nan else found  # type: ignore[no-any-return]


def _add_chosen(out: Any, at: Any, numbers: Any, chosen: Any, finite: bool, alone: bool) -> None:
    """Add to `out[at]`, or write there if they are `alone`, the numbers that are chosen.

    To multiply by booleans takes a fraction of the time of a choice, but of what is not finite it makes NaN.
    """
    part = out[at]
    if not finite:
        np.add(part, numbers, out=part, where=chosen)
    elif alone:
        np.multiply(numbers, chosen, out=part)
    else:
        part += numbers * chosen
    out[at] = part


def _finite(x: Any) -> bool:
    return x.dtype.kind != "f" or bool(np.isfinite(x).all())


def _max_rule(g: Any, out: Any, x: Any, axis: int, taps: Taps) -> Any:
    return returned(g, _winners(array_of(x), array_of(out), axis, taps), axis, taps)


@primitive(
    vjps=(_max_rule,),
    saves=("out x",),
    fresh=True,
    name="max_pool",
    cases=lambda draw: [
        (draw(2, 7), 1, sliding(7, 3, 3, 2)),
        (draw(5, 2), 0, sliding(5, 3, 2, 2, 1)),
        (draw(2, 7, 2), 1, adaptive(7, 3)),
        (draw(3), 0, adaptive(3, 5)),
        (draw(0, 4), 1, sliding(4, 2, 2, 2)),
    ],
    samples=into_windows,
)
def largest(x: Operand, axis: int, taps: Taps) -> Operand:
    """The largest number of each window along `axis`; NaN where one is."""
    return _maxima(x, axis, taps)


def _of_winners(node: Node, ids: Any) -> list[Found]:
    """Each number belongs to whom the element belongs that won it."""
    winners, axis, taps = [value_of(node, name) for name in ("winners", "axis", "taps")]
    if ids.shape[axis] == 1:
        return [ids]
    return [simplify(np.asarray(picked(np.broadcast_to(ids, node.shape), winners, axis, taps)))]


def _return_rule(g: Any, out: Any, x: Any, winners: Array, axis: int, taps: Taps) -> Any:
    return picked(g, winners, axis, taps)


@primitive(
    vjps=(_return_rule, None),
    saves=("winners",),
    fresh=True,
    name="max_pool_back",
    cases=lambda draw: [
        (draw(2, 3), np.array([[0, 2, 1], [1, 1, 0]]), 1, sliding(7, 3, 3, 2)),
        (draw(2, 2), np.array([[0, 1], [1, 0]]), 0, sliding(4, 2, 2, 2)),
        (draw(0, 2), np.zeros((0, 2), np.intp), 1, sliding(4, 2, 2, 2)),
    ],
    samples=Custom(_of_winners),
)
def returned(x: Operand, winners: Array, axis: int, taps: Taps) -> Operand:
    """The number of each window, at the element of it that won; elements that won several times have the sum."""
    out: Any = np.zeros(resized(x.shape, axis, taps.size), x.dtype)
    finite = _finite(x)
    for place, windows, elements, alone in taps.each:
        part, own = on_axis(axis, elements), on_axis(axis, windows)
        _add_chosen(out, part, x[own], winners[own] == place, finite, alone)
    return out


@primitive(
    vjps=(lambda g, out, x, winners, axis, taps: returned(g, winners, axis, taps), None),
    saves=("winners",),
    fresh=True,
    name="max_pool_pick",
    cases=lambda draw: [
        (draw(2, 7), np.array([[0, 2, 1], [1, 1, 0]]), 1, sliding(7, 3, 3, 2)),
        (draw(4, 2), np.array([[0, 1], [1, 0]]), 0, sliding(4, 2, 2, 2)),
        (draw(0, 4), np.zeros((0, 2), np.intp), 1, sliding(4, 2, 2, 2)),
    ],
    samples=moving_axis,
)
def picked(x: Operand, winners: Array, axis: int, taps: Taps) -> Operand:
    """For each window the element that won."""
    out: Any = np.zeros(resized(x.shape, axis, taps.total), x.dtype)
    finite = _finite(x)
    for place, windows, elements, _ in taps.each:
        part, own = on_axis(axis, elements), on_axis(axis, windows)
        _add_chosen(out, own, x[part], winners[own] == place, finite, False)
    return out


# Along several axes


@primitive(saves=(), cases=lambda draw: [(draw(2, 7), (adaptive(7, 3),)), (draw(1, 4, 4), (sliding(4, 2, 2, 2),) * 2)])
def max_places(x: Operand, taps: Sequence[Taps]) -> Operand:
    """Where in memory order of the last axes the largest number of each window stands."""
    sizes = x.shape[x.ndim - len(taps) :]
    at: Any = np.broadcast_to(np.arange(math.prod(sizes)).reshape(sizes), x.shape)
    for axis, along in _last_first(x, taps):
        out = _maxima(x, axis, along)
        at = picked(at, _winners(x, out, axis, along), axis, along)
        x = out
    return at


def _last_first(x: Any, taps: Sequence[Taps]) -> list[tuple[int, Taps]]:
    """The last axes of x, each with the windows along it; the last of all comes first."""
    return [(len(x.shape) - 1 - i, along) for i, along in enumerate(reversed(taps))]


def max_over(x: Any, taps: Sequence[Taps], return_indices: bool) -> Any:
    """The largest number of each window over the last axes, and if they are asked for their places."""
    values = x
    for axis, along in _last_first(x, taps):
        values = largest(values, axis, along)
    return (values, max_places(x, tuple(taps))) if return_indices else values


def max_pool(op: str, x: Any, windows: Windows, ceil_mode: bool, return_indices: bool) -> Any:
    """The largest number of each window that slides over the last axes."""
    sizes = _checked(op, x, windows)
    if x.dtype.kind == "b":
        raise DtypeError(f"{op}: booleans have no maximum: use x.float(), or x.int()")
    return max_over(x, _along_each(windows, sizes, _counts(op, windows, sizes, ceil_mode)), return_indices)


def avg_pool(
    op: str, x: Any, windows: Windows, ceil_mode: bool, count_include_pad: bool, divisor_override: int | None
) -> Tensor:
    """The mean of each window that slides over the last axes."""
    sizes = _checked(op, x, windows)
    require_floating(op, x)
    if divisor_override is not None and (not hasattr(divisor_override, "__index__") or divisor_override == 0):
        raise ValueError(
            f"{op}: divisor_override must be an integer other than 0, got {describe(divisor_override)}. "
            "None divides by the number of elements"
        )
    counts = _counts(op, windows, sizes, ceil_mode)
    out = x
    for axis, along in _last_first(x, _along_each(windows, sizes, counts)):
        out = summed(out, axis, along)
    divisors = divisor_override or _divisors(windows, sizes, counts, count_include_pad, x.dtype)
    return out / divisors  # type: ignore[no-any-return]


def _divisors(windows: Windows, sizes: Sequence[int], counts: Sequence[int], padded: bool, dtype: Any) -> Any:
    """How many elements each window has: a number, if that is the same for all."""
    divisors: Any = np.ones((), dtype)
    for n, count, kernel, stride, (before, after) in zip(
        sizes, counts, windows.kernel, windows.stride, windows.padding, strict=True
    ):
        starts = np.arange(count) * stride - before
        first, last = (-before, n + after) if padded else (0, n)
        lengths = np.minimum(starts + kernel, last) - np.maximum(starts, first)
        divisors = divisors[..., None] * lengths
    return int(divisors.flat[0]) if (divisors == divisors.flat[0]).all() else divisors.astype(dtype)


def _along_each(windows: Windows, sizes: Sequence[int], counts: Sequence[int]) -> list[Taps]:
    rows = zip(sizes, counts, windows.kernel, windows.stride, windows.padding, windows.dilation, strict=True)
    return [sliding(n, count, k, s, before, d) for n, count, k, s, (before, _), d in rows]


def _counts(op: str, windows: Windows, sizes: Sequence[int], ceil_mode: bool) -> tuple[int, ...]:
    """How many windows there are; in `ceil_mode` with those that start within the padding and end after it."""
    if not ceil_mode:
        windows.check(op, sizes)
        return windows.counts(sizes)
    longer = [(before, after + s - 1) for (before, after), s in zip(windows.padding, windows.stride, strict=True)]
    whole = windows._replace(padding=tuple(longer))
    whole.check(op, sizes)
    rows = zip(whole.counts(sizes), sizes, windows.padding, windows.stride, strict=True)
    return tuple([count - ((count - 1) * stride >= n + before) for count, n, (before, _), stride in rows])


# What is asked of arguments


def windows_of(op: str, axes: int, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Windows:
    """The windows of these options, each one number or one for each axis; by default, windows lie side by side."""
    size = each(op, "kernel_size", kernel, axes)
    steps = size if stride is None or stride == () or stride == [] else each(op, "stride", stride, axes)
    around = tuple([(n, n) for n in each(op, "padding", padding, axes, least=0)])
    return Windows(size, steps, around, each(op, "dilation", dilation, axes))


def _checked(op: str, x: Any, windows: Windows) -> tuple[int, ...]:
    """The sizes of the axes that windows slide along, of an input that can be pooled."""
    sizes = spatial(op, x, windows.axes)
    channels = x.shape[len(x.shape) - windows.axes - 1]
    if not channels or 0 in sizes:
        raise ShapeError(f"{op}: of shape {x.shape}, only the batch axis may be empty")
    for (padding, _), kernel, dilation in zip(windows.padding, windows.kernel, windows.dilation, strict=True):
        if padding > kernel // 2:
            raise ValueError(
                f"{op}: padding={padding} is more than half of kernel_size={kernel}: some windows would see nothing "
                f"else. Use padding={kernel // 2} at most"
                + (" (dilation makes a window longer, not fuller)" if dilation > 1 else "")
            )
    return sizes


def spatial(op: str, x: Any, axes: int) -> tuple[int, ...]:
    """The sizes of the last axes of (C, *) or (N, C, *); a ShapeError for an input of other axes."""
    shape = tuple(x.shape)
    if len(shape) not in (axes + 1, axes + 2):
        letters = ", ".join(NAMES[-axes:] if axes > 1 else "L")
        way = "x[None] adds a leading axis" if len(shape) <= axes else "x.flatten(0, 1) makes one axis of two"
        raise ShapeError(f"{op} expects (N, C, {letters}) or (C, {letters}), got {shape}: {way}")
    return shape[len(shape) - axes :]


def require_floating(op: str, x: Any) -> None:
    """Raise unless x is floating."""
    if x.dtype.kind != "f":
        raise DtypeError(f"{op}: input has dtype {x.dtype}, it must be floating-point: use .float()")


def adaptive_sizes(op: str, x: Any, output_size: Any, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sizes of the last axes, and those asked for, of which None leaves one as it is."""
    have = spatial(op, x, axes)
    if 0 in have:
        raise ShapeError(f"{op}: of shape {x.shape}, the last {axes} axes must not be empty")
    wanted = list(output_size) if isinstance(output_size, Sequence) else [output_size] * axes
    if len(wanted) != axes:
        raise ValueError(f"{op}: output_size={output_size} has {len(wanted)} numbers, it needs one, or {axes}")
    if output_size is None or not all(n is None or hasattr(n, "__index__") for n in wanted):
        raise TypeError(f"{op}: output_size must be an integer, or {axes} of them or None, got {describe(output_size)}")
    sizes = tuple([n if m is None else m.__index__() for n, m in zip(have, wanted, strict=True)])
    if min(sizes) < 0:
        raise ValueError(f"{op}: output_size={output_size}: a size cannot be negative")
    return have, sizes


def adaptive_max_pool(op: str, x: Any, output_size: Any, axes: int, return_indices: bool) -> Any:
    """The largest number of each of the windows that share the last axes."""
    have, wanted = adaptive_sizes(op, x, output_size, axes)
    require_floating(op, x)
    return max_over(x, [adaptive(n, m) for n, m in zip(have, wanted, strict=True)], return_indices)
