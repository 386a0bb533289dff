"""A function at one point: how its outputs change there, and whether a gradient agrees.

Whatever compares a gradient with a numeric derivative does it here: `judge` is the only place that decides.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...dtypes import Array
from ..subject import Subject, floating_outputs, is_floating, or_zeros
from .confirming import second_opinion
from .numeric import STEP, Slope, complex_step, richardson
from .rounding import rounding_of

EPS = 2.0**-52
_SURE = 32  # how many error estimates a gradient must be off for one opinion to suffice


class Point:
    """A function of arrays, at a point.

    Attributes:
        values: the outputs for other inputs.
        arrays: the inputs that can be moved, where they are.
        centre: the outputs there.
        cotangents: for each output the gradient that enters.
        pull: the gradients of the inputs for other cotangents, zeros where there is none.
        pull_at: this function at other inputs; None if that is not to be had.
        plain: the outputs for complex inputs.
        evaluations: how often the outputs have been computed.
    """

    def __init__(
        self,
        values: Callable[[Sequence[Array]], Sequence[Array]],
        arrays: Sequence[Array],
        centre: Sequence[Array],
        cotangents: Sequence[Array],
        pull: Callable[[Sequence[Array]], list[Array]],
        plain: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
        pull_at: Callable[[Sequence[Array]], Callable[[Sequence[Array]], list[Array]]] | None = None,
    ) -> None:
        self.values = values
        self.arrays = arrays
        self.centre = centre
        self.cotangents: list[Array] = list(cotangents)
        self.pull = pull
        self.plain = plain
        self.pull_at = pull_at
        self.evaluations: int = 0

    @classmethod
    def of(cls, subject: Subject, arrays: Sequence[Any], centre: Sequence[Array], cotangents: Sequence[Array]) -> Point:
        """The point of a subject at which its checked inputs can be moved; all gradients are those of one graph."""
        checked = [arrays[i] for i in subject.checked]

        def given(moved: Sequence[Any]) -> list[Any]:
            parts = dict(zip(subject.checked, moved, strict=True))
            return [parts.get(i, a) for i, a in enumerate(arrays)]

        def plain(moved: Sequence[Any]) -> list[Any]:
            subject.used[0] += 1
            try:
                widened = [a.astype(complex) if is_floating(a) else a for a in given(moved)]
                return floating_outputs(subject.function(*widened))
            except (TypeError, AttributeError, ValueError) as error:
                raise TypeError(
                    f"method='complex': {subject.name} cannot be called with complex arrays ({error}): "
                    "use method='richardson'"
                ) from error

        def pull_at(moved: Sequence[Any]) -> Callable[[Sequence[Array]], list[Array]]:
            graph = functools.cache(lambda: subject.pullback(given(moved)))
            return lambda seeds: or_zeros(graph()(seeds), checked)

        values = lambda moved: subject.values(given(moved))
        return cls(values, checked, centre, cotangents, pull_at(checked), plain, pull_at)

    @property
    def whole(self) -> float:
        """The size of what is added up: of the outputs, each times its cotangent."""
        return float(sum([np.abs(y * c).sum() for y, c in zip(self.centre, self.cotangents, strict=True)]))

    @functools.cached_property
    def rounding(self) -> list[float]:
        """For each input how much rounding there is in its gradient, as a standard deviation."""
        at = self.pull_at or (lambda _: self.pull)
        found = rounding_of(lambda arrays, seeds: at(arrays)(seeds), self.arrays, self.cotangents)
        return found or [0.0] * len(self.arrays)

    def element(self, place: int, index: tuple[int, ...], size: float) -> Callable[[float], Sequence[Array]]:
        """The outputs as a function of the step, in multiples of `size`, by which one element is moved."""

        def moved(step: float) -> Sequence[Array]:
            arrays = list(self.arrays)
            arrays[place] = arrays[place].copy()
            arrays[place][index] += step * size
            return self._computed(arrays)

        return moved

    def line(self, directions: Sequence[Array]) -> Callable[[float], Sequence[Array]]:
        """The outputs as a function of the step along a direction of all inputs."""
        return lambda step: self._computed(
            [np.asarray(a + step * d) for a, d in zip(self.arrays, directions, strict=True)]
        )

    def _computed(self, arrays: Sequence[Array]) -> Sequence[Array]:
        self.evaluations += 1
        try:
            found = self.values(arrays)
        except (ArithmeticError, ValueError, IndexError):  # it is not defined there: a matrix is singular, for example
            found = []
        if [out.shape for out in found] != [out.shape for out in self.centre]:
            return [np.full(out.shape, np.nan) for out in self.centre]
        return found

    def column(self, place: int, index: tuple[int, ...], size: float) -> Way:
        """The way of one element of an input, for all elements of the outputs in one row."""
        return Way(self, self.element(place, index, size))

    def split(self, row: Array) -> list[Array]:
        """Values for all elements of the outputs, in one row, split into the shapes of the outputs."""
        cuts = np.cumsum([out.size for out in self.centre])[:-1]
        return [part.reshape(out.shape) for part, out in zip(np.split(row, cuts), self.centre, strict=True)]

    def rows(self) -> list[list[Array]]:
        """The gradients of each element of the outputs by itself: nothing cancels in a sum."""
        found = []
        for k, out in enumerate(self.centre):
            for index in np.ndindex(out.shape):
                seeds = [np.zeros(o.shape) for o in self.centre]
                seeds[k][index] = 1.0
                found.append(self.pull(seeds))
        return found

    def complex_slope(self, place: int, index: tuple[int, ...], size: float) -> Slope:
        """The derivative of the outputs times the cotangents, added up, by a complex step."""
        plain, arrays = self.plain, [a.astype(complex) for a in self.arrays]
        assert plain is not None

        def moved(step: complex) -> Any:
            arrays[place][index] = self.arrays[place][index] + step * size
            return sum([(np.asarray(y) * c).sum() for y, c in zip(plain(arrays), self.cotangents, strict=True)])

        value = complex_step(moved)
        return Slope(value, 1e-14 * np.abs(value), value, value, np.zeros(value.shape, bool))


class Way:
    """How all elements of the outputs of a point, in one row, change along a way."""

    def __init__(self, point: Point, moved: Callable[[float], Sequence[Array]]) -> None:
        self._point = point
        self._moved = moved

    def __call__(self, step: float) -> Array:
        return _flat(self._moved(step))

    @property
    def centre(self) -> Array:
        """The value at step 0."""
        return _flat(self._point.centre)

    def magnitude(self) -> float:
        """The size of the numbers that were added up for it, beside its own."""
        return 0.0

    def slope(self, enough: Array | float, **ladder: Any) -> Slope:
        """Its derivative."""
        return richardson(self, self.centre, self.magnitude, enough=enough, **ladder)

    def second_opinion(self, slope: Slope, enough: Array) -> Slope:
        """The derivative with an error that knows the rounding inside the function; see `second_opinion`."""
        return second_opinion(self, slope, max(self._point.whole, self.magnitude()), enough)


class Change(Way):
    """By how much the outputs of a point, each times its cotangent, change along a way, added up.

    The differences are taken before the sum: outputs that do not change leave no rounding in it.
    """

    def __init__(self, point: Point, moved: Callable[[float], Sequence[Array]]) -> None:
        super().__init__(point, moved)
        self._magnitude = 0.0
        self.steepest: float = 0.0  # the largest slope over a step so far

    def __call__(self, step: float) -> Array:
        total, size = [], 0.0
        for new, old, c in zip(self._moved(step), self._point.centre, self._point.cotangents, strict=True):
            change = (new - old) * c
            total.append(float(change.sum()))
            size += float(np.sqrt(np.square(np.where(change == 0, 0.0, old * c)).sum()))
        self._magnitude = max(self._magnitude, size)
        whole = math.fsum(total)
        self.steepest = max(self.steepest, abs(whole / step)) if math.isfinite(whole) and step else self.steepest
        return np.asarray(whole)

    @property
    def centre(self) -> Array:
        """Nothing has changed."""
        return np.zeros(())

    def magnitude(self) -> float:
        """The size of what changes: the root of the sum of squares, as rounding goes either way."""
        return self._magnitude

    def second_opinion(self, slope: Slope, enough: Array) -> Slope:
        """The derivative with an error that knows the rounding inside the function, and in outputs that stand still:
        they may change by less than their last digit.
        """
        again = super().second_opinion(slope, enough)
        terms = [np.square(y * c).sum() for y, c in zip(self._point.centre, self._point.cotangents, strict=True)]
        return again._replace(error=np.maximum(again.error, EPS * np.sqrt(sum(terms)) / STEP))


class Judgement(NamedTuple):
    """The comparison of a gradient with a numeric derivative, element by element.

    Attributes:
        wrong: they differ by more than rounding and the error of the numeric derivative explain.
        usable: there is a numeric derivative, and it is exact enough for agreement to mean something.
    """

    wrong: Array
    usable: Array


class Bounds(NamedTuple):
    """How closely to look.

    Attributes:
        tolerance: by how much the gradient may be off.
        noise: what rounding leaves of a gradient that is 0.
        precision: with which error of the derivative there is something to say.
    """

    tolerance: Array | float
    noise: Array | float
    precision: Array | float


def judge(ours: Array | float, slope: Slope, bounds: Bounds) -> Judgement:
    """Whether a gradient is the numeric derivative. A gradient that is not finite is wrong anyway."""
    gap = np.abs(ours - slope.value)
    far = (gap > bounds.tolerance + 8 * slope.error + bounds.noise + 1e-300) & ~slope.kink
    return Judgement(far | ~np.isfinite(ours), ~slope.kink & (slope.error <= bounds.precision + 1e-300))


def decide(
    way: Way, ours: Array | float, slope: Slope, bounds: Bounds | Callable[[Slope], Bounds], size: float = 1.0
) -> tuple[Slope, Judgement]:
    """Judge a gradient, with a second opinion on the derivative before it is called wrong or inconclusive.

    Args:
        way: along which the derivative was taken.
        ours: the gradient along it.
        slope: the derivative, per `size`.
        bounds: how closely to look; if that depends on the derivative, a function of it.
        size: the length of the way for a step of 1.

    Returns:
        The derivative that counts in the end, and the judgement.
    """
    within = bounds if callable(bounds) else lambda _: bounds
    first, near = judge(ours, slope, within(slope)), within(slope)
    accused = first.wrong & np.isfinite(ours)
    unknown = ~first.usable & ~slope.kink & ~first.wrong
    if not (accused | unknown).any():
        return slope, first
    enough = np.where(accused, np.abs(ours - slope.value) / 64, near.precision) * size
    again = way.second_opinion(slope, enough).per(size)
    take = accused | (unknown & (again.error < slope.error))
    slope = Slope(*[np.where(take, b, a) for a, b in zip(slope, again, strict=True)])
    slope = slope._replace(noise=np.where(accused | unknown, again.noise, slope.noise))
    last = judge(ours, slope, within(slope))
    # Two opinions are needed to call it wrong; where nothing was known, the second alone must be very sure.
    sure = np.abs(ours - slope.value) > near.tolerance + near.noise + _SURE * slope.error
    wrong = last.wrong & (first.wrong | sure)
    return slope, Judgement(wrong, last.usable & ~(last.wrong & ~wrong))


def between_sides(ours: float, slope: Slope, slack: float) -> bool:
    """Whether a gradient lies between the slopes on both sides of a kink."""
    low, high = sorted((float(slope.left), float(slope.right)))
    return low - slack <= ours <= high + slack


def _flat(outputs: Sequence[Array]) -> Array:
    return np.concatenate([out.reshape(-1) for out in outputs])
