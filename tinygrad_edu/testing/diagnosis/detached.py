"""Where a gradient is lost: an operand that changes with the input, though the graph has no path to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import Link, Node, TensorBase
from ..differences.numeric import Slope, scale_of
from ..differences.point import Bounds, judge
from ..report import Finding
from ..subject import Subject, numbers
from ..whereabouts import index_text
from .sums import unbroadcast
from .tape import Call, Tape, argument_name, same, tape_of

_STEP = 1e-4
_WAYS = "detach(), .numpy(), .item() or no_grad()"


def detached(subject: Subject, arrays: Sequence[Any], findings: Sequence[Finding], tape: Tape) -> str:
    """Where the graph is left, found by computing once more with one element of an input moved.

    Args:
        subject: what was computed.
        arrays: its inputs.
        findings: those with wrong elements say which elements to move; else some of each input are.
        tape: the calls at the unmoved inputs.

    Returns:
        A line; empty if every operand that changed has a graph behind it.
    """
    of, reached = tape.of, set(tape.order())
    text = _changed_between(tape, of, reached)
    for place, index, who in [] if text else _moves(subject, arrays, findings):
        try:
            other, _ = _beside(subject, arrays, place, index, 1.0)
        except Exception:  # the function does not take the moved input
            continue
        text = _left(tape, other, reached, who)
        if text:
            break
    return text


def together(
    subject: Subject, arrays: Sequence[Any], findings: Sequence[Finding], tape: Tape, rng: np.random.Generator
) -> str:
    """The first call whose rules do not add up when its operands move as they really do, all at once.

    At a tie between operands, or within one, the rule for each by itself may give anything between two slopes.
    """
    reached = set(tape.order())
    for place, index, who in _moves(subject, arrays, findings):
        (right, step), (left, _) = (_beside(subject, arrays, place, index, side) for side in (1.0, -1.0))
        for call, above, below in zip(tape.calls, right.calls, left.calls, strict=False):
            if not call.name == above.name == below.name:
                break
            if call.node in reached and not getattr(call.node.op, "symmetric", False):
                text = _adds_up(call, above, below, step, rng, who)
                if text:
                    return text
    return ""


def _adds_up(call: Call, above: Call, below: Call, step: float, rng: np.random.Generator, who: str) -> str:
    """Whether the result changes as the rules say, while the operands go from those of one call to those of another."""
    parts = [rng.uniform(0.5, 1.5, out.shape) if out.dtype.kind == "f" else None for out in call.outs]
    ours, theirs, size, bend = 0.0, 0.0, 0.0, 0.0
    for g, a, b, centre in zip(parts, above.outs, below.outs, call.outs, strict=True):
        if g is not None and a.shape == b.shape == g.shape:
            theirs += float((g * (a - b)).sum()) / (2 * step)
            size += float(np.abs(g * (a - b)).sum()) / (2 * step)
            bend += float(np.abs(g * (a - 2 * centre + b)).sum()) / (2 * step)
    for part, a, b in zip(call.pull(parts), above.operands, below.operands, strict=False):
        if part is not None and isinstance(a, np.ndarray) and a.shape == b.shape:
            change = unbroadcast(part, a.shape) * (a - b) / (2 * step)
            ours, size = ours + float(change.sum()), size + float(np.abs(change).sum())
    change, kink = np.asarray(theirs), np.asarray(bend > 1e-2 * size)
    slope = Slope(change, np.zeros(()), change, change, kink)
    wrong, usable = judge(ours, slope, Bounds(tolerance=1e-4 * size, noise=0.0, precision=0.0))
    if not (wrong and usable and np.isfinite(ours)):
        return ""
    return (
        f"the rules of {call}\n"
        f"  they do not add up at a tie: when {who} moves they give {ours:.6g} where the result changes by {theirs:.6g}"
    )


def _moves(
    subject: Subject, arrays: Sequence[Any], findings: Sequence[Finding]
) -> list[tuple[int, tuple[int, ...], str]]:
    """Which elements to move, and their names: the worst wrong one of each input, or the first of each."""
    places = {id(subject.inputs[i]): i for i in subject.checked}
    wrong = [(places[id(f.input)], f.worst) for f in findings if f.wrong.any() and id(f.input) in places]
    first = [(i, (0,) * arrays[i].ndim) for i in subject.checked if arrays[i].size]
    return [(place, at, f"{subject.inputs[place].name}{index_text(at)}") for place, at in wrong or first]


def _beside(
    subject: Subject, arrays: Sequence[Any], place: int, index: tuple[int, ...], side: float
) -> tuple[Tape, float]:
    """What is computed with one element moved a little to one side, and how far."""
    step = _STEP * float(scale_of(arrays[place][index]))
    moved = list(arrays)
    moved[place] = arrays[place].copy()
    moved[place][index] += side * step
    return tape_of(subject, moved), step


def _left(tape: Tape, other: Tape, reached: set[Link], who: str) -> str:
    """The first call with an operand that changes but has no graph."""
    for k, (call, moved) in enumerate(zip(tape.calls, other.calls, strict=False)):
        if call.name != moved.name:
            return ""  # it takes another way through the code: the calls do not correspond
        if call.node not in reached:
            continue
        changed = [not same(a, b) for a, b in zip(call.operands, moved.operands, strict=False)]
        links = [*call.node.inputs, *[None] * len(changed)]
        for i, is_changed in enumerate(changed):
            if is_changed and links[i] is None and _matters(call, i, moved.operands[i]):
                name = argument_name(call.node.op, i)
                what = f"argument {i}" + (f" ({name!r})" if name else "")
                if call.tracked[i]:
                    return f"{call}\n  it has no rule for {what}, though its result depends on it"
                origin = _origin(call.operands[i], tape, k, reached, who, call.where)
                return f"the gradient of {who} is lost on the way to {what} of {call}\n  {origin}"
        if not any(changed) and not same(call.outs, moved.outs):
            return (
                f"{call}\n  its result depends on {who}, though no argument of it does: pass what it depends on as one"
            )
    for k, (out, new) in enumerate(zip(tape.results, other.results, strict=False)):
        if getattr(out, "source", None) is None and not same(numbers(out), numbers(new)):
            which = f"result {k}" if len(tape.results) > 1 else "the result"
            origin = _origin(numbers(out), tape, len(tape.calls), reached, who)
            return f"the gradient of {who} is lost on the way to {which}\n  {origin}"
    return ""


def _matters(call: Call, index: int, value: Any) -> bool:
    """Whether the result of a call depends on an operand."""
    operands = list(call.operands)
    operands[index] = value
    try:
        return not same(call.again(operands), call.outs)
    except Exception:
        return True


def _origin(value: Any, tape: Tape, before: int, reached: set[Link], who: str, line: str = "") -> str:
    """Where an operand without a graph may come from."""
    calls = [call for call in tape.calls[:before] if any(_copied(value, out) for out in call.outs)]
    if calls:
        return f"{_WAYS} in between? It has no graph, but the numbers of the result of {_said(calls[-1], line)}"
    if any(isinstance(t, TensorBase) and t.source is not None and _copied(value, t.array) for t in tape.leaves):
        return f"{_WAYS} in between? It has no graph, but the numbers of the input"
    ends = [call for call in tape.calls[:before] if call.node not in reached]
    if ends:
        return f"{_WAYS} on the way? It depends on {who}, but the last recorded op is {_said(ends[-1], line)}"
    return f"{_WAYS} on the way? It depends on {who}, but has no graph"


def _said(call: Call, line: str) -> str:
    return f"'{call.name}' on the same line" if call.where == line else str(call)


def _copied(value: Any, out: Array) -> bool:
    """Whether `value` has the numbers of `out`, in any shape."""
    if not isinstance(value, np.ndarray | float):
        return False
    given = np.asarray(value)
    return given.size == out.size and given.dtype.kind == "f" and same(given.reshape(-1), out.reshape(-1))


def _changed_between(tape: Tape, of: Mapping[Link, Call], reached: set[Link]) -> str:
    """Whether an operand has changed since it was made."""
    for call in tape.calls:
        if call.node not in reached:
            continue
        for i, (link, value) in enumerate(zip(call.node.inputs, call.operands, strict=False)):
            made = None if link is None else tape.value_of(link, of)
            if made is not None and isinstance(value, np.ndarray) and not same(made, value):
                made_by = f"\n  it was made by {of[link]}" if isinstance(link, Node) and link in of else ""
                return (
                    f"a tensor was changed in place, which the graph does not record, before it became argument {i} "
                    f"of {call}{made_by}"
                )
    return ""
