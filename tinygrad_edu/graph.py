"""The graph of a computation, and the walk that differentiates it.

Two kinds of object make up a graph. A `Node` is one application of an op; its links lead to where the
op's inputs came from. A `Leaf` is where a gradient is kept: that of a parameter, or of any tensor that
asked for one. Links point backwards only, from results to inputs, so a graph nobody holds is freed at once.

`backward` visits each node once, after all of its consumers, and hands every link its part of the
gradient by the op's rules. It knows no op and no tensor: gradients are whatever the rules compute with,
plain arrays as a rule, tensors where the backward pass is itself to be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from . import versions
from .broadcasting import sum_to_shape
from .errors import GraphError, ShapeError

__all__ = ["Cotangents", "Hook", "Leaf", "Link", "Node", "backward", "count_uses"]


class Leaf:
    """The end of a path through the graph, where the gradient of one tensor is kept."""

    __slots__ = ("after", "dtype", "grad", "hooks", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape: tuple[int, ...] = shape
        self.dtype: np.dtype[Any] = dtype
        self.grad: Any = None
        self.hooks: list[Hook] | None = None
        self.after: list[Callable[[], None]] | None = None  # called when a walk's gradient has been added


class Node:
    """One application of an op.

    Attributes:
        op: the op, with `name`, `rules` (one per argument, called as rule(g, out, *args)) or `joint`
            (one for all, called as joint(g, out, *args, needs=...)), and `fresh`.
        links: for each argument the Node or Leaf it came from; None where no gradient is wanted.
        args: for each argument what the rules read: its value, or merely its link (which has a shape
            and a dtype) where no rule reads the value. None once the graph was freed.
        out: the op's result, if a rule reads it.
        shape, dtype: those of the result.
        clock: the time on the clock of in-place changes when the arguments were saved.
        hooks: functions called with the node and the gradient of its result; what they return takes its place.
        grad: that gradient, where it was asked to be retained; where: the line that made the node,
            while anomalies are looked for. Both are left unset otherwise.
    """

    __slots__ = ("args", "clock", "dtype", "grad", "hooks", "links", "op", "out", "shape", "where")

    op: Any
    links: tuple[Link | None, ...]
    args: tuple[Any, ...] | None
    out: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    clock: int
    hooks: list[Hook] | None
    grad: Any
    where: str


Link: TypeAlias = Node | Leaf
Hook: TypeAlias = Callable[[Any, Any], Any]  # hook(link, gradient) -> gradient
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


def backward(
    roots: Sequence[tuple[Link, Any]],
    *,
    retain_graph: bool = False,
    lift: Lift | None = None,
    wanted: Iterable[Link] | None = None,
    check: Callable[[Container[Link | None]], None] | None = None,
) -> tuple[dict[Leaf, Any], dict[Link, Any]]:
    """Walk from `roots` to the leaves, each node after all of its consumers.

    Args:
        roots: pairs of a link and the gradient that enters there.
        retain_graph: keep what the rules read, for another walk.
        lift: makes a node's saved result and arguments differentiable, for derivatives of derivatives.
        wanted: the links whose total gradient is to be returned, leaf or not; the walk keeps to the paths
            that lead to them. Default: all leaves.
        check: called with the links that will be visited, before anything is freed; it may raise.

    Returns:
        The total gradient of each leaf that was reached, in arrays that nobody else holds, and that
        of each wanted link.

    Raises:
        GraphError: if the graph was freed or a saved array overwritten; nothing has been computed then.
    """
    plain, wanted = lift is None, frozenset(wanted or ())
    waiting = count_uses([link for link, _ in roots], _leading_to(wanted, roots) if wanted else None)
    if check is not None:
        check(waiting)
    leaves: dict[Leaf, Any] = {}
    found: dict[Link, Any] = {}
    pending: dict[Link, Any] = {}  # the sums of parts, where more are to come
    owned: set[Link] = set()  # the pending ones that were allocated here, so that parts may be added in place
    for link, gradient in roots:
        if link in waiting:
            pending[link] = pending[link] + gradient if link in pending else gradient
    ready = [(link, pending.pop(link), False) for link in tuple(pending) if not waiting[link]]
    while ready:
        link, g, ours = ready.pop()
        if link.hooks is not None:
            g, ours = _run_hooks(link, g), False
        if wanted and link in wanted:
            found[link], ours = g, False
        if not isinstance(link, Node):
            if g is not None:
                leaves[link] = g if ours else g.copy()
            continue
        needs = link.links
        if wanted:
            needs = tuple([source if source in waiting else None for source in needs])
        parts = _pull(link, g, needs, lift)
        if not retain_graph:
            link.out = link.args = None
        fresh = plain and link.op.fresh
        for source, part in zip(needs, parts):
            if source is None:
                continue
            ours = fresh and part is not g
            if part is not None and part.shape != source.shape:
                part, ours = _fit(part, source, link), plain
            if pending and source in pending:
                part, ours = _add(pending.pop(source), part, source in owned, plain)
            uses = waiting[source]
            if uses == 1:
                ready.append((source, part, ours))
            else:
                waiting[source] = uses - 1
                pending[source] = part
                if ours:
                    owned.add(source)
    return leaves, {link: found.get(link) for link in wanted}


def _pull(node: Node, g: Any, needs: Sequence[Link | None], lift: Lift | None) -> Sequence[Any]:
    """The parts of the gradient `g` of a node's result that belong to its arguments, by the op's rules."""
    if g is None:
        return [None] * len(needs)
    op, out, args = node.op, node.out, node.args
    if lift is not None:
        out, args = lift(node)
    try:
        if op.joint is not None:
            return op.joint(g, out, *args, needs=needs)  # type: ignore[no-any-return,misc]
        # One and two arguments are written out: a call with * costs as much as a small sum.
        rules = op.rules
        if len(args) == 2:  # type: ignore[arg-type]
            x, y = args  # type: ignore[misc]
            first = None if needs[0] is None else rules[0](g, out, x, y)
            return first, None if needs[1] is None else rules[1](g, out, x, y)
        if len(args) == 1:  # type: ignore[arg-type]
            return (rules[0](g, out, args[0]),)  # type: ignore[index]
        return [None if link is None else rule(g, out, *args) for link, rule in zip(needs, rules)]  # type: ignore[misc]
    except Exception as error:
        unread = any(isinstance(value, Node | Leaf) for value in args or ())
        hint = ". Of arguments that saves= does not name, a rule finds only shape and dtype" if unread else ""
        error.add_note(f"in a rule of {op.name!r}, during the backward pass{hint}")
        raise


def _add(held: Any, part: Any, owned: bool, plain: bool) -> tuple[Any, bool]:
    """The sum of what is pending and one more part, and whether it is ours to be added to in place."""
    if part is None or held is None:
        return held if part is None else part, owned
    if owned:
        held += part
        return held, True
    return held + part, plain


def _run_hooks(link: Link, g: Any) -> Any:
    """The gradient as the hooks of its link leave it."""
    if g is not None:
        for hook in tuple(link.hooks or ()):
            g = hook(link, g)
    return g


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
            _check_walkable(node)
        for source in node.links:
            if source is None or (within is not None and source not in within):
                continue
            if source in uses:
                uses[source] += 1
            else:
                uses[source] = 1
                if isinstance(source, Node):
                    stack.append(source)
    return uses


def _leading_to(wanted: Iterable[Link], roots: Sequence[tuple[Link, Any]]) -> set[Link]:
    """The links on some path from `roots` to `wanted`: each is looked at once more after all of its sources."""
    leading, seen = set(wanted), set()
    stack = [(link, False) for link, _ in roots]
    while stack:
        link, sources_known = stack.pop()
        if sources_known:
            if any(source in leading for source in link.links):  # type: ignore[union-attr]
                leading.add(link)
        elif isinstance(link, Node) and link not in seen:
            seen.add(link)
            stack.append((link, True))
            stack.extend([(source, False) for source in link.links if source is not None])
    return leading


def _check_walkable(node: Node) -> None:
    """Raise if the node was freed by an earlier walk, or something that it saved was overwritten."""
    name = node.op.name
    if node.args is None:
        raise GraphError(
            f"backward through {name!r} a second time: the first walk freed what it had saved. "
            "Pass retain_graph=True to the first backward(), or compute the result again"
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


def _fit(part: Any, source: Link, node: Node) -> Any:
    """Undo the op's broadcasting; a part that does not fit its argument at all is a wrong rule."""
    try:
        return sum_to_shape(part, source.shape)
    except ShapeError as error:
        raise ShapeError(
            f"the rule of {node.op.name!r} for argument {node.links.index(source)} gave a gradient of shape "
            f"{part.shape} for an argument of shape {source.shape}"
        ) from error
