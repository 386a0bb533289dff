"""Which op is to blame: each op of a computation checked by itself, with its actual inputs."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..report import Finding
from ..subject import Foreign, Subject, is_floating
from .detached import detached, together
from .rule_check import check_call, in_float64
from .sums import wrong_sum
from .tape import Call, Tape, same, tape_of

_CALLS = 400  # calls that are checked
_ALIKE = 3  # calls of one op on one line, where there are more calls than that


def blame(
    subject: Subject,
    arrays: Sequence[Any],
    rng: np.random.Generator,
    findings: Sequence[Finding] = (),
    rtol: float | None = None,
) -> str:
    """The first op, in the order of the calls, whose own rule is wrong, and the line that called it.

    Each op is checked alone, at the values it was given in this computation: its rule by a random incoming gradient
    against the numeric derivative of its own forward function. If every rule is right, something was lost or added
    between the ops, such as an operand that depends on the input without a graph.

    Args:
        subject: what is wrong.
        arrays: its inputs, in float64.
        rng: for incoming gradients and directions.
        findings: what is wrong with it, if that is known: which elements to follow.
        rtol: as for `gradcheck`.

    Returns:
        One or more lines; empty where there is no graph to look at.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing.subject import of_function
    >>> subject = of_function(lambda x: tg.exp(x) * tg.exp(x).detach(), np.array([1.0, 2.0]))
    >>> print(blame(subject, subject.arrays(), np.random.default_rng(0)))
    the gradient of x[0] is lost on the way to argument 1 ('y') of 'mul', called at <doctest ...>:1: ...
      detach(), .numpy(), .item() or no_grad() in between? It has no graph, but the numbers of the result of 'exp' ...
    """
    if isinstance(subject, Foreign):
        return ""
    first, second = tape_of(subject, arrays), tape_of(subject, arrays)
    with subject.resumed():
        return _random(first, second) or _found(subject, arrays, rng, findings, rtol, first)


def _found(
    subject: Subject,
    arrays: Sequence[Any],
    rng: np.random.Generator,
    findings: Sequence[Finding],
    rtol: float | None,
    first: Tape,
) -> str:
    """The result of `blame` for a deterministic function."""
    of, order = first.of, first.order()
    reached = set(order)
    calls = [call for call in first.calls if call.node in reached]
    chosen = _chosen(calls)
    text = _first_at_fault(chosen, rng, rtol)
    lost = functools.partial(detached, subject, arrays, findings, first)
    added = functools.partial(wrong_sum, first, order, of, rng, findings)
    odd = any(not np.isfinite(f.analytic[f.wrong]).all() for f in findings)  # which says more than what is lost
    text = text or (added() or lost() if odd else lost() or added())
    text = text or together(subject, arrays, findings, first, rng)
    if text:
        return text
    narrow = next((call for call in calls if not in_float64(call)), None)
    if narrow is not None:
        return f"{narrow}\n  it computes in {narrow.node.dtype}, in which differences say little about a derivative"
    triangle = next((call for call in calls if getattr(call.node.op, "symmetric", False)), None)
    if triangle is not None:
        return (
            "every op's own rule is right, but one takes a symmetric matrix, of which it reads a triangle: check it at "
            f"(a + a.T) / 2. It is {triangle}"
        )
    looked = f" ({len(chosen)} of {len(calls)} calls)" if len(chosen) < len(calls) else ""
    right = f"every op's own rule is right by itself{looked}, and nothing was found to be lost between them"
    return right if calls else ""


def op_at_fault(subject: Subject, arrays: Sequence[Any], rng: np.random.Generator, rtol: float | None = None) -> str:
    """The first op whose own rule is wrong, as by `blame`; empty if all are right by themselves."""
    tape = tape_of(subject, arrays)
    reached = set(tape.order())
    with subject.resumed():
        return _first_at_fault(_chosen([call for call in tape.calls if call.node in reached]), rng, rtol)


def _first_at_fault(calls: Sequence[Call], rng: np.random.Generator, rtol: float | None) -> str:
    return next(filter(None, (check_call(call, rng, rtol) for call in calls)), "")


def random_call(subject: Subject, arrays: Sequence[Any]) -> str:
    """The first op that gives, or is given, something else in a second run with the same inputs; or whose rules do."""
    if isinstance(subject, Foreign):
        return ""
    (first, ours), (second, theirs) = _with_parts(subject, arrays), _with_parts(subject, arrays)
    text = _random(first, second)
    if text:
        return text
    differ = [call for call, a, b in zip(first.calls, ours, theirs, strict=True) if not same(a, b, close=True)]
    return f"{differ[0]}\n  for the same inputs its rules give something else each time: fix its seed" if differ else ""


def _with_parts(subject: Subject, arrays: Sequence[Any]) -> tuple[Tape, list[Any]]:
    """What is computed, and what the rules of each call give for one gradient; None for calls that do not count."""
    tape, rng = tape_of(subject, arrays), np.random.default_rng(0)
    reached, found = set(tape.order()), []
    for call in tape.calls:
        parts = [rng.uniform(0.5, 1.5, out.shape) if is_floating(out) else None for out in call.outs]
        try:
            found.append(call.pull(parts) if call.node in reached else None)
        except Exception:  # which is another matter
            found.append(None)
    return tape, found


def _random(first: Tape, second: Tape) -> str:
    """Whether the same inputs gave something else the second time."""
    for one, other in zip(first.calls, second.calls, strict=False):
        if one.name != other.name:
            break
        if not same(one.operands, other.operands):
            return f"{one}\n  for the same inputs it is given something else each time: fix a seed"
        if not same(one.outs, other.outs):
            return f"{one}\n  for the same inputs it gives something else each time: fix its seed"
    if len(first.calls) != len(second.calls):
        return "for the same inputs the function calls other ops each time"
    return ""


def _chosen(calls: Sequence[Call]) -> list[Call]:
    """All calls, or of very many the first few of each op on each line."""
    if len(calls) <= _CALLS:
        return list(calls)
    met: Counter[tuple[Any, ...]] = Counter()
    kept = []
    for call in calls:
        site = (call.name, call.where, *[out.shape for out in call.outs])
        met[site] += 1
        if met[site] <= _ALIKE:
            kept.append(call)
    return kept[:_CALLS]
