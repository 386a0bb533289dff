"""The routes by which gradients are compared with numeric derivatives: whole Jacobian, elements, or projections."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...dtypes import Array
from ..options import Options
from ..report import Finding, Report
from .numeric import STEP, Slope, scale_of
from .point import EPS, Change, Point, between_sides, judge

_FULL = 256  # entries of a Jacobian that is checked whole
_ELEMENTS = 600  # elements that are checked one by one
_PROJECTIONS = 3
_LIMIT = 600  # evaluations to spend on finding wrong elements or kinks
_SHORT = STEP / 16**3  # a first step where longer ones pass too many kinks
_SAMPLE = 48  # elements to look at one by one where projections say nothing

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

    def run(self, *, jacobian: bool) -> None:
        """Compare by the route that suits the number of elements; one is the whole Jacobian, if it can be had."""
        total = sum([a.size for a in self.point.arrays])
        outputs = sum([out.size for out in self.point.centre])
        mode = self.options.mode
        if mode == "full" or (mode == "auto" and total <= _ELEMENTS):
            whole = mode == "full" or total * outputs <= _FULL
            self.report.mode = "full" if whole and jacobian else "elements"
            self.elements()
            if self.report.mode == "full":
                self.jacobian()
        else:
            self.report.mode = "project"
            self.project()

    def elements(self) -> None:
        """Compare all elements one by one."""
        for place, finding in enumerate(self.findings):
            for index in np.ndindex(finding.analytic.shape):
                self._element(place, finding, index)

    def _element(self, place: int, finding: Finding, index: tuple[int, ...]) -> None:
        """Compare one element, and write down what was found."""
        point, ours = self.point, float(finding.analytic[index])
        size = float(scale_of(point.arrays[place][index]))
        typical = _typical(finding.analytic)
        change = Change(point, point.element(place, index, size))
        if self.options.method == "complex":
            self.report.method = "complex"
            slope = point.complex_slope(place, index, size).per(size)
        else:
            slope = change.slope(max(0.1 * self.options.rtol * max(abs(ours), typical) * size, 1e-300)).per(size)
        noise = 16 * EPS * point.whole / size
        if not slope.value and not slope.error:
            noise /= STEP  # nothing moved at all: then it may have moved by less than the last digit
        finding.checked[index] = True
        finding.numeric[index], finding.error[index] = slope.value, slope.error
        if bool(slope.kink) and self.options.on_kink == "convention":
            finding.wrong[index] = not between_sides(ours, slope, typical)
            return
        scale = abs(float(slope.value)) + typical
        little = 1e-9 * change.magnitude() / size if abs(ours) <= noise else 0.0  # small beside the outputs
        wrong, usable = judge(
            ours, slope, tolerance=self.options.rtol * scale, noise=noise, precision=1e-4 * scale + little
        )
        finding.wrong[index] = wrong
        finding.inconclusive[index] = not usable and (bool(slope.kink) or not wrong)

    def jacobian(self) -> None:
        """Row by row with one cotangent for each output element: nothing cancels in a sum."""
        if self.options.method == "complex":
            return  # exact as it is
        centre = np.concatenate([out.reshape(-1) for out in self.point.centre])
        rows = self.point.rows()
        for place, finding in enumerate(self.findings):
            for index in np.ndindex(finding.analytic.shape):
                size = float(scale_of(self.point.arrays[place][index]))
                ours = np.array([row[place][index] for row in rows])
                typical = _typical(ours)
                enough = 0.1 * self.options.rtol * np.maximum(np.abs(ours), typical) * size + 1e-300
                slope = self.point.column(place, index, size, enough)
                wrong, usable = judge(
                    ours,
                    slope,
                    tolerance=self.options.rtol * (np.abs(slope.value) + typical),
                    noise=16 * EPS * np.abs(centre) / size,
                    precision=np.finfo(np.float64).max,
                )
                if (wrong & usable).any() and not finding.inconclusive[index]:
                    finding.wrong[index] = True

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
        """Whether the gradients of a part are right along some directions, as far as that can be told; the last one."""
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

    def _along(self, signs: list[Array], part: Masks, first: float = STEP) -> str:
        """Whether the gradients agree with the derivative along a direction, of which only `part` is taken."""
        directions = [np.where(mask, sign, 0.0) for mask, sign in zip(part, signs, strict=True)]
        terms = [f.analytic * d for f, d in zip(self.findings, directions, strict=True)]
        expected = math.fsum([float(t.sum()) for t in terms])
        size = float(sum([np.abs(t).sum() for t in terms]))

        change = Change(self.point, self.point.line(directions))
        slope = change.slope(1e-9 * size + 1e-300, tries=2 if first == STEP else 1, first=first)
        if first == STEP and (slope.kink or not slope.error <= 1e-5 * size):  # tiny steps pass few kinks
            slope = change.slope(1e-7 * size, tries=2, first=_SHORT)
        noise = 16 * EPS * self.point.whole
        little = 1e-9 * change.magnitude() if size <= noise else 0.0
        wrong, usable = judge(
            expected, slope, tolerance=1e-3 * self.options.rtol * size, noise=noise, precision=1e-5 * size + little
        )
        return "wrong" if wrong else "right" if usable else "inconclusive"

    def _without_kinks(self, signs: list[Array]) -> bool:
        """Leave out the outputs that have a kink along a direction; whether that is done, and enough are left."""
        if self.options.on_kink != "skip":
            return False
        point = self.point
        centre = np.concatenate([out.reshape(-1) for out in point.centre])
        slope: Slope = point.each(point.line(signs), 1e-7 * np.abs(centre), tries=2, first=_SHORT)
        bad = slope.kink | ~np.isfinite(slope.error)
        if not 0 < bad.sum() <= 0.25 * bad.size:
            return False
        masks = point.split(bad)
        point.cotangents = [np.where(mask, 0.0, c) for c, mask in zip(point.cotangents, masks, strict=True)]
        for finding, g in zip(self.findings, point.pull(point.cotangents), strict=True):
            finding.analytic[...] = g
        self.report.notes.append(f"{int(bad.sum())} numbers of the outputs lie at a kink, and were left out")
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
                found = self._along(signs, half, first)
                if found == "right":
                    _accept(self.findings, half)
                else:
                    (wrong if found == "wrong" else doubtful).append(half)
        for masks in [*doubtful[-4:], *wrong[-8:]]:
            self._look(_first(masks))
        self._some_elements(part)
        for masks in doubtful:
            for finding, mask in zip(self.findings, masks, strict=True):
                finding.inconclusive |= mask & ~finding.checked
                finding.checked |= mask
        left = sum([int((mask & ~f.checked).sum()) for mask, f in zip(part, self.findings, strict=True)])
        if left:
            self.report.notes.append(f"{left} elements were not looked at: they lie among wrong ones")

    def _look(self, masks: Masks) -> None:
        for place, (finding, mask) in enumerate(zip(self.findings, masks, strict=True)):
            for index in np.argwhere(mask):
                self._element(place, finding, tuple(int(i) for i in index))

    def _some_elements(self, part: Masks) -> None:
        """A few elements of each input one by one, chosen by chance."""
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


def _typical(gradient: Array) -> float:
    """The size of a gradient below which differences do not count as relative ones."""
    return 1e-2 * float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))


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
