"""One call of an op: its rules against the numeric derivative of its own forward, at the values that it really got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.backprop import apply_vjp
from ...engine.graph import Cotangents
from ..differences.cotangents import cotangents_for
from ..differences.numeric import Slope, richardson, scale_of
from ..report import Finding
from ..subject import Input, is_floating
from ..whereabouts import index_text
from .patterns import Clues, hint
from .probes import several, zeros_for
from .sums import unbroadcast
from .tape import Call, argument_name, same

__all__ = ["check_call", "in_float64"]

_ONE_BY_ONE = 32  # elements of an operand
_DIRECTIONS = 2
_COLUMN = 64  # elements of a result that are looked at one by one for a hint


def check_call(call: Call, rng: np.random.Generator, rtol: float = 1e-8, *, convention: bool = False) -> str:
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
    g = Cotangents(parts) if call.several else parts[0]
    try:
        with np.errstate(all="ignore"):
            found = apply_vjp(call.node, g, call.node.inputs, None)
    except Exception as error:
        return f"the rule of {call}\n  it raised {type(error).__name__}: {error}"
    if not all(same(a, b) for a, b in zip(parts, kept, strict=True)):
        return f"the rule of {call}\n  it changes the gradient that it is given, in place"
    if _overwritten(call):
        return f"the rule of {call}\n  it changes what was kept for it, in place"
    first, second = _copied(found), _pulled(call, parts)
    if not all(same(a, b, close=True) for a, b in zip(first, second, strict=True)):
        return f"the rule of {call}\n  it gives another gradient each time it is asked"
    for index, (link, part) in enumerate(zip(call.node.inputs, found, strict=False)):
        if link is not None and index < len(call.operands) and is_floating(call.operands[index]):
            text = _Argument(call, index, kept, part, rng, rtol, convention).verdict()
            if text:
                return text
    pieces = [_pulled(call, g) for g in several(kept)[3:]]
    for index, (whole, one, other) in enumerate(zip(first, *pieces, strict=True)):
        if whole is None or one is None or other is None or not np.isfinite(whole).all():
            continue
        if not same(one + other, whole, close=True):
            return f"the rule of {call}\n  for argument {index} it is not linear in the gradient that it is given"
    return ""


def _pulled(call: Call, parts: Sequence[Any]) -> list[Any]:
    """Copies of what the rules of a call give for these gradients of its results."""
    with np.errstate(all="ignore"):
        g = Cotangents(parts) if call.several else np.array(parts[0])
        return _copied(apply_vjp(call.node, g, call.node.inputs, None))


def _copied(parts: Sequence[Any]) -> list[Any]:
    """What rules gave, in memory of its own; None for a gradient that belongs to several results."""
    return [None if part is None or isinstance(part, Cotangents) else np.array(part) for part in parts]


class _Argument:
    """The rule of a call for one argument."""

    def __init__(
        self,
        call: Call,
        index: int,
        cotangents: list[Any],
        part: Any,
        rng: np.random.Generator,
        rtol: float,
        convention: bool,
    ) -> None:
        self.call, self.index, self.cotangents = call, index, cotangents
        self.rng, self.rtol, self.convention = rng, rtol, convention
        self.sides: dict[tuple[int, ...], str] = {}  # the slopes at a kink
        self.x: Array = call.operands[index]
        self.none = part is None
        self.gradient = np.zeros(self.x.shape) if part is None else part
        self.magnitude = 0.0

    def verdict(self) -> str:
        """What is wrong with it; empty if nothing is."""
        name = argument_name(self.call.node.op, self.index)
        who = f"for argument {self.index}" + (f" ({name!r})" if name else "")
        rule = f"the rule of '{self.call.name}' {who}, called at {self.call.where}{self.call.layer}"
        if self.gradient.shape != self.x.shape:
            summed = unbroadcast(self.gradient, self.x.shape)
            if summed.shape != self.x.shape:
                return f"{rule}\n  its gradient has shape {self.gradient.shape}, the argument {self.x.shape}"
            self.gradient = summed
        places = self._suspects()
        if not len(places):
            return ""
        finding = self._finding(name or f"argument {self.index}", places)
        if not finding.wrong.any():
            return ""
        at = finding.worst
        ours, theirs, error = (float(v[at]) for v in (finding.analytic, finding.numeric, finding.error))
        text = f"{rule}\n  by itself it gives {ours:.10g} where the numeric derivative of its forward is "
        text += f"{theirs:.10g} ± {error:.1g}" + (f", at {index_text(at)} of {self.x.shape}" if at else "")
        if at in self.sides:
            return f"{rule}\n  by itself it gives {ours:.10g} at a kink, where the slopes are {self.sides[at]}"
        said = hint(finding, self._clues(finding.input.name))
        return text + (f"\n  {said}" if said else "")

    def _suspects(self) -> Any:
        """The elements to look at one by one, if along some direction the gradient is not right."""
        everything = np.arange(self.x.size)
        for _ in range(_DIRECTIONS):
            signs = self.rng.choice([-1.0, 1.0], self.x.size)
            state = self._along(everything, signs)
            if state != "right" and self.x.size <= _ONE_BY_ONE:
                return everything
            if state != "right":
                some = self.rng.permutation(self.x.size)[:_ONE_BY_ONE]
                return np.append(some, self._bisect(everything, signs)) if state == "wrong" else some
        return everything[:0]

    def _bisect(self, places: Array, signs: Array) -> Array:
        while places.size > 1:
            half = places[: places.size // 2]
            places = half if self._along(half, signs) == "wrong" else places[places.size // 2 :]
        return places

    def _along(self, places: Array, signs: Array) -> str:
        """Whether the gradient agrees with the derivative along a direction that moves only `places`."""
        direction = np.zeros(self.x.size)
        direction[places] = signs[places] * scale_of(self.x.reshape(-1)[places])
        slope, expected, size = self._slope(self._spread(direction))
        if not np.isfinite(expected) or (
            not slope.kink and abs(float(slope.value) - expected) > 1e-3 * self.rtol * size + 8 * float(slope.error)
        ):
            return "wrong"
        return "inconclusive" if slope.kink or float(slope.error) > 1e-5 * size + 1e-300 else "right"

    def _spread(self, direction: Array) -> Array:
        """The direction in the operand's shape: of a symmetric matrix both halves move."""
        direction = direction.reshape(self.x.shape)
        if self.index == 0 and getattr(self.call.node.op, "symmetric", False):
            direction = direction + np.swapaxes(direction, -1, -2)
        return direction

    def _slope(self, direction: Array) -> tuple[Slope, float, float]:
        """The numeric derivative along a direction; what the gradient says; and the size of what that is a sum of."""
        terms = np.where(direction == 0, 0.0, self.gradient * direction)
        size = float(np.abs(terms).sum())
        self.magnitude = 0.0

        def moved(step: float) -> Array:
            total = 0.0
            for change, old in self.change(step * direction):
                total += float(change.sum())
                self.magnitude = max(self.magnitude, float(np.sqrt(np.square(np.where(change == 0, 0, old)).sum())))
            return np.asarray(total)

        enough = 1e-9 * (size if np.isfinite(size) else 0.0) + 1e-300
        slope = richardson(moved, np.zeros(()), lambda: self.magnitude, enough=enough)
        return slope, float(terms.sum()), size

    def change(self, by: Array) -> list[tuple[Array, Array]]:
        """By how much the results change, and what they were, both times the incoming gradient."""
        operands = list(self.call.operands)
        operands[self.index] = self.x + by
        found = []
        for new, old, g in zip(self.call.again(operands), self.call.outs, self.cotangents, strict=True):
            if g is not None:
                found.append(((new - old) * g, old * g))
        return found

    def _finding(self, name: str, places: Any) -> Finding:
        """The elements at `places` compared one by one."""
        shape, analytic = self.x.shape, np.array(self.gradient, dtype=np.float64)
        finding = Finding(
            Input(name, self.x, True),
            analytic,
            numeric=np.full(shape, np.nan),
            error=np.full(shape, np.nan),
            wrong=np.zeros(shape, bool),
            checked=np.zeros(shape, bool),
            inconclusive=np.zeros(shape, bool),
            lost=self.none,
        )
        typical = 1e-2 * float(np.abs(analytic[np.isfinite(analytic)]).max(initial=0.0))
        for place in places:
            self._compare(finding, tuple(int(i) for i in np.unravel_index(place, shape)), typical)
        return finding

    def _compare(self, finding: Finding, index: tuple[int, ...], typical: float) -> None:
        """Write down one element's numeric derivative, and whether the rule agrees."""
        unit = np.zeros(self.x.shape)
        unit[index] = size = float(scale_of(self.x[index]))
        slope, expected, _ = self._slope(self._spread(unit))
        ours, numeric, error = [float(v) / size for v in (expected, slope.value, slope.error)]
        finding.checked[index] = True
        finding.analytic[index], finding.numeric[index], finding.error[index] = ours, numeric, error
        scale = abs(numeric) + typical
        finding.inconclusive[index] = bool(slope.kink) or not error <= 1e-4 * scale + 1e-12
        if not finding.inconclusive[index]:
            gap = abs(ours - numeric)
            finding.wrong[index] = not np.isfinite(ours) or gap > self.rtol * scale + 8 * error + 1e-300
        elif self.convention and bool(slope.kink):
            low, high = sorted((float(slope.left) / size, float(slope.right) / size))
            slack = 1e-4 * (abs(low) + abs(high) + typical)
            if not low - slack <= ours <= high + slack:
                finding.wrong[index], self.sides[index] = True, f"{low:.6g} and {high:.6g}"

    def _clues(self, name: str) -> Clues:
        call, op = self.call, self.call.node.op
        arrays = [
            (repr(argument_name(op, i) or f"argument {i}"), v) for i, v in enumerate(call.operands) if is_floating(v)
        ]
        arrays += [("its result", out) for out in call.outs if is_floating(out)]
        arrays += [("the gradient that comes in", g) for g in self.cotangents if g is not None]
        sizes = [(f"the size of axis {i}", n) for i, n in enumerate(self.x.shape)]
        sizes += [(f"the number of elements of {name!r}", self.x.size)] if self.x.ndim > 1 else []
        sizes += [(f"the size of axis {i} of the result", n) for out in call.outs for i, n in enumerate(out.shape)]
        sizes += [("the number of elements of the result", out.size) for out in call.outs if out.ndim > 1]
        return Clues(arrays, sizes, 0, self._column, self._passes)

    def _passes(self) -> list[Array]:
        found = [_pulled(self.call, g)[self.index] for g in several(self.cotangents)]
        return [zeros_for(self.x, None if part is None else unbroadcast(part, self.x.shape)) for part in found]

    def _column(self, at: tuple[int, ...]) -> list[tuple[Array, Array, Array, Array]] | None:
        """The derivatives of the results with respect to one element: those of the rule, and numeric ones."""
        used = [k for k, g in enumerate(self.cotangents) if g is not None]
        if sum([self.call.outs[k].size for k in used]) > _COLUMN or getattr(self.call.node.op, "symmetric", False):
            return None
        unit = np.zeros(self.x.shape)
        unit[at] = size = float(scale_of(self.x[at]))

        def moved(step: float) -> Array:
            return np.concatenate([change.reshape(-1) for change, _ in self.change(step * unit)])

        olds = np.concatenate([np.abs(old).reshape(-1) for _, old in self.change(0 * unit)])
        slope = richardson(moved, np.zeros(olds.shape), olds, enough=0.0)
        found, start = [], 0
        for k in used:
            g, part = self.cotangents[k], slice(start, start + self.call.outs[k].size)
            value, error = slope.value[part].reshape(g.shape), slope.error[part].reshape(g.shape)
            found.append((self._row(k, at), value / g / size, error / np.abs(g) / size, g))
            start = part.stop
        return found

    def _row(self, k: int, at: tuple[int, ...]) -> Array:
        """The derivatives of the elements of result `k` with respect to one element, as the rule has them."""
        node, found = self.call.node, np.zeros(self.call.outs[k].shape)
        for index in np.ndindex(found.shape):
            parts: list[Any] = [None if g is None else np.zeros(g.shape) for g in self.cotangents]
            parts[k] = np.zeros(found.shape)
            parts[k][index] = 1.0
            part = apply_vjp(node, Cotangents(parts) if self.call.several else parts[k], node.inputs, None)[self.index]
            found[index] = 0.0 if part is None else unbroadcast(part, self.x.shape)[at]
        return found


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
