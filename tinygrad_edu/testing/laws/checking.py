"""Checking laws: what holds for every correct gradient, without numeric derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..comparison import reference_for
from ..differences.cotangents import cotangents_for
from ..handwritten import Jac, of_arrays
from ..modules import subject_of
from ..narrowing import SHARE, narrowed
from ..refusals import WrongGradientError
from ..report import ALL_ZERO, GradcheckError, Report
from ..subject import Foreign, Subject, is_array, places_of
from ..whereabouts import index_text
from . import batches as laws_of_batches
from . import inputs as laws_of_inputs
from . import passes as laws_of_passes
from .example import LAWS, Example, NotApplicable

_ROOMS = (laws_of_passes, laws_of_batches, laws_of_inputs)
# Laws that do not apply to a backward in plain NumPy.
_OF_TENSORS = {
    "right_shape_and_dtype": "plain NumPy may give any dtype; the shape of every gradient is checked anyway",
    "broadcast_is_expand": "a backward in plain NumPy undoes the broadcasting that it was written for, and no other",
    "unused_input": "it is about the graph, which plain NumPy does not have",
    "constant_input": "a backward in plain NumPy does not know which inputs are constants",
}
_ORDER = [name for room in _ROOMS for name in sorted(vars(room)) if name in LAWS]


@dataclass
class LawsReport(Report):
    """The result for each law.

    Attributes:
        held: the laws that hold.
        violated: what is wrong, by the name of each law that does not hold.
        skipped: why a law does not apply to this example, by its name.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.testing import check_laws
    >>> report = check_laws(tg.exp, tg.tensor([1.0, 2.0]), laws=["deterministic", "constant_input"])
    >>> report.held, report.skipped
    (['deterministic'], {'constant_input': 'there is only one input'})
    """

    held: list[str] = field(default_factory=list)
    violated: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        done = "1 law holds" if len(self.held) == 1 else f"{len(self.held)} laws hold"
        if self.skipped:
            done += f", {len(self.skipped)} do{'es' * (len(self.skipped) == 1)} not apply"
        if self.ok:
            return f"{self.name}: {done} ({self.checked} numbers compared; {self.forwards} evaluations)"
        if not self.violated:
            lines = [f"{self.name}: {self.problems[0]}"]
        else:
            count = len(self.violated)
            lines = [f"{self.name}: {count} law{'s' if count > 1 else ''} violated ({done})"]
            for name, text in self.violated.items():
                lines += [f"  {name}: {text}", f"    the law: {LAWS[name].doc}"]
        lines += [f"note: {name} does not apply: {reason}" for name, reason in self.skipped.items()]
        return "\n".join(lines)


def check_laws(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    jac: Jac = None,
    laws: Literal["all"] | Sequence[str] = "all",
    batched: Any = (0,),
    composed: Any = None,
    cotangent: Any = None,
    rtol: float | None = None,
    wrt: Any = None,
    seed: int = 0,
    allow_zero: bool = False,
) -> LawsReport:
    """Check the laws that every right gradient obeys, without numeric derivatives.

    This finds what a comparison with numeric derivatives at one point cannot: gradients that share memory, depend on
    the memory layout of arrays, do not accumulate, or are not the sum over the samples of a batch. `LAWS` lists all
    laws and what they say. Everything is computed in float64.

    Args:
        f: a function of tensors, or a module, whose parameters are then inputs as well.
        inputs: its arguments.
        vjp: the backward of a function of arrays, written by hand; as for `gradcheck`. Laws about graphs, dtypes and
            broadcasting, which are the library's job, do not apply.
        jac: its Jacobian or gradient, as for `gradcheck`.
        laws: the names of the laws to check.
        batched: the positions (among `inputs`), or names, of the arguments that have samples along axis 0. Whether the
            outputs belong to samples, or are a sum over them, is detected; if neither, since samples are coupled or
            averaged, the laws about batches do not apply.
        composed: another implementation of the same function, as `reference` of `compare`.
        cotangent: as for `gradcheck`.
        rtol: by how much a gradient may be off, in addition to rounding, relative to the largest of its input; for
            inexact gradients, such as those of a solver. Default, none.
        wrt: as for `gradcheck`.
        seed: the seed of the random numbers.
        allow_zero: accept gradients that are all zero, for which most laws hold anyway.

    Returns:
        The report. Its `skipped` says which laws did not apply, and why.

    Raises:
        GradcheckError: if a law is violated, or none applies, or a gradient by `vjp` or `jac` has the wrong shape.
        ValueError: if there is no law of that name.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, check_laws
    >>> x, w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([0.5, -0.25])
    >>> check_laws(lambda x, w: tg.tanh(x @ w), (x, w)).ok
    True
    >>> class Clipped(tg.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 3 * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return tg.clamp(3 * g, -1.0, 1.0)
    >>> try:
    ...     check_laws(Clipped.apply, x, laws=["linear_in_cotangent"])
    ... except GradcheckError as error:
    ...     print(sorted(error.report.violated))
    ['linear_in_cotangent']
    """
    chosen = chosen_laws(laws, "check_laws")
    if vjp is None and jac is None:
        subject = subject_of(f, inputs, wrt, seed)
    else:
        subject = of_arrays(f, inputs, wrt, vjp=vjp, jac=jac, caller="check_laws")
    report = LawsReport(subject.name, mode="laws", method="laws")
    with np.errstate(all="ignore"):
        try:
            example = _example(report, subject, batched, composed, inputs, cotangent, seed)
        except WrongGradientError as error:
            example, report.problems = None, [str(error)]
        if example is not None:
            example.rtol = rtol or 0.0
            if isinstance(subject, Foreign):
                _allow_narrow(report, example)
            if not all(np.isfinite(g).all() for g in example.gradients):
                report.problems += _not_finite(example)
            elif allow_zero or any(g.any() for g in example.gradients):
                _judge(report, example, chosen)
            else:
                report.doubt(ALL_ZERO)
    report.forwards = subject.used[0]
    if not report.ok:
        raise GradcheckError(report)
    return report


def chosen_laws(laws: Literal["all"] | Sequence[str], caller: str) -> list[str]:
    """The names of laws.

    Raises:
        ValueError: if there is no law of a name.
    """
    names = list(_ORDER) if laws == "all" else [laws] if isinstance(laws, str) else list(laws)
    unknown = [name for name in names if name not in LAWS]
    if unknown:
        raise ValueError(f"{caller}: there is no law {unknown[0]!r}; the laws are {', '.join(_ORDER)}")
    return names


def _example(
    report: Report,
    subject: Subject,
    batched: Any,
    composed: Any,
    inputs: Any,
    cotangent: Any,
    seed: int,
) -> Example | None:
    """The call that laws are about; None, with a problem, if there is nothing to say about it."""
    arrays = subject.arrays()
    values = subject.values(arrays)
    if not any(arrays[i].size for i in subject.checked):
        report.doubt("nothing to check: no input is a floating-point array with elements (see wrt=)")
    elif not any(out.size for out in values):
        report.doubt("nothing to check: it returned no floating-point numbers")
    elif not all(np.isfinite(out).all() for out in values):
        report.doubt("nothing to check: the outputs are not finite at these inputs")
    if report.problems:
        return None
    rng = np.random.default_rng(seed)
    seeds = cotangents_for(values, cotangent, rng)
    other = None if composed is None else reference_for(subject, composed, inputs, seed)
    names = [given.name for given in subject.inputs[subject.own :]]
    places = [subject.own + i for i in places_of(batched, names, "check_laws: batched")]
    return Example(subject, arrays, seeds, values, rng, [i for i in places if is_array(arrays[i])], other)


def _allow_narrow(report: LawsReport, example: Example) -> None:
    """Compare as closely as the dtype allows in which a function in plain NumPy computes."""
    text, dtype = narrowed(example.subject, example.arrays, example.cotangents, example.gradients)
    if dtype is not None:
        example.rtol = max(example.rtol, SHARE[dtype])
        report.notes.append(f"{text}. Compared to {SHARE[dtype]:g} of the largest number")


def _not_finite(example: Example) -> list[str]:
    """The problem of gradients that are not finite where all outputs are."""
    said = []
    for name, g in zip(example.names(), example.gradients, strict=True):
        if not np.isfinite(g).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
            place = f" at {index_text(at)}" if at else ""
            said.append(f"the gradient of {name!r} is {g[at]}{place}, but the outputs are finite")
    return said


def _judge(report: LawsReport, example: Example, chosen: Sequence[str]) -> None:
    """Ask each law; laws that do not apply, all of them, are a problem."""
    exempt = _OF_TENSORS if isinstance(example.subject, Foreign) else {}
    for name in chosen:
        try:
            if name in exempt:
                raise NotApplicable(exempt[name])
            text = LAWS[name].function(example)
        except NotApplicable as reason:
            report.skipped[name] = str(reason)
            continue
        except WrongGradientError as error:
            text = str(error)
        except Exception as error:
            text = f"it raised {type(error).__name__}: {error}"
        if text is None:
            report.held.append(name)
        else:
            report.violated[name] = text
            report.problems.append(f"{name}: {text}")
    report.checked = example.compared
    report.notes += [f"{name} does not apply: {reason}" for name, reason in report.skipped.items()]
    if not report.held and not report.violated:
        report.doubt("nothing to check: none of the laws applies to this call")
