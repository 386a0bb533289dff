"""A simple backward pass, to tell a wrong rule from a wrong sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...engine import backprop
from ...engine.graph import Cotangents, Leaf, Link, Node, TensorBase
from ..report import Finding
from ..subject import tracked
from .tape import Call, Tape, same


def wrong_sum(
    tape: Tape,
    order: Sequence[Link],
    of: Mapping[Link, Call],
    rng: np.random.Generator,
    findings: Sequence[Finding] = (),
) -> str:
    """Where the engine's gradient of a link is not the sum of what the rules give; or where the first NaN arises.

    Args:
        tape: what was computed.
        order: the links, each after all those that it leads to.
        of: the call that made a node.
        rng: for the gradients that enter.
        findings: what is wrong.
    """
    roots = [(out.source, rng.uniform(0.5, 1.5, out.array.shape)) for out in tape.results if tracked(out)]
    if not roots:
        return ""
    with np.errstate(all="ignore"):
        mine, stretched, arisen = _totals(roots, order, of)
        odd = [f.analytic[f.wrong] for f in findings if not np.isfinite(f.analytic[f.wrong]).all()]
        if arisen and odd:
            return _told(arisen, "nan" if any(np.isnan(part).any() for part in odd) else "inf")
        _, engines = backprop.backpropagate([(link, g.copy()) for link, g in roots], retain_graph=True, wanted=order)
    for link in reversed(order):
        if not same(engines.get(link), mine.get(link), close=True):
            who = _who(link, tape, of)
            if link.hooks:
                return f"a hook changes the gradient of {who}"
            uses = sum(1 for other in order if isinstance(other, Node) for source in other.inputs if source is link)
            if uses > 1:
                return f"the backward pass is wrong, though every rule is right: the sum over the {uses} uses of {who}"
            what = "the sum over the axes along which an op broadcasts" if link in stretched else "the gradient of"
            return f"the backward pass is wrong, though every rule is right: {what} {who}"
    return ""


def uses_of(tape: Tape, order: Sequence[Link], place: int) -> int:
    """How many links lead to input number `place`."""
    leaf = getattr(tape.leaves[place], "source", None)
    return sum(
        1 for link in order if isinstance(link, Node) for source in link.inputs if source is leaf and leaf is not None
    )


def _totals(
    roots: Sequence[tuple[Link, Any]], order: Sequence[Link], of: Mapping[Link, Call]
) -> tuple[dict[Link, Any], set[Link], dict[str, str]]:
    """The gradient of every link, each a new sum of copies; the links that ops have broadcast; and on the way to which
    argument of which call the first "inf" and the first "nan" arises.
    """
    total: dict[Link, Any] = {}
    stretched: set[Link] = set()
    arisen: dict[str, str] = {}
    for link, g in roots:
        _add(total, link, g)
    for link in reversed(order):
        g = total.get(link)
        if not isinstance(link, Node) or g is None:
            continue
        parts = backprop.apply_vjp(link, _copy(g), link.inputs, None)
        for i, (source, part) in enumerate(zip(link.inputs, parts, strict=False)):
            if source is None or part is None:
                continue
            if not isinstance(part, Cotangents) and part.shape != source.shape:
                part = unbroadcast(part, source.shape)
                stretched.add(source)
            for kind, has in (("inf", np.isinf), ("nan", np.isnan)):
                if link in of and _any(has, part) and not _any(has, g):
                    arisen.setdefault(kind, f"{i} of {of[link]}")
            _add(total, source, part)
    return total, stretched, arisen


def _told(arisen: Mapping[str, str], kind: str) -> str:
    """Where the numbers arise that a gradient has in the end, "nan" or "inf"."""
    where = "arises where an op has no finite derivative, for argument"
    if kind == "nan" and "inf" in arisen:
        text = f"the nan comes from an inf, which {where} {arisen['inf']}"
        return text + (f"\n  it becomes nan on the way to argument {arisen['nan']}" if "nan" in arisen else "")
    return f"the first {kind} {where} {arisen[kind]}" if kind in arisen else f"a nan {where} {arisen['nan']}"


def unbroadcast(part: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed over the axes along which an array of `shape` was repeated; not by the engine's means."""
    part = np.asarray(part)
    for _ in range(part.ndim - len(shape)):
        part = part.sum(0)
    for axis, n in enumerate(shape):
        if n == 1 and part.ndim == len(shape):
            part = part.sum(axis, keepdims=True)
    return part


def _add(total: dict[Link, Any], link: Link, part: Any) -> None:
    total[link] = _copy(part) if link not in total else total[link] + part


def _copy(value: Any) -> Any:
    if isinstance(value, Cotangents):
        return Cotangents([None if part is None else np.array(part) for part in value.parts])
    return np.array(value)


def _any(has: Callable[[Any], Any], value: Any) -> bool:
    """Whether some number of a gradient is such."""
    parts = value.parts if isinstance(value, Cotangents) else (value,)
    return any(part is not None and bool(has(part).any()) for part in parts)


def _who(link: Link, tape: Tape, of: Mapping[Link, Call]) -> str:
    if isinstance(link, Leaf):
        place = next((i for i, t in enumerate(tape.leaves) if isinstance(t, TensorBase) and t.source is link), None)
        return f"input {tape.names[place]!r}" if place is not None else "a leaf"
    return f"the result of {of[link]}" if link in of else f"a result of '{link.op.name}'"
