"""What is known about wrong elements: the numbers to compare, and the words to describe a mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ...dtypes import Array
from ..differences.numeric import scale_of
from ..differences.point import Point
from ..report import Finding

_COLUMN = 64  # elements of the results whose derivatives are looked at one by one

Column: TypeAlias = "Callable[[tuple[int, ...]], list[tuple[Array, Array, Array]] | None]"


@dataclass(frozen=True)
class Clues:
    """What a hint may refer to, beside the gradient and the numeric derivative.

    Attributes:
        arrays: what a rule may have forgotten to multiply by, or may have multiplied by once too often, as
            pairs of words and an array: the inputs, the results, the gradients that came in.
        sizes: what a number may be the size of, as pairs of words and a size.
        uses: how many links of the graph lead to the input; 0 if that is not known.
        column: for an element of the input the derivatives of each result's elements with respect to it: the
            gradient's, the numeric ones, and the error of these; None where that would take too long.
        passes: the input's gradients for one graph and the incoming gradients g, g again, 2 g, some elements of
            g, and the others.
        batch: how many samples the batch has; 0 if that is not known.
        columns: how many it has if its samples are columns; 0 if that cannot be.
        times: the number of samples that the gradient was multiplied by, as `batch_mean` says; 0 if it was not.
        by_hand: whether the gradient was written in plain NumPy.
    """

    arrays: Sequence[tuple[str, Array]] = ()
    sizes: Sequence[tuple[str, int]] = ()
    uses: int = 0
    column: Column | None = None
    passes: Callable[[], Sequence[Array]] | None = None
    batch: int = 0
    columns: int = 0
    times: int = 0
    by_hand: bool = False


class Case:
    """The elements of one finding that can be compared.

    Attributes:
        analytic, numeric, error: as in the finding.
        usable: where there is a numeric derivative; wrong, right: the two parts of it.
        typical: the size of the largest number among them.
    """

    def __init__(self, finding: Finding, clues: Clues) -> None:
        self.finding = finding
        self.clues = clues
        self.name: str = finding.input.name
        self.analytic: Array = finding.analytic
        self.numeric: Array = finding.numeric
        self.error: Array = np.where(np.isfinite(finding.error), finding.error, 0.0)
        self.usable: Array = finding.checked & ~finding.inconclusive & np.isfinite(finding.numeric)
        self.wrong: Array = finding.wrong & self.usable
        self.right: Array = self.usable & ~self.wrong
        numbers = np.concatenate([self.analytic[self.usable], self.numeric[self.usable]])
        self.typical: float = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0))

    def alike(self, one: Array, other: Array, where: Array, error: Array | None = None) -> bool:
        """Whether two arrays agree in all of the places `where`, as well as the numeric derivative can tell."""
        a, b = one[where], other[where]
        slack = 10 * (self.error if error is None else error)[where] + 1e-9 * self.typical
        return bool(np.all(np.abs(a - b) <= 1e-6 * np.maximum(np.abs(a), np.abs(b)) + slack))

    @property
    def partly(self) -> bool:
        """Whether there are right elements other than zeros."""
        return bool((np.abs(self.numeric[self.right]) > 1e-9 * self.typical).any())


def clues_at(
    point: Point,
    place: int,
    name: str,
    arrays: Sequence[tuple[str, Array]],
    others: Sequence[tuple[str, Array]],
    uses: int = 0,
    *,
    column: bool = True,
) -> Clues:
    """What a mistake in the gradient of one input of a point may be phrased with; see `Clues`.

    Args:
        point: where it was computed.
        place: which input of the point.
        name: what to call it.
        arrays: what a rule may have forgotten to multiply by, beside the gradients that come in.
        others: arrays, beside the input, of whose sizes a number may be.
        uses: how many links of the graph lead to the input.
        column: whether the derivatives of the results by themselves are those of the point.
    """
    own = point.arrays[place]
    sizes = [*_axes_of(own), *[(f"the number of elements of {name}", own.size)] * (own.ndim > 1)]
    for words, array in others:
        sizes += _axes_of(array, f" of {words}")
    entering = [("the incoming gradient", g) for g in point.cotangents]

    def look(at: tuple[int, ...]) -> list[tuple[Array, Array, Array]] | None:
        if sum([out.size for out in point.centre]) > _COLUMN:
            return None
        ours = np.array([row[place][at] for row in point.rows()])
        size = float(scale_of(point.arrays[place][at]))
        slope = point.column(place, at, size).slope(0.0).per(size)
        return list(zip(*map(point.split, (ours, slope.value, slope.error)), strict=True))

    passes = lambda: [point.pull(g)[place] for g in several(point.cotangents)]
    return Clues([*arrays, *entering], sizes, uses, look if column else None, passes)


def _axes_of(array: Array, of: str = "") -> list[tuple[str, int]]:
    """The sizes of the axes of an array, in words."""
    return [(f"the size of axis {i}{of}", n) for i, n in enumerate(array.shape)]


def several(cotangents: Sequence[Any]) -> list[list[Any]]:
    """Incoming gradients g, g again, 2 g, every second element of g, and the other ones; see `Clues.passes`."""

    def each(change: Callable[[Array], Array]) -> list[Any]:
        return [None if g is None else change(g) for g in cotangents]

    def half(g: Array) -> Array:
        return (np.arange(g.size) % 2).reshape(g.shape)

    parts = each(lambda g: g * half(g)), each(lambda g: g * (1 - half(g)))
    return [each(np.copy), each(np.copy), each(lambda g: 2 * g), *parts]
