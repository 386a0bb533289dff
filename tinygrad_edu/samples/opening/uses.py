"""The uses of each tensor in a graph, from the losses backwards: what `propagation.py` and `coupling.py` walk along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...engine.graph import Leaf, Link, Node, count_uses
from ...engine.recording import Pick
from ...sample_rules.ids import CROWD, SampleIds, Use, merge
from ...sample_rules.rule import Makes, SampleRule


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


class _Unruled(SampleRule):
    """Of an op that has none."""

    def ids_of(self, node: Node, ids: Any) -> Sequence[Any]:
        return [Use.UNKNOWN] * len(node.inputs)


_PICKING = _Picking()
UNRULED: SampleRule = _Unruled()


def rule_of(node: Node) -> SampleRule:
    """The sample rule of a node's op."""
    if isinstance(node.op, Pick):
        return _PICKING
    return getattr(node.op, "samples", None) or UNRULED


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


def agreement(uses: Sequence[Crossing]) -> tuple[Any, Crossing | None, list[Crossing]]:
    """What the uses of a tensor say together: its ids, a use that disagrees, and the uses that share it.

    Where a use disagrees with those before it, there are no ids; nor where none of them gives any.
    """
    total: Any = None
    clash: Crossing | None = None
    whole: list[Crossing] = []
    for edge in uses:
        if isinstance(edge.found, Use):
            whole.append(edge)
        elif clash is None:
            total = edge.found if total is None else merged(total, edge.found)
            clash = edge if total is None else None
    return total, clash, whole


def ids_in(found: Any) -> list[SampleIds]:
    """The ids in what is found of an argument, or of a node: one array, or one for each of several results."""
    if isinstance(found, np.ndarray):
        return [found]
    parts = found.ids if isinstance(found, Parts) else found if isinstance(found, tuple) else ()
    return [part for part in parts if part is not None]


def is_shared(found: Any) -> bool:
    """Whether several samples use some of it."""
    return isinstance(found, Use) or any((part >= CROWD).any() for part in ids_in(found))
