"""Whether the rows of a loss are the samples of a batch: the way that they have come through the graph."""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from ..engine.graph import Leaf, Link, Node

_DEPTH = 32  # ops below a loss, at most
_ROW_BY_ROW = {"layer_norm", "rms_norm", "softmax", "log_softmax"}
# What is met all the time, and gives each element of its only array to one of the result.
_ONE_BY_ONE = {"relu", "tanh", "sigmoid", "gelu", "silu", "leaky_relu", "elu", "softplus", "log", "exp", "square"}
_MASKS = {"mul", "where", "masked_fill", "tril", "triu"}


class Way:
    """From a result down to the data that it was computed from.

    Attributes:
        least, greatest: between how many rows there were on the way.
        certain: whether each row is one of the data, and none was left out, masked, or put beside others.
        beside: whether something was multiplied by data, so that its own rows may be a parameter's.
        model: the first and the last parameter, by their ids; None if they are not known.
    """

    __slots__ = ("_others", "beside", "bottom", "certain", "greatest", "least", "top")

    def __init__(self, rows: int) -> None:
        self.least: float = rows
        self.greatest: float = rows
        self.certain: bool = True
        self.beside: bool = False
        self.top: Leaf | None = None
        self.bottom: Leaf | None = None
        self._others: list[Link] = []

    @property
    def model(self) -> tuple[int, int] | None:
        return None if self.top is None else (id(self.top), id(self.bottom))

    def lost(self) -> None:
        """There may have been any number of rows before."""
        self.certain, self.greatest = False, math.inf

    def _sized(self, rows: int) -> None:
        if not self.least == rows == self.greatest:
            self.certain = False
            self.least, self.greatest = min(self.least, rows), max(self.greatest, rows)

    def of_parameter(self) -> None:
        """The rows are a parameter's: it is the columns, if anything, that are samples."""
        self.lost()
        self._sized(1)

    def other(self) -> Link | None:
        """Another argument of an op on the way, where the one that was followed led to no data."""
        self.lost()
        return self._others.pop() if self._others else None

    def weighted(self, node: Node) -> Link | None:
        """Through `linear` or `matmul`: the rows are those of the first argument."""
        first, weight = node.inputs[:2]
        if type(weight) is Leaf:
            self.bottom = weight
            self.top = self.top or weight
        by_layer = node.op.name == "linear"
        if by_layer or type(first) is Node or (first is None and type(weight) is not Node):
            x = (node.args or (node,))[0] if first is None else first
            one = not node.shape or len(x.shape) == 1  # one sample has no axis of samples
            self._sized(1 if one else node.shape[0])
            self.beside = self.beside or weight is None
            return first
        self.of_parameter()  # or picked by a matrix
        return weight

    def through(self, node: Node, in_rows: bool) -> Link | None:
        """Through any other op: its argument that has the rows; None if a constant has brought them."""
        shape = node.shape
        if node.op.name == "pick":
            node = node.inputs[0]  # type: ignore[assignment] # of several results, which has no shape
        tracked = [link for link in node.inputs if link is not None]
        name = node.op.name
        if getattr(getattr(node.op, "samples", None), "mixing", True):
            if name not in _ROW_BY_ROW and not (in_rows and name == "sum_over" and _within(node)):
                self.certain = False
                if len(tracked) > 1:
                    self.lost()
        elif len(tracked) < len(node.inputs) and name != "broadcast_to" and _broadcast(tracked[0], node):
            if type(tracked[0]) is not Leaf:  # what has no axis of samples may have lost it
                self.of_parameter()
            return None
        elif len(tracked) > 1:
            tracked.sort(key=lambda link: (link.shape[:1] != shape[:1], type(link) is Leaf))
        elif name in _MASKS and any(getattr(a, "ndim", 0) for a in _constants(node)):
            self.certain = False
        self._sized(shape[0] if shape else 1)
        self._others += tracked[1:]
        return tracked[0]


def _constants(node: Node) -> list[Any]:
    return [value for value, link in zip(node.args or (), node.inputs) if link is None]


def _broadcast(link: Link, node: Node) -> bool:
    """Whether an elementwise op has repeated an argument along axis 0 of its result."""
    return len(link.shape) < len(node.shape) or link.shape[:1] != node.shape[:1]


def _within(node: Node) -> bool:
    """Whether a sum over axes leaves axis 0 as it is."""
    axis = node.args[1] if node.args else None
    axes = axis if isinstance(axis, tuple) else (axis,)
    return all(a is not None and a % len(node.inputs[0].shape) for a in axes)  # type: ignore[union-attr]


def straight(link: Any, rows: int) -> tuple[int, int] | None:
    """The model, if it is only layers and activations; None if the way down needs a closer look."""
    top: Any = None
    weight: Any = None
    for _ in range(_DEPTH):
        if type(link) is not Node:
            return None if weight is None else (id(top), id(weight))
        links = link.inputs
        name = link.op.name
        if name == "linear":
            weight = links[1]
            if type(weight) is not Leaf or link.shape[0] != rows or len(link.shape) == 1:
                return None
            if top is None:
                top = weight
        elif name not in _ONE_BY_ONE:
            return None
        link = links[0]
    return None


def way_of(link: Link | None, rows: int, in_rows: bool = False) -> Way | None:
    """The way down from `link`, which has so many rows; None if there are only parameters below, as of a penalty.

    With `in_rows`, sums within each row may lie on it.
    """
    way = Way(rows)
    indexed = False
    for _ in range(_DEPTH):
        while type(link) is not Node:
            if way.beside:
                way.of_parameter()
            if way.beside or indexed:
                return way
            link = way.other()
            if link is None:
                return None
        name = link.op.name
        if name == "linear" or name == "matmul":
            below = way.weighted(link)
            if name == "linear" and type(below) is Leaf:
                return way
        else:
            if not indexed and name not in _MASKS:
                indexed = any(type(value) is ndarray for value in _constants(link))
            below = way.through(link, in_rows)
        if below is None:
            return way
        link = below
    way.lost()
    return way
