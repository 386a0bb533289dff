"""Diagnosing a failure: the likely mistake, the op to blame, a program that shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...engine.primitives import NUMPY_FUNCTIONS, PRIMITIVES
from ...ops.generator import get_rng_state, set_rng_state
from ..differences.point import Point
from ..options import Options
from ..randomness import other_gradients
from ..report import Finding, Report
from ..repro.failing_check import source
from ..subject import Foreign, Subject, is_floating
from .blame import blame, random_call
from .clues import Clues, clues_at
from .patterns import exchanged, hint
from .sums import uses_of
from .tape import tape_of


class _Trying(threading.local):
    """Whether a program that shows a failure is being tried: its own failure is not explained again."""

    now: bool = False


_trying = _Trying()
_NOT_FOUND = "(not found:"
_RUNS = 8  # to see random numbers by
_QUICK = 2e-3  # seconds for one evaluation, below which the program is tried


def is_tried() -> bool:
    """Whether a reproducing program is running: its own failure needs no diagnosis."""
    return _trying.now


def explain(
    checked: Subject, report: Report, options: Options, subject: Subject, check: Callable[[Subject], Report]
) -> None:
    """Add the cause to a failing report. An error here must not hide the failure.

    Args:
        checked: the subject that was compared with its numeric derivative: of gradients, for second derivatives.
        report: what was found.
        options: how it was checked.
        subject: what the user wants checked.
        check: checks another subject in the same way.
    """
    if _trying.now:
        return
    arrays = checked.arrays()
    if any(f.wrong.any() for f in report.findings):
        drawn = _attempt(partial(_drawn, checked, arrays, report))
        if drawn and not drawn.startswith(_NOT_FOUND):
            report.problems.insert(0, drawn)
            for finding in report.findings:
                finding.wrong[...] = False  # numbers that differ each time prove nothing about a gradient
    if any(f.wrong.any() for f in report.findings):
        for place, finding in zip(checked.checked, report.findings, strict=False):
            if (finding.wrong & ~finding.kinks).any():
                finding.hint = _attempt(partial(_hint, finding, checked, arrays, place, report))
        rng = np.random.default_rng(options.seed)
        report.blame = _attempt(lambda: blame(checked, arrays, rng, report.findings, options.rtol))
        hints = {f.hint for f in report.findings}
        report.blame = "\n".join(line for line in report.blame.split("\n") if line.strip() not in hints)
    else:
        report.blame = _attempt(lambda: random_call(checked, arrays))
    report.repro = _attempt(lambda: source(subject, report, options, check))
    start = time.perf_counter()
    _attempt(lambda: str(len(subject.values(subject.arrays()))))
    if time.perf_counter() - start < _QUICK:
        report.repro = _tried(report.repro)


def _tried(program: str) -> str:
    """The program, with a remark if it does not fail as it should."""
    if program.startswith(_NOT_FOUND) or "= ...  #" in program or "manual_seed" in program:
        return program
    kept, state = (dict(PRIMITIVES), dict(NUMPY_FUNCTIONS)), get_rng_state()
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
        set_rng_state(state)
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


def _drawn(subject: Subject, arrays: Sequence[Any], report: Report) -> str:
    """Whether it draws random numbers, which two runs have not shown."""
    if isinstance(subject, Foreign):
        return ""
    cotangents, pull = report.cotangents, subject.pullback(arrays)
    again = partial(pull, cotangents)
    return other_gradients(subject, arrays, subject.values(arrays), cotangents, again(), again, _RUNS)


def _hint(finding: Finding, subject: Subject, arrays: Sequence[Any], place: int, report: Report) -> str:
    """The mistake in the gradient of one input that would explain what is wrong with it."""
    outs, own, name = subject.values(arrays), arrays[place], repr(subject.inputs[place].name)
    results = ["the result"] if len(outs) == 1 else [f"result {k}" for k in range(len(outs))]
    named = [(repr(given.name), a) for given, a in zip(subject.inputs, arrays, strict=True) if is_floating(a)]
    results_named = list(zip(results, outs, strict=True))
    others = [(words, array) for words, array in [*results_named, *named] if array is not own]
    uses = 0
    if not isinstance(subject, Foreign):
        tape = tape_of(subject, arrays)
        uses = uses_of(tape, tape.order(), place)
    point = Point.of(subject, arrays, outs, report.cotangents)
    clues = clues_at(point, subject.checked.index(place), name, [*named, *results_named], others, uses)
    if isinstance(subject, Foreign):
        clues = _by_hand(clues, subject, place)
    return exchanged(finding, report.findings) or hint(finding, clues)


def _by_hand(clues: Clues, subject: Foreign, place: int) -> Clues:
    """What else is known of a gradient that was written in plain NumPy."""
    shape: tuple[int, ...] = np.shape(subject.inputs[subject.own].value) if subject.own < len(subject.inputs) else ()
    columns = shape[-1] if place < subject.own and len(shape) > 1 else 0
    times = subject.times.get(place, 0)
    batch = (
        0 if place == subject.own else subject.batch
    )  # its samples are those of the batch: it is not a mean over them
    return replace(clues, batch=batch, columns=columns, times=times, by_hand=True)
