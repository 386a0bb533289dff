"""Backpropagation: the walk back through a graph, every node once, after all of its consumers.

It knows no op and no tensor. Gradients are whatever the rules compute with: plain arrays as a rule, tensors
where the backward pass is itself to be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ..errors import ShapeError
from .broadcasting import sum_to_shape
from .graph import After, Known, Leaf, Lift, Link, Node, Unread, Watch, count_uses, leading_to
from .observing import computed, watched


def backpropagate(
    roots: Sequence[tuple[Link, Any]],
    *,
    retain_graph: bool = False,
    lift: Lift | None = None,
    wanted: Iterable[Link] | None = None,
    check: Callable[[Container[Link | None]], None] | None = None,
    watch: Mapping[Link, Watch] | None = None,
    after: Mapping[Link, After] | None = None,
) -> tuple[dict[Leaf, Any], dict[Link, Any]]:
    """Walk from `roots` to the leaves, each node after all of its consumers.

    Args:
        roots: pairs of a link and the gradient that enters there.
        retain_graph: keep what the rules read, for another walk.
        lift: makes a node's saved result and arguments differentiable, for derivatives of derivatives.
        wanted: the links whose total gradient is to be returned, leaf or not; the walk keeps to the paths
            that lead to them. Default: all leaves.
        check: called with the links that will be visited, before anything is freed; it may raise.
        watch: for some links a function that is shown the gradient there, unless it is None: what came, and what
            the hooks of the link have made of it. It may return the gradients of some arguments of a node, in arrays
            that nobody else holds, if it has computed them: their rules are then not asked.
        after: for some nodes a function that is shown the gradient there, and what the rules have made of it, before
            broadcasting is undone; it may keep these.

    Returns:
        The total gradient of each leaf that was reached, in arrays that nobody else holds, and that
        of each wanted link.

    Raises:
        GraphError: if the graph was freed or a saved array overwritten; nothing has been computed then.
    """
    plain, wanted = lift is None, frozenset(wanted or ())
    waiting = count_uses([link for link, _ in roots], leading_to(wanted, roots) if wanted else None)
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
        known: Known = None
        if link.hooks is not None or (watch is not None and link in watch):
            (g, known), ours = _run_hooks(link, g, watch), False
        if wanted and link in wanted:
            found[link], ours = g, False
        if not isinstance(link, Node):
            if g is not None:
                leaves[link] = g if ours else g.copy()
            continue
        needs = link.inputs
        if wanted:
            needs = tuple([source if source in waiting else None for source in needs])
        parts = apply_vjp(link, g, needs, lift) if known is None else _completed(known, link, g, needs, lift)
        fresh = plain and link.op.fresh
        if after is not None and link in after:
            after[link](link, g, parts)
            fresh = False
        if not retain_graph:
            link.out = link.args = None
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


def apply_vjp(node: Node, g: Any, needs: Sequence[Link | None], lift: Lift | None) -> Sequence[Any]:
    """The parts of the gradient `g` of a node's result that belong to its arguments, by the op's rules."""
    if g is None:
        return [None] * len(needs)
    op, out, args = node.op, node.out, node.args
    if lift is not None:
        out, args = lift(node)
    if watched:
        return computed("backward", op, partial(_explained, op, needs), (g, out, *args))  # type: ignore[no-any-return,misc]
    try:
        if op.joint is None:
            # One and two arguments are written out: a call with * costs as much as a small sum.
            rules = op.vjps
            if len(args) == 2:  # type: ignore[arg-type]
                x, y = args  # type: ignore[misc]
                first = None if needs[0] is None else rules[0](g, out, x, y)
                return first, None if needs[1] is None else rules[1](g, out, x, y)
            if len(args) == 1:  # type: ignore[arg-type]
                return (rules[0](g, out, args[0]),)  # type: ignore[index]
        return by_rules(op, needs, g, out, *args)  # type: ignore[misc]
    except Exception as error:
        _say_whose(error, op, args or ())
        raise


def _explained(op: Any, needs: Sequence[Link | None], g: Any, out: Any, *args: Any) -> Sequence[Any]:
    try:
        return by_rules(op, needs, g, out, *args)
    except Exception as error:
        _say_whose(error, op, args)
        raise


def _say_whose(error: Exception, op: Any, args: Sequence[Any]) -> None:
    """Note on an error in which rule it was raised."""
    unread = any(isinstance(value, Node | Leaf | Unread) for value in args)
    hint = ". Of arguments that saves= does not name, a rule sees only shape and dtype" if unread else ""
    error.add_note(f"in a rule of {op.name!r}, during the backward pass{hint}")


def by_rules(op: Any, needs: Sequence[Link | None], g: Any, out: Any, *args: Any) -> Sequence[Any]:
    """The parts of `g` by the rules of `op`; None for an argument that needs none."""
    if op.joint is not None:
        return op.joint(g, out, *args, needs=needs)  # type: ignore[no-any-return]
    return [None if link is None else rule(g, out, *args) for link, rule in zip(needs, op.vjps)]


def _add(held: Any, part: Any, owned: bool, plain: bool) -> tuple[Any, bool]:
    """The sum of what is pending and one more part, and whether it is ours to be added to in place."""
    if part is None or held is None:
        return held if part is None else part, owned
    if owned:
        held += part
        return held, True
    return held + part, plain


def _completed(
    known: Mapping[int, Any], node: Node, g: Any, needs: Sequence[Link | None], lift: Lift | None
) -> Sequence[Any]:
    """What the rules give, except for what is known."""
    asked = [None if i in known else link for i, link in enumerate(needs)]
    parts = apply_vjp(node, g, asked, lift)
    return [part if needs[i] is None else known.get(i, part) for i, part in enumerate(parts)]


def _run_hooks(link: Link, came: Any, watch: Mapping[Link, Watch] | None) -> tuple[Any, Known]:
    """The gradient as the hooks of its link leave it; those who watch are shown it, and may keep it."""
    if came is None:
        return None, None
    g = came
    for hook in tuple(link.hooks or ()):
        g = hook(link, g)
    return g, watch[link](link, came, g) if watch is not None and link in watch else None


def _fit(part: Any, source: Link, node: Node) -> Any:
    """Undo the op's broadcasting; a part that does not fit its argument at all is a wrong rule."""
    try:
        return sum_to_shape(part, source.shape)
    except ShapeError as error:
        raise ShapeError(
            f"the rule of {node.op.name!r} for argument {node.inputs.index(source)} gave a gradient of shape "
            f"{part.shape} for an argument of shape {source.shape}"
        ) from error
