"""Where the elements of a mask lie, in words."""

from __future__ import annotations

import numpy as np

from ..dtypes import Array

_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 8: "eighth"}
_FEW = 8  # this many elements do not lie on one stride by chance


def where_in_words(wrong: Array, checked: Array) -> str:
    """Where wrong elements lie among those that were checked, as ", all in row 0".

    It says only what is true of every wrong element; empty if there is nothing simple, or just one element.

    >>> import numpy as np
    >>> wrong = np.zeros((4, 3), bool)
    >>> wrong[:, -1] = True
    >>> where_in_words(wrong, np.ones((4, 3), bool))
    ', all in the last column'
    >>> where_in_words(~wrong, np.ones((4, 3), bool))
    ', all but the last column'
    """
    wrong = wrong & checked
    count, right = int(wrong.sum()), checked & ~wrong
    if count < 2:
        return ""
    if not right.any():
        return ", all of them"
    exact = _exactly(wrong, checked, ranges=False) or _all_but(right, checked)
    return exact or (_exactly(wrong, checked, ranges=True) if checked.all() else "") or _within(wrong, checked)


def index_text(index: tuple[int, ...]) -> str:
    """An index as written after a name; empty for a 0-d array."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def _exactly(wrong: Array, checked: Array, *, ranges: bool) -> str:
    """A region that is wrong wherever it was checked, and nothing outside of it is."""
    for words, region in _shapes(checked):
        if np.array_equal(region & checked, wrong):
            return f", all {words}"
    region, clauses = np.ones(wrong.shape, bool), []
    for axis in range(wrong.ndim):
        indices = _indices(wrong, axis)
        if indices == _indices(checked, axis):
            continue
        words = _one(axis, indices[0], wrong.shape) if len(indices) == 1 else ""
        words = words or _stride(axis, indices, wrong.shape) or (_range(axis, indices, wrong.shape) if ranges else "")
        if not words:
            return ""
        clauses.append(words)
        region &= np.isin(np.indices(wrong.shape)[axis], indices)
    return f", all {' and '.join(clauses)}" if clauses and np.array_equal(region & checked, wrong) else ""


def _all_but(right: Array, checked: Array) -> str:
    """The complement of one index along an axis, or of one element."""
    for words, region in _shapes(checked):
        if np.array_equal(region & checked, right):
            side, place = words.split(" ", 1)
            return (
                f", all on or {'below' if side == 'above' else 'above'} {place}"
                if side[-1] in "ew"
                else f", all but {place}"
            )
    for axis in range(right.ndim):
        indices = _indices(right, axis)
        if len(indices) == 1 < len(_indices(checked, axis)):
            region = np.isin(np.indices(right.shape)[axis], indices)
            if np.array_equal(region & checked, right):
                return f", all but {_one(axis, indices[0], right.shape).split(' ', 1)[1]}"
    if right.sum() == 1:
        return f", all but {index_text(tuple(int(i[0]) for i in np.nonzero(right)))}"
    return ""


def _within(wrong: Array, checked: Array) -> str:
    """A region in which all wrong elements lie, beside right ones."""
    clauses = []
    for axis in range(wrong.ndim):
        indices = _indices(wrong, axis)
        if len(indices) == 1 < len(_indices(checked, axis)):
            clauses.append(_one(axis, indices[0], wrong.shape))
    if not clauses and wrong.ndim > 1 and wrong.sum() > 2 and wrong.shape[-2] > 2:
        for words, region in _shapes(checked)[:1]:
            if not (wrong & ~region).any():
                clauses.append(words)
    for axis in range(wrong.ndim):
        indices = _indices(wrong, axis)
        steps = np.diff(indices)
        if not clauses and wrong.sum() >= _FEW and len(indices) > 3 and (steps % 2 == 0).all():
            clauses.append(f"at {'odd' if indices[0] % 2 else 'even'} indices{_of_axis(axis, wrong.ndim)}")
    return f", all {' and '.join(clauses)}" if clauses else ""


def _indices(mask: Array, axis: int) -> list[int]:
    """At which indices of an axis there are elements."""
    others = tuple(i for i in range(mask.ndim) if i != axis % mask.ndim)
    return [int(i) for i in np.flatnonzero(mask.any(axis=others))]


def _of_axis(axis: int, ndim: int) -> str:
    return f" of axis {axis}" if ndim > 1 else ""


def _one(axis: int, index: int, shape: tuple[int, ...]) -> str:
    """One index along an axis."""
    last = index == shape[axis] - 1 and shape[axis] > 2
    if len(shape) == 2:
        kind = "column" if axis else "row"
        return f"in the last {kind}" if last else f"in {kind} {index}"
    return f"at the last index{_of_axis(axis, len(shape))}" if last else f"at index {index}{_of_axis(axis, len(shape))}"


def _stride(axis: int, indices: list[int], shape: tuple[int, ...]) -> str:
    """Indices with a stride, from the first to the last possible one."""
    size, step = shape[axis], indices[1] - indices[0] if len(indices) > 1 else 0
    if len(indices) < 2 or step < 2 or indices != list(range(indices[0], size, step)) or indices[0] >= step:
        return ""
    if len(indices) == 2 and size > 4:
        return ""
    name = _ORDINALS.get(step, f"{step}th")
    along = f" along axis {axis}" if len(shape) > 1 else ""
    return f"at every {name} index{along}, from {indices[0]} on"


def _range(axis: int, indices: list[int], shape: tuple[int, ...]) -> str:
    """A run of indices along an axis."""
    size, first, last = shape[axis], indices[0], indices[-1]
    of = _of_axis(axis, len(shape))
    if indices == [0, size - 1]:
        return f"at both ends{of}"
    if indices != list(range(first, last + 1)):
        return ""
    if size % 2 == 0 and len(indices) == size // 2 and (first == 0 or last == size - 1):
        return f"in the {'second' if first else 'first'} half{of}"
    where = f"up to {last}" if first == 0 else f"from {first} on" if last == size - 1 else f"{first} to {last}"
    return f"in {'columns' if axis else 'rows'} {where}" if len(shape) == 2 else f"at indices {where}{of}"


def _shapes(checked: Array) -> list[tuple[str, Array]]:
    """Regions of the last two axes that are not products of indices, the diagonal first."""
    shape = checked.shape
    if any(2 * len(_indices(checked, axis)) < shape[axis] for axis in range(-min(2, len(shape)), 0)):
        return []  # too little was checked to tell them from anything else
    if len(shape) < 2:
        ends = np.isin(np.arange(*shape), [0, shape[0] - 1]) if shape else np.ones(shape, bool)
        return [("at both ends", ends)] if shape and shape[0] > 4 else []
    of = " of the last two axes" if len(shape) > 2 else ""
    i, j = np.indices(shape)[-2:]
    rows, columns = shape[-2:]
    found = []
    if min(rows, columns) > 1:
        found = [
            (f"on the diagonal{of}", i == j),
            (f"above the diagonal{of}", i < j),
            (f"below the diagonal{of}", i > j),
        ]
    if min(rows, columns) > 2:
        found.append((f"at the border{of}", (i == 0) | (i == rows - 1) | (j == 0) | (j == columns - 1)))
    return found
