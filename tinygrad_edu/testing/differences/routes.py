"""The routes by which gradients are compared with numeric derivatives: whole Jacobian, elements, or projections."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ...dtypes import Array
from ..options import Options
from ..report import Finding, Report
from .confirming import is_kink, outside_of_kink
from .conventions import judge_conventions
from .numeric import STEP, Slope, scale_of
from .point import EPS, Bounds, Change, Point, Way, between_sides, decide, judge

_FULL = 256  # entries of a Jacobian that is checked whole
_ELEMENTS = 600  # elements that are checked one by one
_PROJECTIONS = 3
_LIMIT = 600  # evaluations to spend on finding wrong elements or kinks
_SHORT = STEP / 16**3  # a first step where longer ones pass too many kinks
_CONFIRMED = 16  # wrong elements of an input after which others that are far off need no second opinion
_BLUR = 64  # how many standard deviations of its rounding a gradient may be off
_TOGETHER = 64  # elements of outputs whose gradients are taken one by one where inputs are at a kink
_SAMPLE = 48  # elements to look at one by one where projections are inconclusive

Masks = list[Array]  # for each input some of its elements


class Routes:
    """One comparison of the gradients at a point with numeric derivatives.

    Attributes:
        point: where they are compared.
        findings: for each input its gradient, and what has been found of it.
        options: how closely.
        report: where it is noted what was done.
    """

    def __init__(self, point: Point, findings: list[Finding], options: Options, report: Report) -> None:
        self.point = point
        self.findings = findings
        self.options = options
        self.report = report
        self._moved_by: dict[tuple[int, tuple[int, ...]], float] = {}  # in which size each element has been moved
        self._left_out: list[Array] = []  # the elements of the outputs that have a kink along some direction

    def run(self) -> None:
        """Compare by the route that suits the number of elements; one is the whole Jacobian."""
        total = sum([a.size for a in self.point.arrays])
        outputs = sum([out.size for out in self.point.centre])
        mode = self.options.mode
        if mode == "full" or (mode == "auto" and total <= _ELEMENTS):
            whole = mode == "full" or total * outputs <= _FULL
            self.report.mode = "full" if whole else "elements"
            self.elements()
            if self.report.mode == "full":
                self.jacobian()
            self._conventions()
        else:
            self.report.mode = "project"
            self.project()
            self._conventions(self._left_out if any(mask.any() for mask in self._left_out) else ())

    def _conventions(self, left_out: Sequence[Array] = ()) -> None:
        """Judge what lies at kinks and ties."""
        sizes = [np.array(scale_of(a)) for a in self.point.arrays]
        for (place, index), size in self._moved_by.items():
            sizes[place][index] = size
        counted = self.options.on_kink == "convention"
        judge_conventions(self.point, self.findings, sizes, self.options.rng, counted=counted, left_out=left_out)

    def elements(self) -> None:
        """Compare all elements one by one."""
        for place, finding in enumerate(self.findings):
            for index in np.ndindex(finding.analytic.shape):
                self._element(place, finding, index)

    def _element(self, place: int, finding: Finding, index: tuple[int, ...]) -> None:
        """Compare one element, and write down what was found."""
        ours, largest = float(finding.analytic[index]), largest_of(finding.analytic)
        change, slope, size, bounds = self._derivative(place, index, ours, largest)
        finding.checked[index] = True
        self._moved_by[place, index] = size
        if slope.kink and is_kink(change):
            self._at_kink(finding, index, change, slope, size)
            return
        slope = slope._replace(kink=np.zeros((), bool))
        wrong, usable = judge(ours, slope, bounds(slope))
        blur = 0.0
        sure = int(finding.wrong.sum()) >= _CONFIRMED and abs(ours - slope.value) > 1e-3 * largest
        if self.options.method != "complex" and not (wrong and sure):
            slope, (wrong, usable) = decide(change, ours, slope, bounds, size)
            blur = self._blur(place, size, largest) if wrong and np.isfinite(ours) else 0.0
            if blur and not judge(ours, slope, bounds(slope, blur)).wrong:
                finding.blurred[index], usable, wrong = True, np.asarray(False), np.asarray(False)
        finding.numeric[index], finding.error[index] = slope.value, slope.error
        finding.wrong[index], finding.inconclusive[index] = wrong, not usable and not wrong
        finding.noise[index] = 0.0 if usable else blur / _BLUR if finding.blurred[index] else slope.noise

    def _derivative(
        self, place: int, index: tuple[int, ...], ours: float, largest: float
    ) -> tuple[Change, Slope, float, Callable[..., Bounds]]:
        """The derivative with respect to an element: in steps of which size, and how closely to look at it."""
        point, found = self.point, []
        for size in _sizes(point.arrays[place], index):
            change = Change(point, point.element(place, index, size))
            if self.options.method == "complex":
                self.report.method = "complex"
                slope = point.complex_slope(place, index, size).per(size)
            else:
                enough = float(self.options.tolerance(0.1 * abs(ours), 0.1 * max(largest, abs(ours)))) * size
                slope = change.slope(max(enough, 1e-300)).per(size)
            bounds = functools.partial(self._bounds, change, ours, largest, size)
            found.append((change, slope, size, bounds))
            known = not slope.kink and slope.error <= bounds(slope).precision
            if known and (slope.value or len(found) == 1):  # over a tiny way nothing may move
                return found[-1]
        return found[0]

    def _bounds(
        self, change: Change, ours: float, largest: float, size: float, slope: Slope, blur: float = 0.0
    ) -> Bounds:
        """How closely to look at an element."""
        noise = 16 * EPS * self.point.whole / size
        if not slope.value and not slope.error:
            noise /= STEP  # nothing moved at all: then it may have moved by less than the last digit
        scale = abs(float(slope.value)) + 1e-2 * largest
        little = 1e-9 * change.magnitude() / size if abs(ours) <= noise else 0.0  # small beside the outputs
        little = max(little, 1e-6 * change.steepest / size)  # and beside the slopes nearby, as at a minimum
        tolerance = float(self.options.tolerance(slope.value, largest))
        return Bounds(tolerance, noise + blur, max(1e-4 * scale, tolerance) + little)

    def _at_kink(self, finding: Finding, index: tuple[int, ...], change: Change, slope: Slope, size: float) -> None:
        """Compare an element that has another slope on each side; the gradient has to lie between them."""
        ours, largest = float(finding.analytic[index]), largest_of(finding.analytic)
        slack = 1e-4 * (abs(float(slope.left)) + abs(float(slope.right)) + 1e-2 * largest)
        inside = between_sides(ours, slope, slack) or not outside_of_kink(change, ours * size, slack * size)
        low, high = sorted((float(slope.left), float(slope.right)))
        finding.numeric[index], finding.error[index] = min(max(ours, low), high), slope.error
        finding.kinks[index] = True
        if not inside:
            finding.sides[index] = (low, high)
        finding.wrong[index] = not (inside and np.isfinite(ours))
        finding.inconclusive[index] = not finding.wrong[index] and self.options.on_kink != "convention"

    def kinks_together(self) -> None:
        """Move all elements that lie at a kink at once: what does not bend then has a derivative, as at a tie."""
        at_kink = [f.kinks & ~f.wrong for f in self.findings]
        if sum([int(k.sum()) for k in at_kink]) < 2 or sum([out.size for out in self.point.centre]) > _TOGETHER:
            return
        directions = [np.where(k, scale_of(a), 0.0) for k, a in zip(at_kink, self.point.arrays, strict=True)]
        rows = self.point.rows()
        terms = [np.concatenate([(g * d).reshape(-1) for g, d in zip(row, directions, strict=True)]) for row in rows]
        ours, size = np.array([t.sum() for t in terms]), np.array([np.abs(t).sum() for t in terms])
        way = Way(self.point, self.point.line(directions))
        slope = way.slope(1e-7 * size + 1e-300)

        def bounds(slope: Slope) -> Bounds:
            noise = 16 * EPS * np.abs(way.centre) / STEP
            return Bounds(1e-4 * (size + np.abs(slope.value)), noise, 1e-3 * (size + np.abs(slope.value)))

        _, (wrong, usable) = decide(way, ours, slope, bounds)
        if (wrong & usable).any():
            for finding, kink in zip(self.findings, at_kink, strict=True):
                finding.wrong |= kink
                finding.inconclusive &= ~finding.wrong

    def jacobian(self) -> None:
        """Row by row with one cotangent for each output element: nothing cancels in a sum."""
        if self.options.method == "complex":
            return  # exact as it is
        rows = self.point.rows()
        largest = np.array([max([largest_of(g) for g in row]) for row in rows])
        for place, finding in enumerate(self.findings):
            for index in np.ndindex(finding.analytic.shape):
                if not finding.inconclusive[index] and not finding.kinks[index]:
                    ours = np.array([row[place][index] for row in rows])
                    finding.wrong[index] |= self._column_wrong(place, index, ours, largest)

    def _column_wrong(self, place: int, index: tuple[int, ...], ours: Array, largest: Array) -> bool:
        """Whether some element of the outputs has another derivative with respect to an element than `ours`.

        Args:
            place: which input.
            index: which element of it.
            ours: the derivatives of all elements of the outputs.
            largest: for each of these the largest of its derivatives.
        """
        size = self._moved_by[place, index]
        way = self.point.column(place, index, size)
        slope = way.slope(self.options.tolerance(0.1 * np.abs(ours), 0.1 * largest) * size + 1e-300).per(size)

        def bounds(slope: Slope) -> Bounds:
            noise = 16 * EPS * np.abs(way.centre) / size
            return Bounds(self.options.tolerance(slope.value, largest), noise, np.finfo(np.float64).max)

        slope, (wrong, usable) = decide(way, ours, slope, bounds, size)
        if (wrong & usable).any():
            blur = self._blur(place, size, float(largest.max(initial=0.0)))
            near = bounds(slope)
            wrong &= judge(ours, slope, near._replace(noise=near.noise + blur)).wrong
        return bool((wrong & usable).any())

    def _blur(self, place: int, size: float, largest: float) -> float:
        """How far off the gradient of an input may be by its own rounding; 0 if it scatters by more than rounding."""
        blur = _BLUR * self.point.rounding[place]
        return blur if blur <= max(1e-6 * max(self.point.whole, 1.0) / size, 0.1 * largest) else 0.0

    def project(self) -> None:
        """Several random directions of signs, along which one wrong element among many is seen; then bisection."""
        for part in self._parts():
            state, signs = self.look_along(part)
            if state == "right":
                _accept(self.findings, part)
            else:
                self._bisect(signs, part, state)
            if state == "wrong":
                return

    def look_along(self, part: Masks) -> tuple[str, list[Array]]:
        """Whether the gradients of a part are right along some directions, as far as is known; and the last one."""
        state, signs = "right", []
        sizes = [scale_of(a) for a in self.point.arrays]
        for _ in range(_PROJECTIONS):
            signs = [self.options.rng.choice([-1.0, 1.0], s.shape) * s for s in sizes]
            state = self._along(signs, part)
            if state == "inconclusive" and self._without_kinks(signs):
                state = self._along(signs, part)
            if state != "right":
                break
        return state, signs

    def _along(self, signs: list[Array], part: Masks, first: float = STEP, *, halved: bool = False) -> str:
        """Whether the gradients agree with the derivative along a direction, of which only `part` is taken.

        A half of what is wrong needs no second opinion: each element will have one.
        """
        directions = [np.where(mask, sign, 0.0) for mask, sign in zip(part, signs, strict=True)]
        terms = [f.analytic * d for f, d in zip(self.findings, directions, strict=True)]
        expected = math.fsum([float(t.sum()) for t in terms])
        size = float(sum([np.abs(t).sum() for t in terms]))
        largest = sum(
            [largest_of(f.analytic) * float(np.abs(d).sum()) for f, d in zip(self.findings, directions, strict=True)]
        )

        change = Change(self.point, self.point.line(directions))
        slope = change.slope(1e-9 * size + 1e-300, tries=2 if first == STEP else 1, first=first)
        if first == STEP and (slope.kink or not slope.error <= 1e-5 * size):  # tiny steps pass few kinks
            slope = change.slope(1e-7 * size, tries=2, first=_SHORT)
        noise = 16 * EPS * self.point.whole
        little = 1e-9 * change.magnitude() if size <= noise else 0.0
        tolerance = self.options.rtol * largest if self.options.rtol is not None else 1e-11 * size
        bounds = Bounds(tolerance, noise, max(1e-5 * size, tolerance) + little)
        if not halved:
            slope, (wrong, usable) = decide(change, expected, slope, bounds)
        else:
            wrong, usable = judge(expected, slope, bounds)
        return "wrong" if wrong else "right" if usable else "inconclusive"

    def _without_kinks(self, signs: list[Array]) -> bool:
        """Leave out the outputs that have a kink along a direction; whether that is done, and enough are left."""
        if self.options.on_kink != "skip":
            return False
        point = self.point
        centre = np.concatenate([out.reshape(-1) for out in point.centre])
        slope = Way(point, point.line(signs)).slope(1e-7 * np.abs(centre), tries=2, first=_SHORT)
        bad = slope.kink | ~np.isfinite(slope.error)
        masks = point.split(bad)
        self._left_out = [a | b for a, b in zip(self._left_out or masks, masks, strict=True)]
        if not 0 < bad.sum() <= 0.25 * bad.size:
            return False
        point.cotangents = [np.where(mask, 0.0, c) for c, mask in zip(point.cotangents, masks, strict=True)]
        for finding, g in zip(self.findings, point.pull(point.cotangents), strict=True):
            finding.analytic[...] = g
        some = "1 number of the outputs lies" if bad.sum() == 1 else f"{int(bad.sum())} numbers of the outputs lie"
        self.report.notes.append(f"{some} at a kink, and {'was' if bad.sum() == 1 else 'were'} left out")
        return True

    def _bisect(self, signs: list[Array], part: Masks, state: str) -> None:
        """Halve the direction until single elements are left that are wrong, or kinks; look at some others as well."""
        wrong, doubtful = ([part], []) if state == "wrong" else ([], [part])
        first = STEP if wrong else _SHORT
        start = self.point.evaluations
        while (wrong or doubtful) and self.point.evaluations - start < _LIMIT:
            masks = wrong.pop() if wrong else doubtful.pop(0)  # down to a wrong one; free most of the rest of kinks
            if sum([int(m.sum()) for m in masks]) == 1:
                self._look(masks)
                continue
            for half in _halves(masks):
                found = self._along(signs, half, first, halved=True)
                if found == "right":
                    _accept(self.findings, half)
                else:
                    (wrong if found == "wrong" else doubtful).append(half)
        for masks in [*doubtful[-4:], *wrong[-8:]]:
            self._look(_first(masks))
        self._some_elements(part)
        for masks in doubtful:
            self._give_up(masks)
        left = sum([int((mask & ~f.checked).sum()) for mask, f in zip(part, self.findings, strict=True)])
        if left:
            self.report.notes.append(f"{left} elements were not looked at: they lie among wrong ones")

    def _give_up(self, part: Masks) -> None:
        """Write down that nothing is known of those elements of a part that have not been looked at."""
        for finding, mask in zip(self.findings, part, strict=True):
            left = mask & ~finding.checked
            finding.inconclusive |= left
            finding.noise[left] = finding.noise.max(initial=0.0)  # by what hides those that have been
            finding.checked |= mask

    def _look(self, masks: Masks) -> None:
        for place, (finding, mask) in enumerate(zip(self.findings, masks, strict=True)):
            for index in np.argwhere(mask):
                self._element(place, finding, tuple(int(i) for i in index))

    def _some_elements(self, part: Masks) -> None:
        """A few elements of each input one by one, chosen at random."""
        for place, (finding, mask) in enumerate(zip(self.findings, part, strict=True)):
            for flat in self.options.rng.permutation(mask.size)[: max(8, _SAMPLE // len(self.findings))]:
                index = tuple(int(i) for i in np.unravel_index(flat, mask.shape))
                if mask[index] and (not finding.checked[index] or finding.error[index] == 0):
                    self._element(place, finding, index)

    def _parts(self) -> list[Masks]:
        """All inputs together, and by itself each one that would not be seen beside the others."""
        sizes = [scale_of(a) for a in self.point.arrays]
        finite = [np.where(np.isfinite(f.analytic), f.analytic, 0.0) for f in self.findings]
        weights = [float(np.abs(g * s).sum()) for g, s in zip(finite, sizes, strict=True)]
        small = [k for k, weight in enumerate(weights) if weight < 1e-3 * sum(weights)]
        chosen = [range(len(sizes)), *[[k] for k in small if len(sizes) > 1]]
        return [[np.full(s.shape, j in part) for j, s in enumerate(sizes)] for part in chosen]


def largest_of(gradient: Array) -> float:
    """The size of a gradient."""
    return float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))


def _sizes(array: Array, index: tuple[int, ...]) -> list[float]:
    """The sizes in which to move an element, one after another until its derivative is known.

    Numbers near 0 are moved as if they were 0.01, and as the tiny numbers that they may be on purpose.
    """
    size, own = float(scale_of(array[index])), abs(float(array[index]))
    others = np.abs(array[array != 0])
    if own >= 1e-3 or others.max(initial=0.0) >= 1e-3:
        return [size]
    return [size, own or float(np.median(others))] if others.size else [size, 1e-6, 1e-10, 1e-14]


def _accept(findings: Sequence[Finding], part: Masks) -> None:
    """Write down that the gradients of a part agree with the derivative along a direction of it."""
    for finding, mask in zip(findings, part, strict=True):
        new = mask & ~finding.checked
        finding.checked |= new
        finding.numeric[...] = np.where(new, finding.analytic, finding.numeric)
        finding.error[...] = np.where(new, 0.0, finding.error)


def _halves(masks: Masks) -> list[Masks]:
    """The elements of masks in two halves."""
    counts = [int(m.sum()) for m in masks]
    middle, before = sum(counts) // 2, 0
    first = []
    for mask, count in zip(masks, counts, strict=True):
        flat = mask.reshape(-1).copy()
        flat[np.flatnonzero(flat)[max(0, middle - before) :]] = False
        first.append(flat.reshape(mask.shape))
        before += count
    return [first, [m & ~f for m, f in zip(masks, first, strict=True)]]


def _first(masks: Masks) -> Masks:
    """Just the first element of masks."""
    while sum([int(m.sum()) for m in masks]) > 1:
        masks = _halves(masks)[0]
    return masks
