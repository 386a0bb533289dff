"""Computation graphs: `draw_graph`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from os import PathLike, fspath
from typing import Any, Literal, TypeAlias

from ..engine.graph import Link, TensorBase
from ..errors import GraphError, type_name
from ..files import writing
from ..tensors.tensor import Tensor
from . import graphviz, words
from .layers import in_layers
from .network import Labels, Mark, Network, collect, value_of
from .svg import as_svg, size_of

__all__ = ["GraphDrawing", "draw_graph"]

LIMIT = 200

Which: TypeAlias = Tensor | str
LayoutName: TypeAlias = Literal["auto", "dot", "layers"]


class GraphDrawing:
    """A drawing of a computation graph, returned by `draw_graph`.

    In a notebook it shows itself as a picture. `print` shows the same graph as text, one line for each op and leaf.

    >>> import tinygrad_edu as tg
    >>> a = tg.tensor(3.0, requires_grad=True)
    >>> drawing = tg.viz.draw_graph(a * a, names={"a": a})
    >>> drawing.svg[:4]
    '<svg'
    """

    def __init__(self, network: Network, layout: LayoutName) -> None:
        self._network = network
        self._layout = layout

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element. Its lines and letters take the text colour of the page around it."""
        boxes, edges = self._network.boxes, self._network.edges
        sizes = [size_of(box) for box in boxes]
        lines = {edge: count if count <= 3 else 1 for edge, count in edges.items()}
        program = None if self._layout == "layers" else graphviz.program()
        layout = graphviz.by_dot(sizes, lines, program) if program else None
        return as_svg(self._network, layout or in_layers(sizes, lines), words.description(self._network))

    @property
    def text(self) -> str:
        """The graph as text: one line for each op and leaf."""
        return words.as_text(self._network)

    @property
    def dot(self) -> str:
        """The graph in Graphviz's DOT language, for use as in ``graphviz.Source(drawing.dot)``."""
        return graphviz.in_dot(self._network)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the drawing to a file.

        Args:
            path: the file. The end of its name selects the format: .svg for the picture, .txt for the text, .dot or .gv
                for Graphviz.

        Raises:
            ValueError: if the name ends in anything else.

        >>> import os, tempfile
        >>> import tinygrad_edu as tg
        >>> a = tg.tensor(3.0, requires_grad=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tg.viz.draw_graph(a * a).save(f"{folder}/graph.svg")
        ...     print(os.listdir(folder))
        ['graph.svg']
        """
        kind = fspath(path).rpartition(".")[2].lower()
        forms: dict[str, Callable[[], str]] = {"svg": lambda: _for_file(self.svg), "txt": lambda: self.text}
        forms |= dict.fromkeys(["dot", "gv"], lambda: self.dot)
        if kind not in forms:
            raise ValueError(f"save(): the name {fspath(path)!r} must end in .svg, .txt, .dot or .gv")
        with writing(path) as file:
            file.write(f"{forms[kind]()}\n".encode())

    def __repr__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """The picture as part of the page, so that it takes the page's colours. A wide one scrolls."""
        return f'<div class="tinygrad-edu-graph" style="overflow-x: auto">\n{self.svg}\n</div>'


def draw_graph(
    tensors: Tensor | Iterable[Tensor],
    *,
    names: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None,
    notes: Mapping[Which, str] | None = None,
    marked: Iterable[Which] | Mapping[Which, Mark] = (),
    values: bool = False,
    limit: int = LIMIT,
    layout: LayoutName = "auto",
) -> GraphDrawing:
    """Draw the computation graph that backpropagation follows, with the results on top.

    Ops are boxes. Leaves, the tensors with ``requires_grad=True``, are rounded boxes. An arrow leads from each result
    to each tensor that it was computed from; two arrows mean that the tensor was used twice. Constants are not part
    of the graph. You can draw a graph before `backward()` and after it, and also the graph of a gradient that was
    computed with ``create_graph=True``.

    Args:
        tensors: the result whose graph to draw, or several results.
        names: names for tensors, such as ``{"x": x, "loss": loss}`` or ``model.named_parameters()``. Tensors that are
            not in the graph are ignored.
        notes: a line of text for some of the tensors. Each is given by its name, or as the tensor itself.
        marked: tensors to highlight; or a dictionary that marks each as "active" or "done".
        values: whether to show the value, and the gradient if there is one, of each named tensor that has one element.
        limit: how many ops to draw at most, and how many leaves. One box stands for all the others, which are the
            farthest from the result.
        layout: "dot" to use Graphviz, "layers" for a simpler layout that needs no other program. "auto" uses Graphviz
            if its program `dot` is installed.

    Raises:
        GraphError: if a tensor has no graph.
        RuntimeError: if ``layout="dot"`` and Graphviz is not installed.

    >>> import tinygrad_edu as tg
    >>> a = tg.tensor(3.0, requires_grad=True)
    >>> b = a + a
    >>> c = b * b
    >>> print(tg.viz.draw_graph(c, names={"a": a, "b": b, "c": c}))
    Graph of c with 2 ops and 1 leaf:
    c = mul  from b, b
    b = add  from a, a
    a: leaf
    """
    roots = _roots(tensors)
    if operator.index(limit) < 1:
        raise ValueError(f"draw_graph(): limit={limit}, it must be at least 1")
    if layout not in ("auto", "dot", "layers"):
        raise ValueError(f'draw_graph(): layout={layout!r}, it must be "auto", "dot" or "layers"')
    if layout == "dot" and graphviz.program() is None:
        raise RuntimeError(
            "draw_graph(): layout=\"dot\" needs Graphviz, whose program 'dot' was not found: install it from "
            "graphviz.org, or leave layout= out"
        )
    known = _named(names)
    chosen: dict[Link, list[str]] = {}
    for name, tensor in known.items():
        if tensor.source is not None and (shown := " ".join(_written(name).split())):
            chosen.setdefault(tensor.source, []).append(shown)
    own = [*known.values(), *roots] if values else []
    labels = Labels(
        {link: ", ".join(found) for link, found in chosen.items()},
        {tensor.source: value_of(tensor) for tensor in own if tensor.source is not None},
        _by_link("notes", _noted(notes), known),
        _by_link("marked", _marks(marked), known),
    )
    return GraphDrawing(collect([root.source for root in roots], labels, limit), layout)  # type: ignore[misc]


def _roots(tensors: Any) -> list[Tensor]:
    found = [tensors] if isinstance(tensors, TensorBase) else tensors
    try:
        roots = list(found)
    except TypeError:
        raise TypeError(f"draw_graph(): expected a tensor or a sequence of tensors, got {type_name(tensors)}") from None
    if not roots:
        raise ValueError("draw_graph(): the sequence of tensors is empty")
    for i, root in enumerate(roots):
        which = "the tensor" if found is not tensors else f"tensor {i}"
        if not isinstance(root, Tensor):
            raise TypeError(f"draw_graph(): {which} must be a Tensor, got {type_name(root)}")
        if root.source is None:
            raise GraphError(
                f"draw_graph(): no graph: {which}, of shape {root.shape}, was not computed from a tensor with "
                "requires_grad=True, or was computed under no_grad(). Set requires_grad=True on a tensor that it "
                "depends on, and compute it again"
            )
    return roots


def _named(names: Any) -> dict[str, Tensor]:
    names = names.named_parameters() if hasattr(names, "named_parameters") else names or {}
    try:
        known = dict(names)
    except (TypeError, ValueError):
        raise TypeError(f'draw_graph(): names={type_name(names)}, it must be like {{"x": x, "loss": loss}}') from None
    for name, tensor in known.items():
        if not isinstance(name, str) or not isinstance(tensor, TensorBase):
            raise TypeError(
                f"draw_graph(): names has {type_name(name)}: {type_name(tensor)}, it must have a name for each tensor, "
                'such as {"x": x, "loss": loss}'
            )
    return known


def _noted(notes: Any) -> dict[Which, str]:
    try:
        given = dict(notes or {})
    except (TypeError, ValueError):
        raise TypeError(f'draw_graph(): notes={type_name(notes)}, it must be like {{"loss": "a note"}}') from None
    return {key: _written(str(note)) for key, note in given.items() if note is not None}


def _written(text: str) -> str:
    """A text without characters that an SVG file cannot have, such as those that control a terminal."""
    return re.sub(r"[^\t\n\r -\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _marks(marked: Any) -> dict[Which, Mark]:
    marks = dict(marked) if isinstance(marked, Mapping) else None
    if marks is None:
        try:
            marks = dict.fromkeys([marked] if isinstance(marked, str | TensorBase) else marked or (), "active")
        except TypeError:
            raise TypeError(
                f"draw_graph(): marked={type_name(marked)}, it must be a sequence of tensors or names"
            ) from None
    for mark in marks.values():
        if mark not in ("active", "done"):
            raise ValueError(f'draw_graph(): marked has the mark {mark!r}, it must be "active" or "done"')
    return marks


def _by_link(argument: str, given: Mapping[Any, Any], known: Mapping[str, Tensor]) -> dict[Link, Any]:
    found: dict[Link, Any] = {}
    for key, value in given.items():
        tensor = known.get(key) if isinstance(key, str) else key
        if not isinstance(tensor, TensorBase):
            raise ValueError(
                f"draw_graph(): {argument} is for {key!r}, which is none of the names= ({', '.join(known) or 'none'})"
            )
        if tensor.source is None:
            raise GraphError(f"draw_graph(): {argument} is for a tensor of shape {tensor.array.shape} without a graph")
        found[tensor.source] = value
    return found


# An image of its own does not know the page's colours, only whether the reader prefers a dark screen.
_COLOURS = "<style>svg { color: #1f2328 } @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }</style>"


def _for_file(svg: str) -> str:
    head, rest = svg.split(">", 1)
    return f"{head}>\n{_COLOURS}{rest}"
