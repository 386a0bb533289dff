"""Whether the samples of a batch are coupled, asked element by element once a tensor is used in ways that differ.

A computed tensor that some use takes sample by sample, and another across samples, is *suspect*. Each of its
elements is then one sample's, or `CROWD`'s (several use it, nobody alone), or `BOTH`'s. These two are ids like
any other: sample rules carry them on to the arguments, and each argument is judged by itself. So a row of zeros,
or one that all samples share, may stand in a tensor beside the samples' own rows. Where the suspicion reaches
a leaf, or something shared by all, it has become certain: the samples are coupled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.callsite import line_of
from ...engine.graph import Leaf, Link, Node
from ...errors import SampleCouplingError, spoken
from ...sample_rules.ids import BOTH, CROWD, NOBODY, SampleIds, Use, collapse, merge, simplify, varies
from ...sample_rules.rule import Makes
from .uses import Crossing, Parts, merged, rule_of, visit_links

__all__ = ["couplings", "leaf_ids"]


def couplings(root: Link, ids: SampleIds) -> list[SampleCouplingError]:
    """What couples the samples, to which the elements of the losses `root` belong: first what is nearest to them."""
    search = _Search()
    visit_links(root, ids, search.visit)
    return [error for error in search.suspicions if error in search.certain]


def leaf_ids(root: Link, ids: SampleIds) -> dict[Leaf, list[SampleIds]]:
    """For each leaf, and each use of it of which that is known, whose each element is."""
    search = _Search()
    visit_links(root, ids, search.visit)
    return {leaf: [part for use in uses for part in _arrays(use.found)] for leaf, uses in search.leaves.items()}


class _Search:
    """One walk.

    Attributes:
        leaves: the uses of each leaf.
        suspicions: all that there were, in the order of the walk; certain: those that have proved true.
        suspects: of each node of which an argument is suspect, why.
        via: for each node the use that made it what it is.
        lookups: the nodes that read rows as from a table; see `_is_lookup`.
    """

    def __init__(self) -> None:
        self.leaves: dict[Leaf, list[Crossing]] = {}
        self.suspicions: list[SampleCouplingError] = []
        self.certain: list[SampleCouplingError] = []
        self.suspects: dict[Any, SampleCouplingError] = {}
        self.via: dict[Any, Crossing] = {}
        self.lookups: set[Any] = set()

    def visit(self, link: Link, uses: list[Crossing]) -> tuple[Any, Sequence[Any]]:
        """The ids of a node, None where it is shared, and how it uses its arguments."""
        if isinstance(link, Leaf):
            self.leaves[link] = uses
            return None, ()
        self.via[link] = max(uses, key=lambda edge: 2 * _is_use(edge.found) + _mixing(edge.node))
        own, why = self._meet(link, uses)
        rule = rule_of(link)
        found: Sequence[Any]
        if isinstance(own, Use):
            found = [own] * len(link.inputs)
        elif rule is not None:
            found = rule.exactly(link, own)
        else:
            found = [Use.UNKNOWN] * len(link.inputs)
        shared = _is_shared(own)
        if why is not None and self._is_certain(link, found, why):
            self.certain.append(why)
            found = [Use.SHARED] * len(link.inputs)
        elif shared and why is None:  # an op that mixes the elements of what is shared mixes no samples
            found = [Use.SHARED if part is Use.MIXED else part for part in found]
        if self._is_lookup(link, found, uses):
            self.lookups.add(link)
        return None if shared else own, found

    def _meet(self, link: Node, uses: Sequence[Crossing]) -> tuple[Any, SampleCouplingError | None]:
        """The ids of a node by all of its uses, or how it is shared; and why it is suspect, if it is."""
        total: Any = None
        clash: Crossing | None = None
        whole: list[Crossing] = []
        for edge in uses:
            if isinstance(edge.found, Use):
                whole.append(edge)
            elif clash is None:
                total = edge.found if total is None else merged(total, edge.found)
                clash = edge if total is None else None
        why = next((self.suspects[e.node] for e in uses if e.node in self.suspects and _is_suspect(e.found)), None)
        culprit, split = self._meeting(uses, clash)
        if culprit is not None and why is None:
            why = _coupling(link, culprit, split, self.via)
            self.suspicions.append(why)
        if any(isinstance(edge.found, Parts) for edge in uses):
            return (Use.SHARED if total is None else total.ids), why
        if not whole and clash is None and culprit is None:
            return total, why
        return self._claims(link, uses, CROWD if why is None else BOTH), why

    def _claims(self, link: Node, uses: Sequence[Crossing], met: int) -> SampleIds:
        """Whose each element is: `met`'s where uses do not agree."""
        own = np.full((1,) * len(link.shape), NOBODY)
        for edge in uses:
            found = edge.found
            if isinstance(found, Use):
                several = met if found is Use.MIXED and edge.node not in self.lookups else CROWD
                found = np.full(own.shape, NOBODY if found is Use.UNKNOWN else several)
            one, other = np.broadcast_arrays(own, found)
            own = np.where((one >= 0) & (other >= 0) & (one != other), met, np.maximum(one, other))
        return simplify(own)

    def _is_certain(self, link: Node, found: Sequence[Any], why: SampleCouplingError) -> bool:
        """Whether a suspect couples the samples itself: else it is a matter of its arguments, or of constants."""
        parts = [(source, part) for source, part in zip(link.inputs, found, strict=False) if source is not None]
        if any(isinstance(source, Node) and _is_suspect(part) for source, part in parts):
            self.suspects[link] = why
            return False
        return any(isinstance(part, Use) or _is_suspect(part) for _, part in parts)

    def _meeting(self, uses: Sequence[Crossing], clash: Crossing | None) -> tuple[Crossing | None, Crossing | None]:
        """The use of a tensor that takes it across samples, if one does, and one that takes it by samples."""
        split, ids = self._split(uses)
        for edge in uses:
            if edge.found is Use.MIXED and edge.node not in self.lookups:
                return edge, split
        if split is None:
            return None, None
        for edge in uses:
            if _is_shared(edge.found) and edge.found is not Use.UNKNOWN:
                return edge, split
        others = [e for e in uses if not isinstance(e.found, Use) and merged(ids, e.found) is None]
        culprit = others[0] if others else clash
        return culprit, split

    def _split(self, uses: Sequence[Crossing]) -> tuple[Crossing | None, Any]:
        """A use that shows that each sample has elements of its own, and the ids by it.

        Parts that samples take one by one show it if together they are all of it, and each part is one sample's.
        """
        parts: list[Crossing] = []
        for edge in uses:
            if _is_shared(edge.found):
                continue
            if edge.node not in self.lookups and any(map(varies, _arrays(edge.found))):
                return edge, edge.found
            if isinstance(edge.found, np.ndarray) and (edge.found == NOBODY).any():
                parts.append(edge)
        total: Any = parts[0].found if parts else None
        for edge in parts[1:]:
            total = None if total is None else merge(total, edge.found)
        if total is None or not varies(total) or (total == NOBODY).any():
            return None, None
        return parts[0], total

    def _is_lookup(self, node: Node, found: Sequence[Any], uses: Sequence[Crossing]) -> bool:
        """Whether rows are read by their places and others left out, as from a table: who has which row is chance then.

        A row that just one sample read is not that sample's own, and what is computed along such rows mixes no samples.
        """
        rule = rule_of(node)
        if rule is not None and rule.looks_up(node) and isinstance(node.inputs[0], Node) and _leaves_rows(found[0]):
            return True
        if not self.lookups:
            return False
        passed_on = _makes(node) is Makes.FORM or any(part is Use.MIXED for part in found)
        return passed_on and all(edge.node in self.lookups for edge in uses)


def _leaves_rows(found: Any) -> bool:
    if not isinstance(found, np.ndarray):
        return False
    for axis in range(found.ndim):
        rows = collapse(found, tuple([i for i in range(found.ndim) if i != axis]))
        if rows is not None and (rows != NOBODY).all():
            return False
    return bool((found == NOBODY).any())


def _arrays(found: Any) -> list[SampleIds]:
    """The ids in what is found of an argument, or of a node: one array, or one for each of several results."""
    if isinstance(found, np.ndarray):
        return [found]
    parts = found.ids if isinstance(found, Parts) else found if isinstance(found, tuple) else ()
    return [part for part in parts if part is not None]


def _is_use(found: Any) -> bool:
    """Whether some sample is known to use some of it."""
    return found in (Use.SHARED, Use.MIXED) if isinstance(found, Use) else any((p >= 0).any() for p in _arrays(found))


def _is_shared(found: Any) -> bool:
    """Whether several samples use some of it."""
    return isinstance(found, Use) or any((part >= CROWD).any() for part in _arrays(found))


def _is_suspect(found: Any) -> bool:
    """Whether samples share some of it, and some is theirs alone or was."""
    for part in _arrays(found):
        if (part == BOTH).any() or ((part == CROWD).any() and varies(np.where(part < CROWD, part, NOBODY))):
            return True
    return False


def _mixing(node: Node | None) -> bool:
    rule = None if node is None else rule_of(node)
    return rule is None or rule.mixing


def _makes(node: Node) -> Makes:
    rule = rule_of(node)
    return Makes.NUMBERS if rule is None else rule.makes


def _coupling(link: Node, edge: Crossing, split: Crossing | None, via: dict[Any, Crossing]) -> SampleCouplingError:
    """What to say of a computed tensor that couples the samples by its use in `edge`."""
    ids = None if split is None else _by_rows(split.found)
    chain, ends = _chain(edge, ids, via)
    if split is not None and not _is_shared(edge.found) and any(map(varies, _arrays(edge.found))):
        swapped = _by_rows(edge.found)  # each has its samples: what is to be named is the one that moves them
        back, back_ends = _chain(split, swapped, via)
        if (not back_ends, not _mixing(split.node), len(back)) < (not ends, not _mixing(edge.node), len(chain)):
            edge, split, ids, chain = split, edge, swapped, back
    culprit = _culprit(chain, ids)
    nodes = [other.node for other in chain if other.node is not None]
    called = next((node for node in [culprit, *nodes] if hasattr(node, "where")), None)
    before = called or _before(culprit)
    where = "" if before is None else line_of(before.where)
    by_samples = split.node if split is not None else None
    other = "" if by_samples is None else f", and sample by sample in {spoken(by_samples.op.name)!r}"
    line = f"\n  {'called at' if called else 'after'} {where}" if where else ""
    return SampleCouplingError(
        f"the samples are coupled by {spoken(culprit.op.name)!r}: it takes the result of {spoken(link.op.name)!r}, "
        f"of shape {link.shape}, across samples{other}. So one sample's loss depends on the others, and no gradient "
        f"is its own.{line}\n"
        "  Compute it sample by sample (layer_norm instead of a mean over the batch, statistics kept from training), "
        "detach() what is taken across samples, or pass coupled=True for the derivatives of each loss with the "
        "batch as it stands",
        culprit.op.name,
        where,
    )


def _chain(edge: Crossing, ids: Any, via: dict[Any, Crossing]) -> tuple[list[Crossing], bool]:
    """The uses from `edge` towards the losses, and whether they end where samples come together."""
    chain = [edge]
    apart = None if _is_shared(edge.found) else ids
    while edge.node in via:
        apart = _still_apart(edge, apart)
        if edge.ids is not None and apart is None:
            return chain, True  # here the samples use what is shared, or are moved
        edge = via[edge.node]
        chain.append(edge)
    return chain, False


def _by_rows(ids: Any) -> Any:
    """The ids as they lie along one axis, if they do: of some columns nobody may make use."""
    if isinstance(ids, np.ndarray):
        for axis in range(ids.ndim):
            rows = collapse(ids, tuple([i for i in range(ids.ndim) if i != axis]))
            if rows is not None and (rows != NOBODY).all():
                return rows
    return ids


def _culprit(chain: Sequence[Crossing], ids: Any) -> Node:
    """Of a chain of uses the op in which the samples, whose elements had these ids before it, come together."""
    nodes: list[Node] = [edge.node for edge in chain if edge.node is not None]
    for edge in chain[: len(nodes) - 1]:
        ids = _still_apart(edge, ids)
        if ids is None:
            break
        nodes.pop(0)
    computing = [node for node in nodes if _makes(node) is Makes.NUMBERS] or nodes[-1:]
    return next((node for node in computing if _mixing(node)), computing[0])


def _still_apart(edge: Crossing, ids: Any) -> SampleIds | None:
    """The ids of an op's result that give an argument these `ids`, if in both the samples lie along one axis."""
    node = edge.node
    rule = None if node is None else rule_of(node)
    axes = [axis for axis, n in enumerate(ids.shape) if n != 1] if isinstance(ids, np.ndarray) else []
    if node is None or rule is None or len(axes) != 1:
        return None
    for axis, n in enumerate(node.shape):
        if n == ids.size:
            result: SampleIds = ids.reshape([-1 if i == axis else 1 for i in range(len(node.shape))])
            found = rule.ids_of(node, result)[edge.argument]
            if isinstance(found, np.ndarray) and np.array_equal(found, ids):
                return result
    return None


def _before(node: Node) -> Node | None:
    """The nearest op that `node` depends on and whose line is known: elementwise ops do not keep theirs."""
    ready, seen = [node], {node}
    for other in ready:
        if hasattr(other, "where"):
            return other
        sources = [link for link in other.inputs if isinstance(link, Node) and link not in seen]
        ready += dict.fromkeys(sources)
        seen.update(sources)
    return None
