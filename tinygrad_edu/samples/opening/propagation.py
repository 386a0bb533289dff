"""Which sample each intermediate result of a batch belongs to, found by following the graph backwards.

From the losses, of which each sample has one, every op's sample rule says to whom the elements of its
arguments belong. Most results turn out to be the samples' side by side. What several samples use as a whole,
above all a parameter, ends that: there an edge of the graph *crosses* from the samples to what they share.
A computed tensor that is used both ways may couple the samples. Whether it does, `coupling.py` says, element by
element; the gradients are right either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.graph import Leaf, Link, Node
from ...sample_rules.ids import SampleIds, Use
from .coupling import couplings
from .meetings import Coupling
from .uses import UNRULED, Crossing, Parts, agreement, rule_of, visit_links


class Propagation:
    """What following a graph has found.

    Attributes:
        crossings: for each shared link its crossing edges.
        shared: the shared nodes, each after all that use it.
        unruled: the names of the ops for which there is no sample rule.
        coupled: what couples the samples, where that was allowed.
    """

    def __init__(self) -> None:
        self.crossings: dict[Link, list[Crossing]] = {}
        self.shared: list[Node] = []
        self.unruled: list[str] = []
        self.coupled: list[Coupling] = []
        self._met = False  # whether a computed tensor is used in ways that do not agree, or an op mixes data

    def _visit(self, link: Link, uses: list[Crossing]) -> tuple[Any, Sequence[Any]]:
        """The ids of a node, None where it is shared, and how it uses its arguments."""
        if isinstance(link, Leaf):
            self.crossings[link] = self._crossings(uses)
            return None, ()
        own: Any = uses[0].found
        if len(uses) > 1 or not isinstance(own, np.ndarray):
            own = self._meet(uses)
        if not isinstance(own, Use):
            rule = rule_of(link)
            if rule is not UNRULED:
                self._met = self._met or rule.mixed_data(link, own) is not None
                return own, rule.ids_of(link, own)
            self.unruled.append(link.op.name)
        crossings = self._crossings(uses)
        self.shared.append(link)
        if crossings:
            self.crossings[link] = crossings
        return None, [own if isinstance(own, Use) else Use.UNKNOWN] * len(link.inputs)

    def _meet(self, uses: Sequence[Crossing]) -> Any:
        """The ids of a node that all of its uses agree on; else the kind of sharing."""
        total, clash, whole = agreement(uses)
        if not whole and clash is None:
            return total.ids if isinstance(total, Parts) else total
        if clash is not None or len(whole) < len(uses) or any(edge.found is Use.MIXED for edge in whole):
            self._met = True
        return Use.SHARED if clash is not None or any(edge.found is not Use.UNKNOWN for edge in whole) else Use.UNKNOWN

    def _crossings(self, uses: Sequence[Crossing]) -> list[Crossing]:
        """The uses of a shared link that come from the samples; results of an op with several are shared one by one."""
        found = []
        for edge in uses:
            if isinstance(edge.found, Parts):
                assert isinstance(edge.node, Node)
                self.shared.append(edge.node)
                self.crossings[edge.node] = [Crossing(None, 0, edge.ids, edge.ids)]
            elif edge.node is None or edge.ids is not None:
                ids = edge.found if edge.node is None else edge.ids
                found.append(Crossing(edge.node, edge.argument, ids, edge.found))
        return found


def propagate(root: Link, ids: SampleIds, coupled: bool = False) -> Propagation:
    """Follow the graph from the losses `root`, whose elements belong to `ids`.

    Args:
        root: where the losses came from.
        ids: those of the losses.
        coupled: whether samples may be coupled.

    Raises:
        SampleCouplingError: if they are, but may not.
        GraphError: if the graph was freed.
    """
    flow = Propagation()
    visit_links(root, ids, flow._visit)
    if flow._met:
        flow.coupled = couplings(root, ids)
        if flow.coupled and not coupled:
            raise flow.coupled[0].error()
    return flow
