"""The uses of each tensor in a graph, from the losses backwards: what `propagation.py` and `coupling.py` walk along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...engine.graph import Leaf, Link, Node, count_uses
from ...engine.recording import Pick
from ...sample_rules.ids import merge
from ...sample_rules.rule import Makes, SampleRule

__all__ = ["Crossing", "Parts", "Visit", "merged", "rule_of", "visit_links"]


class Crossing(NamedTuple):
    """An edge of the graph; one from a result of the samples to something that they share *crosses*.

    Attributes:
        node: the op whose result belongs to the samples; None where the losses themselves are the shared thing.
        argument: which of its arguments is meant.
        ids: those of the op's result; None while edges are followed, where the op itself is shared.
        found: those of the argument, where this edge alone would have given it ids; else how it is used.
    """

    node: Node | None
    argument: int
    ids: Any
    found: Any


class Parts(NamedTuple):
    """The ids of the results of an op with several: None where one is not used."""

    ids: tuple[Any, ...]


class _Picking(SampleRule):
    """Of what takes one result out of several."""

    makes = Makes.FORM

    def ids_of(self, node: Node, ids: Any) -> Sequence[Any]:
        return [Parts(tuple([ids if i == node.op.index else None for i in range(node.op.count)]))]


_picking = _Picking()


def rule_of(node: Node) -> SampleRule | None:
    """The sample rule of a node's op, if there is one."""
    return _picking if isinstance(node.op, Pick) else getattr(node.op, "samples", None)


Visit: TypeAlias = Callable[[Link, list[Crossing]], tuple[Any, Sequence[Any]]]


def visit_links(root: Link, ids: Any, visit: Visit) -> None:
    """Visit all that `root` depends on, each link after all that use it.

    Args:
        root: where the losses came from.
        ids: those of the losses.
        visit: is given a link and its uses; for a node it returns its ids, and what it finds of each argument.

    Raises:
        GraphError: if the graph was freed.
    """
    waiting = count_uses([root])
    edges: dict[Link, list[Crossing]] = {root: [Crossing(None, 0, None, ids)]}
    ready: list[Link] = [root]
    while ready:
        link = ready.pop()
        own, found = visit(link, edges.pop(link))
        if isinstance(link, Leaf):
            continue
        for argument, source in enumerate(link.inputs):
            if source is None:
                continue
            edge = Crossing(link, argument, own, found[argument])
            if source in edges:
                edges[source].append(edge)
            else:
                edges[source] = [edge]
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)


def merged(one: Any, other: Any) -> Any:
    """The ids from two uses; None if they disagree."""
    if isinstance(one, np.ndarray):
        return merge(one, other)
    parts = []
    for a, b in zip(one.ids, other.ids, strict=True):
        both = b if a is None else a if b is None else merge(a, b)
        if both is None and a is not None:
            return None
        parts.append(both)
    return Parts(tuple(parts))
