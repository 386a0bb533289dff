"""How the samples of a batch stay apart in convolution, its transpose and its derivative with respect to the weight.

All that these add up are products, one for each sample n, group g, channels o and c, window t and place k of the
kernel; window and place say where in the image. The ids of a result are those of its products, and the ids of an
argument are those of all products that it is in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.graph import Node
from ..sample_rules.contributions import Contribution, Products, WrittenOut
from ..sample_rules.ids import Use, collapse
from ..sample_rules.rule import Found, SampleRule, value_of
from .convolving import correlated_apart
from .patches import seen_through
from .window_ids import of_image, under_windows
from .windows import Windows

IMAGE, RESULT, WEIGHT = "ngc", "ngo", "goc"  # groups, and the channels in each, share an axis
_PLACES = {IMAGE: "xyz", RESULT: "uvw", WEIGHT: "rst"}


class Bilinear(SampleRule):
    """That of an op with two arguments, and maybe a bias, which are of these kinds."""

    def __init__(self, *arguments: str, result: str) -> None:
        self._arguments = arguments
        self._result = result

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        groups, windows = value_of(node, "groups"), value_of(node, "windows")
        own = ids.reshape(_parted(ids.shape, self._result, groups))
        products = _of_products(own, self._result, node.shape, windows)
        found: list[Found] = []
        for link, kind in zip(node.inputs, self._arguments, strict=False):
            if link is None:
                found.append(None)
                continue
            if kind in _PLACES:
                there = _of_argument(products, kind, link.shape, windows)
            else:
                there = collapse(own, (0, *range(3, own.ndim)))
                there = None if there is None else there.reshape(there.shape[1:3])
            if there is None:
                found.append(Use.MIXED if "n" in kind else Use.SHARED)
            else:
                found.append(_whole(there, link.shape, kind, groups))
        return found

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        """To a weight, the products of patches with the gradient; to a bias, the gradient.

        For images of more than a few places, the products of a sample take more room than their sum, and it is written.
        """
        kind = self._arguments[argument]
        if "n" in kind or self._result == WEIGHT:
            return None
        by_batch = all(n == 1 for n in ids.shape[1:])
        plain = by_batch and ids.size == len(g) and isinstance(g, np.ndarray)
        if kind != WEIGHT:
            letters = _letters(self._result, node.shape).replace("g", "")
            if plain:
                sums = g.reshape((*g.shape[:2], math.prod(g.shape[2:]))).sum(-1)
                return WrittenOut(ids.reshape(-1), sums, (0,))
            return Products(letters[1], (letters, g), ())
        images, results = (args[0], g) if self._result == RESULT else (g, args[0])
        if results is not g and not by_batch:
            return None
        groups, windows = value_of(node, "groups"), value_of(node, "windows")
        shape = node.inputs[argument].shape  # type: ignore[union-attr]
        left, right = shape[0] // groups, math.prod(shape[1:])
        if plain and left * right <= math.prod(results.shape[2:]) * (left + right):
            return WrittenOut(ids.reshape(-1), *correlated_apart(images, results, windows, groups))
        own = ids.reshape(_parted(ids.shape, self._result, groups))
        return _products(images, results, windows, groups, shape, own)


def _products(
    images: Any, results: Any, windows: Windows, groups: int, shape: tuple[int, ...], ids: Any
) -> Contribution:
    """The products of patches with what there is for each window."""
    patches, axes = seen_through(images, windows), windows.axes
    letters = IMAGE + _PLACES[RESULT][:axes] + _PLACES[WEIGHT][:axes]
    return Products(
        _letters(WEIGHT, shape),
        (_letters(RESULT, results.shape), results.reshape(_parted(results.shape, RESULT, groups))),
        ((letters, patches.reshape(_parted(patches.shape, IMAGE, groups))),),
        _parted(shape, WEIGHT, groups),
        ids,
    )


def _of_products(own: Any, kind: str, shape: tuple[int, ...], windows: Windows) -> Any:
    """The ids of all products (n, g, o, c, *counts, *kernel), from those of the result."""
    none = (1,) * windows.axes
    if kind == RESULT:
        return own.reshape((*own.shape[:3], 1, *own.shape[3:], *none))
    if kind == WEIGHT:
        return own.reshape((1, *own.shape[:3], *none, *own.shape[3:]))
    under = under_windows(own, shape[2:], windows)
    return under.reshape((*under.shape[:2], 1, *under.shape[2:]))


def _of_argument(products: Any, kind: str, shape: tuple[int, ...], windows: Windows) -> Any:
    """The ids of an argument; None if an element is in products of several samples."""
    axes = windows.axes
    counts, kernel = tuple(range(4, 4 + axes)), tuple(range(4 + axes, 4 + 2 * axes))
    gone = {RESULT: (3, *kernel), WEIGHT: (0, *counts), IMAGE: (2,)}[kind]
    left = collapse(products, gone)
    if left is None:
        return None
    left = left.reshape([n for axis, n in enumerate(left.shape) if axis not in gone])
    return of_image(left, shape[2:], windows) if kind == IMAGE else left


def _letters(kind: str, shape: tuple[int, ...]) -> str:
    """A letter for each axis; that of groups and channels has two."""
    return kind + _PLACES[kind][: len(shape) + 1 - len(kind)]


def _parted(shape: tuple[int, ...], kind: str, groups: int) -> tuple[int, ...]:
    """A shape, or one of ids, in which groups and the channels in each have an axis of their own."""
    at = kind.index("g")
    parts = (1, 1) if shape[at] == 1 else (groups, shape[at] // groups)
    return (*shape[:at], *parts, *shape[at + 1 :])


def _whole(ids: Any, shape: tuple[int, ...], kind: str, groups: int) -> Any:
    """Ids for an array of this shape, whose two axes of groups and channels are one again."""
    at = kind.index("g")
    parts = ids.shape[at : at + 2]
    if parts != (1, 1):
        parts = groups, shape[at] // groups
        ids = np.broadcast_to(ids, (*ids.shape[:at], *parts, *ids.shape[at + 2 :]))
    return ids.reshape((*ids.shape[:at], math.prod(parts), *ids.shape[at + 2 :]))
