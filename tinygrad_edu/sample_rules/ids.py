"""Sample ids: which sample each element of an array belongs to.

They are integers in an array with as many axes as the array they describe; an axis along which the sample
does not change has size 1. `NOBODY` marks an element that no sample's loss depends on. Where elements that several
samples use are told from others, these belong to the `CROWD`, and to `BOTH` if it takes what is a sample's own.

    array (B, T, D), one sample a row      ids (B, 1, 1): 0, 1, …
    the same, flattened to (B·T, D)        ids (B·T, 1): 0, 0, …, 1, 1, …
    an array that one sample alone uses    ids (1, 1): its number
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "BOTH",
    "CROWD",
    "NOBODY",
    "SampleIds",
    "Use",
    "collapse",
    "fit",
    "is_plain",
    "merge",
    "of_positions",
    "overwritten",
    "plain",
    "reshape",
    "simplify",
    "spread",
    "varies",
]

SampleIds: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]

NOBODY = -1
BOTH = int(np.iinfo(np.intp).max)
CROWD = BOTH - 1


class Use(Enum):
    """How an argument is used whose elements belong to no one sample.

    SHARED: several samples use the same elements, as with a weight.
    MIXED: the op computes each sample's result from the elements of several.
    UNKNOWN: nothing is known of the op.
    """

    SHARED = "shared"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@lru_cache(maxsize=64)
def plain(count: int) -> SampleIds:
    """0, 1, …: the ids where each sample has one element. Always the same array, so that views of it are known."""
    numbers = np.arange(count)
    numbers.flags.writeable = False
    return numbers


def is_plain(ids: SampleIds) -> bool:
    """Whether these are, in some shape, the numbers of two samples or more, one after the other."""
    count = ids.size
    numbers = plain(count)
    # A view of as many numbers is all of them in their order if it is contiguous: else it may repeat or reverse them.
    return count > 1 and (ids.base is numbers or ids is numbers) and ids.flags.c_contiguous


def varies(ids: SampleIds) -> bool:
    """Whether the elements belong to more than one sample."""
    if ids.size <= 1:
        return False
    if is_plain(ids):
        return True
    known = ids[ids >= 0]
    return bool(known.size) and bool((known != known[0]).any())


def collapse(ids: SampleIds, axes: tuple[int, ...]) -> SampleIds | None:
    """The ids of what is the same along `axes`, which get size 1; None if several samples meet there."""
    axes = tuple([axis for axis in axes if ids.shape[axis] != 1])
    if not axes:
        return ids
    if is_plain(ids):
        return None
    last: SampleIds = ids.max(axis=axes, keepdims=True, initial=NOBODY)
    others = (ids >= 0) & (ids != last)
    return None if others.any() else last


def fit(ids: SampleIds, shape: tuple[int, ...], full: tuple[int, ...] | None = None) -> SampleIds | Use:
    """The ids of an argument of `shape` that an op broadcast to an array with these `ids`.

    With the shape of that array, `full`, elements that went to several samples are the `CROWD`'s, as in `of_positions`.
    """
    if full is not None:
        positions = np.arange(math.prod(shape)).reshape(shape)
        return of_positions(ids, np.broadcast_to(positions, full), shape, exact=True)
    extra = ids.ndim - len(shape)
    if not extra and shape == ids.shape:
        return ids
    stretched = [extra + i for i, n in enumerate(shape) if n == 1]
    single = collapse(ids, (*range(extra), *stretched))
    return Use.SHARED if single is None else single.reshape(single.shape[extra:])


def merge(one: SampleIds, other: SampleIds) -> SampleIds | None:
    """The ids of an array that is used in two places; None if an element belongs to two samples."""
    if one is other or (one.shape == other.shape and (one == other).all()):
        return one
    one, other = np.broadcast_arrays(one, other)
    if ((one >= 0) & (other >= 0) & (one != other)).any():
        return None
    return simplify(np.maximum(one, other))


def simplify(ids: SampleIds) -> SampleIds:
    """The same ids, with size 1 for every axis along which they do not change."""
    for axis, n in enumerate(ids.shape):
        if n > 1:
            first = ids.take([0], axis)
            if (ids == first).all():
                ids = first
    return ids


def spread(ids: SampleIds, axes: Iterable[int], ndim: int) -> SampleIds:
    """SampleIds for an array of `ndim` axes from those of its reduction over `axes`, which are gone."""
    gone = {axis % ndim for axis in axes}
    sizes = iter(ids.shape)
    return ids.reshape([1 if axis in gone else next(sizes) for axis in range(ndim)])


def reshape(ids: SampleIds, shape: tuple[int, ...], new: tuple[int, ...]) -> SampleIds:
    """The ids of an array of shape `shape` once it has the shape `new`.

    Axes are taken together in the smallest groups that keep their size, so that only the groups whose
    ids change are written out.
    """
    if ids.size == 1:
        return ids.reshape((1,) * len(new))
    full: list[int] = []
    short: list[int] = []
    for mine, theirs in _groups(shape, new):
        constant = all(ids.shape[axis] == 1 for axis in mine)
        full += [1 if constant else shape[axis] for axis in mine]
        short += [1 if constant else new[axis] for axis in theirs]
    return simplify(np.broadcast_to(ids, full).reshape(short))


def _groups(one: tuple[int, ...], other: tuple[int, ...]) -> Iterator[tuple[range, range]]:
    """The axes of two shapes in pairs of ranges that hold equally many elements."""
    if 0 in one:
        yield range(len(one)), range(len(other))
        return
    i = j = 0
    while i < len(one) or j < len(other):
        start, begin = i, j
        have, want = 1, 1
        while have != want or (i == start and j == begin):
            if have <= want and i < len(one):
                have, i = have * one[i], i + 1
            else:
                want, j = want * other[j], j + 1
        yield range(start, i), range(begin, j)


def of_positions(ids: SampleIds, positions: Any, shape: tuple[int, ...], exact: bool = False) -> SampleIds | Use:
    """The ids of an array of `shape` whose elements an op has moved.

    Args:
        ids: those of the result.
        positions: for each element of the result, where in memory order it came from; below 0, from nowhere.
        shape: the shape of the array they came from.
        exact: give elements that came to several samples to the `CROWD`, instead of calling all of them shared.
    """
    flat = np.broadcast_to(ids, positions.shape).reshape(-1)
    positions = positions.reshape(-1)
    used = (flat >= 0) & (positions >= 0)
    flat, positions = flat[used], positions[used]
    found = np.full(int(np.prod(shape, dtype=np.intp)), NOBODY)
    found[positions] = flat
    several = positions[found[positions] != flat]
    if several.size and not exact:
        return Use.SHARED
    found[several] = CROWD
    found[positions[flat == BOTH]] = BOTH
    return simplify(found.reshape(shape))


def overwritten(ids: SampleIds, positions: Any, shape: tuple[int, ...]) -> tuple[SampleIds, SampleIds]:
    """The ids of an array over some of whose places something was written, and of what was written there.

    What was overwritten belongs to nobody in the old array. What was written belongs to the sample whose element it
    became, and to nobody if something else was written over it.

    Args:
        ids: those of the result.
        positions: for each element written, in their order, where in memory order it went.
        shape: the shape of the result.
    """
    rest = np.array(np.broadcast_to(ids, shape)).reshape(-1)
    flat = positions.reshape(-1)
    written = rest[flat]
    order = np.arange(flat.size)
    last = np.empty(rest.shape, np.intp)
    last[flat] = order
    written[last[flat] != order] = NOBODY
    rest[flat] = NOBODY
    return simplify(rest.reshape(shape)), written.reshape(positions.shape)
