"""Where in a parameter a factor's numbers belong.

A factor is computed in a shape of its own: a matrix, say, for a parameter that the model used transposed and
sliced. A `Placement` is the way from there to the parameter: the axes in order, and then the derivative of each
op in between. Ops that merely move elements leave lengths and angles as they are: norms need no way at all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.backprop import apply_vjp
from ...engine.broadcasting import sum_to_shape
from ...engine.graph import Leaf, Lift, Link, Node, check_walkable
from ...ops.transpose import inverse
from .arrays import stacked


class Arrange:
    """The first step of every placement: axes split, put in the parameter's order, and joined where it has one for two.

    Attributes:
        shape: the factor's own axes, split.
        axes: their order.
        parted: their sizes in that order.
        whole: the parameter's shape.
    """

    isometric = True

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], whole: tuple[int, ...] | None = None) -> None:
        self.shape = shape
        self.axes = axes
        self.parted: tuple[int, ...] = tuple([shape[axis] for axis in axes])
        self.whole: tuple[int, ...] = self.parted if whole is None else whole
        self.key: Any = (shape, axes, self.whole)

    def forth(self, blocks: Any) -> Any:
        """Blocks (n, …) of a factor in the parameter's axes."""
        if self.axes == tuple(range(len(self.axes))):
            return blocks.reshape((blocks.shape[0], *self.whole))
        arranged = blocks.reshape((blocks.shape[0], *self.shape))
        arranged = np.transpose(arranged, (0, *[axis + 1 for axis in self.axes]))
        return arranged if self.whole == self.parted else arranged.reshape((blocks.shape[0], *self.whole))

    def back(self, array: Any) -> Any:
        """An array in the parameter's axes as the factor has it."""
        parted = array if self.whole == self.parted else array.reshape(self.parted)
        return np.transpose(parted, inverse(self.axes, len(self.axes)))

    def then_transposed(self, axes: Sequence[int] | None) -> Arrange:
        """This, and the transposition undone that the parameter underwent."""
        back = inverse(axes, len(self.axes))
        return Arrange(self.shape, self.axes[::-1] if back is None else tuple([self.axes[i] for i in back]))


class Move:
    """One op that moved each element to a place of its own, such as a slice or a change of shape."""

    isometric = True

    def __init__(self, node: Node) -> None:
        self.node: Node = shadow(node)
        rest = node.args[1:]  # type: ignore[index]
        alike = repr(rest) if _plain(rest) else id(self.node)
        self.key: Any = (node.op.name, node.inputs[0].shape, alike)  # type: ignore[union-attr]

    def forth(self, blocks: Any) -> Any:
        """The blocks' elements where they came from."""
        check_walkable(self.node)
        return _stack([apply_vjp(self.node, block, self.node.inputs, None)[0] for block in blocks], self.node.inputs[0])

    def back(self, array: Any) -> Any:
        """What the op made of the parameter, it makes of `array`."""
        return self.node.op.forward(array, *self.node.args[1:])  # type: ignore[index]


class Region:
    """Everything between a computed tensor that the samples share and one parameter: a backward walk a sample.

    Attributes:
        nodes: the nodes in the order of the walk, the shared tensor's first.
        lift: makes the walk differentiable, if it is to be.
    """

    isometric = False

    def __init__(self, nodes: Sequence[Node], leaf: Leaf, lift: Lift | None) -> None:
        self.nodes = nodes
        self.leaf = leaf
        self.lift = lift
        self.key: Any = (id(nodes), id(leaf))

    def forth(self, blocks: Any) -> Any:
        """For each block, the derivative of the parameter."""
        for node in self.nodes:
            check_walkable(node)
        return _stack([self._walk(block) for block in blocks], self.leaf)

    def _walk(self, block: Any) -> Any:
        pending: dict[Link, Any] = {self.nodes[0]: block}
        for node in self.nodes:
            g = pending.pop(node, None)
            if g is None:
                continue
            for source, part in zip(node.inputs, apply_vjp(node, g, node.inputs, self.lift)):
                if source is not None and part is not None:
                    part = sum_to_shape(part, source.shape)
                    pending[source] = pending[source] + part if source in pending else part
        return pending.get(self.leaf)


class Placement:
    """The steps from a factor's own shape to the parameter's."""

    def __init__(self, steps: tuple[Any, ...]) -> None:
        self.steps = steps
        self.isometric: bool = all(step.isometric for step in steps)
        self.key: Any = tuple([step.key for step in steps])

    @staticmethod
    def of(shape: tuple[int, ...], axes: Sequence[int] = (), whole: tuple[int, ...] | None = None) -> Placement:
        """That of a factor which has the axes of a parameter of `shape` in the order `axes`.

        Args:
            shape: the parameter's, or that of its parts.
            axes: all of them, in the order of the factor; default, in theirs.
            whole: the parameter's shape, where `shape` splits some of its axes.
        """
        order = tuple(axes) or tuple(range(len(shape)))
        return Placement((Arrange(tuple([shape[i] for i in order]), inverse(order, len(shape)) or (), whole),))

    def forth(self, blocks: Any) -> Any:
        """Blocks (n, …) of a factor as blocks (n, *shape) of the parameter's gradient."""
        for step in self.steps:
            blocks = step.forth(blocks)
        return blocks

    def back(self, array: Any) -> Any:
        """The other way for a direction in the parameter's shape; None if inner products would not stay."""
        if not self.isometric:
            return None
        for step in reversed(self.steps):
            array = step.back(array)
        return array

    def through(self, step: Any) -> Placement:
        """This placement with one more step."""
        return Placement((*self.steps, step))


def shadows(nodes: Sequence[Node]) -> dict[Link, Node]:
    """Copies of nodes, which come in the order of a walk, that keep what the walk is about to free."""
    copies: dict[Link, Node] = {}
    for node in reversed(nodes):
        copies[node] = shadow(node, copies)
    return copies


def shadow(node: Node, copies: Mapping[Link, Node] | None = None) -> Node:
    """A node with the same call behind it, whose links lead to `copies` where there are any."""
    twin = copy.copy(node)
    twin.hooks = None
    copies = copies or {}
    twin.inputs = tuple([None if link is None else copies.get(link, link) for link in node.inputs])
    pairs = zip(node.args or (), node.inputs, twin.inputs, strict=True)  # an unread argument is its link
    twin.args = tuple([mine if value is link and link is not None else value for value, link, mine in pairs])
    return twin


def _plain(value: Any) -> bool:
    """Whether `repr` tells such a value from all others: that of a long array leaves out its middle."""
    return all(map(_plain, value)) if isinstance(value, tuple | list) else not isinstance(value, np.ndarray)


def _stack(parts: list[Any], link: Any) -> Any:
    """Gradients, of which None stands for zero, as one array with a leading axis."""
    return stacked([np.zeros(link.shape, link.dtype) if p is None else p for p in parts], link.shape, link.dtype)
