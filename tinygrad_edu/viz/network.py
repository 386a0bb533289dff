"""What a drawing of a graph shows: a box for each op and each leaf, and the edges between them."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..engine.graph import Leaf, Link, Node, array_of
from ..engine.recording import Pick

Kind = Literal["op", "leaf", "fold"]
Mark = Literal["", "active", "done"]
SIGNS: dict[Mark, str] = {"": "", "active": "▶ ", "done": "✓ "}  # a colour alone would not do


@dataclass
class Box:
    """One box of a drawing.

    Attributes:
        kind: an op, a leaf, or all that has no box of its own.
        title: what it is called in the drawing: its op, its name, or both.
        reference: what other boxes call it in the text: its name, or a number.
        shape: that of the result; empty for a single number, and where there are several results.
        details: further lines: its value, notes.
        dtype: that of the result; empty where there are several.
        mark: how it is marked.
        named: whether somebody has named it.
    """

    kind: Kind
    title: str
    reference: str
    shape: str = ""
    details: list[str] = field(default_factory=list)
    dtype: str = ""
    mark: Mark = ""
    named: bool = False

    @property
    def lines(self) -> list[str]:
        """What is written in the box."""
        return [SIGNS[self.mark] + self.title, *([self.shape] if self.shape else []), *self.details]


@dataclass
class Network:
    """The boxes of a drawing, results first, and its edges.

    Attributes:
        boxes: each after all that were computed from it.
        edges: from the box of a result to one that it was computed from, in the order of the arguments; with how often.
        roots: what the drawing is of.
        ops, leaves: how many the whole graph has.
    """

    boxes: list[Box]
    edges: dict[tuple[int, int], int]
    roots: list[int]
    ops: int
    leaves: int


@dataclass
class Labels:
    """What is written at links besides their ops and shapes."""

    names: Mapping[Link, str]
    values: Mapping[Link, str]
    notes: Mapping[Link, str]
    marks: Mapping[Link, Mark]


def collect(roots: Sequence[Link], labels: Labels, limit: int) -> Network:
    """The boxes and edges below `roots`: of at most `limit` ops and as many leaves, and one box for the others."""
    order = in_order(roots)
    ops = [link for link in order if isinstance(link, Node)]
    near = dict.fromkeys([link for link in roots if isinstance(link, Leaf)])
    near |= dict.fromkeys([link for op in ops[:limit] for link in op.inputs if isinstance(link, Leaf)])
    leaves = list(near)[:limit]
    several = {node.inputs[0] for node in ops if isinstance(node.op, Pick)}
    boxes = [_box(link, labels, number, link in several) for link, number in _numbered(ops[:limit], labels)]
    place: dict[Link, int] = {link: i for i, link in enumerate(ops[:limit])}
    hidden = len(ops) - len(boxes), len(order) - len(ops) - len(leaves)
    rest = len(boxes) if any(hidden) else -1
    if any(hidden):
        boxes.append(_fold(*hidden))
    place |= {link: i for i, link in enumerate(leaves, len(boxes))}
    boxes += [_box(link, labels, number, False) for link, number in _numbered(leaves, labels)]
    roots_at = [place.get(link, rest) for link in roots]
    return Network(boxes, _edges(ops, place, rest), roots_at, len(ops), len(order) - len(ops))


def _numbered(links: Sequence[Link], labels: Labels) -> Iterator[tuple[Link, str]]:
    """The links, those that have no name with a number."""
    count = itertools.count(1)
    return ((link, "" if link in labels.names else str(next(count))) for link in links)


def in_order(roots: Sequence[Link]) -> list[Link]:
    """All links that `roots` reach, sorted by the longest way that leads there: each after all of its consumers."""
    uses: Counter[Link] = Counter()
    seen = set(roots)
    stack = list(seen)
    while stack:
        for source in _inputs(stack.pop()):
            uses[source] += 1
            if source not in seen:
                seen.add(source)
                stack.append(source)
    depth = {link: 0 for link in dict.fromkeys(roots) if not uses[link]}
    ready = deque(depth)
    while ready:  # first in, first out: those of one depth follow each other
        link = ready.popleft()
        for source in _inputs(link):
            depth[source] = max(depth.get(source, 0), depth[link] + 1)
            uses[source] -= 1
            if not uses[source]:
                ready.append(source)
    return sorted(depth, key=depth.__getitem__)


def _inputs(link: Link) -> list[Link]:
    return [source for source in link.inputs if source is not None] if isinstance(link, Node) else []


def _edges(ops: Sequence[Node], place: Mapping[Link, int], rest: int) -> dict[tuple[int, int], int]:
    """How often each box was used by each other; `rest` is the box of all links without a place."""
    edges: dict[tuple[int, int], int] = {}
    for node in ops:
        here = place.get(node, rest)
        for source in _inputs(node):
            edge = here, place.get(source, rest)
            if edge[0] != edge[1]:
                edges[edge] = 1 if rest in edge else edges.get(edge, 0) + 1
    return edges


def _box(link: Link, labels: Labels, number: str, several: bool) -> Box:
    name = labels.names.get(link, "")
    mark = labels.marks.get(link, "")
    details = [text for text in (labels.values.get(link), *labels.notes.get(link, "").splitlines()) if text]
    shape, dtype = ("", "") if several else (str(link.shape) if link.shape else "", str(link.dtype))
    if isinstance(link, Leaf):
        return Box("leaf", name or "leaf", name or f"leaf {number}", shape, details, dtype, mark, bool(name))
    title = f"{name} = {link.op.name}" if name else link.op.name
    return Box("op", title, name or number, shape, details, dtype, mark, bool(name))


def _fold(ops: int, leaves: int) -> Box:
    parts = [counted(n, f"more {what}") for n, what in ((ops, "op"), (leaves, "leaf")) if n]
    return Box("fold", f"… {' and '.join(parts)}", "…", details=["a larger limit= shows more"])


def counted(count: int, what: str) -> str:
    """A number with its noun."""
    plural = f"{what.removesuffix('leaf')}leaves" if what.endswith("leaf") else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"


def value_of(tensor: Any) -> str:
    """What `values=True` writes at a tensor of one element: its value, and its gradient if that is known."""
    array = array_of(tensor)
    if array.size != 1:
        return ""
    gradient = getattr(tensor.source, "grad", None)
    text = f"value {array.item():.4g}"
    return text if gradient is None else f"{text}, grad {array_of(gradient).item():.4g}"
