"""Comparing two implementations: float32 and float64, or yours and a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..dtypes import Array
from ..nn.module.module import Module
from .differences.cotangents import cotangents_for
from .dtype_drift import gradient_drift, output_drift
from .modules import subject_of
from .report import Finding, GradcheckError, Report
from .subject import Foreign, Input, Subject, floating_outputs, is_floating, name_of, numbers, or_zeros, tracked

_EPS = 2.0**-23
_NUDGES = 4  # how often the inputs are moved by a rounding error
_SLACK = 32.0  # by how many times its effect a float32 result may be off


@dataclass
class Difference(Finding):
    """An output, or the gradient of an input, as two computations have it: in `analytic` and in `numeric`.

    `error` is by how much they may differ.

    Attributes:
        what: "output" or "gradient of input".
        labels: what the two computations are called.
    """

    what: str = "output"
    labels: tuple[str, str] = ("it", "reference")

    differ: ClassVar[tuple[str, str]] = ("differs", "differ")

    def _off(self, ours: float, theirs: float, error: float) -> str:
        return f"  they may differ by {error:.1g}"


def check_float32(
    f: Callable[..., Any],
    inputs: Any,
    *,
    cotangent: Any = None,
    rtol: float | None = None,
    wrt: Any = None,
    seed: int = 0,
) -> Report:
    """Compare values and gradients in float32 with those of the same function of the same numbers in float64.

    Numeric derivatives in float32 are too coarse to judge a gradient (`gradcheck` computes in float64). But float32 has
    problems of another kind: float64 constants that turn everything into float64, overflow, sums that lose small terms,
    subtraction of nearly equal numbers. The outputs and gradients must be float32, finite, and off by no more than

        32 · (eps · |reference| + spread) + rtol · max |reference|

    where eps = 2⁻²³ and `spread` is how much the float64 result changes (root of the mean square, of four tries) if all
    inputs and cotangents change by one rounding error of float32. So an ill-conditioned function may be as inexact as
    its condition demands, and a well-conditioned one may not. A function that casts to a narrower dtype does so in
    float64 too; casting to float16 is an error.

    Args:
        f: a function of tensors, or a module, whose parameters are then inputs as well.
        inputs: its arguments; floating ones are rounded to float32.
        cotangent: as for `gradcheck`.
        rtol: by how much an element may be off, relative to the largest of its array; default, 1e-5 for outputs and
            1e-4 for gradients, where large numbers cancel more often.
        wrt: as for `gradcheck`.
        seed: the seed of the random numbers.

    Raises:
        GradcheckError: if the float32 results are not accurate enough.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, check_float32
    >>> x = np.array([1.5, 50.0, 100.0])
    >>> check_float32(tg.nn.functional.softplus, x).ok
    True
    >>> try:
    ...     check_float32(lambda x: tg.log(1 + tg.exp(x)), x)
    ... except GradcheckError as error:
    ...     print(str(error).splitlines()[1])
    output 'output', float32 (3,): 1 of 3 elements differs
    """
    subject = subject_of(f, inputs, wrt, seed)
    rng = np.random.default_rng(seed)
    report = Report(subject.name, mode="float32", method="float64")
    narrow = [given.value.astype(np.float32) if is_floating(given.value) else given.value for given in subject.inputs]
    subject.inputs = [replace(given, value=a) for given, a in zip(subject.inputs, narrow, strict=True)]
    wide = subject.arrays()
    with np.errstate(all="ignore"):
        values = subject.values(wide)
        _refuse_nothing(report, values)
        seeds = [c.astype(np.float32) for c in cotangents_for(values, cotangent, rng)]
        exact = [*values, *subject.full_gradients(wide, seeds)]
        results, leaves = subject.outputs(narrow)
        with subject.resumed():
            found, drifted = gradient_drift(results, [leaves[i] for i in subject.checked], seeds)
        squares = [np.zeros(e.shape) for e in exact]
        for _ in range(_NUDGES):
            nudged, moved = _nudged(wide, rng), _nudged([c.astype(np.float64) for c in seeds], rng)
            other = [*subject.values(nudged), *subject.full_gradients(nudged, moved)]
            squares = [s + (o - e) ** 2 / _NUDGES for s, o, e in zip(squares, other, exact, strict=True)]
        floors = [rtol if rtol is not None else 1e-5 if k < len(values) else 1e-4 for k in range(len(exact))]
        allowed = [
            _SLACK * (_EPS * np.abs(e) + np.sqrt(s)) + floor * np.abs(e).max(initial=0.0) + 1e-37
            for e, s, floor in zip(exact, squares, floors, strict=True)
        ]
        report.problems += output_drift(subject, narrow, results)
    report.problems += [f"the gradient of {subject.inputs[subject.checked[i]].name!r} {d}" for i, d in drifted.items()]
    ours = [*map(numbers, results), *or_zeros(found, [narrow[i] for i in subject.checked])]
    given = [subject.inputs[i] for i in subject.checked]
    report.findings = _differences(report, given, len(values), ours, exact, allowed, ("float32", "float64"))
    return _settled(report, subject, "float32 is not what float64 gives")


def compare(
    f: Callable[..., Any],
    reference: Any,
    inputs: Any,
    *,
    rtol: float = 1e-9,
    atol: float | None = None,
    wrt: Any = None,
    cotangent: Any = None,
    gradients: bool = True,
    seed: int = 0,
) -> Report:
    """Compare values and gradients with those of another implementation, both in float64.

    A number a agrees with b, that of the reference, if |a - b| <= atol + rtol · |b|.

    Args:
        f: a function of tensors, or a module.
        reference: another function of tensors; a pair of functions of arrays (forward, vjp) as for `gradcheck_vjp`; or
            a function of arrays, for which only the values are compared, with a note. For a module, another module,
            which gets the parameters of `f` if its own have the same names and shapes, or a function of the inputs
            alone.
        inputs: the arguments of both.
        rtol: the relative tolerance.
        atol: the absolute tolerance; default, ``rtol / 100`` of the largest number in the array.
        wrt: as for `gradcheck`.
        cotangent: as for `gradcheck`.
        gradients: whether to compare gradients too.
        seed: the seed of the random numbers.

    Raises:
        GradcheckError: if the two differ, or there was nothing to compare.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import compare
    >>> x = np.array([[1.0, 2.0], [0.5, -3.0]])
    >>> compare(lambda x: tg.softmax(x, 1), lambda x: tg.exp(x) / tg.exp(x).sum(1, keepdim=True), x).ok
    True
    >>> compare(tg.tanh, (lambda x: np.tanh(x), lambda g, x: g / np.cosh(x) ** 2), x).ok
    True
    """
    subject = subject_of(f, inputs, wrt, seed)
    other, shared = reference_for(subject, reference, inputs, seed)
    report = Report(subject.name, mode="compare", method="reference")
    arrays = subject.arrays()
    places = [i for i in subject.checked if i >= shared]
    with np.errstate(all="ignore"):
        values = subject.values(arrays)
        _refuse_nothing(report, values, finite=False)
        seeds = cotangents_for(values, cotangent, np.random.default_rng(seed))
        theirs, pulled = _run(other, arrays[shared:], seeds)
        ours: list[Any] = list(values)
        if [v.shape for v in values] != [t.shape for t in theirs]:
            shapes = f"{[v.shape for v in values]}, the reference's {[t.shape for t in theirs]}"
            report.problems.append(f"the outputs have shapes {shapes}")
            raise GradcheckError(report)
        if gradients and pulled is None:
            report.notes.append("the reference has no gradients: only values were compared")
        elif pulled is not None and gradients:
            found = dict(zip(subject.checked, subject.full_gradients(arrays, seeds), strict=True))
            if len(places) < len(found):
                report.notes.append("the reference has no parameters: their gradients were not compared")
            ours += [found[i] for i in places]
            theirs += or_zeros([pulled.get(i - shared) for i in places], [arrays[i] for i in places])
    size = [float(np.abs(t[np.isfinite(t)]).max(initial=0.0)) for t in theirs]
    allowed = [
        rtol * np.abs(np.where(np.isfinite(t), t, 0.0)) + (1e-2 * rtol * s if atol is None else atol)
        for t, s in zip(theirs, size, strict=True)
    ]
    given = [subject.inputs[i] for i in places]
    report.findings = _differences(report, given, len(values), ours, theirs, allowed, ("it", "reference"))
    return _settled(report, subject, f"it is not what {other.name} gives")


def reference_for(subject: Subject, reference: Any, inputs: Any, seed: int) -> tuple[Subject, int]:
    """The reference as a subject, and from which of the inputs of `subject` on it takes them."""
    own, rest = subject.own, subject.inputs[subject.own :]
    if isinstance(reference, Module):
        other = subject_of(reference, inputs, None, seed)
        mine, theirs = ([(g.name, g.value.shape) for g in one] for one in (subject.inputs[:own], other.inputs))
        if mine != theirs[: len(other.inputs) - len(rest)]:
            raise ValueError(f"compare: parameters {mine} against {theirs[: len(theirs) - len(rest)]}: they must match")
        return replace(other, inputs=subject.inputs), 0
    if isinstance(reference, tuple):
        forward, vjp = reference
        return Foreign(name_of(forward), forward, vjp, rest), own
    return Subject(name_of(reference), lambda *given: reference(*subject.arranged(list(given))), rest), own


def _run(
    other: Subject, arrays: Sequence[Any], seeds: list[Array]
) -> tuple[list[Array], dict[int, Array | None] | None]:
    """Values of the reference and, by the place of the input, its gradients; None if it has none."""
    if isinstance(other, Foreign):
        values, returned = other.values(arrays), other.returned(arrays, seeds)
        found = [returned[i] for i in other.checked]
    else:
        try:
            results, leaves = other.outputs(arrays)
        except Exception as error:
            try:  # it may be made for arrays
                return [np.asarray(out) for out in floating_outputs(other.function(*arrays))], None
            except Exception:
                raise error from None
        values = [numbers(out) for out in results]
        if not any(tracked(out) for out in results):
            return values, None
        if [v.shape for v in values] != [c.shape for c in seeds]:
            return values, {}
        found = other.pull(results, leaves, seeds)
    return values, dict(zip(other.checked, found, strict=True))


def _refuse_nothing(report: Report, values: list[Array], finite: bool = True) -> None:
    """An error if there is nothing to compare."""
    if not any(out.size for out in values):
        report.problems.append("nothing to compare: it returned no floating-point numbers")
    elif finite and not all(np.isfinite(out).all() for out in values):
        report.problems.append("nothing to compare: the outputs are not finite in float64")
    elif not any(np.isfinite(out).any() for out in values):
        report.problems.append("nothing to compare: none of the outputs is finite")
    if report.problems:
        raise GradcheckError(report)


def _nudged(arrays: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """The arrays, each floating number off by about a rounding error of float32."""
    return [np.asarray(a * (1 + _EPS * rng.normal(size=a.shape))) if is_floating(a) else a for a in arrays]


def _differences(
    report: Report,
    inputs: Sequence[Input],
    count: int,
    ours: Sequence[Array],
    theirs: Sequence[Array],
    allowed: Sequence[Array],
    labels: tuple[str, str],
) -> list[Finding]:
    """Findings for the outputs, and then for the gradients of inputs."""
    outs = [Input(f"output {k}" if count > 1 else "output", a, False) for k, a in enumerate(ours[:count])]
    found: list[Finding] = []
    for k, (one, a, b, tolerance) in enumerate(zip([*outs, *inputs], ours, theirs, allowed, strict=False)):
        if a.shape != b.shape:
            report.problems.append(f"the gradient of {one.name!r} has shape {a.shape}, the reference's {b.shape}")
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(all="ignore"):
            equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)
        checked, none = np.ones(a.shape, bool), np.zeros(a.shape, bool)
        what, error = "output" if k < count else "gradient of input", np.broadcast_to(tolerance, a.shape)
        found.append(Difference(one, a, b, error, ~equal, checked, none, what=what, labels=labels))
    return found


def _settled(report: Report, subject: Subject, headline: str) -> Report:
    """The report, counted; an error if anything is wrong."""
    report.checked = sum([int(f.checked.sum()) for f in report.findings])
    report.forwards = subject.used[0]
    if not report.ok:
        report.problems.insert(0, headline)
        raise GradcheckError(report)
    return report
