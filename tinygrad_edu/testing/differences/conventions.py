"""Conventions at kinks and ties, judged by the gradients nearby.

Where a function has no derivative, a gradient follows a convention: one winner among tied numbers, equal shares, the
slope on one side. No difference at the point itself can check it: of three tied numbers, none changes the median by
itself. But close to the point the function is smooth, its gradients there are of a few kinds, and a convention is some
mixture of these: each number is between the least and the largest of them; and where numbers are tied, so that their
sum is the same whoever wins, it is that sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...dtypes import Array
from ..report import Finding
from .point import Change, Point

_COUNT = 12  # places nearby
_AWAY = 1e-6  # how far off they are, relative to the numbers: too near for what is smooth to change much
_STEP = 1e-9  # of differences there, much less than the way to the next kink
_SLACK = 1e-3  # how much a gradient may change on the way there
_ENOUGH = 3  # places at which the gradients are compared with differences

_OUTPUTS = 64  # elements of the outputs that are looked at one by one


class Mixture(NamedTuple):
    """How the derivatives of one element of the outputs compare with gradients nearby.

    Attributes:
        outside: for each input, where the derivative is not a mixture of those nearby.
        excused: where it is, and these are of different kinds.
        ours: the derivatives.
    """

    outside: list[Array]
    excused: list[Array]
    ours: list[Array]


class NearBy:
    """Points around one at which a function has a kink or a tie.

    Attributes:
        trusted: whether the gradients there are what differences say.
    """

    def __init__(self, point: Point, sizes: Sequence[Array], rng: np.random.Generator) -> None:
        self._point, self._sizes = point, sizes
        self._places = [
            [np.asarray(a + _AWAY * s * rng.normal(size=a.shape)) for a, s in zip(point.arrays, sizes, strict=True)]
            for _ in range(_COUNT)
        ]
        assert point.pull_at is not None
        self._pulls = [point.pull_at(place) for place in self._places]
        self.trusted: bool = all(self._right(k, rng) for k in range(_ENOUGH))

    def _right(self, k: int, rng: np.random.Generator) -> bool:
        """Whether the gradients at a place are right along a direction."""
        arrays, pull = self._places[k], self._pulls[k]
        there = Point(self._point.values, arrays, self._point.values(arrays), self._point.cotangents, pull)
        directions = [rng.choice([-1.0, 1.0], s.shape) * s for s in self._sizes]
        terms = [g * d for g, d in zip(pull(there.cotangents), directions, strict=True)]
        ours, size = float(sum([t.sum() for t in terms])), float(sum([np.abs(t).sum() for t in terms]))
        slope = Change(there, there.line(directions)).slope(1e-5 * size, tries=1, first=_STEP)
        return bool(abs(ours - slope.value) <= 1e-4 * size + 8 * slope.error)

    def mixture(self, output: int, index: tuple[int, ...], asked: Sequence[Array]) -> Mixture:
        """Whether derivatives of one element of the outputs are mixtures of those nearby.

        Args:
            output: which output.
            index: which element of it.
            asked: for each input the elements that are asked about.
        """
        seeds = [np.zeros(out.shape) for out in self._point.centre]
        seeds[output][index] = 1.0
        ours = self._point.pull(seeds)
        theirs = [pull(seeds) for pull in self._pulls]
        low, high = ([edge(parts, axis=0) for parts in zip(*theirs, strict=True)] for edge in (np.min, np.max))
        slack = _SLACK * max([float(np.abs(part).max(initial=0.0)) for part in (*low, *high)])
        varied = [h - b > slack for b, h in zip(low, high, strict=True)]
        # Of many tied ones some may win nowhere nearby: they may get what others get.
        least = min([float(b[v].min(initial=np.inf)) for b, v in zip(low, varied, strict=True)])
        most = max([float(h[v].max(initial=-np.inf)) for h, v in zip(high, varied, strict=True)])
        off = [(g < b - slack) | (g > h + slack) for g, b, h in zip(ours, low, high, strict=True)]
        tied = [v | (o & m & (least <= most)) for v, o, m in zip(varied, off, asked, strict=True)]
        far = [
            t & ((g < least - slack) | (g > most + slack)) | (o & ~t) for t, o, g in zip(tied, off, ours, strict=True)
        ]
        sums = [self._sum(parts, tied) for parts in theirs]
        shared = max(sums) - min(sums) <= slack  # whoever wins: else the kinks are independent
        if shared and not min(sums) - slack <= self._sum(ours, tied) <= max(sums) + slack:
            far = [f | t for f, t in zip(far, tied, strict=True)]
        return Mixture(
            [f & m for f, m in zip(far, asked, strict=True)],
            [t & m & ~f for f, t, m in zip(far, tied, asked, strict=True)],
            ours,
        )

    @staticmethod
    def _sum(parts: Sequence[Array], masks: Sequence[Array]) -> float:
        return float(sum([part[mask].sum() for part, mask in zip(parts, masks, strict=True)]))


def judge_conventions(
    point: Point,
    findings: Sequence[Finding],
    sizes: Sequence[Array],
    rng: np.random.Generator,
    *,
    counted: bool,
    left_out: Sequence[Array] = (),
) -> None:
    """Judge elements at kinks and ties by the gradients nearby, if these are right.

    An element that differences call wrong is excused if it is a mixture of several kinds of gradients nearby; one that
    they cannot judge is wrong if it is not such a mixture.

    Args:
        point: where the gradients were compared.
        findings: what has been found.
        sizes: for each input in which sizes its elements are moved.
        rng: for the places nearby.
        counted: whether a convention that is a mixture counts as checked, and not as inconclusive.
        left_out: for each output the elements of which nothing has been compared, as they have a kink.
    """
    if point.pull_at is None:
        return
    asked = [np.isfinite(f.analytic) & (f.wrong | f.kinks | bool(left_out)) for f in findings]
    if not any(mask.any() for mask in asked):
        return
    outputs = _first(left_out, rng) if left_out else _depending(point, asked, sizes)
    near = NearBy(point, sizes, rng)
    if not outputs or not near.trusted:
        return
    mixtures = [near.mixture(*output, asked) for output in outputs]
    for k, finding in enumerate(findings):
        outside, excused = (np.any(masks, axis=0) for masks in zip(*[(m.outside[k], m.excused[k]) for m in mixtures]))
        for mixture in mixtures:
            new = mixture.outside[k] & ~finding.wrong
            finding.analytic[new] = mixture.ours[k][new]
        excused &= ~outside
        finding.kinks |= excused | (outside & ~finding.wrong)
        finding.wrong = (finding.wrong | outside) & ~excused
        finding.inconclusive = (finding.inconclusive | (excused & (not counted))) & ~finding.wrong
        finding.checked |= outside | excused


def _first(masks: Sequence[Array], rng: np.random.Generator) -> list[tuple[int, tuple[int, ...]]]:
    """Some marked elements of outputs, chosen at random."""
    marked = [(k, tuple(int(i) for i in index)) for k, mask in enumerate(masks) for index in np.argwhere(mask)]
    return [marked[i] for i in rng.permutation(len(marked))[:_OUTPUTS]]


def _depending(point: Point, asked: Sequence[Array], sizes: Sequence[Array]) -> list[tuple[int, tuple[int, ...]]]:
    """The elements of outputs that change with those that are asked about; none if these are too many to look at."""
    every = [(k, index) for k, out in enumerate(point.centre) for index in np.ndindex(out.shape)]
    if len(every) <= _OUTPUTS:
        return every
    some = [(place, tuple(index)) for place, mask in enumerate(asked) for index in np.argwhere(mask)]
    ways = [point.element(place, index, float(sizes[place][index])) for place, index in some[:_OUTPUTS]]
    ways.append(point.line([np.where(m, s, 0.0) for m, s in zip(asked, sizes, strict=True)]))  # tied ones together
    changed = [np.zeros(out.shape, bool) for out in point.centre]
    for way in ways:
        for step in (-_AWAY, _AWAY):
            changed = [c | (new != old) for c, new, old in zip(changed, way(step), point.centre, strict=True)]
    found = [(k, index) for k, index in every if changed[k][index]]
    return found if len(found) <= _OUTPUTS else []
