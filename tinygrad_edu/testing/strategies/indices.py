"""Strategies for indices: whatever may be inside the square brackets after an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .sizes import Shape


def indices_for(shape: Shape) -> st.SearchStrategy[Any]:
    """Everything NumPy accepts as an index that fits an array of this shape.

    Integers from either end, slices with any step, None, Ellipsis, arrays of integers with repeats, of one and two
    axes that broadcast, masks of one or more axes; alone, or several in a tuple.

    Args:
        shape: that of the array to be indexed.

    >>> from tinygrad_edu.testing.strategies import indices_for, simplest
    >>> simplest(indices_for((2, 3)))
    ()
    >>> import numpy as np
    >>> simplest(indices_for((2, 3)), lambda index: np.zeros((2, 3))[index].shape == (3, 1))
    (0, Ellipsis, None)
    """
    return _indices(tuple(shape))


@st.composite
def _indices(draw: st.DrawFn, shape: Shape) -> Any:
    picks = draw(st.sampled_from([1, 2, 3, 0]))  # how many places all the arrays in one index name
    first = draw(st.integers(0, len(shape)))
    parts = _parts(draw, shape[:first], picks)
    if draw(st.booleans()):
        last = draw(st.integers(0, len(shape) - first))
        parts += [Ellipsis, *_parts(draw, shape[len(shape) - last :], picks)]
    for _ in range(draw(st.integers(0, 2))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    return parts[0] if len(parts) == 1 and not draw(st.booleans()) else tuple(parts)


def _parts(draw: st.DrawFn, shape: Shape, picks: int) -> list[Any]:
    """One part of an index for each axis, except that a mask may span several."""
    parts: list[Any] = []
    axis = 0
    while axis < len(shape):
        side = shape[axis]
        kinds = [*["int"] * (side > 0), "slice", *["array"] * (side > 0 or not picks)]
        span = draw(st.integers(1, len(shape) - axis))
        room = math.prod(shape[axis : axis + span])
        kind = draw(st.sampled_from([*kinds, *["mask"] * (picks <= room)]))
        if kind == "mask":
            parts.append(_mask(draw, shape[axis : axis + span], room, picks))
        elif kind == "array":
            form = draw(st.sampled_from([(picks,), (2, picks), (1,) if side else (0,)]))
            count = math.prod(form)
            places = draw(st.lists(_place(side), min_size=count, max_size=count))
            parts.append(np.array(places, np.intp).reshape(form))
        else:
            parts.append(draw(_place(side)) if kind == "int" else draw(_slices(side)))
        axis += span if kind == "mask" else 1
    return parts


def _mask(draw: st.DrawFn, shape: Shape, room: int, picks: int) -> Any:
    """A mask with a given number of true elements, so that it broadcasts with arrays of as many integers."""
    mask = np.zeros(room, bool)
    if picks:
        chosen = st.lists(st.sampled_from(range(room)), min_size=picks, max_size=picks, unique=True)
        mask[draw(chosen)] = True
    return mask.reshape(shape)


def _place(side: int) -> st.SearchStrategy[int]:
    """An index along an axis, from either end."""
    return st.integers(0, side - 1) | st.integers(-side, -1) if side else st.nothing()


def _slices(side: int) -> st.SearchStrategy[slice]:
    """Slices, which may start and stop beyond the ends."""
    end = st.none() | st.integers(-side - 1, side + 1)
    return st.builds(slice, end, end, st.none() | st.sampled_from([1, 2, 3, -1, -2]))
