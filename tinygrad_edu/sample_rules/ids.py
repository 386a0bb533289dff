"""Owners: which sample each element of an array belongs to.

They are integers in an array with as many axes as the one they speak of; an axis along which the owner
does not change has size 1. `NOBODY` marks an element that no sample's loss depends on. Where elements that several
samples use are told from others, these belong to the `CROWD`, and to `BOTH` if it takes what is a sample's own.

    array (B, T, D), one sample a row      owners (B, 1, 1): 0, 1, …
    the same, flattened to (B·T, D)        owners (B·T, 1): 0, 0, …, 1, 1, …
    an array that one sample alone uses    owners (1, 1): its number
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
    "Owners",
    "Use",
    "collapse",
    "fit",
    "is_plain",
    "merge",
    "of_places",
    "overwritten",
    "plain",
    "reshape",
    "simplify",
    "spread",
    "varies",
]

Owners: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]

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
def plain(count: int) -> Owners:
    """0, 1, …: the owners where each sample has one element. Always the same array, so that views of it are known."""
    numbers = np.arange(count)
    numbers.flags.writeable = False
    return numbers


def is_plain(owners: Owners) -> bool:
    """Whether these are, in some shape, the numbers of two samples or more, one after the other."""
    count = owners.size
    numbers = plain(count)
    # A view of as many numbers is all of them in their order if it is contiguous: else it may repeat or reverse them.
    return count > 1 and (owners.base is numbers or owners is numbers) and owners.flags.c_contiguous


def varies(owners: Owners) -> bool:
    """Whether the elements belong to more than one sample."""
    if owners.size <= 1:
        return False
    if is_plain(owners):
        return True
    known = owners[owners >= 0]
    return bool(known.size) and bool((known != known[0]).any())


def collapse(owners: Owners, axes: tuple[int, ...]) -> Owners | None:
    """The owners of what is the same along `axes`, which get size 1; None if several samples meet there."""
    axes = tuple([axis for axis in axes if owners.shape[axis] != 1])
    if not axes:
        return owners
    if is_plain(owners):
        return None
    last: Owners = owners.max(axis=axes, keepdims=True, initial=NOBODY)
    others = (owners >= 0) & (owners != last)
    return None if others.any() else last


def fit(owners: Owners, shape: tuple[int, ...], full: tuple[int, ...] | None = None) -> Owners | Use:
    """The owners of an argument of `shape` that an op broadcast to an array with these `owners`.

    With the shape of that array, `full`, elements that went to several samples are the `CROWD`'s, as in `of_places`.
    """
    if full is not None:
        places = np.arange(math.prod(shape)).reshape(shape)
        return of_places(owners, np.broadcast_to(places, full), shape, exact=True)
    extra = owners.ndim - len(shape)
    if not extra and shape == owners.shape:
        return owners
    stretched = [extra + i for i, n in enumerate(shape) if n == 1]
    single = collapse(owners, (*range(extra), *stretched))
    return Use.SHARED if single is None else single.reshape(single.shape[extra:])


def merge(one: Owners, other: Owners) -> Owners | None:
    """The owners of an array that is used in two places; None if an element belongs to two samples."""
    if one is other or (one.shape == other.shape and (one == other).all()):
        return one
    one, other = np.broadcast_arrays(one, other)
    if ((one >= 0) & (other >= 0) & (one != other)).any():
        return None
    return simplify(np.maximum(one, other))


def simplify(owners: Owners) -> Owners:
    """The same owners, with size 1 for every axis along which they do not change."""
    for axis, n in enumerate(owners.shape):
        if n > 1:
            first = owners.take([0], axis)
            if (owners == first).all():
                owners = first
    return owners


def spread(owners: Owners, axes: Iterable[int], ndim: int) -> Owners:
    """Owners for an array of `ndim` axes from those of its reduction over `axes`, which are gone."""
    gone = {axis % ndim for axis in axes}
    sizes = iter(owners.shape)
    return owners.reshape([1 if axis in gone else next(sizes) for axis in range(ndim)])


def reshape(owners: Owners, shape: tuple[int, ...], new: tuple[int, ...]) -> Owners:
    """The owners of an array of shape `shape` once it has the shape `new`.

    Axes are taken together in the smallest groups that keep their size, so that only the groups whose
    owners change are written out.
    """
    if owners.size == 1:
        return owners.reshape((1,) * len(new))
    full: list[int] = []
    short: list[int] = []
    for mine, theirs in _groups(shape, new):
        constant = all(owners.shape[axis] == 1 for axis in mine)
        full += [1 if constant else shape[axis] for axis in mine]
        short += [1 if constant else new[axis] for axis in theirs]
    return simplify(np.broadcast_to(owners, full).reshape(short))


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


def of_places(owners: Owners, places: Any, shape: tuple[int, ...], exact: bool = False) -> Owners | Use:
    """The owners of an array of `shape` whose elements an op has moved.

    Args:
        owners: those of the result.
        places: for each element of the result, where in memory order it came from; below 0, from nowhere.
        shape: the shape of the array they came from.
        exact: give elements that came to several samples to the `CROWD`, instead of calling all of them shared.
    """
    flat = np.broadcast_to(owners, places.shape).reshape(-1)
    places = places.reshape(-1)
    used = (flat >= 0) & (places >= 0)
    flat, places = flat[used], places[used]
    found = np.full(int(np.prod(shape, dtype=np.intp)), NOBODY)
    found[places] = flat
    several = places[found[places] != flat]
    if several.size and not exact:
        return Use.SHARED
    found[several] = CROWD
    found[places[flat == BOTH]] = BOTH
    return simplify(found.reshape(shape))


def overwritten(owners: Owners, places: Any, shape: tuple[int, ...]) -> tuple[Owners, Owners]:
    """The owners of an array over some of whose places something was written, and of what was written there.

    What was overwritten belongs to nobody in the old array. What was written belongs to the sample whose element it
    became, and to nobody if something else was written over it.

    Args:
        owners: those of the result.
        places: for each element written, in their order, where in memory order it went.
        shape: the shape of the result.
    """
    rest = np.array(np.broadcast_to(owners, shape)).reshape(-1)
    flat = places.reshape(-1)
    written = rest[flat]
    order = np.arange(flat.size)
    last = np.empty(rest.shape, np.intp)
    last[flat] = order
    written[last[flat] != order] = NOBODY
    rest[flat] = NOBODY
    return simplify(rest.reshape(shape)), written.reshape(places.shape)
