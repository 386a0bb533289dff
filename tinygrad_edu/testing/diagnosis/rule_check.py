"""One call of an op: its rules against the numeric derivative of its forward, at its actual inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...dtypes import Array
from ..differences.cotangents import cotangents_for
from ..differences.point import Point
from ..differences.routes import Routes
from ..options import Options
from ..report import Finding, Report
from ..subject import Input, is_floating
from ..whereabouts import index_text
from .clues import Clues, clues_at, several
from .patterns import hint
from .sums import unbroadcast
from .tape import Call, argument_name, same

_ONE_BY_ONE = 32  # elements of an operand


def check_call(call: Call, rng: np.random.Generator, rtol: float | None = None) -> str:
    """What is wrong with one call of an op, its rules checked by themselves; empty if nothing is."""
    if not in_float64(call):
        return ""
    try:
        again = call.again()
    except Exception as error:
        return f"{call}\n  it cannot be computed again: {type(error).__name__}: {error}"
    if not same(again, call.outs, close=True):
        return f"{call}\n  its operands do not give the same result again: it changes them, or keeps something"
    text = _overwritten(call)
    if text:
        return text
    parts = [cotangents_for([out], None, rng)[0] if is_floating(out) else None for out in call.outs]
    kept = [None if g is None else g.copy() for g in parts]
    try:
        found = call.pull(parts)
    except Exception as error:
        return f"the rule of {call}\n  it raised {type(error).__name__}: {error}"
    if not all(same(a, b) for a, b in zip(parts, kept, strict=True)):
        return f"the rule of {call}\n  it changes the gradient that it is given, in place"
    if _overwritten(call):
        return f"the rule of {call}\n  it changes what was kept for it, in place"
    second = call.pull(parts)
    if not all(same(a, b, close=True) for a, b in zip(found, second, strict=True)):
        return f"the rule of {call}\n  it gives a different gradient each time"
    how = Options(rtol=rtol, on_kink="convention")
    how.rng = rng
    for index, (link, part) in enumerate(zip(call.node.inputs, found, strict=False)):
        if link is not None and index < len(call.operands) and is_floating(call.operands[index]):
            text = _Argument(call, index, kept, part, how).verdict()
            if text:
                return text
    pieces = [call.pull(g) for g in several(kept)[3:]]
    for index, (whole, one, other) in enumerate(zip(found, *pieces, strict=True)):
        if whole is None or one is None or other is None or not np.isfinite(whole).all():
            continue
        if not same(one + other, whole, close=True):
            return f"the rule of {call}\n  for argument {index} it is not linear in the gradient that it is given"
    return ""


class _Argument:
    """The rule of a call for one argument."""

    def __init__(self, call: Call, index: int, cotangents: list[Any], part: Any, how: Options) -> None:
        self.call, self.index, self.how = call, index, how
        self.x: Array = call.operands[index]
        self.cotangents = cotangents
        self.none = part is None
        self.gradient = np.zeros(self.x.shape) if part is None else part
        self.symmetric = index == 0 and getattr(call.node.op, "symmetric", False)

    def verdict(self) -> str:
        """What is wrong with it; empty if nothing is."""
        name = argument_name(self.call.node.op, self.index)
        who = f"for argument {self.index}" + (f" ({name!r})" if name else "")
        rule = f"the rule of '{self.call.name}' {who}{self.call.layer}, called at {self.call.where}"
        gradient = unbroadcast(self.gradient, self.x.shape)
        if gradient.shape != self.x.shape:
            return f"{rule}\n  its gradient has shape {self.gradient.shape}, the argument {self.x.shape}"
        point, given = self._point(), Input(name or f"argument {self.index}", self.x, True)
        finding = Finding.of(given, self._spread(gradient), lost=self.none)
        self._compare(point, finding)
        if not finding.wrong.any():
            return ""
        at = finding.worst
        ours, theirs, error = (float(v[at]) for v in (finding.analytic, finding.numeric, finding.error))
        text = f"{rule}\n  by itself it gives {ours:.10g} "
        if at in finding.sides:
            low, high = finding.sides[at]
            return f"{text}at a kink, where the slopes are {low:.6g} and {high:.6g}"
        text += f"where the numeric derivative of its forward is {theirs:.10g} ± {error:.1g}"
        text += f", at {index_text(at)} of {self.x.shape}" if at else ""
        said = hint(finding, self._clues(point, given.name))
        return text + (f"\n  {said}" if said else "")

    def _point(self) -> Point:
        """The op as a function of the argument, where it was called."""
        used = [k for k, g in enumerate(self.cotangents) if g is not None]

        def values(moved: Sequence[Array]) -> list[Array]:
            operands = list(self.call.operands)
            operands[self.index] = self.x + self._spread(moved[0] - self.x) if self.symmetric else moved[0]
            results = self.call.again(operands)
            return [results[k] for k in used]

        def pull(seeds: Sequence[Array]) -> list[Array]:
            parts: list[Any] = [None] * len(self.cotangents)
            for k, seed in zip(used, seeds, strict=True):
                parts[k] = seed
            part = self.call.pull(parts)[self.index]
            return [np.zeros(self.x.shape) if part is None else self._spread(unbroadcast(part, self.x.shape))]

        return Point(values, [self.x], [self.call.outs[k] for k in used], [self.cotangents[k] for k in used], pull)

    def _spread(self, part: Array) -> Array:
        """Of a symmetric matrix both halves move, and an element has the gradients of both of its places."""
        return part + np.swapaxes(part, -1, -2) if self.symmetric else part

    def _compare(self, point: Point, finding: Finding) -> None:
        """Compare all elements of a small argument, if along some direction the gradient is not right."""
        routes = Routes(point, [finding], self.how, Report(self.call.name))
        if self.x.size > _ONE_BY_ONE:
            routes.project()
        elif routes.look_along([np.ones(self.x.shape, bool)])[0] != "right":
            routes.elements()
            routes.kinks_together()
        finding.wrong &= ~finding.inconclusive & np.isfinite(finding.error)  # it may have no finite derivative there

    def _clues(self, point: Point, name: str) -> Clues:
        floats = [(i, v) for i, v in enumerate(self.call.operands) if is_floating(v)]
        arrays = [(repr(argument_name(self.call.node.op, i) or f"argument {i}"), v) for i, v in floats]
        arrays += [("its result", out) for out in self.call.outs if is_floating(out)]
        results = [("the result", out) for out in self.call.outs]
        clues = clues_at(point, 0, repr(name), arrays, results, column=not self.symmetric)
        counts = [("the number of elements of the result", out.size) for _, out in results if out.ndim > 1]
        return replace(clues, sizes=[*clues.sizes, *counts])


def in_float64(call: Call) -> bool:
    """Whether it computes in float64 throughout."""
    floats = [v for v in (*call.operands, *call.outs) if is_floating(v)]
    return bool(call.operands) and all(v.dtype == np.float64 for v in floats)


def _overwritten(call: Call) -> str:
    """Whether what the node saved for its rules is still what the op was given, and what it gave."""
    for index, (value, given) in enumerate(zip(call.node.args or (), call.operands, strict=False)):
        if isinstance(value, np.ndarray) and is_floating(given) and not same(value, given):
            return f"{call}\n  its argument {index} was saved for its rule, and overwritten afterwards"
    out = call.node.out if isinstance(call.node.out, tuple) else (call.node.out,)
    if call.node.out is not None and not same(out, call.outs):
        return f"{call}\n  its result was saved for its rule, and overwritten afterwards"
    return ""
