"""Strategies for shapes and axes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias, TypeVar

from hypothesis import Phase, find, settings
from hypothesis import strategies as st

Shape: TypeAlias = tuple[int, ...]
T = TypeVar("T")


def simplest(strategy: st.SearchStrategy[T], condition: Callable[[T], bool] = lambda value: True) -> T:
    """What an example that fulfils a condition shrinks to. Always the same.

    Args:
        strategy: any strategy.
        condition: the condition on the example.

    Raises:
        hypothesis.errors.NoSuchExample: if no such example was found.

    >>> from tinygrad_edu.testing.strategies import shapes, simplest
    >>> simplest(shapes(), lambda shape: sum(shape) > 5)
    (2, 4)
    """
    search = settings(phases=[Phase.generate, Phase.shrink], max_examples=2000, database=None)
    return find(strategy, condition, settings=search, random=Random(0))


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Shapes of arrays. They shrink to few axes of size 1.

    Args:
        min_dims: the smallest number of axes; with 0 there are 0-d arrays.
        max_dims: the largest number of axes.
        min_side: the smallest size of an axis; with 0, some arrays are empty.
        max_side: the largest size of an axis.

    Raises:
        ValueError: if a limit is below 0, or a smallest above its largest.

    >>> from tinygrad_edu.testing.strategies import shapes, simplest
    >>> simplest(shapes()), simplest(shapes(min_side=0), lambda shape: len(shape) == 2)
    ((), (1, 1))
    """
    for what, least, most in (("dims", min_dims, max_dims), ("side", min_side, max_side)):
        if not 0 <= least <= most:
            raise ValueError(f"shapes: min_{what}={least} and max_{what}={most}: need 0 <= min_{what} <= max_{what}")
    return st.lists(sides(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def sides(min_side: int = 1, max_side: int = 4) -> st.SearchStrategy[int]:
    """Sizes of an axis; 0 is rare and comes last, since an empty array shows little."""
    if min_side or not max_side:
        return st.integers(min_side, max_side)
    return st.sampled_from([*range(1, max_side + 1)] * 3 + [0])


def broadcastable_shapes(shape: Shape, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """Shapes that broadcast together with `shape`; the result may be larger than either. They shrink to `shape`.

    Args:
        shape: the other shape.
        max_side: the largest size of an axis where `shape` has size 1 or no axis.

    >>> from tinygrad_edu.testing.strategies import broadcastable_shapes, simplest
    >>> simplest(broadcastable_shapes((2, 3)))
    (2, 3)
    >>> simplest(broadcastable_shapes((2, 3)), lambda other: len(other) == 3)
    (1, 2, 3)
    >>> simplest(broadcastable_shapes((2, 3)), lambda other: 1 in other)
    (2, 1)
    """
    return _broadcastable(tuple(shape), max_side)


@st.composite
def _broadcastable(draw: st.DrawFn, shape: Shape, max_side: int) -> Shape:
    part = draw(parts_of(tuple(draw(st.integers(1, max_side)) if side == 1 else side for side in shape)))
    return (*draw(st.lists(st.integers(1, max_side), max_size=1)), *part) if len(part) == len(shape) else part


@st.composite
def parts_of(draw: st.DrawFn, shape: Shape) -> Shape:
    """Shapes that broadcast to `shape`; they shrink to it, as all of them take equally many choices."""
    dropped = draw(st.integers(0, len(shape)))
    ones = [draw(st.booleans()) for _ in shape]
    return tuple(1 if one else side for side, one in zip(shape, ones, strict=True))[dropped:]


def reduction_axes(shape: Shape) -> st.SearchStrategy[int | tuple[int, ...] | None]:
    """What a reduction takes as `dim` or `axis`: None, an axis counted from either end, or some axes.

    Args:
        shape: that of the array to be reduced.

    >>> from tinygrad_edu.testing.strategies import reduction_axes, simplest
    >>> simplest(reduction_axes((2, 3))), simplest(reduction_axes((2, 3)), lambda dim: isinstance(dim, tuple))
    (None, (0,))
    """
    if not shape:
        return st.none()
    return _axes(len(shape))


@st.composite
def _axes(draw: st.DrawFn, ndim: int) -> int | tuple[int, ...] | None:
    kind = draw(st.sampled_from(["none", "one", "some"]))
    if kind == "none":
        return None
    count = 1 if kind == "one" else draw(st.integers(1, ndim))
    order = draw(st.permutations(range(ndim)))[:count]
    axes = tuple(axis - ndim if draw(st.booleans()) else axis for axis in order)
    return axes[0] if kind == "one" else axes
