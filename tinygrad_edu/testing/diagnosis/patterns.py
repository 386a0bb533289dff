"""What the pattern of wrong elements looks like: where they are, and what the mistake may have been.

Each of them compares the gradient with what a common mistake would make of the numeric derivative. A hint is given only
if it explains all wrong elements, within the numeric derivative's own error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...dtypes import Array
from ..report import Finding
from .by_value import where_by_value
from .clues import Case, Clues
from .missing_scale import derived, factor_in_words, missing_factor
from .probes import not_linear, wrong_terms


def hint(finding: Finding, clues: Clues | None = None) -> str:
    """The mistake that would explain all wrong elements; empty if no common one does.

    Args:
        finding: the gradient of an input beside its numeric derivative.
        clues: what else is known.

    >>> import numpy as np
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck_vjp
    >>> try:
    ...     gradcheck_vjp(lambda x: x.mean(0), lambda g, x: np.broadcast_to(g, x.shape), np.eye(4) + 1)
    ... except GradcheckError as error:
    ...     error.report.findings[0].hint
    'it is 4 times the numeric derivative: a missing division by 4, the size of axis 0 (a sum in place of...
    """
    case = Case(finding, clues or Clues())
    if not case.wrong.any():
        return ""
    with np.errstate(all="ignore"):
        gap = np.abs(case.analytic - case.numeric)[case.wrong]
        hidden = bool((gap <= 1e-8 * (np.abs(case.numeric[case.wrong]) + 1e-2 * case.typical)).all())
        found = ((look(case), look) for look in (_PROBES if hidden else _LOOKERS))
        what, look = next((pair for pair in found if pair[0]), ("", None))
        where = where_by_value(case) if look in _BY_VALUE else ""
    return f"{what}; {where}" if what and where else what or where


def exchanged(finding: Finding, others: Sequence[Finding]) -> str:
    """Whether it is the gradient of another input of the same shape, and that one's is its own; empty if not.

    Args:
        finding: the gradient of an input beside its numeric derivative.
        others: those of all inputs.
    """
    mine = Case(finding, Clues())
    for other in others:
        if other is finding or not other.wrong.any() or other.analytic.shape != finding.analytic.shape:
            continue
        its = Case(other, Clues())
        both = mine.usable & its.usable & (finding.wrong | other.wrong)
        there, back = [
            case.alike(a.analytic, b.numeric, both, b.error) for case, a, b in ((its, mine, its), (mine, its, mine))
        ]
        if both.any() and there and back:
            return f"it is the gradient of {other.input.name!r}, and vice versa: are the two exchanged?"
    return ""


def _nothing_arrives(case: Case) -> str:
    if (np.abs(case.analytic[case.wrong]) > 1e-12 * case.typical).any():
        return ""
    if case.clues.by_hand and case.finding.lost:
        return "no gradient was returned for it, but None: is a `return` missing?"
    if case.clues.by_hand and not case.analytic.any():
        return "it is zero everywhere: is it never set, or left out by an index or a mask?"
    if case.finding.lost or not case.analytic.any():
        return "no gradient arrives: is there a detach(), no_grad(), .numpy() or .item() on the way?"
    return "no gradient arrives there: left out by an index or a mask, or overwritten instead of added to?"


def _should_be_zero(case: Case) -> str:
    n, error = case.numeric[case.wrong], case.error[case.wrong]
    if not np.isfinite(case.analytic[case.wrong]).all() or (np.abs(n) > 20 * error + 1e-11 * case.typical).any():
        return ""
    return f"it should be zero: the results do not depend on {case.name!r} there"


def _not_finite(case: Case) -> str:
    a = case.analytic[case.wrong]
    if np.isfinite(a).any():
        return ""
    kind = "nan" if np.isnan(a).all() else "inf" if np.isinf(a).all() else "nan or inf"
    return (
        f"{kind}, though the derivative is finite: 0/0, or 0 times inf, in a rule? "
        "(where(…) computes both of its branches)"
    )


_FEW_DIGITS = (
    "an iteration with a tolerance (lower it, or pass rtol=), a constant with too few digits, or a missing epsilon?"
)


def _almost(case: Case) -> str:
    return _digits(case, 3e-5, _FEW_DIGITS)


def _roughly(case: Case) -> str:
    cause = "an iteration with a tolerance (lower it, or pass rtol=), or an approximation?"
    return "" if case.wrong.sum() < 3 else _digits(case, 1e-2, cause)


def _digits(case: Case, most: float, cause: str) -> str:
    """How many digits are right, if that is most of them."""
    a, n = case.analytic[case.wrong], case.numeric[case.wrong]
    gap = float((np.abs(a - n) / np.maximum(np.abs(n), 1e-3 * case.typical)).max())
    return f"they agree to {-math.log10(gap):.0f} digits: {cause}" if 0 < gap < most else ""


def _factor(case: Case) -> str:
    at = np.unravel_index(int(np.argmax(np.where(case.wrong, np.abs(case.numeric), -1.0))), case.wrong.shape)
    if abs(float(case.numeric[at])) <= 1e-9 * case.typical:
        return ""
    k = float(case.analytic[at] / case.numeric[at])
    if not math.isfinite(k) or not case.alike(case.analytic, k * case.numeric, case.wrong, abs(k) * case.error):
        return ""
    known, several = case.clues, int(case.wrong.sum()) > 2
    batch, columns, times = known.batch, known.columns, known.times
    words = factor_in_words(
        k, known.sizes, known.uses, several=several, batch=batch, columns=columns, times=0 if case.partly else times
    )
    return words and ("where it is wrong, " if case.partly else "") + words


def _moved(case: Case) -> str:
    """The right numbers in the wrong places."""
    if case.wrong.sum() < 2 or not np.isfinite(case.analytic).all():
        return ""
    for words, numeric, where in _rearranged(case.analytic):
        if (case.wrong & where).sum() > 1 and case.alike(numeric, case.numeric, case.usable & where):
            return words
    if not case.usable.all():
        return ""
    for axis in range(case.analytic.ndim):
        if _slices_permuted(case, axis):
            return f"the right slices along axis {axis}, in another order: an index where its inverse belongs?"
    order, other = np.sort(case.analytic, axis=None), np.sort(case.numeric, axis=None)
    if order.size > 3 and case.alike(order, other, np.ones(order.shape, bool), np.sort(case.error, axis=None)):
        return "the right numbers, in other places"
    return ""


def _rearranged(analytic: Array) -> Iterator[tuple[str, Array, Array]]:
    """What the derivative would be if the gradient were that with its elements moved; and where that can be seen."""
    shape, everywhere = analytic.shape, np.ones(analytic.shape, bool)
    for order in itertools.permutations(range(analytic.ndim)) if analytic.ndim < 5 else ():
        back = tuple(int(i) for i in np.argsort(order))
        turned = tuple(shape[i] for i in order)
        if order == tuple(range(analytic.ndim)):
            continue
        if turned == shape:
            swapped = " and ".join(str(i) for i in range(analytic.ndim) if order[i] != i)
            yield f"transposed: axes {swapped} are exchanged", analytic.transpose(back), everywhere
        else:
            words = "the right numbers in transposed order: a reshape where a transpose belongs, or its order?"
            yield words, analytic.reshape(turned).transpose(back), everywhere
    for axis, size in enumerate(shape):
        if size < 2:
            continue
        yield f"reversed along axis {axis}: a missing flip, or an extra one", np.flip(analytic, axis), everywhere
        for by in (1, -1, 2, -2):
            if abs(by) < size - 1:
                words = f"shifted by {abs(by)} {'forward' if by > 0 else 'back'} along axis {axis}"
                moved, inside = np.roll(analytic, -by, axis), np.roll(everywhere, 0)
                yield words, moved, everywhere
                ends = [slice(None)] * analytic.ndim
                ends[axis] = slice(size - by, None) if by > 0 else slice(0, -by)
                inside[tuple(ends)] = False
                yield words, moved, inside


def _slices_permuted(case: Case, axis: int) -> bool:
    size = int(case.analytic.shape[axis])
    if not 2 < size < 200:
        return False
    a, n = np.moveaxis(case.analytic, axis, 0), np.moveaxis(case.numeric, axis, 0)
    error = np.moveaxis(case.error, axis, 0)
    taken: set[int] = set()
    for i in range(size):
        found = [j for j in range(size) if case.alike(a[i], n[j], np.ones(a[i].shape, bool), error[j])]
        if len(found) != 1:
            return False
        taken.add(found[0])
    return len(taken) == size


def _summed(case: Case) -> str:
    """Summed, or averaged, over an axis of the input itself."""
    if not case.usable.all() or case.wrong.sum() < 2:
        return ""
    axes: list[int | None] = [i for i, n in enumerate(case.numeric.shape) if n > 1]
    for axis in [*axes, None] if len(axes) > 1 else axes:
        for words, function in (("sum", np.sum), ("mean", np.mean)):
            total = np.broadcast_to(function(case.numeric, axis=axis, keepdims=True), case.numeric.shape)
            error = np.broadcast_to(np.sum(case.error, axis=axis, keepdims=True), case.numeric.shape)
            if case.alike(case.analytic, total, case.usable, error):
                over = "all axes" if axis is None else f"axis {axis}"
                return f"the gradient is the {words} of the numeric one over {over}, the same for all elements of it"
    return ""


def _constant(case: Case) -> str:
    """The same number too much, or too little."""
    gap = case.analytic - case.numeric
    if case.wrong.sum() < 3 or not case.alike(gap, np.full(gap.shape, gap[case.wrong][0]), case.wrong, 2 * case.error):
        return ""
    return f"off by the same number, {gap[case.wrong][0]:.6g}: an extra term, or a missing one"


def _offset(case: Case) -> str:
    """A term too much or too little: the same along an axis, or in proportion to something."""
    shape, gap = case.analytic.shape, case.analytic - case.numeric
    if case.wrong.sum() < 3 or not np.isfinite(gap[case.wrong]).all():
        return ""
    for name, array in [("", np.ones(shape)), *derived(case.clues.arrays, shape)]:
        ratio, error = gap / array, case.error / np.abs(array)
        if name and float(np.ptp(array)) == 0:
            continue
        where = case.usable & np.isfinite(ratio)
        if not (case.wrong <= where).all() or not where.any():
            continue
        times = f"{name} times " if name else ""
        if name and case.alike(ratio, np.full(shape, ratio[where][0]), where, error + error[where][0]):
            return f"off by {times}{ratio[where][0]:.6g}: an extra term, or a missing one"
        for axis, size in enumerate(shape):
            first = np.take(ratio, [0], axis)
            same = case.alike(ratio, np.broadcast_to(first, shape), where, error + np.take(error, [0], axis))
            if size > 2 and where.all() and same:
                return (
                    f"off by {times}something that is constant along axis {axis}: "
                    f"a term with a sum, or a mean, over that axis is missing or wrong"
                )
    return ""


def _factor_by_axis(case: Case) -> str:
    if not case.usable.all() or not case.wrong.any():
        return ""
    ratio = case.analytic / case.numeric
    for axis, size in enumerate(ratio.shape):
        if size == 1 or ratio.size < 3 * size or not np.isfinite(ratio).all():
            continue
        others = tuple(i for i in range(ratio.ndim) if i != axis)
        mean = np.broadcast_to(np.median(ratio, axis=others, keepdims=True), ratio.shape)
        if case.alike(case.analytic, mean * case.numeric, case.usable, np.abs(mean) * case.error):
            return f"off by a factor that depends only on the index along axis {axis}: a weight or scale along it?"
    return ""


def _jacobian_transposed(case: Case) -> str:
    """The rows and columns of a square Jacobian exchanged: between the numbers of the input and those of the result."""
    shape, column = case.analytic.shape, case.clues.column
    if column is None or not 1 < case.analytic.size <= _SQUARE:
        return ""
    columns = []
    for at in np.ndindex(shape):
        parts = column(at)
        if parts is None or sum([ours.size for ours, _, _ in parts]) != case.analytic.size:
            return ""
        columns.append([np.concatenate([np.ravel(part[i]) for part in parts]) for i in range(3)])
    ours, theirs, error = np.stack(columns, axis=-1)
    size = float(np.abs(theirs).max(initial=0.0))
    near = np.abs(ours - theirs.T) <= 1e-6 * np.abs(theirs.T) + 10 * error.T + 1e-9 * size
    return "the Jacobian is transposed: it is right with its rows and columns exchanged" if near.all() else ""


_LOOKERS: tuple[Callable[[Case], str], ...] = (
    _not_finite,
    _nothing_arrives,
    _should_be_zero,
    _almost,
    _factor,
    _moved,
    _jacobian_transposed,
    _summed,
    missing_factor,
    _constant,
    _roughly,
    not_linear,
    _offset,
    wrong_terms,
    _factor_by_axis,
)
_SQUARE = 24  # numbers of an input up to which its whole Jacobian is looked at
_PROBES = (not_linear, wrong_terms)  # of what is right for the gradient that came in, but not for every other
_BY_VALUE = (_not_finite, _nothing_arrives, _should_be_zero, _almost, _factor, missing_factor, _roughly, None)
