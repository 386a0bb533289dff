"""The routes by which gradients are compared with numeric derivatives: whole Jacobian, elements, or projections."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ..options import Options
from ..report import Finding, Report
from ..subject import Foreign, Input, Subject, floating_outputs, is_floating
from .numeric import STEP, Slope, complex_step, richardson, scale_of

__all__ = ["Check"]

_FULL = 256  # entries of a Jacobian that is checked whole
_ELEMENTS = 600  # elements that are checked one by one
_PROJECTIONS = 3
_LIMIT = 600  # evaluations to spend on finding wrong elements or kinks
_EPS = 2.0**-52
_SHORT = STEP / 16**3  # a first step where longer ones pass too many kinks
_SAMPLE = 48  # elements to look at one by one where projections say nothing


class Check:
    """One comparison of gradients with numeric derivatives."""

    def __init__(
        self,
        subject: Subject,
        options: Options,
        arrays: list[Any],
        centre: list[Array],
        cotangents: list[Array],
        gradients: list[Array | None],
        report: Report,
    ) -> None:
        self.subject = subject
        self.options = options
        self.arrays = arrays
        self.centre = centre
        self.cotangents = cotangents
        self.gradients = gradients
        self.report = report
        self.whole: float = float(sum([np.abs(y * c).sum() for y, c in zip(centre, cotangents, strict=True)]))

    def run(self, total: int, outputs: int) -> list[Finding]:
        """Findings for all checked inputs, by the route that suits their size."""
        findings = []
        for place, gradient in zip(self.subject.checked, self.gradients, strict=True):
            given = self.subject.inputs[place]
            findings.append(_empty(given, self.arrays[place], gradient))
        mode = self.options.mode
        if mode == "full" or (mode == "auto" and total <= _ELEMENTS):
            whole = mode == "full" or total * outputs <= _FULL
            self.report.mode = "full" if whole and not isinstance(self.subject, Foreign) else "elements"
            self._all_elements(findings)
            if self.report.mode == "full":
                self._jacobian(findings)
        else:
            self.report.mode = "project"
            self._project(findings)
        return findings

    def _all_elements(self, findings: list[Finding]) -> None:
        for place, finding in zip(self.subject.checked, findings, strict=True):
            for index in np.ndindex(finding.analytic.shape):
                self._element(place, finding, index)

    def _element(self, place: int, finding: Finding, index: tuple[int, ...]) -> None:
        """Compare one element."""
        x = self.arrays[place]
        size = float(scale_of(x[index]))
        typical = self._typical(finding)

        along = _Along(self, lambda step: self._moved(place, index, step * size))
        enough = 0.1 * self.options.rtol * max(abs(float(finding.analytic[index])), typical) * size
        slope = self._slope(along, place, index, size, max(enough, 1e-300))
        noise = 16 * _EPS * self.whole / size
        if not slope.value and not slope.error:
            noise /= STEP  # nothing moved at all: then it may have moved by less than the last digit
        _compare(finding, index, slope, size, typical, noise, 1e-9 * along.magnitude() / size, self.options)

    def _slope(self, along: _Along, place: int, index: Any, size: float, enough: float) -> Slope:
        if self.options.method != "complex":
            return richardson(along, np.zeros(()), along.magnitude, enough=enough)
        self.report.method = "complex"
        value = complex_step(lambda step: _complex_dot(self._moved_complex(place, index, step * size), self.cotangents))
        none = np.zeros_like(value)
        return Slope(value, 1e-14 * np.abs(value), value, value, none.astype(bool))

    def _moved(self, place: int, index: Any, by: Any) -> list[Array]:
        """The outputs with some elements of one input moved."""
        arrays = list(self.arrays)
        moved = arrays[place].copy()
        moved[index] += by
        arrays[place] = moved
        return self.subject.values(arrays)

    def _moved_complex(self, place: int, index: Any, by: complex) -> Any:
        arrays = [a.astype(complex) if is_floating(a) else a for a in self.arrays]
        arrays[place][index] += by
        self.subject.used[0] += 1
        try:
            return floating_outputs(self.subject.function(*arrays))
        except (TypeError, AttributeError, ValueError) as error:
            raise TypeError(
                f"method='complex': {self.subject.name} cannot be called with complex arrays ({error}): "
                "use method='richardson'"
            ) from error

    def _typical(self, finding: Finding) -> float:
        """The size of a gradient below which differences do not count as relative ones."""
        finite = np.abs(finding.analytic[np.isfinite(finding.analytic)])
        return 1e-2 * float(finite.max(initial=0.0))

    def _jacobian(self, findings: list[Finding]) -> None:
        """Row by row with one cotangent for each output element: nothing cancels in a sum."""
        rows = [(k, index) for k, out in enumerate(self.centre) for index in np.ndindex(out.shape)]
        analytic = self._analytic_rows(rows)
        for which, (place, finding) in enumerate(zip(self.subject.checked, findings, strict=True)):
            for index in np.ndindex(finding.analytic.shape):
                size = float(scale_of(self.arrays[place][index]))

                def at(step: float, place: int = place, index: Any = index, size: float = size) -> Array:
                    return _flat(self._moved(place, index, step * size))

                centre = _flat(self.centre)
                ours = np.array([0.0 if (g := row[which]) is None else g[index] for row in analytic])
                typical = 1e-2 * float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
                if self.options.method == "complex":
                    continue  # exact as it is
                enough = 0.1 * self.options.rtol * np.maximum(np.abs(ours), typical) * size + 1e-300
                slope = richardson(at, centre, 0.0, enough=enough)
                gap = np.abs(ours - slope.value / size)
                numeric, noise = slope.value / size, 16 * _EPS * np.abs(centre) / size
                allowed = self.options.rtol * (np.abs(numeric) + typical) + 8 * slope.error / size + noise + 1e-300
                bad = (gap > allowed) & ~slope.kink & np.isfinite(slope.error)
                if bad.any() and not finding.inconclusive[index]:
                    finding.wrong[index] = True

    def _analytic_rows(self, rows: list[tuple[int, tuple[int, ...]]]) -> list[list[Array | None]]:
        results, leaves = self.subject.outputs(self.arrays)
        checked = [leaves[i] for i in self.subject.checked]
        found = []
        for k, index in rows:
            cotangents = [np.zeros(out.shape) for out in self.centre]
            cotangents[k][index] = 1.0
            found.append(self.subject.pull(results, checked, cotangents))
        return found

    def _project(self, findings: list[Finding]) -> None:
        """Several random directions of signs, along which one wrong element among many is seen; then bisection."""
        places = list(self.subject.checked)
        sizes = [scale_of(self.arrays[i]) for i in places]
        for part in _parts(findings, sizes):
            state = "right"
            for _ in range(_PROJECTIONS):
                signs = [self.options.rng.choice([-1.0, 1.0], s.shape) * s for s in sizes]
                state = self._along(places, findings, signs, part)
                if state == "inconclusive" and self._without_kinks(places, findings, signs):
                    state = self._along(places, findings, signs, part)
                if state != "right":
                    self._bisect(places, findings, signs, part, state)
                    break
            if state == "wrong":
                return
            if state == "right":
                _accept(findings, part)

    def _along(
        self, places: list[int], findings: list[Finding], signs: list[Array], part: list[Array], first: float = STEP
    ) -> str:
        """Whether the gradients agree with the derivative along a direction, of which only `part` is taken."""
        directions = [np.where(mask, sign, 0.0) for mask, sign in zip(part, signs, strict=True)]
        terms = [f.analytic * d for f, d in zip(findings, directions, strict=True)]
        expected = math.fsum([float(t.sum()) for t in terms])
        size = float(sum([np.abs(t).sum() for t in terms]))

        along = _Along(self, lambda step: self._moved_along(places, directions, step))
        enough = 1e-9 * size + 1e-300
        slope = richardson(
            along, np.zeros(()), along.magnitude, enough=enough, tries=2 if first == STEP else 1, first=first
        )
        if first == STEP and (slope.kink or not slope.error <= 1e-5 * size):  # tiny steps pass few kinks
            slope = richardson(along, np.zeros(()), along.magnitude, enough=1e-7 * size, tries=2, first=_SHORT)
        gap, error, noise = abs(float(slope.value) - expected), float(slope.error), 16 * _EPS * self.whole
        if not math.isfinite(expected) or (
            gap > 1e-3 * self.options.rtol * size + 8 * error + noise and not slope.kink
        ):
            return "wrong"
        little = 1e-9 * along.magnitude() if size <= noise else 0.0
        return "inconclusive" if slope.kink or error > 1e-5 * size + little + 1e-300 else "right"

    def _moved_along(self, places: list[int], directions: list[Array], step: float) -> list[Array]:
        """The outputs with the inputs moved along a direction."""
        arrays = list(self.arrays)
        for place, d in zip(places, directions, strict=True):
            arrays[place] = np.asarray(arrays[place] + step * d)
        return self.subject.values(arrays)

    def _without_kinks(self, places: list[int], findings: list[Finding], signs: list[Array]) -> bool:
        """Leave out the outputs that have a kink along a direction; whether that is done, and enough are left."""
        if self.options.on_kink != "skip":
            return False
        centre = _flat(self.centre)
        along = lambda step: _flat(self._moved_along(places, signs, step))
        slope = richardson(along, centre, 0.0, enough=1e-7 * np.abs(centre), tries=2, first=_SHORT)
        bad = slope.kink | ~np.isfinite(slope.error)
        if not 0 < bad.sum() <= 0.25 * bad.size:
            return False
        cuts = np.cumsum([c.size for c in self.cotangents])[:-1]
        for k, mask in enumerate(np.split(bad, cuts)):
            self.cotangents[k] = np.where(mask.reshape(self.cotangents[k].shape), 0.0, self.cotangents[k])
        gradients = self.subject.gradients(self.arrays, self.cotangents)
        for finding, g in zip(findings, gradients, strict=True):
            finding.analytic[...] = 0.0 if g is None else g
        self.report.notes.append(f"{int(bad.sum())} numbers of the outputs lie at a kink, and were left out")
        return True

    def _bisect(
        self, places: list[int], findings: list[Finding], signs: list[Array], part: list[Array], state: str
    ) -> None:
        """Halve the direction until single elements are left that are wrong, or kinks; look at some others as well."""
        wrong, doubtful = ([part], []) if state == "wrong" else ([], [part])
        first = STEP if wrong else _SHORT
        start = self.subject.used[0]
        while (wrong or doubtful) and self.subject.used[0] - start < _LIMIT:
            masks = wrong.pop() if wrong else doubtful.pop(0)  # down to a wrong one; free most of the rest of kinks
            if sum([int(m.sum()) for m in masks]) == 1:
                self._look(findings, masks)
                continue
            for half in _halves(masks):
                found = self._along(places, findings, signs, half, first)
                if found == "right":
                    _accept(findings, half)
                else:
                    (wrong if found == "wrong" else doubtful).append(half)
        for masks in [*doubtful[-4:], *wrong[-8:]]:
            self._look(findings, _first(masks))
        self._some_elements(findings, part)
        for masks in doubtful:
            for finding, mask in zip(findings, masks, strict=True):
                finding.inconclusive |= mask & ~finding.checked
                finding.checked |= mask
        left = sum([int((mask & ~f.checked).sum()) for mask, f in zip(part, findings, strict=True)])
        if left:
            self.report.notes.append(f"{left} elements were not looked at: they lie among wrong ones")

    def _look(self, findings: list[Finding], masks: list[Array]) -> None:
        for place, finding, mask in zip(self.subject.checked, findings, masks, strict=True):
            for index in zip(*np.nonzero(mask), strict=True) if mask.ndim else ([()] if mask else []):
                self._element(place, finding, tuple(int(i) for i in index))

    def _some_elements(self, findings: list[Finding], part: list[Array]) -> None:
        """A few elements of each input one by one, chosen by chance."""
        for place, finding, mask in zip(self.subject.checked, findings, part, strict=True):
            for flat in self.options.rng.permutation(mask.size)[: max(8, _SAMPLE // len(findings))]:
                index = tuple(int(i) for i in np.unravel_index(flat, mask.shape))
                if mask[index] and (not finding.checked[index] or finding.error[index] == 0):
                    self._element(place, finding, index)


class _Along:
    """By how much the outputs, each times its cotangent, change along a direction, added up.

    The differences are taken before the sum: outputs that do not change leave no rounding in it.
    """

    def __init__(self, check: Check, moved: Callable[[float], list[Array]]) -> None:
        self._check = check
        self._moved = moved
        self._magnitude = 0.0

    def __call__(self, step: float) -> Array:
        total, size = [], 0.0
        for new, old, c in zip(self._moved(step), self._check.centre, self._check.cotangents, strict=True):
            change = (new - old) * c
            total.append(float(change.sum()))
            size += float(np.sqrt(np.square(np.where(change == 0, 0.0, old * c)).sum()))
        self._magnitude = max(self._magnitude, size)
        return np.asarray(math.fsum(total))

    def magnitude(self) -> float:
        """The size of what changes: the root of the sum of squares, as rounding goes either way."""
        return self._magnitude


def _empty(given: Input, array: Array, gradient: Array | None) -> Finding:
    shape = array.shape
    analytic = np.zeros(shape) if gradient is None else gradient
    if analytic.shape != shape:
        raise ValueError(f"the gradient of input {given.name!r} has shape {analytic.shape}, the input {shape}")
    nothing = np.full(shape, np.nan)
    wrong, checked, inconclusive = [np.zeros(shape, bool) for _ in range(3)]
    analytic = analytic.astype(np.float64)
    return Finding(given, analytic, nothing, nothing.copy(), wrong, checked, inconclusive, lost=gradient is None)


def _compare(
    finding: Finding,
    index: tuple[int, ...],
    slope: Slope,
    size: float,
    typical: float,
    noise: float,
    little: float,
    options: Options,
) -> None:
    """Write down one element's numeric derivative, and whether the gradient agrees.

    Args:
        finding: where to write it.
        index: which element.
        slope: the derivative along it, times `size`.
        size: what it was moved by.
        typical: the size of gradients here.
        noise: what rounding leaves of a gradient that is 0.
        little: an error of the numeric derivative that is small beside the outputs, and so for a gradient of 0.
        options: how to judge.
    """
    ours = float(finding.analytic[index])
    numeric, error = float(slope.value) / size, float(slope.error) / size
    finding.checked[index] = True
    finding.numeric[index], finding.error[index] = numeric, error
    scale = abs(numeric) + typical
    if bool(slope.kink) and options.on_kink == "convention":
        sides = sorted((float(slope.left) / size, float(slope.right) / size))
        slack = 1e-4 * (abs(sides[0]) + abs(sides[1]) + typical)
        finding.wrong[index] = not sides[0] - slack <= ours <= sides[1] + slack
        return
    if bool(slope.kink):
        finding.inconclusive[index] = True
        finding.wrong[index] = not math.isfinite(ours)
        return
    if not math.isfinite(ours):
        finding.wrong[index] = True
        return
    finding.wrong[index] = abs(ours - numeric) > options.rtol * scale + 8 * error + noise + 1e-300
    small = little if abs(ours) <= noise else 0.0
    if not finding.wrong[index] and error > 1e-4 * scale + small + 1e-300:
        finding.inconclusive[index] = True


def _complex_dot(outputs: Sequence[Any], cotangents: Sequence[Array]) -> Any:
    return sum([(np.asarray(y) * c).sum() for y, c in zip(outputs, cotangents, strict=True)])


def _flat(outputs: Sequence[Array]) -> Array:
    return np.concatenate([out.reshape(-1) for out in outputs])


def _parts(findings: list[Finding], sizes: list[Array]) -> list[list[Array]]:
    """All inputs together, and by itself each one that would not be seen beside the others."""
    finite = [np.where(np.isfinite(f.analytic), f.analytic, 0.0) for f in findings]
    weights = [float(np.abs(g * s).sum()) for g, s in zip(finite, sizes, strict=True)]
    small = [k for k, weight in enumerate(weights) if weight < 1e-3 * sum(weights)]
    chosen = [range(len(sizes)), *[[k] for k in small if len(sizes) > 1]]
    return [[np.full(s.shape, j in part) for j, s in enumerate(sizes)] for part in chosen]


def _accept(findings: list[Finding], part: list[Array]) -> None:
    """Write down that the gradients of a part agree with the derivative along a direction of it."""
    for finding, mask in zip(findings, part, strict=True):
        new = mask & ~finding.checked
        finding.checked |= new
        finding.numeric[...] = np.where(new, finding.analytic, finding.numeric)
        finding.error[...] = np.where(new, 0.0, finding.error)


def _halves(masks: list[Array]) -> list[list[Array]]:
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


def _first(masks: list[Array]) -> list[Array]:
    """Just the first element of masks."""
    while sum([int(m.sum()) for m in masks]) > 1:
        masks = _halves(masks)[0]
    return masks
