"""Windows along one axis, of any kind, and what is added or copied by them.

A window has an element at each of its places. Place by place, all windows that have an element there are taken at once,
as slices: a sum over windows is an addition for each place, and so is its gradient, which goes the other way. Over
several axes, one axis comes after the other.

    windows of 3, 2 apart, over 7 elements      place 0: elements 0, 2, 4    place 1: 1, 3, 5    place 2: 2, 4, 6
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from ..dtypes import Array
from ..engine.graph import Node
from ..engine.primitives import Operand, primitive
from ..sample_rules.families import Custom, moving_axis
from ..sample_rules.ids import NOBODY, SampleIds, Use, simplify
from ..sample_rules.rule import Found, value_of
from .arguments import on_axis


class Tap(NamedTuple):
    """One place of windows. `windows` and `elements` are slices, or arrays of numbers, and name nothing twice.

    Attributes:
        place: its number.
        windows: which windows have an element there.
        elements: for each of these the element.
        alone: whether no tap before this one has any of these elements.
    """

    place: int
    windows: Any
    elements: Any
    alone: bool


class Taps(NamedTuple):
    """The windows along an axis, place by place.

    Attributes:
        size: how many elements the axis has.
        total: how many windows there are.
        each: the taps; first those of places at which all windows have an element.
    """

    size: int
    total: int
    each: tuple[Tap, ...]


def _taps(size: int, total: int, parts: Iterable[tuple[int, Any, Any]]) -> Taps:
    """The taps of these places, windows and elements."""
    every = slice(0, total, 1)
    taken = np.zeros(size, bool)
    each = []
    for place, windows, elements in sorted(parts, key=lambda part: not _is_slice(part[1], every)):
        each.append(Tap(place, windows, elements, not taken[elements].any()))
        taken[elements] = True
    return Taps(size, total, tuple(each))


def _is_slice(part: Any, wanted: slice) -> bool:
    return isinstance(part, slice) and part == wanted


@lru_cache(maxsize=256)
def sliding(size: int, count: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> Taps:
    """`count` windows, each `stride` after the last; what they have beyond the ends of the axis is left out."""
    parts = []
    for place in range(kernel):
        offset = place * dilation - padding
        first = max(0, -(offset // stride))
        last = min(count - 1, (size - 1 - offset) // stride)
        if first <= last:
            elements = _steps(offset + first * stride, stride, last - first + 1)
            parts.append((place, slice(first, last + 1, 1), elements))
    return _taps(size, count, parts)


def of_runs(size: int, starts: Array, ends: Array) -> Taps:
    """The windows from starts[i] to before ends[i], both of which never fall; those without an element are allowed."""
    parts = []
    for place in range(int((ends - starts).max(initial=0))):
        windows = np.flatnonzero(starts + place < ends)
        while windows.size:  # windows that begin at one element come one after the other
            elements, chosen = np.unique(starts[windows] + place, return_index=True)
            parts.append((place, _as_slice(windows[chosen]), _as_slice(elements)))
            windows = np.delete(windows, chosen)
    return _taps(size, len(starts), parts)


def adaptive_bounds(size: int, count: int) -> tuple[Array, Array]:
    """Where windows start and end that share an axis as evenly as can be: they may overlap by an element."""
    numbers = np.arange(count)
    return numbers * size // max(count, 1), -(-(numbers + 1) * size // max(count, 1))


@lru_cache(maxsize=256)
def adaptive(size: int, count: int) -> Taps:
    """`count` windows that share the axis as evenly as can be."""
    return of_runs(size, *adaptive_bounds(size, count))


def of_path(path: Sequence[int], size: int) -> Taps:
    """Where the elements of an axis of `size` are in one that has, at each place, the element that `path` names.

    The windows are those elements, and the axis along which they lie is the new one.
    """
    parts = [
        (i, _steps(path[start], step, length), slice(start, start + length))
        for i, (start, step, length) in enumerate(_straight(path))
    ]
    return _taps(len(path), size, parts)


def _straight(path: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The parts of a path with a constant step other than 0: where they start, the step, and how long they are."""
    start = 0
    while start < len(path):
        step = path[start + 1] - path[start] if start + 1 < len(path) else 1
        stop = start + 1
        while step and stop < len(path) and path[stop] - path[stop - 1] == step:
            stop += 1
        yield start, step or 1, stop - start
        start = stop


def _steps(first: int, step: int, length: int) -> slice:
    stop = first + step * (length - 1) + (1 if step > 0 else -1)
    return slice(first, None if stop < 0 else stop, step)


def _as_slice(numbers: Array) -> Any:
    """Rising numbers as a slice, if they rise by one step."""
    steps = np.diff(numbers)
    if steps.size and (steps != steps[0]).any():
        return numbers
    return _steps(int(numbers[0]), int(steps[0]) if steps.size else 1, numbers.size)


def resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    """`shape` with another size of one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def begun(x: Any, axis: int, taps: Taps, value: float) -> tuple[Any, tuple[Tap, ...]]:
    """An array for one number of each window, and the taps that are still to be worked in.

    It has what the first tap has, if all windows have an element there; else, `value`.
    """
    each = taps.each
    if each and _is_slice(each[0].windows, slice(0, taps.total, 1)):
        return x[on_axis(axis, each[0].elements)].copy(), each[1:]
    return np.full(resized(x.shape, axis, taps.total), value, x.dtype), each


def _sums(x: Any, axis: int, taps: Taps) -> Any:
    out, rest = begun(x, axis, taps, 0)
    for tap in rest:
        out[on_axis(axis, tap.windows)] += x[on_axis(axis, tap.elements)]
    return out


def _spread(x: Any, axis: int, taps: Taps) -> Any:
    out: Any = np.zeros(resized(x.shape, axis, taps.size), x.dtype)
    for tap in taps.each:
        if tap.alone:
            out[on_axis(axis, tap.elements)] = x[on_axis(axis, tap.windows)]
        else:
            out[on_axis(axis, tap.elements)] += x[on_axis(axis, tap.windows)]
    return out


def _sum_rule(g: Any, out: Any, x: Any, axis: int, taps: Taps) -> Any:
    return added(g, axis, taps)


# How samples stay apart: those of windows give those of their elements, and the other way round.


def _owners(node: Node, ids: SampleIds, size: int, pairs: Sequence[tuple[Any, Any]]) -> list[Found]:
    """The ids of an argument whose axis has `size`; in pairs, which of its elements go into which of the result."""
    axis = value_of(node, "axis")
    if ids.shape[axis] == 1:
        return [ids]
    found: Any = np.full(resized(ids.shape, axis, size), NOBODY)
    for own, results in pairs:
        before, more = found[on_axis(axis, own)], ids[on_axis(axis, results)]
        if ((before >= 0) & (more >= 0) & (before != more)).any():
            return [Use.SHARED]
        found[on_axis(axis, own)] = np.maximum(before, more)
    return [simplify(found)]


def _of_elements(node: Node, ids: SampleIds) -> list[Found]:
    taps = value_of(node, "taps")
    return _owners(node, ids, taps.size, [(tap.elements, tap.windows) for tap in taps.each])


def _of_windows(node: Node, ids: SampleIds) -> list[Found]:
    taps = value_of(node, "taps")
    return _owners(node, ids, taps.total, [(tap.windows, tap.elements) for tap in taps.each])


into_windows: Final = Custom(_of_elements)
"""The rule of an op that makes one number of each window along `axis`."""


@primitive(
    vjps=(_sum_rule,),
    saves=("",),
    fresh=True,
    single=True,
    name="sum_pool",
    cases=lambda draw: [
        (draw(2, 7), 1, sliding(7, 3, 3, 2)),
        (draw(5, 2), 0, sliding(5, 3, 2, 2, 1)),
        (draw(2, 7, 2), 1, adaptive(7, 3)),
        (draw(3), 0, adaptive(3, 5)),
        (draw(0, 4), 1, sliding(4, 2, 2, 2)),
    ],
    samples=into_windows,
)
def summed(x: Operand, axis: int, taps: Taps) -> Operand:
    """The sum over each window along `axis`."""
    return _sums(x, axis, taps)


@primitive(
    vjps=(lambda g, out, x, axis, taps: summed(g, axis, taps),),
    saves=("",),
    fresh=True,
    single=True,
    name="sum_pool_back",
    cases=lambda draw: [
        (draw(2, 3), 1, sliding(7, 3, 3, 2)),
        (draw(3, 2), 0, sliding(5, 3, 2, 2, 1)),
        (draw(2, 3, 2), 1, adaptive(7, 3)),
        (draw(0, 2), 1, sliding(4, 2, 2, 2)),
    ],
    samples=Custom(_of_windows),
)
def added(x: Operand, axis: int, taps: Taps) -> Operand:
    """For each element the sum of the numbers of all windows that it is in."""
    return _spread(x, axis, taps)


@primitive(
    vjps=(lambda g, out, x, axis, taps: summed(g, axis, taps),),
    saves=("",),
    fresh=True,
    name="place",
    cases=lambda draw: [
        (draw(2, 3), 1, sliding(6, 3, 2, 2)),
        (draw(4, 2), 0, of_path([2, 1, 0, 1, 2, 3, 3, 3], 4)),
        (draw(0, 2), 1, sliding(4, 2, 2, 2)),
    ],
    samples=moving_axis,
)
def placed(x: Operand, axis: int, taps: Taps) -> Operand:
    """The number of the window that each element is in, where none is in two; 0 where it is in none."""
    return _spread(x, axis, taps)
