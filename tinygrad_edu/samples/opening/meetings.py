"""Where samples meet: of a tensor that couples them, the op that is to be named, the line, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.callsite import line_of
from ...engine.graph import Node
from ...errors import SampleCouplingError, spoken
from ...sample_rules.ids import NOBODY, SampleIds, collapse, varies
from ...sample_rules.rule import Makes
from .uses import Crossing, ids_in, is_shared, rule_of

_SAMPLE_BY_SAMPLE = (
    "Compute it sample by sample (layer_norm instead of a mean over the batch, statistics kept from training), "
    "detach() what is used across samples"
)


@dataclass(frozen=True, eq=False)
class Coupling:
    """How samples are coupled.

    Attributes:
        op: the name of the op that couples them.
        line: the line that called it, or the nearest known line before it; empty if there is none.
        called: whether it is the line of the op itself.
        tensor: the op whose result is used across samples; empty for data.
        shape: the shape of that result.
        by_samples: the op that uses it sample by sample; empty if none does.
        instead: what to compute instead.
    """

    op: str
    line: str
    called: bool
    tensor: str
    shape: tuple[int, ...]
    by_samples: str
    instead: str = ""

    def __str__(self) -> str:
        return f"{spoken(self.op)}, {self.line}"

    def error(self) -> SampleCouplingError:
        """The error to raise where samples must not be coupled."""
        other = f", while {spoken(self.by_samples)!r} uses it sample by sample" if self.by_samples else ""
        taken = f"the result of {spoken(self.tensor)!r}" if self.tensor else "data"
        line = f"\n  {'called at' if self.called else 'after'} {self.line}" if self.line else ""
        return SampleCouplingError(
            f"the samples are coupled by {spoken(self.op)!r}: it uses {taken}, "
            f"of shape {self.shape}, across samples{other}. So the loss of one sample depends on the others, and has "
            f"no gradient of its own.{line}\n"
            f"  {self.instead or _SAMPLE_BY_SAMPLE}, or pass coupled=True for the derivatives of each loss with the "
            "batch as it stands",
            self.op,
            self.line,
        )


def coupling_at(link: Node, edge: Crossing, split: Crossing | None, via: dict[Any, Crossing]) -> Coupling:
    """How a computed tensor couples the samples by its use in `edge`.

    Args:
        link: where the tensor came from.
        edge: the use that takes it across samples.
        split: one that takes it by samples, if there is one.
        via: for each node the use that made it what it is.
    """
    ids = None if split is None else by_rows(split.found)
    chain, ends = _chain(edge, ids, via)
    if split is not None and not is_shared(edge.found) and any(map(varies, ids_in(edge.found))):
        swapped = by_rows(edge.found)  # each has its samples: what is to be named is the one that moves them
        back, back_ends = _chain(split, swapped, via)
        if (not back_ends, not is_mixing(split.node), len(back)) < (not ends, not is_mixing(edge.node), len(chain)):
            edge, split, ids, chain = split, edge, swapped, back
    culprit = _culprit(chain, ids)
    nodes = [other.node for other in chain if other.node is not None]
    called = next((node for node in [culprit, *nodes] if hasattr(node, "where")), None)
    before = called or _before(culprit)
    line = "" if before is None else line_of(before.where)
    by_samples = "" if split is None or split.node is None else split.node.op.name
    instead = rule_of(culprit).instead
    return Coupling(culprit.op.name, line, called is not None, link.op.name, link.shape, by_samples, instead)


def coupling_by_data(node: Node, shape: tuple[int, ...]) -> Coupling:
    """How an op couples the samples that takes data of this shape across them."""
    line = line_of(node.where) if hasattr(node, "where") else ""
    return Coupling(node.op.name, line, bool(line), "", shape, "", rule_of(node).instead)


def is_mixing(node: Node | None) -> bool:
    """Whether samples may meet in a node."""
    return node is None or rule_of(node).mixing


def _chain(edge: Crossing, ids: Any, via: dict[Any, Crossing]) -> tuple[list[Crossing], bool]:
    """The uses from `edge` towards the losses, and whether they end where samples come together."""
    chain = [edge]
    apart = None if is_shared(edge.found) else ids
    while edge.node in via:
        apart = _still_apart(edge, apart)
        if edge.ids is not None and apart is None:
            return chain, True  # here the samples use what is shared, or are moved
        edge = via[edge.node]
        chain.append(edge)
    return chain, False


def by_rows(ids: Any) -> Any:
    """The ids as they lie along one axis, if all along it are somebody's: of some columns nobody may make use.

    Ids that do not lie so are given back as they are.
    """
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
    computing = [node for node in nodes if rule_of(node).makes is Makes.NUMBERS] or nodes[-1:]
    return next((node for node in computing if is_mixing(node)), computing[0])


def _still_apart(edge: Crossing, ids: Any) -> SampleIds | None:
    """The ids of an op's result that give an argument these `ids`, if in both the samples lie along one axis."""
    node = edge.node
    axes = [axis for axis, n in enumerate(ids.shape) if n != 1] if isinstance(ids, np.ndarray) else []
    if node is None or len(axes) != 1:
        return None
    for axis, n in enumerate(node.shape):
        if n == ids.size:
            result: SampleIds = ids.reshape([-1 if i == axis else 1 for i in range(len(node.shape))])
            found = rule_of(node).ids_of(node, result)[edge.argument]
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
