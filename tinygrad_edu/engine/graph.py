"""The graph of a computation: what is recorded of it, and in what order it can be walked.

A graph is made up of two kinds of objects, called links. A `Node` is one application of an op; its inputs are
the links that the op's arguments came from. A `Leaf` is where a gradient is kept: that of a parameter, or of any
tensor that asked for one. Inputs point backwards only, so a graph nobody holds is freed at once. A tensor is
an array and the link that it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import GraphError
from . import versions


class Leaf:
    """The end of a path through the graph, where the gradient of one tensor is kept."""

    __slots__ = ("after", "dtype", "grad", "hooks", "kept", "seen", "shape", "tally")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape: tuple[int, ...] = shape
        self.dtype: np.dtype[Any] = dtype
        self.grad: Any = None
        self.hooks: list[Hook] | None = None
        self.after: list[Callable[[], None]] | None = None  # called when a walk's gradient has been added
        self.kept: list[Any] | None = None  # what per-sample backward passes have kept, pass by pass
        self.seen: Any = None  # the array of `grad`, weakly, and the time, when a pass had added to what is kept
        self.tally: Any = None  # what backward passes have added to `grad`; None if others have written there


class Node:
    """One application of an op.

    Attributes:
        op: the op, with `name`, `vjps` (one per argument, called as rule(g, out, *args)) or `joint`
            (one for all, called as joint(g, out, *args, needs=...)), and `fresh`.
        inputs: for each argument the Node or Leaf it came from; None where no gradient is wanted.
        args: for each argument what the rules read: its value, or where no rule reads that, just its link or
            `Unread`, which have its shape and dtype. None once the graph was freed.
        out: the op's result, if a rule reads it.
        shape, dtype: those of the result.
        clock: the time on the clock of in-place changes when the arguments were saved.
        hooks: functions called with the node and the gradient of its result; what they return takes its place.
        grad: that gradient, where it was asked to be retained; where: the call that made the node, kept for
            ops in which samples may meet, and while anomalies are looked for; mark: how many samples the result
            of a loss function is a sum over. All three are left unset otherwise.
    """

    __slots__ = ("args", "clock", "dtype", "grad", "hooks", "inputs", "mark", "op", "out", "shape", "where")

    op: Any
    inputs: tuple[Link | None, ...]
    args: tuple[Any, ...] | None
    out: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    clock: int
    hooks: list[Hook] | None
    grad: Any
    where: Any
    mark: Any


class Unread:
    """A placeholder for an array that no rule reads: its shape and dtype alone."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape: tuple[int, ...] = shape
        self.dtype: np.dtype[Any] = dtype


class TensorBase:
    """What the engine knows of a tensor: its array, and where it came from.

    `source` is the Node that computed it, the Leaf that keeps its gradient, or None for a constant.
    `view_` says with whom it shares its memory (see views.py), and is left unset where nobody else looked at it.
    """

    __slots__ = ("__weakref__", "array", "source", "view_")

    array: Any
    source: Link | None
    view_: Any


def array_of(value: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return value.array if isinstance(value, TensorBase) else value


Link: TypeAlias = Node | Leaf
Hook: TypeAlias = Callable[[Any, Any], Any]  # hook(link, gradient) -> gradient
Known: TypeAlias = Mapping[int, Any] | None  # gradients of arguments, by their numbers
Watch: TypeAlias = Callable[[Link, Any, Any], Known]  # watch(link, the gradient before its hooks, after them)
After: TypeAlias = Callable[[Link, Any, Sequence[Any]], None]  # after(link, its gradient, what the rules made of it)
Lift: TypeAlias = Callable[[Node], tuple[Any, tuple[Any, ...]]]  # a node's result and arguments as tensors


class Cotangents:
    """The gradients that enter an op with several results: None where a result was not used."""

    __slots__ = ("parts",)
    shape: tuple[int, ...] = ()  # a node with several results has the shape () as well

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts: tuple[Any, ...] = tuple(parts)

    def __add__(self, other: Cotangents) -> Cotangents:
        pairs = zip(self.parts, other.parts, strict=True)
        return Cotangents([b if a is None else a if b is None else a + b for a, b in pairs])


def count_uses(roots: Iterable[Link], within: Container[Link] | None = None) -> dict[Link, int]:
    """How many links lead to each link that `roots` reach; checks that every node can still be walked.

    Args:
        roots: where to begin.
        within: pass over links that are not in it.
    """
    uses: dict[Link, int] = {link: 0 for link in roots if within is None or link in within}
    stack = [link for link in uses if isinstance(link, Node)]
    clock = versions.now
    while stack:
        node = stack.pop()
        if node.args is None or node.clock != clock:
            check_walkable(node)
        for source in node.inputs:
            if source is None or (within is not None and source not in within):
                continue
            if source in uses:
                uses[source] += 1
            else:
                uses[source] = 1
                if isinstance(source, Node):
                    stack.append(source)
    return uses


def leading_to(wanted: Iterable[Link], roots: Sequence[tuple[Link, Any]]) -> set[Link]:
    """The links on some path from `roots` to `wanted`: each is looked at once more after all of its sources."""
    leading, seen = set(wanted), set()
    stack = [(link, False) for link, _ in roots]
    while stack:
        link, sources_known = stack.pop()
        if sources_known:
            if any(source in leading for source in link.inputs):  # type: ignore[union-attr]
                leading.add(link)
        elif isinstance(link, Node) and link not in seen:
            seen.add(link)
            stack.append((link, True))
            stack.extend([(source, False) for source in link.inputs if source is not None])
    return leading


def check_walkable(node: Node) -> None:
    """Raise if the node was freed by an earlier walk, or something that it saved was overwritten."""
    name = node.op.name
    if node.args is None:
        raise GraphError(
            f"backward through {name!r} a second time: the first walk freed what it had saved. "
            "Pass retain_graph=True to the first backward(), or compute the result again; if it began with what a step "
            "before had left, such as the state of an LSTM, detach() that"
        )
    saved = [("its result", node.out), *((f"argument {i}", value) for i, value in enumerate(node.args))]
    for label, value in saved:
        changed = versions.changed_at(value)
        if changed > node.clock:
            shape = f", of shape {value.shape}" if hasattr(value, "shape") else ""
            raise GraphError(
                f"{name!r} saved {label}{shape}, at version {node.clock}, and it was overwritten "
                f"in place at version {changed}: its gradient would be wrong. Change a copy (x.clone()), or call "
                "backward() before the in-place change"
            )
    node.clock = versions.now
