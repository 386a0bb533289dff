"""What the values of wrong elements have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ...dtypes import Array
from .clues import Case


def where_by_value(case: Case) -> str:
    """What the wrong elements have in common by their values, and no right one has, unless that may be chance."""
    x = np.asarray(case.finding.input.value, dtype=np.float64)
    if not case.right.any() or x.shape != case.wrong.shape:
        return ""
    ways = math.comb(int(case.usable.sum()), int(case.wrong.sum()))
    for words, mask, enough in _properties(x, case.name, case.clues.arrays):
        if ways >= enough and np.array_equal(mask & case.usable, case.wrong):
            return f"the wrong ones are those {words}"
    name, size = (f"|{case.name}|", np.abs(x)) if (x < 0).any() else (case.name, x)
    wrong, right = size[case.wrong], size[case.right]
    if ways >= 500 and wrong.max() < right.min():
        return f"the wrong ones are those where {name} is small, {wrong.max():.3g} or less"
    if ways >= 500 and wrong.min() > right.max():
        return f"the wrong ones are those where {name} is large, {wrong.min():.3g} or more"
    return ""


def _properties(x: Array, name: str, arrays: Sequence[tuple[str, Array]]) -> Iterator[tuple[str, Array, int]]:
    """Properties of an element's value; and how many ways there are to choose as many elements by chance."""
    yield f"where {name} = 0", x == 0, 1
    _, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    yield "whose value occurs more than once (ties)", (counts > 1)[places].reshape(x.shape), 1
    yield f"where {name} < 0", x < 0, 20
    yield f"where {name} > 0", x > 0, 20
    yield f"where {name} >= 0", x >= 0, 20
    for bound in (1, -1):
        yield f"where {name} > {bound}", x > bound, 100
        yield f"where {name} < {bound}", x < bound, 100
    yield f"where |{name}| > 1", np.abs(x) > 1, 100
    yield f"where |{name}| < 1", np.abs(x) < 1, 100
    for axis in [None, *range(x.ndim)] if x.ndim > 1 else [None]:
        of = name if axis is None else f"each slice along axis {axis}"
        for what, mask in (("largest", x == x.max(axis, keepdims=True)), ("smallest", x == x.min(axis, keepdims=True))):
            yield f"that are the {what} of {of}", mask, 100
            yield f"that are not the {what} of {of}", ~mask, 100
    for quoted, array in arrays:
        other = quoted.strip("'")
        if array.shape == x.shape and quoted.startswith("'") and other != name:
            yield f"where {name} < {other}", x < array, 20
            yield f"where {name} > {other}", x > array, 20
            yield f"where {name} = {other}", x == array, 1
