"""Computation graphs: `draw_graph`."""

from __future__ import annotations

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
    """The drawing of a graph, as `draw_graph` returns it.

    At the end of a notebook's cell it is a picture, and printed it is a list of the ops and leaves.

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
        """The picture: an SVG element, whose lines and texts have the text colour of the page around it."""
        boxes, edges = self._network.boxes, self._network.edges
        sizes = [size_of(box) for box in boxes]
        lines = {edge: count if count <= 3 else 1 for edge, count in edges.items()}
        program = None if self._layout == "layers" else graphviz.program()
        layout = graphviz.by_dot(sizes, lines, program) if program else None
        return as_svg(self._network, layout or in_layers(sizes, lines), words.description(self._network))

    @property
    def text(self) -> str:
        """The list of ops and leaves that `print` shows."""
        return words.as_text(self._network)

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz, for ``graphviz.Source(drawing.dot)`` and the like."""
        return graphviz.in_dot(self._network)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the drawing into a file.

        Args:
            path: its name ends in .svg for the picture, .txt for the list, .dot or .gv for Graphviz.

        Raises:
            ValueError: if it ends in anything else.

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
            raise ValueError(f"save(): what is {fspath(path)!r} to hold? Its name must end in .svg, .txt, .dot or .gv")
        with writing(path) as file:
            file.write(f"{forms[kind]()}\n".encode())

    def __repr__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """The picture as a part of the page, so that it has the page's colours; a wide one is scrolled, not shrunk."""
        return f'<div class="tinygrad-edu-graph" style="overflow-x: auto" tabindex="0">\n{self.svg}\n</div>'


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
    """Draw the graph that `backward()` walks: how tensors were computed, results on top.

    Ops are boxes, leaves (the tensors with ``requires_grad=True``) are rounded ones. An arrow leads from a result to
    each tensor that it was computed from, two arrows where that was used twice. Constants are not part of the graph.
    Works before `backward()` and after it, and for the graph of a gradient that was made with ``create_graph=True``.

    Args:
        tensors: the result, or several.
        names: what to call tensors: ``{"x": x, "loss": loss}``, or a model's ``named_parameters()``. Names of tensors
            that are not in the graph are ignored.
        notes: a line of text for some tensors, each given by its name or as the tensor itself.
        marked: tensors that stand out, or for each a mark: "active" or "done".
        values: write the value, and the gradient if it is known, of each named tensor with one element.
        limit: how many ops, and leaves, get a box; one box stands for all the others, those farthest from the result.
        layout: "dot" for Graphviz's layout, "layers" for a simpler one that needs no other program; "auto" takes the
            first if the program `dot` is there.

    Raises:
        GraphError: if a tensor has no graph.
        RuntimeError: if ``layout="dot"`` and there is no such program.

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
    if limit < 1:
        raise ValueError(f"draw_graph(): limit={limit}, it must be at least 1")
    if layout not in ("auto", "dot", "layers"):
        raise ValueError(f'draw_graph(): layout={layout!r}, it must be "auto", "dot" or "layers"')
    if layout == "dot" and graphviz.program() is None:
        raise RuntimeError(
            "draw_graph(): layout=\"dot\" needs the program 'dot' of Graphviz, which is not found: install it from "
            "graphviz.org, or leave layout= out"
        )
    known = _named(names)
    chosen: dict[Link, list[str]] = {}
    for name, tensor in known.items():
        if tensor.source is not None:
            chosen.setdefault(tensor.source, []).append(name)
    own = [*known.values(), *roots] if values else []
    labels = Labels(
        {link: ", ".join(found) for link, found in chosen.items()},
        {tensor.source: value_of(tensor) for tensor in own if tensor.source is not None},
        _by_link("notes", notes or {}, known),
        _by_link("marked", _marks(marked), known),
    )
    return GraphDrawing(collect([root.source for root in roots], labels, limit), layout)  # type: ignore[misc]


def _roots(tensors: Any) -> list[Tensor]:
    found = [tensors] if isinstance(tensors, TensorBase) else tensors
    try:
        roots = list(found)
    except TypeError:
        raise TypeError(f"draw_graph(): {type_name(tensors)} is no tensor, and no sequence of tensors") from None
    if not roots:
        raise ValueError("draw_graph(): there is no tensor to draw the graph of")
    for i, root in enumerate(roots):
        which = "the tensor" if found is not tensors else f"tensor {i}"
        if not isinstance(root, Tensor):
            raise TypeError(f"draw_graph(): {which} is no Tensor but {type_name(root)}")
        if root.source is None:
            raise GraphError(
                f"draw_graph(): no graph: {which}, of shape {root.shape}, was not computed from any tensor with "
                "requires_grad=True, or under no_grad(). Set requires_grad=True on a tensor that it depends on, and "
                "compute it again"
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


def _marks(marked: Any) -> dict[Which, Mark]:
    marks = dict(marked) if isinstance(marked, Mapping) else None
    if marks is None:
        marks = dict.fromkeys([marked] if isinstance(marked, str | TensorBase) else marked, "active")
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
