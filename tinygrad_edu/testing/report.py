"""Reports: what a check found, and its text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from ..dtypes import Array
from .subject import Input
from .whereabouts import index_text, where_in_words

Verdict: TypeAlias = Literal["right", "wrong", "inconclusive"]
_SHOWN = 8  # inputs that are reported one by one
_LITTLE = 1e-3  # the share of the largest number below which no relative error is reported

ALL_ZERO = "the gradients are zero everywhere, which proves nothing: choose other inputs, or pass allow_zero=True"


@dataclass
class Finding:
    """The gradient of one input beside its numeric derivative, both for the same random cotangent.

    Attributes:
        input: which input.
        analytic, numeric, error: the gradient, the numeric derivative and the estimate of its error, each of
            the input's shape; NaN where nothing was computed.
        wrong: where the two differ by more than the tolerance.
        checked: where they were compared.
        inconclusive: where there is no usable numeric derivative: at a kink, or beside one.
        hint: what the pattern of the errors suggests; empty if nothing in particular.
        lost: whether the input got no gradient at all.
        kinks: where the slopes on both sides differ; `numeric` is then the one nearer to the gradient.
        sides: for wrong elements at kinks both slopes, by the element's index.
        noise: the rounding in the function's values, as their standard deviation, where the derivative is not known
            because of it; or that in the gradient,
        blurred: where the rounding in the gradient hides whether it is right.
        what, labels, differ: the words of the message.
    """

    input: Input
    analytic: Array
    numeric: Array
    error: Array
    wrong: Array
    checked: Array
    inconclusive: Array
    hint: str = ""
    lost: bool = False
    kinks: Array = field(default_factory=lambda: np.zeros((), bool))
    sides: dict[tuple[int, ...], tuple[float, float]] = field(default_factory=dict)
    noise: Array = field(default_factory=lambda: np.zeros(()))
    blurred: Array = field(default_factory=lambda: np.zeros((), bool))
    what: str = "input"
    labels: tuple[str, str] = ("analytic", "numeric")

    differ: ClassVar[tuple[str, str]] = ("is wrong", "are wrong")

    @classmethod
    def of(cls, given: Input, gradient: Array, *, lost: bool = False) -> Finding:
        """A gradient that has not been compared yet.

        Raises:
            ValueError: if it does not have the shape of the input.
        """
        shape = given.value.shape
        if gradient.shape != shape:
            raise ValueError(f"the gradient of input {given.name!r} has shape {gradient.shape}, the input {shape}")
        wrong, checked, inconclusive, kinks, blurred = [np.zeros(shape, bool) for _ in range(5)]
        numeric, error = [np.full(shape, np.nan) for _ in range(2)]
        found = cls(given, gradient.astype(np.float64), numeric, error, wrong, checked, inconclusive, lost=lost)
        found.kinks, found.noise, found.blurred = kinks, np.zeros(shape), blurred
        return found

    @property
    def worst(self) -> tuple[int, ...]:
        """The index of the wrong element that is furthest off."""
        with np.errstate(invalid="ignore"):  # infinity less infinity
            gap = np.where(self.wrong, np.abs(self.analytic - self.numeric), -1.0)
        gap = np.where(self.wrong & ~np.isfinite(gap), np.inf, gap)
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape))

    def __str__(self) -> str:
        at, given, wrong = self.worst, self.input, int(self.wrong.sum())
        ours, theirs, error = (float(a[at]) for a in (self.analytic, self.numeric, self.error))
        lines = [
            f"{self.what} {given.name!r}, {given.value.dtype} {given.value.shape}: {wrong} of "
            f"{_counted(int(self.checked.sum()), 'element')} {self.differ[wrong != 1]}"
            f"{where_in_words(self.wrong, self.checked)}",
            f"  worst: {given.name}{index_text(at)}  {self.labels[0]} {ours:.10g}  "
            + (self._slopes(at) or f"{self.labels[1]} {theirs:.10g}{self._off(ours, theirs, error)}"),
        ]
        return "\n".join([*lines, *[f"  hint: {self.hint}"] * bool(self.hint)])

    def _slopes(self, at: tuple[int, ...]) -> str:
        """The range for a gradient at a kink; empty if there is none."""
        if at not in self.sides:
            tied = self.kinks.shape == self.wrong.shape and self.kinks[at]
            return "at a kink or a tie, and not a mixture of the gradients nearby" if tied else ""
        low, high = self.sides[at]
        return f"at a kink, where the slopes on both sides are {low:.6g} and {high:.6g}"

    def _off(self, ours: float, theirs: float, error: float) -> str:
        gap = abs(ours - theirs)
        if not np.isfinite(gap):
            return f" ± {error:.1g}"
        size = float(np.abs(self.numeric[np.isfinite(self.numeric)]).max(initial=0.0))
        relative = abs(theirs) > max(_LITTLE * max(size, abs(ours)), error)
        return f" ± {error:.1g}  " + (f"relative error {gap / abs(theirs):.2g}" if relative else f"off by {gap:.2g}")

    def _telling(self) -> tuple[bool, float]:
        """The sort key of findings, the most telling first: a hint, or a large difference."""
        ours, theirs = float(self.analytic[self.worst]), float(self.numeric[self.worst])
        gap, size = abs(ours - theirs), max(abs(ours), abs(theirs))
        return bool(self.hint), gap / size if np.isfinite(gap) and size else np.inf


@dataclass
class Report:
    """What a check did and found.

    Attributes:
        name: what was checked.
        mode: "full" (the whole Jacobian), "elements", or "project".
        method: how the numeric derivative was taken: "richardson" or "complex".
        order: 1 for gradients, 2 for gradients of gradients.
        checked: how many elements were compared.
        inconclusive: how many of them had no usable numeric derivative.
        forwards: how often the function was computed.
        findings: for each checked input what was found.
        problems: what is wrong with the check as a whole, such as that it proved nothing.
        doubts: the problems that make the check inconclusive, without showing an error.
        blame: the op whose own rule is wrong, and the line that called it.
        repro: a program that shows the failure.
        notes: what else there is to know about the check.
        cotangents: the gradients that entered at the outputs.
    """

    name: str
    mode: str = ""
    method: str = "richardson"
    order: int = 1
    checked: int = 0
    inconclusive: int = 0
    forwards: int = 0
    findings: Sequence[Finding] = ()
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    blame: str = ""
    repro: str = ""
    notes: list[str] = field(default_factory=list)
    cotangents: Sequence[Array] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(f.wrong.any() for f in self.findings)

    @property
    def verdict(self) -> Verdict:
        """The result: "right", "wrong", or "inconclusive" if it has shown neither."""
        if self.ok:
            return "right"
        wrong = any(f.wrong.any() for f in self.findings) or any(text not in self.doubts for text in self.problems)
        return "wrong" if wrong else "inconclusive"

    def doubt(self, text: str) -> None:
        """Note why the check is inconclusive."""
        self.doubts.append(text)
        self.problems.append(text)

    def __str__(self) -> str:
        which = "gradient" if self.order == 1 else "second derivative"
        if self.ok:
            extra = f", {self.inconclusive} inconclusive" if self.inconclusive else ""
            done = f"{_counted(self.checked, 'element')}{extra}; {_counted(self.forwards, 'evaluation')}"
            return "\n".join([f"{self.name}: the {which} is right ({done})", *self._noted()])
        lines = [f"{self.name}: the {which} is wrong" if not self.problems else f"{self.name}: {self.problems[0]}"]
        lines += [f"  {problem}" for problem in self.problems[1:]]
        if self.blame:
            lines.append(f"blame: {self.blame}")
        wrong = [f for f in self.findings if f.wrong.any()]
        shown = sorted(range(len(wrong)), key=lambda i: wrong[i]._telling(), reverse=True)[:_SHOWN]
        lines += [str(wrong[i]) for i in sorted(shown)]
        if len(wrong) > _SHOWN:
            lines.append(f"and {_counted(len(wrong) - _SHOWN, 'further input')}")
        lines += self._noted()
        if self.repro:
            lines += ["to reproduce:", *["    " + line for line in self.repro.splitlines()]]
        return "\n".join(lines)

    def _noted(self) -> list[str]:
        """The notes, also of a check that passes: one of them may say what was not checked."""
        return [f"note: {note}" for note in self.notes]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


# Callbacks for every check, with the seconds it took. The pytest plugin may be loaded before this file.
listeners: list[Callable[[Report, float], None]] = getattr(sys.modules.get("_tinygrad_edu_pytest"), "listeners", [])


class GradcheckError(AssertionError):
    """A gradient is wrong, or the check could not show that it is right.

    Attributes:
        report: everything that was found.
    """

    def __init__(self, report: Any) -> None:
        super().__init__(str(report))
        self.report: Any = report
