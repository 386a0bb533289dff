"""Gradient checks: comparing a gradient with the numeric derivative, by what route, and how closely."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..dtypes import Array
from .diagnosis.blame import op_at_fault
from .diagnosis.explanation import explain
from .differences.cotangents import cotangents_for
from .differences.point import Point
from .differences.routes import Routes, largest_of
from .differences.second_order import at_gradients
from .doubts import reasons
from .handwritten import BatchMean, Jac, notes_of, of_arrays
from .narrowing import SHARE, narrowed
from .options import Method as Method
from .options import Mode as Mode
from .options import OnKink as OnKink
from .options import Options as Options
from .recorded import recorded_gradients, wrong_elsewhere
from .refusals import WrongGradientError
from .report import ALL_ZERO, Finding, GradcheckError, Report, listeners
from .subject import Foreign, Subject, is_floating, of_function, or_zeros


def check_subject(subject: Subject, options: Options, cotangent: Any = None) -> Report:
    """Check every input of a subject that is to be checked; see `gradcheck`."""
    report = Report(subject.name, order=options.order)
    arrays = subject.arrays()
    before = [a.copy() if is_floating(a) else a for a in arrays]
    with np.errstate(all="ignore"):
        centre = subject.values(arrays)
        one = [np.ones(o.shape) for o in centre] if cotangent is None and sum([o.size for o in centre]) == 1 else None
        # For a single number all that is shown is then the plain derivative.
        report.cotangents = one or cotangents_for(centre, cotangent, options.rng)
        _refuse_nothing(subject, report, arrays, centre)
        if not report.problems:
            gradients, pull = recorded_gradients(subject, report, arrays, centre, report.cotangents)
        if not report.problems:
            seeds = list(report.cotangents)  # a comparison may leave some of them out
            _compare(subject, report, options, Point.of(subject, arrays, centre, seeds), gradients)
            _excuse_conventions(subject, report, options, arrays)
            rtol = options.rtol
            if isinstance(subject, Foreign) or any((f.wrong | f.inconclusive).any() for f in report.findings):
                rtol = _excuse_narrow(subject, report, arrays, seeds, gradients) or rtol
            wrong = any(f.wrong.any() for f in report.findings)
            text = "" if wrong else wrong_elsewhere(subject, arrays, seeds, gradients, pull, rtol)
            report.problems += [text] * bool(text)
            _judge(report, options, gradients)
    if any(is_floating(a) and not np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays, before, strict=True)):
        report.problems.append("an input was changed in place")
    report.forwards = subject.used[0]
    return report


def _compare(
    subject: Subject, report: Report, options: Options, point: Point, gradients: Sequence[Array | None]
) -> None:
    """Compare the gradients with numeric derivatives."""
    inputs = [subject.inputs[i] for i in subject.checked]
    filled = or_zeros(gradients, point.arrays)
    findings = [Finding.of(i, g, lost=ours is None) for i, g, ours in zip(inputs, filled, gradients, strict=True)]
    Routes(point, findings, options, report).run()
    report.findings, report.cotangents = findings, point.cotangents


def _excuse_conventions(subject: Subject, report: Report, options: Options, arrays: Sequence[Any]) -> None:
    """At a kink allow each op its own convention, though together these may give no slope of the whole function:
    relu(x) - 0.3 abs(x) has the gradient 0 at 0, by two conventions that are right, where the slopes are 0.3 and 0.7.
    """
    wrong = [f for f in report.findings if f.wrong.any()]
    if not wrong or isinstance(subject, Foreign) or any((f.wrong & ~f.kinks).any() for f in wrong):
        return
    if not all(np.isfinite(f.analytic[f.wrong]).all() for f in wrong):
        return
    if op_at_fault(subject, arrays, np.random.default_rng(options.seed), options.rtol):
        return
    for finding in wrong:
        finding.inconclusive |= finding.wrong
        finding.wrong[...] = False


def _excuse_narrow(
    subject: Subject,
    report: Report,
    arrays: Sequence[Any],
    cotangents: Sequence[Array],
    gradients: Sequence[Array | None],
) -> float | None:
    """Report where a narrower dtype is used, and by what share gradients are then off. For a function in plain NumPy,
    an error that this explains is not called wrong; a rule of an op must keep the dtype of its inputs.
    """
    if not isinstance(subject, Foreign) and any(f.wrong.any() for f in report.findings):
        return None
    text, dtype = narrowed(subject, arrays, cotangents, gradients)
    if dtype is None:
        return None
    report.doubt(f"{text}. Differences say little about a derivative in {dtype}")
    for finding in report.findings:
        near = np.abs(finding.analytic - finding.numeric) <= SHARE[dtype] * largest_of(finding.analytic)
        finding.inconclusive |= finding.wrong & near
        finding.wrong &= ~near
    return SHARE[dtype]


def _refuse_nothing(subject: Subject, report: Report, arrays: list[Any], centre: list[Array]) -> None:
    """Problems that leave nothing to be checked."""
    if not subject.checked:
        report.doubt("nothing to check: no input is a floating-point array (see wrt=)")
    elif not centre:
        report.doubt("nothing to check: it returned no floating-point tensor")
    elif not any(out.size for out in centre) or not any(arrays[i].size for i in subject.checked):
        report.doubt("nothing to check: all inputs or all outputs are empty")
    elif not all(np.isfinite(out).all() for out in centre):
        report.doubt("nothing to check: the outputs are not finite at these inputs")


def _judge(report: Report, options: Options, gradients: list[Array | None]) -> None:
    """Count, and refuse a check that proved nothing."""
    report.checked = sum([int(f.checked.sum()) for f in report.findings])
    report.inconclusive = sum([int(f.inconclusive.sum()) for f in report.findings])
    if report.problems or any(f.wrong.any() for f in report.findings):
        return
    silent = [f.input.name for f in report.findings if f.inconclusive.sum() > 0.5 * f.checked.sum()]
    why = reasons(report.findings)
    one = report.inconclusive == 1
    some, are = f"{report.inconclusive} element{'s' * (not one)}", "is" if one else "are"
    if report.inconclusive and options.on_kink == "error":
        lie, have = ("lies", "has") if one else ("lie", "have")
        report.problems.append(f"{some} {lie} at a kink, or {have} no usable derivative: {why}")
    elif report.inconclusive > 0.25 * report.checked:
        all_of_them = f"{report.checked} element{'s' * (report.checked != 1)}"
        report.doubt(f"{report.inconclusive} of {all_of_them} {are} inconclusive: {why}. Choose other inputs")
    elif silent:
        report.doubt(
            f"most elements of input {silent[0]!r} are inconclusive: {why}. Choose other inputs, or check it by "
            f"itself, wrt={silent[:1]}"
        )
    elif not options.allow_zero and all(g is None or not g.any() for g in gradients):
        report.doubt(ALL_ZERO)
    elif report.inconclusive:
        report.notes.append(f"{some} {are} inconclusive: {why}")


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    jac: Jac = None,
    cotangent: Any = None,
    order: int = 1,
    method: Method = "auto",
    rtol: float | None = None,
    wrt: Any = None,
    on_kink: OnKink = "skip",
    mode: Mode = "auto",
    seed: int = 0,
    allow_zero: bool = False,
    batch_mean: BatchMean = False,
) -> Report:
    """Compare the gradients of a function with its numeric derivatives.

    The gradients come from its graph or, with `vjp` or `jac`, from your own code in plain NumPy.

    Everything is computed in float64. The gradient is that of a weighted sum of the outputs, with a random cotangent as
    the weights. Up to 256 pairs of an input and an output element, the whole Jacobian is compared; up to 600 input
    elements, each element; beyond that, derivatives along random directions of signs. A direction that disagrees is
    halved until the wrong elements are found. The tolerance follows from the error estimate of the numeric derivative.
    Where the two disagree, or the estimate is too large, the derivative is computed again by a method that measures the
    rounding inside the function; a gradient is wrong only if both methods say so. Where a gradient is right, forward
    and backward are run again and must give the same, and the backward must be linear in the cotangent.

    A check that proves nothing fails; the `verdict` of its report is then "inconclusive", not "wrong". That is so if
    there is no floating input, if outputs are empty or not finite, if gradients are zero everywhere, if numbers are
    cast to less than float64, or if the derivative of too many elements is unknown: at kinks, with too much rounding
    inside the function, or where it is too rough. (Too many means more than a quarter of all elements, or half of those
    of one input.) A function that changes its inputs, or returns something else when called again, is wrong.

    Args:
        f: takes tensors, returns a tensor, or tuples, lists and dicts of them; with `vjp` or `jac` the same of arrays.
        inputs: its argument, or a tuple or list of its arguments: tensors, arrays, floats and nested lists of floats;
            anything else is passed on unchanged.
        vjp: called as ``vjp(g, *inputs)`` with a copy of the gradient of the output: an array for an array, a tuple for
            a tuple. It returns the gradient of each input, None for one that has none.
        jac: as in SciPy: called as ``jac(x, *args)``, it returns the Jacobian with respect to the first argument, of
            shape ``f(x).shape + x.shape`` or ``(f(x).size, x.size)``, dense or sparse; for a single output number, the
            gradient. True if `f` returns a pair of its value and its gradient. The other arguments are passed on, and a
            list of numbers is taken as x.
        cotangent: the incoming gradient, one for each output; default, random numbers from ±0.5 to ±1.5.
        order: 2 for second derivatives; see `gradgradcheck`.
        method: "richardson" for extrapolated differences; "complex" for the complex step, which is exact, if `f` takes
            complex arrays and is analytic. "auto" is the former.
        rtol: by how much a gradient may be off, in addition to the error of the numeric derivative, relative to the
            largest gradient of its input; for inexact gradients, such as those of a solver. Default, 1e-8 of the sum of
            the element itself and a hundredth of the largest.
        wrt: the position or name of the argument to check, or several; None for all that are real numbers.
        on_kink: how to treat an element where the slopes on both sides differ and the gradient lies between them, as it
            must: "skip" counts it as inconclusive (too many are an error), "error" fails, "convention" counts it as
            checked.
        mode: "full" for the Jacobian, "project" for directions, whatever the size.
        seed: the seed of the random numbers.
        allow_zero: accept gradients that are all zero.
        batch_mean: with `vjp`: True if gradients are means over a batch (axis 0 of the first input) although the
            function sums over it; or the positions or names of all inputs that hold samples. Gradients of the other
            inputs are multiplied by the batch size before they are compared.

    Returns:
        The report; its text says how much was checked.

    Raises:
        GradcheckError: if a gradient is wrong, or the check is inconclusive. Its `report` has the findings and the
            `verdict`, "wrong" or "inconclusive"; its text says what is wrong, where and by how much, what the pattern
            suggests, which op is to blame, and how to reproduce it.
        TypeError: if `vjp` or `jac` cannot be called.
        ValueError: if an option is unknown, the cotangent does not fit, both `vjp` and `jac` are given, or `vjp`
            returns more or fewer gradients than there are inputs. (One of another shape is a GradcheckError.)

    Source of the differences: Richardson (1911); see `tinygrad_edu.testing.differences.numeric`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck
    >>> x = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> gradcheck(lambda x: tg.tanh(x) @ x, x).checked
    4
    >>> class Double(tg.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return -2 * g
    >>> try:
    ...     gradcheck(Double.apply, x, seed=1)
    ... except GradcheckError as error:
    ...     print(error.report.findings[0].hint)
    the sign is wrong
    >>> gradcheck(np.tanh, x, vjp=lambda g, x: g / np.cosh(x) ** 2).ok
    True
    >>> gradcheck(lambda x, a: a @ x**2, (x[0], x), jac=lambda x, a: 2 * a * x).ok
    True
    """
    options = Options(method, rtol, on_kink, mode, seed, allow_zero, order, cotangent)
    if vjp is None and jac is None:
        if batch_mean is not False:
            raise ValueError("gradcheck: batch_mean= is for gradients written by hand, with vjp= or jac=")
        return finish(of_function(f, inputs, wrt), options)
    subject = of_arrays(f, inputs, wrt, vjp=vjp, jac=jac, batch_mean=batch_mean)
    return finish(subject, options, notes_of(subject))


def gradgradcheck(f: Callable[..., Any], inputs: Any, **options: Any) -> Report:
    """Compare the gradients of gradients with numeric derivatives of gradients.

    The function under test maps the inputs and the cotangents to the gradients. The gradients of a linear function do
    not depend on its inputs, but still on the cotangents. Whether the first gradients are right is checked by
    `gradcheck`.

    Args:
        f: as for `gradcheck`; its backward pass must be differentiable.
        inputs: as for `gradcheck`.
        options: those of `gradcheck`; `cotangent` is the point at which the gradients are taken.

    Returns:
        The report. The findings for the cotangents come last, named "cotangent".

    Raises:
        GradcheckError: as `gradcheck`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import gradgradcheck
    >>> report = gradgradcheck(lambda x, w: tg.tanh(x @ w), (np.ones((1, 2)), np.array([[0.5], [-0.25]])))
    >>> [finding.input.name for finding in report.findings]
    ['x', 'w', 'cotangent']
    """
    return gradcheck(f, inputs, order=2, **options)


def gradcheck_vjp(forward: Callable[..., Any], vjp: Callable[..., Any], inputs: Any, **options: Any) -> Report:
    """Compare a backward function in plain NumPy, written by hand, with numeric derivatives of its forward.

    The same as ``gradcheck(forward, inputs, vjp=vjp)``.

    Args:
        forward: takes arrays, returns an array, or tuples, lists and dicts of them.
        vjp: as for `gradcheck`.
        inputs: as for `gradcheck`.
        options: those of `gradcheck`, but for `order`.

    Raises:
        GradcheckError: as `gradcheck`.
        ValueError: as `gradcheck`.

    >>> import numpy as np
    >>> from tinygrad_edu.testing import gradcheck_vjp
    >>> x, w = np.ones((3, 2)), np.array([[0.5, 1.0], [2.0, -1.0]])
    >>> gradcheck_vjp(lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g), (x, w)).ok
    True
    """
    known = {"wrt", "batch_mean", *[field.name for field in fields(Options)]} - {"order"}
    unknown = set(options) - known
    if unknown:
        raise TypeError(f"gradcheck_vjp() got unexpected options {sorted(unknown)}")
    return gradcheck(forward, inputs, vjp=vjp, **options)


def finish(subject: Subject, options: Options, notes: Sequence[str] = ()) -> Report:
    """Check, and raise if anything is wrong."""
    report, checked = examine(subject, options, notes)
    if not report.ok:
        told, listeners[:] = listeners[:], []  # explaining runs more checks, which are not reported
        try:
            explain(checked, report, options, subject, lambda other: check_again(other, options))
        finally:
            listeners[:] = told
        raise GradcheckError(report)
    return report


def examine(subject: Subject, options: Options, notes: Sequence[str] = ()) -> tuple[Report, Subject]:
    """Check, and notify listeners; the report, and the subject that was compared with differences."""
    started = time.perf_counter()
    report, checked = _check(subject, options)
    report.notes += notes
    for listener in listeners:
        listener(report, time.perf_counter() - started)
    return report, checked


def check_again(subject: Subject, options: Options) -> Report:
    """The same check of a similar subject, without a diagnosis."""
    return _check(subject, replace(options, cotangent=None))[0]


def _check(subject: Subject, options: Options) -> tuple[Report, Subject]:
    if options.order == 1:
        try:
            return check_subject(subject, options, options.cotangent), subject
        except WrongGradientError as error:
            return Report(subject.name, problems=[str(error)], forwards=subject.used[0]), subject
    gradients, cotangent = at_gradients(subject, options.cotangent, options.rng)
    return check_subject(gradients, options, cotangent), gradients
