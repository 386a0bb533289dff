"""A run with its graph, one without, and more backward passes: all of them must agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import count_uses
from .randomness import other_gradients
from .report import Report
from .subject import Foreign, Pullback, Subject, numbers

_AGAIN = "called again with the same inputs"
_STATE = "it draws random numbers (then seed them inside it), keeps a state"
_EXACT = 1e-9
_RUNS = 4  # further calls: a rule may be wrong now and then
_FEWEST, _MOST = 1e-280, 1e280
# Rounding is the same for these multiples of a gradient, so that what is linear gives the very same multiples.
_MULTIPLES = (-4.0, 2.0**-20, 2.0**20, 2.0**-40, 2.0**40)


def recorded_gradients(
    subject: Subject, report: Report, arrays: list[Any], centre: list[Array], cotangents: list[Array]
) -> tuple[list[Array | None], Pullback]:
    """The gradients, and the function that gives those for other cotangents, from a run that has to give the same
    outputs as the one before and leave the inputs alone.
    """
    if isinstance(subject, Foreign):
        again, pull = subject.values(arrays), subject.pullback(arrays)
        gradients = pull(cotangents)
    else:
        results, leaves = subject.outputs(arrays)
        again = [numbers(out) for out in results]
        nodes: Any = count_uses([out.source for out in results if out.source is not None])
        if any(part.dtype.kind == "f" and part.dtype.itemsize < 8 for part in [*nodes, *again]):
            report.doubt(
                "it converts float64 to a narrower dtype, too coarse for differences: let it keep the dtype of its "
                "inputs, and check float32 with check_float32"
            )
        resumed = subject.resumed()

        def pull(seeds: Sequence[Array]) -> list[Array | None]:
            with resumed:
                return subject.pull(results, leaves, seeds)

        gradients = pull(cotangents) if same_values(again, centre) else []
        passes = lambda: pull(cotangents)
        if gradients and (problem := other_gradients(subject, arrays, centre, cotangents, gradients, passes)):
            report.problems.append(problem)
        changed = [not np.array_equal(leaves[i].array, arrays[i], equal_nan=True) for i in subject.checked]
        if True in changed:
            name = subject.inputs[subject.checked[changed.index(True)]].name
            report.problems.append(f"input {name!r} was changed in place")
    if not same_values(again, centre):
        report.problems.insert(
            0, f"{_AGAIN} it returned something else: {_STATE}, or asks whether gradients are recorded"
        )
    return gradients, pull


def wrong_elsewhere(
    subject: Subject,
    arrays: Sequence[Any],
    cotangents: Sequence[Array],
    gradients: Sequence[Array | None],
    pull: Pullback,
    rtol: float | None,
) -> str:
    """What is wrong with gradients that were right once: those of another call, or for another cotangent.

    With a tolerance `rtol`, gradients have an absolute error: then other sizes prove nothing.
    """
    again = _unlike_again(subject, arrays, cotangents, gradients, rtol or _EXACT)
    factors = _MULTIPLES if rtol is None else _MULTIPLES[:1]
    return again or _not_linear(subject, pull, cotangents, gradients, factors, rtol or _EXACT)


def _unlike_again(
    subject: Subject,
    arrays: Sequence[Any],
    cotangents: Sequence[Array],
    before: Sequence[Array | None],
    rtol: float,
) -> str:
    """What is wrong if the same computation, run again, gives another gradient."""
    for _ in range(_RUNS):
        text = _differ(subject, subject.gradients(arrays, cotangents), before, 1.0, rtol)
        if text:
            return f"{_AGAIN} and the same gradient coming in, {text}: {_STATE}, or adds up over calls"
    return ""


def _not_linear(
    subject: Subject,
    pull: Pullback,
    cotangents: Sequence[Array],
    before: Sequence[Array | None],
    factors: Sequence[float],
    rtol: float,
) -> str:
    """What is wrong if a multiple of the incoming gradient does not give that multiple of the gradient."""
    for factor in factors:
        found = pull([np.asarray(factor * c) for c in cotangents])
        text = _differ(subject, found, before, factor, rtol)
        if text and not _differ(subject, found, before, 1.0, rtol):
            return "it does not depend on the incoming gradient: multiply by it, by the chain rule"
        if text:
            times = "-4" if factor < 0 else f"2**{int(np.log2(factor))}"
            return (
                f"it is not linear in the incoming gradient: for {times} times that gradient, divided by {times}, "
                f"{text}. A rule that depends on its sign or size, clips it, or drops small numbers?"
            )
    return ""


def _differ(
    subject: Subject, found: Sequence[Array | None], before: Sequence[Array | None], factor: float, rtol: float
) -> str:
    """Where gradients, divided by a factor, are not what they were before."""
    for place, ours, theirs in zip(subject.checked, found, before, strict=True):
        shape = subject.inputs[place].value.shape
        now = np.zeros(shape) if ours is None else np.asarray(ours, np.float64) / factor
        then = np.zeros(shape) if theirs is None else np.asarray(theirs, np.float64)
        if now.shape != then.shape or not np.isfinite(then).all():
            continue  # which the comparison will report
        multiple = np.abs(then * factor)
        usual = (then == 0) | ((multiple > _FEWEST) & (multiple < _MOST))  # others overflow, or have few digits
        gap = np.where(usual, np.abs(now - then), 0.0)
        if not (gap <= rtol * np.abs(then).max(initial=0.0)).all():
            at = np.unravel_index(int(np.argmax(np.where(np.isnan(gap), np.inf, gap))), shape)
            name = subject.inputs[place].name + (f"[{', '.join(map(str, at))}]" if at else "")
            return f"the gradient of {name} is {now[at]:.10g} and not {then[at]:.10g}"
    return ""


def same_values(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Whether two runs gave the same, but for rounding."""
    return len(one) == len(other) and all(
        a.shape == b.shape and bool((np.abs(a - b) <= 1e-9 * np.abs(b).max(initial=0.0)).all())
        for a, b in zip(one, other, strict=True)
    )
