"""Which sample each intermediate result of a batch belongs to, found by following the graph backwards.

From the losses, of which each sample has one, every op's sample rule says to whom the elements of its
arguments belong. Most results turn out to be the samples' side by side. What several samples use as a whole,
above all a parameter, ends that: there an edge of the graph *crosses* from the samples to what they share.
A computed tensor that is used both ways couples the samples, and is an error unless that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..callsite import line_of
from ..errors import SampleCouplingError
from ..graph import Leaf, Link, Node, count_uses
from ..ops.index import may_repeat
from ..owners import NOBODY, Owners, Use, collapse, merge, varies

__all__ = ["Crossing", "Flow", "follow"]


class Crossing(NamedTuple):
    """An edge from a result of the samples to something that they share.

    Attributes:
        node: the op whose result belongs to the samples; None where the losses themselves are the shared thing.
        argument: which of its arguments is shared.
        owners: those of the op's result; None while edges are followed, where the op itself is shared.
        found: those of the argument, where this edge alone would have given it owners; else how it is used.
    """

    node: Node | None
    argument: int
    owners: Any
    found: Any


class Flow:
    """What following a graph has found.

    Attributes:
        crossings: for each shared link its crossing edges.
        shared: the shared nodes, each after all that use it.
        unruled: the names of the ops for which there is no sample rule.
        coupled: what couples the samples, where that was allowed.
        via: for each shared node the use that made it so.
        lookups: the nodes that read rows as from a table; see `_is_lookup`.
    """

    def __init__(self) -> None:
        self.crossings: dict[Link, list[Crossing]] = {}
        self.shared: list[Node] = []
        self.unruled: list[str] = []
        self.coupled: list[str] = []
        self.via: dict[Any, Crossing] = {}
        self.lookups: set[Any] = set()


def follow(root: Link, owners: Owners, coupled: bool = False) -> Flow:
    """Follow the graph from the losses `root`, whose elements belong to `owners`.

    Args:
        root: where the losses came from.
        owners: those of the losses.
        coupled: whether samples may be coupled.

    Raises:
        SampleCouplingError: if they are, but may not.
        GraphError: if the graph was freed.
    """
    flow = Flow()
    waiting = count_uses([root])
    edges: dict[Link, list[Crossing]] = {root: [Crossing(None, 0, None, owners)]}
    ready: list[Link] = [root]
    while ready:
        link = ready.pop()
        uses = edges.pop(link)
        if isinstance(link, Leaf):
            flow.crossings[link] = _crossings(link, uses, flow)
            continue
        own: Any = uses[0].found
        if len(uses) > 1 or not isinstance(own, np.ndarray):
            own = _meet(link, uses, flow, coupled)
        owners, found = _follow_node(link, own, uses, flow)
        if flow.lookups or link.op.name == "getitem":
            if _is_lookup(link, found, uses, flow):
                flow.lookups.add(link)
        for argument, source in enumerate(link.links):
            if source is None:
                continue
            edge = Crossing(link, argument, owners, found[argument])
            if source in edges:
                edges[source].append(edge)
            else:
                edges[source] = [edge]
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    return flow


def _follow_node(node: Node, own: Any, uses: Sequence[Crossing], flow: Flow) -> tuple[Any, Sequence[Any]]:
    """The owners of a node, None where it is shared, and how it uses its arguments."""
    rule = getattr(node.op, "samples", None)
    if not isinstance(own, Use):
        if rule is not None:
            return own, rule.owners_of(node, own)
        if node.op.name == "pick":
            parts = [own if i == node.op.index else None for i in range(node.op.count)]
            return own, [_Parts(tuple(parts))]
        flow.unruled.append(node.op.name)
    kind = own if isinstance(own, Use) else Use.UNKNOWN
    crossings = _crossings(node, uses, flow)
    flow.shared.append(node)
    if crossings:
        flow.crossings[node] = crossings
    through = next((edge for edge in uses if edge.found is not Use.UNKNOWN), uses[0])
    if through.node is not None:
        flow.via[node] = through
    return None, [kind] * len(node.links)


def _is_lookup(node: Node, found: Sequence[Any], uses: Sequence[Crossing], flow: Flow) -> bool:
    """Whether rows are read by their places and others left out, as from a table: who has which row is chance then.

    A row that just one sample read is not that sample's own, and what is computed along such rows mixes no samples.
    """
    if node.op.name == "getitem" and isinstance(node.links[0], Node):
        if may_repeat(node.args[1]) and _leaves_rows(found[0]):  # type: ignore[index]
            return True
    if not flow.lookups:
        return False
    passed_on = node.op.name in _STRUCTURE or any(part is Use.MIXED for part in found)
    return passed_on and all(edge.node in flow.lookups for edge in uses)


def _leaves_rows(found: Any) -> bool:
    if not isinstance(found, np.ndarray):
        return False
    for axis in range(found.ndim):
        rows = collapse(found, tuple([i for i in range(found.ndim) if i != axis]))
        if rows is not None and (rows != NOBODY).all():
            return False
    return bool((found == NOBODY).any())


def _meet(link: Link, uses: Sequence[Crossing], flow: Flow, coupled: bool) -> Any:
    """The owners of a link that all of its uses agree on; else the kind of sharing."""
    total: Any = None
    clash: Crossing | None = None
    whole: list[Crossing] = []
    for edge in uses:
        if isinstance(edge.found, Use):
            whole.append(edge)
        elif clash is None:
            total = edge.found if total is None else _merged(total, edge.found)
            clash = edge if total is None else None
    if not whole and clash is None:
        return total.owners if isinstance(total, _Parts) else total
    if isinstance(link, Node):
        culprit, split = _meeting(uses, clash, flow)
        if culprit is not None:
            error = _coupling(link, culprit, split, flow)
            if not coupled:
                raise error
            flow.coupled.append(f"{error.op}, {error.where}")
    known = clash is not None or any(edge.found is not Use.UNKNOWN for edge in whole)
    return Use.SHARED if known else Use.UNKNOWN


def _meeting(uses: Sequence[Crossing], clash: Crossing | None, flow: Flow) -> tuple[Crossing | None, Crossing | None]:
    """The use of a computed tensor that takes it across samples, if one does, and one that takes it by samples."""
    split, owners = _split(uses, flow)
    for edge in uses:
        if edge.found is Use.MIXED and edge.node not in flow.lookups:
            return edge, split
    if split is None:
        return None, None
    for edge in uses:
        if edge.found is Use.SHARED or edge.found is Use.MIXED:
            return edge, split
    others = [e for e in uses if not isinstance(e.found, Use) and _merged(owners, e.found) is None]
    culprit = others[0] if others else clash
    if culprit is not None and _mixing(split.node) and not _mixing(culprit.node):
        return split, culprit  # each has its samples: what is to be named is the one that moves them
    return culprit, split


def _split(uses: Sequence[Crossing], flow: Flow) -> tuple[Crossing | None, Any]:
    """A use that shows that each sample has elements of its own, and the owners by it.

    Parts that samples take one by one show it if together they are all of it, and each part is one sample's.
    """
    parts: list[Crossing] = []
    for edge in uses:
        if isinstance(edge.found, Use):
            continue
        if _varies(edge.found) and edge.node not in flow.lookups:
            return edge, edge.found
        if isinstance(edge.found, np.ndarray) and (edge.found == NOBODY).any():
            parts.append(edge)
    total: Any = parts[0].found if parts else None
    for edge in parts[1:]:
        total = None if total is None else merge(total, edge.found)
    if total is None or not varies(total) or (total == NOBODY).any():
        return None, None
    return parts[0], total


def _mixing(node: Node | None) -> bool:
    rule = getattr(node.op, "samples", None) if node is not None else None
    return rule is None or rule.mixing


class _Parts(NamedTuple):
    """The owners of the results of an op with several: None where one is not used."""

    owners: tuple[Any, ...]


def _varies(found: Any) -> bool:
    return any(o is not None and varies(o) for o in found.owners) if isinstance(found, _Parts) else varies(found)


def _merged(one: Any, other: Any) -> Any:
    """The owners from two uses; None if they disagree."""
    if not isinstance(one, _Parts):
        return merge(one, other)
    parts = []
    for a, b in zip(one.owners, other.owners, strict=True):
        both = b if a is None else a if b is None else merge(a, b)
        if both is None and a is not None:
            return None
        parts.append(both)
    return _Parts(tuple(parts))


def _crossings(link: Link, uses: Sequence[Crossing], flow: Flow) -> list[Crossing]:
    """The uses of a shared link that come from the samples; results of an op with several are shared one by one."""
    found = []
    for edge in uses:
        if isinstance(edge.found, _Parts):
            assert isinstance(edge.node, Node)
            flow.shared.append(edge.node)
            flow.crossings[edge.node] = [Crossing(None, 0, edge.owners, edge.owners)]
        elif edge.node is None or edge.owners is not None:
            owners = edge.found if edge.node is None else edge.owners
            found.append(Crossing(edge.node, edge.argument, owners, edge.found))
    return found


_STRUCTURE = ("transpose", "reshape", "broadcast_to", "getitem", "clone", "astype", "pick")


def _coupling(link: Node, edge: Crossing, split: Crossing | None, flow: Flow) -> SampleCouplingError:
    """What to say of a computed tensor that couples the samples by its use in `edge`."""
    chain = [edge]
    while edge.owners is None and edge.node in flow.via:  # out of what is shared, to where the samples use it
        edge = flow.via[edge.node]
        chain.append(edge)
    culprit = _culprit(chain, None if split is None else split.found)
    nodes = [other.node for other in chain if other.node is not None]
    called = next((node for node in [culprit, *nodes] if hasattr(node, "where")), None)
    before = called or _before(culprit)
    where = "" if before is None else line_of(before.where)
    other = f", and sample by sample in {split.node.op.name!r}" if split is not None and split.node is not None else ""
    line = f"\n  {'called at' if called else 'after'} {where}" if where else ""
    return SampleCouplingError(
        f"the samples are coupled by {culprit.op.name!r}: it takes the result of {link.op.name!r}, of shape "
        f"{link.shape}, across samples{other}. So one sample's loss depends on the others, and no gradient is its "
        f"own.{line}\n"
        "  Compute it sample by sample (layer_norm instead of a mean over the batch, statistics kept from training), "
        "detach() what is taken across samples, or pass coupled=True for the derivatives of each loss with the "
        "batch as it stands",
        culprit.op.name,
        where,
    )


def _culprit(chain: Sequence[Crossing], owners: Any) -> Node:
    """Of a chain of uses the op in which the samples, whose elements had these owners before it, come together."""
    nodes: list[Node] = [edge.node for edge in chain if edge.node is not None]
    for edge in chain[:-1]:
        owners = _still_apart(edge, owners)
        if owners is None:
            break
        nodes.pop(0)
    computing = [node for node in nodes if node.op.name not in _STRUCTURE] or nodes[-1:]
    return next((node for node in computing if _mixing(node)), computing[0])


def _still_apart(edge: Crossing, owners: Any) -> Owners | None:
    """The owners of an op's result that give an argument these `owners`, if in both the samples lie along one axis."""
    node = edge.node
    rule = getattr(node.op, "samples", None) if node is not None else None
    axes = [axis for axis, n in enumerate(owners.shape) if n != 1] if isinstance(owners, np.ndarray) else []
    if node is None or rule is None or len(axes) != 1:
        return None
    for axis, n in enumerate(node.shape):
        if n == owners.size:
            result: Owners = owners.reshape([-1 if i == axis else 1 for i in range(len(node.shape))])
            if np.array_equal(rule.owners_of(node, result)[edge.argument], owners):
                return result
    return None


def _before(node: Node) -> Node | None:
    """The nearest op that `node` depends on and whose line is known: elementwise ops do not keep theirs."""
    ready, seen = [node], {node}
    for other in ready:
        if hasattr(other, "where"):
            return other
        sources = [link for link in other.links if isinstance(link, Node) and link not in seen]
        ready += dict.fromkeys(sources)
        seen.update(sources)
    return None
