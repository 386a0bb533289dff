"""Saying more of a failure than that it is one: the likely mistake, the op to blame, a program that shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...dtypes import Array
from ...engine.primitives import NUMPY_FUNCTIONS, PRIMITIVES
from ..differences.numeric import richardson, scale_of
from ..report import Finding, Report
from ..repro.failing_check import source
from ..subject import Foreign, Subject, is_floating
from .blame import blame, random_call
from .patterns import Clues, Column, hint
from .probes import several, zeros_for
from .sums import uses_of
from .tape import tape_of

if TYPE_CHECKING:
    from ..checks import Options

__all__ = ["explain"]


class _Trying(threading.local):
    """Whether a program that shows a failure is being tried: its own failure is not explained again."""

    now: bool = False


_trying = _Trying()
_NOT_FOUND = "(not found:"
_QUICK = 2e-3  # seconds for one evaluation, below which the program is tried
_COLUMN = 64  # elements of the results whose derivatives are looked at one by one


def explain(checked: Subject, report: Report, options: Options, subject: Subject, cotangent: Any = None) -> None:
    """Fill in what a failing report says of the cause. Whatever goes wrong here must not hide the failure.

    Args:
        checked: the subject that was compared with its numeric derivative: of gradients, for second derivatives.
        report: what was found.
        options: how it was checked.
        subject: what the user wants checked.
        cotangent: the one that the user gave.
    """
    if _trying.now:
        return
    arrays = checked.arrays()
    if any(f.wrong.any() for f in report.findings):
        for place, finding in zip(checked.checked, report.findings, strict=False):
            if finding.wrong.any() and options.on_kink != "convention":
                finding.hint = _attempt(partial(_hint, finding, checked, arrays, place, report))
        rng, convention = np.random.default_rng(options.seed), options.on_kink == "convention"
        report.blame = _attempt(
            lambda: blame(checked, arrays, rng, report.findings, options.rtol, convention=convention)
        )
        hints = {f.hint for f in report.findings}
        report.blame = "\n".join(line for line in report.blame.split("\n") if line.strip() not in hints)
    else:
        report.blame = _attempt(lambda: random_call(checked, arrays))
    report.repro = _attempt(lambda: source(subject, report, options, cotangent))
    start = time.perf_counter()
    _attempt(lambda: str(len(subject.values(subject.arrays()))))
    if time.perf_counter() - start < _QUICK:
        report.repro = _tried(report.repro)


def _tried(program: str) -> str:
    """The program, with a remark if it does not fail as it should."""
    if program.startswith(_NOT_FOUND) or "= ...  #" in program or "manual_seed" in program:
        return program
    kept = dict(PRIMITIVES), dict(NUMPY_FUNCTIONS)
    _trying.now = True
    try:
        code = compile(program, "<repro>", "exec", dont_inherit=True)
        exec(code, {"__name__": "repro"})
        remark = "# this finds nothing wrong: does the function remember something from call to call?"
    except AssertionError:
        return program
    except Exception as error:
        remark = f"# this does not run by itself: {type(error).__name__}: {error}"
    finally:
        _trying.now = False
        for registry, entries in zip((PRIMITIVES, NUMPY_FUNCTIONS), kept, strict=True):
            registry.clear()  # type: ignore[attr-defined]
            registry.update(entries)  # type: ignore[attr-defined]
    return f"{remark}\n{program}"


def _attempt(look: Callable[[], str]) -> str:
    try:
        with np.errstate(all="ignore"):
            return look()
    except Exception as error:
        return f"{_NOT_FOUND} {type(error).__name__}: {error})"


def _hint(finding: Finding, subject: Subject, arrays: Sequence[Any], place: int, report: Report) -> str:
    return hint(finding, _clues(subject, arrays, place, report))


def _clues(subject: Subject, arrays: Sequence[Any], place: int, report: Report) -> Clues:
    """What a mistake in the gradient of one input may be phrased with."""
    outs, own = subject.values(arrays), arrays[place]
    results = ["the result"] if len(outs) == 1 else [f"result {k}" for k in range(len(outs))]
    found = [(repr(given.name), a) for given, a in zip(subject.inputs, arrays, strict=True) if is_floating(a)]
    found += list(zip(results, outs, strict=True))
    found += [("the gradient that comes in", g) for g in report.cotangents]
    sizes = [(f"the size of axis {i}", n) for i, n in enumerate(own.shape)]
    sizes += [(f"the number of elements of {subject.inputs[place].name!r}", own.size)] if own.ndim > 1 else []
    for name, array in zip(results, outs, strict=True):
        sizes += [(f"the size of axis {i} of {name}", n) for i, n in enumerate(array.shape)]
    for given, array in zip(subject.inputs, arrays, strict=True):
        if is_floating(array) and array is not own:
            sizes += [(f"the size of axis {i} of {given.name!r}", n) for i, n in enumerate(array.shape)]
    which = subject.checked.index(place)

    def passes() -> list[Array]:
        return [zeros_for(own, part[which]) for part in _passes(subject, arrays, report.cotangents)]

    uses = 0
    if not isinstance(subject, Foreign):
        tape = tape_of(subject, arrays)
        uses = uses_of(tape, tape.order(), place)
    return Clues(found, sizes, uses, _column(subject, arrays, place, outs, report.cotangents), passes)


def _passes(subject: Subject, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[list[Array | None]]:
    """The gradients of one graph for several incoming gradients; see `Clues`."""
    seeds = several(cotangents)
    if isinstance(subject, Foreign):
        return [subject.gradients(arrays, g) for g in seeds]
    results, leaves = subject.outputs(arrays)
    return [subject.pull(results, [leaves[i] for i in subject.checked], g) for g in seeds]


def _column(
    subject: Subject, arrays: Sequence[Any], place: int, outs: Sequence[Array], cotangents: Sequence[Array]
) -> Column | None:
    """The derivatives of the results with respect to one element of an input: the gradient's, and numeric ones."""
    if sum([out.size for out in outs]) > _COLUMN or not cotangents:
        return None
    which = subject.checked.index(place)

    def column(at: tuple[int, ...]) -> list[tuple[Array, Array, Array, Array]]:
        size = float(scale_of(arrays[place][at]))

        def moved(step: float) -> Array:
            given = list(arrays)
            given[place] = arrays[place].copy()
            given[place][at] += step * size
            return np.concatenate([out.reshape(-1) for out in subject.values(given)])

        slope = richardson(moved, np.concatenate([out.reshape(-1) for out in outs]), 0.0, enough=0.0)
        found, start = [], 0
        for k, out in enumerate(outs):
            ours = np.zeros(out.shape)
            for index in np.ndindex(out.shape):
                seeds = [np.zeros(o.shape) for o in outs]
                seeds[k][index] = 1.0
                gradient = subject.gradients(arrays, seeds)[which]
                ours[index] = 0.0 if gradient is None else gradient[at]
            part = slice(start, start + out.size)
            value, error = [v[part].reshape(out.shape) / size for v in (slope.value, slope.error)]
            found.append((ours, value, error, cotangents[k]))
            start += out.size
        return found

    return column
