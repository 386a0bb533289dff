"""What a function did, op by op: with which numbers, on which line of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from ...autograd.modes import no_grad
from ...dtypes import Array
from ...engine.backprop import apply_vjp
from ...engine.callsite import line_of, users_frame
from ...engine.graph import Cotangents, Leaf, Link, Node, TensorBase, array_of
from ...engine.observing import observing
from ...engine.recording import make_tensor
from ...nn.module.module import Module
from ..subject import Subject, tracked


@dataclass
class Call:
    """One call of an op, as it was when it was made.

    Attributes:
        node: its node in the graph.
        operands: its arguments: copies of the arrays, and anything else unchanged.
        outs: copies of its results.
        tracked: for each operand whether it was a tensor with a graph behind it.
        where: the line that made the call.
        layer: the module in whose forward it was made, as ", in layer '0' (Linear)"; empty if in none.
        several: whether its result is a tuple, so that its rules take a Cotangents.
        resumed: makes the context in which it is computed again, and its rules are asked; see `Subject`.
    """

    node: Node
    operands: tuple[Any, ...]
    outs: tuple[Array, ...]
    tracked: tuple[bool, ...]
    where: str
    layer: str
    several: bool
    resumed: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def name(self) -> str:
        """What the op is called."""
        return str(self.node.op.name)

    def __str__(self) -> str:
        return f"'{self.name}'{self.layer}, called at {self.where}"

    def again(self, operands: Sequence[Any] | None = None) -> tuple[Array, ...]:
        """The results, computed once more, or for other operands."""
        op, given = self.node.op, self.operands if operands is None else operands
        with np.errstate(all="ignore"), self.resumed(), no_grad():
            if not hasattr(op, "function"):
                results = op.forward(*given)
                return results if isinstance(results, tuple) else (results,)
            tensors = [make_tensor(v, None) if takes else v for v, takes in zip(given, op.takes, strict=True)]
            results = op.function.apply(*tensors)
        parts = results if isinstance(results, tuple) else (results,)
        return tuple([parts[place].array for place, _, _ in op.recorded])

    def pull(self, parts: Sequence[Any]) -> list[Any]:
        """What its rules give for these gradients of its results, in its own memory; None for a gradient that belongs
        to several results.
        """
        with np.errstate(all="ignore"), self.resumed():
            found = apply_vjp(self.node, Cotangents(parts) if self.several else parts[0], self.node.inputs, None)
        return [None if part is None or isinstance(part, Cotangents) else np.array(part) for part in found]


@dataclass
class Tape:
    """What was recorded while a function was computed.

    Attributes:
        calls: all calls of ops, in their order.
        results: what it returned.
        leaves: the inputs that it was given, and their `names`.
    """

    calls: list[Call] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    leaves: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def of(self) -> dict[Link, Call]:
        """The call that made a node."""
        return {call.node: call for call in self.calls}

    def order(self) -> list[Link]:
        """The links that the results lead to, each after all those that it leads to itself."""
        found: dict[Link, None] = {}
        stack = [(out.source, False) for out in reversed(self.results) if tracked(out)]
        while stack:
            link, known = stack.pop()
            if known:
                found[link] = None
            elif link not in found:
                stack.append((link, True))
                sources = link.inputs if isinstance(link, Node) else ()
                stack.extend([(source, False) for source in sources if source is not None and source not in found])
        return list(found)

    def value_of(self, link: Link, of: Mapping[Link, Call]) -> Any:
        """What a link's result was when it was made; None if that was not recorded."""
        if isinstance(link, Leaf):
            return next((t.array for t in self.leaves if isinstance(t, TensorBase) and t.source is link), None)
        if link in of:
            return of[link].outs[0]
        index = getattr(link.op, "index", None)  # one of several results
        made = of.get(link.inputs[0]) if index is not None and link.inputs[0] is not None else None
        return None if made is None or index is None or index >= len(made.outs) else made.outs[index]


def tape_of(subject: Subject, arrays: Sequence[Any]) -> Tape:
    """Compute a subject's outputs, and write down every call of an op on the way."""
    tape = Tape(names=[given.name for given in subject.inputs])

    def write_down(node: Node, given: tuple[Any, ...], out: Any) -> None:
        frame = users_frame(sys._getframe(1))
        operands = tuple(
            [_kept(value, link) for value, link in zip(given, [*node.inputs, *[None] * len(given)], strict=False)]
        )
        tracked = tuple([isinstance(value, TensorBase) and value.source is not None for value in given])
        outs = tuple([np.array(part, order="K") for part in (out if isinstance(out, tuple) else (out,))])
        several = isinstance(out, tuple)
        tape.calls.append(Call(node, operands, outs, tracked, line_of(frame), _layer(), several, subject.resumed))

    with observing(write_down), np.errstate(all="ignore"):
        tape.results, tape.leaves = subject.outputs(arrays)
    return tape


def _kept(value: Any, link: Link | None) -> Any:
    """A copy of an operand's array; in the dtype that the op really got, where it was converted to that of others."""
    array = array_of(value)
    if not isinstance(array, np.ndarray):
        return array
    return np.array(array, array.dtype if link is None else link.dtype, order="K")


def _layer() -> str:
    """The innermost module whose forward is running, by its path in the outermost one."""
    running: list[Module] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "forward" and code.co_argcount:
            owner = frame.f_locals.get(code.co_varnames[0])
            if isinstance(owner, Module):
                running.append(owner)
        frame = frame.f_back
    if not running:
        return ""
    kind = type(running[0]).__name__
    path = next((name for name, module in running[-1].named_modules() if module is running[0]), "")
    return f", in layer {path!r} ({kind})" if path else f", in {kind}"


def argument_name(op: Any, index: int) -> str:
    """What an op calls its argument; empty if it has no name."""
    names: list[str] = list(getattr(op, "parameters", ()))
    if hasattr(op, "function"):
        code = getattr(op.function.forward, "__code__", None)
        names = [] if code is None else list(code.co_varnames[: code.co_argcount])
        names = names if op.function.setup_context is not None else names[1:]
    elif getattr(op, "variadic", False) and index >= len(names) - 1:
        return f"{names[-1]}[{index - len(names) + 1}]"
    return names[index] if index < len(names) else ""


def same(one: Any, other: Any, *, close: bool = False) -> bool:
    """Whether two operands or results are the same numbers, or `close` to it; anything but numbers counts as equal."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(same(a, b, close=close) for a, b in zip(one, other, strict=True))
    if isinstance(one, Cotangents) and isinstance(other, Cotangents):
        return same(one.parts, other.parts, close=close)
    if not all(isinstance(v, np.ndarray | np.generic | float | int) for v in (one, other)):
        return one is not None or other is None
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return False
    if not close or a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc"))
    size = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-11 * size, equal_nan=True))
