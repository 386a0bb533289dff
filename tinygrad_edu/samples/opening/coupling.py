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

from ...engine.graph import Leaf, Link, Node
from ...sample_rules.ids import BOTH, CROWD, NOBODY, SampleIds, Use, merge, simplify, varies
from ...sample_rules.rule import Makes
from .meetings import Coupling, by_rows, coupling_at, coupling_by_data, is_mixing
from .uses import Crossing, Parts, agreement, ids_in, is_shared, merged, rule_of, visit_links


def couplings(root: Link, ids: SampleIds) -> list[Coupling]:
    """What couples the samples, to which the elements of the losses `root` belong: first what is nearest to them."""
    search = _Search(root, ids)
    return [one for one in search.suspicions if one in search.certain]


def leaf_ids(root: Link, ids: SampleIds) -> dict[Leaf, list[SampleIds]]:
    """For each leaf, and each use of it of which that is known, whose each element is."""
    search = _Search(root, ids)
    return {leaf: [part for use in uses for part in ids_in(use.found)] for leaf, uses in search.leaves.items()}


class _Search:
    """One walk from the losses `root`, whose elements belong to `ids`.

    Attributes:
        leaves: the uses of each leaf.
        suspicions: all that there were, in the order of the walk; certain: those that have proved true.
        suspects: of each node of which an argument is suspect, why.
        via: for each node the use that made it what it is.
        lookups: the nodes that read rows as from a table; see `_is_lookup`.
    """

    def __init__(self, root: Link, ids: SampleIds) -> None:
        self.leaves: dict[Leaf, list[Crossing]] = {}
        self.suspicions: list[Coupling] = []
        self.certain: list[Coupling] = []
        self.suspects: dict[Any, Coupling] = {}
        self.via: dict[Any, Crossing] = {}
        self.lookups: set[Any] = set()
        visit_links(root, ids, self._visit)

    def _visit(self, link: Link, uses: list[Crossing]) -> tuple[Any, Sequence[Any]]:
        """The ids of a node, None where it is shared, and how it uses its arguments."""
        if isinstance(link, Leaf):
            self.leaves[link] = uses
            return None, ()
        self.via[link] = max(uses, key=lambda edge: 2 * _is_use(edge.found) + is_mixing(edge.node))
        own, why = self._meet(link, uses)
        rule = rule_of(link)
        found: Sequence[Any] = [own] * len(link.inputs) if isinstance(own, Use) else rule.exactly(link, own)
        shared = is_shared(own)
        data = None if isinstance(own, Use) else rule.mixed_data(link, own)
        if data is not None:
            self.suspicions.append(coupling_by_data(link, data.shape))
            self.certain.append(self.suspicions[-1])
        if why is not None and self._is_certain(link, found, why):
            self.certain.append(why)
            found = [Use.SHARED] * len(link.inputs)
        elif shared and why is None:  # an op that mixes the elements of what is shared mixes no samples
            found = [Use.SHARED if part is Use.MIXED else part for part in found]
        if self._is_lookup(link, found, uses):
            self.lookups.add(link)
        return None if shared else own, found

    def _meet(self, link: Node, uses: Sequence[Crossing]) -> tuple[Any, Coupling | None]:
        """The ids of a node by all of its uses, or how it is shared; and why it is suspect, if it is."""
        total, clash, whole = agreement(uses)
        why = next((self.suspects[e.node] for e in uses if e.node in self.suspects and _is_suspect(e.found)), None)
        culprit, split = self._meeting(uses, clash)
        if culprit is not None and why is None:
            why = coupling_at(link, culprit, split, self.via)
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

    def _is_certain(self, link: Node, found: Sequence[Any], why: Coupling) -> bool:
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
            if is_shared(edge.found) and edge.found is not Use.UNKNOWN:
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
            if is_shared(edge.found):
                continue
            if edge.node not in self.lookups and any(map(varies, ids_in(edge.found))):
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
        if rule.looks_up(node) and isinstance(node.inputs[0], Node) and _leaves_rows(found[0]):
            return True
        if not self.lookups:
            return False
        passed_on = rule.makes is Makes.FORM or any(part is Use.MIXED for part in found)
        return passed_on and all(edge.node in self.lookups for edge in uses)


def _leaves_rows(found: Any) -> bool:
    return isinstance(found, np.ndarray) and bool((found == NOBODY).any()) and by_rows(found) is found


def _is_use(found: Any) -> bool:
    """Whether some sample is known to use some of it."""
    return found in (Use.SHARED, Use.MIXED) if isinstance(found, Use) else any((p >= 0).any() for p in ids_in(found))


def _is_suspect(found: Any) -> bool:
    """Whether samples share some of it, and some is theirs alone or was."""
    for part in ids_in(found):
        if (part == BOTH).any() or ((part == CROWD).any() and varies(np.where(part < CROWD, part, NOBODY))):
            return True
    return False
