"""What one edge from the samples to something they share contributes: the gradient before the batch is summed.

The plain backward pass sums over the samples at such an edge, in the op's rule or where broadcasting is undone.
Here the same products are kept apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...engine.backprop import apply_vjp
from ...engine.broadcasting import sum_to_shape
from ...engine.graph import Cotangents, Lift, Node
from ...sample_rules.contributions import Contribution, Lettered, Moved, Products, Summed, Through, WrittenOut
from ...sample_rules.ids import SampleIds, Use, is_plain, varies
from .arrays import stacked, tracked
from .factors import Dense, Factor, Outer, Rows
from .placement import Placement
from .uses import Crossing, ids_in, rule_of


def contribution(crossing: Crossing, g: Any, lift: Lift | None, parts: Sequence[Any] | None = None) -> Factor:
    """The factor that an edge contributes, given the gradient `g` of its op's result, or of the losses themselves.

    `parts` are what the rules of the op have made of `g`, where they have been asked already.
    """
    node, argument, ids, found = crossing
    if node is None:
        return own_gradient(g, ids)
    shape = node.inputs[argument].shape  # type: ignore[union-attr]
    by_samples = isinstance(found, np.ndarray)
    described = None if by_samples and varies(found) else _described(node, argument, ids, g, lift)
    if isinstance(described, Through):
        part = _part(node, described.argument, g, lift, parts)
        out, args = (node.out, node.args or ()) if lift is None else lift(node)
        ids, described = described.ids, described.products(part, out, args)
    factor = _outer(described, ids, shape) if isinstance(described, Products) else None
    if factor is not None:
        return factor
    if by_samples:
        return own_gradient(sum_to_shape(_part(node, argument, g, lift, parts), shape), found)
    if isinstance(described, Moved):
        return _moved(g, ids, described.rows, shape, described.axes)
    if isinstance(described, WrittenOut):
        return _written(described, shape)
    if isinstance(described, Summed) and found is Use.SHARED and not isinstance(ids, tuple):
        part = _part(node, argument, g, lift)
        if part.shape == described.shape:
            return _unsummed(part, ids, shape)
    return _one_by_one(node, argument, ids, g, lift)


def _described(node: Node, argument: int, ids: Any, g: Any, lift: Lift | None) -> Contribution | None:
    """What the op's sample rule says of an argument."""
    args = node.args if lift is None else lift(node)[1]
    return rule_of(node).contribution(node, argument, ids, g, args or ())


def own_gradient(g: Any, ids: SampleIds) -> Factor:
    """The factor of something whose elements each belong to one sample, and have the gradient `g`."""
    shape = g.shape
    axes = [axis for axis, n in enumerate(ids.shape) if n != 1]
    if not axes:
        return Dense(Placement.of(shape), ids.reshape(1), g.reshape((1, math.prod(shape))))
    if len(axes) > 1:
        flat = g.reshape((math.prod(shape), 1))
        owner = np.broadcast_to(ids, shape).reshape(-1)
        return Rows(Placement.of(shape), owner, flat, np.arange(len(owner)), height=len(owner))
    axis = axes[0]
    rest = [i for i in range(len(shape)) if i != axis]
    values = np.transpose(g, (axis, *rest)).reshape((shape[axis], math.prod([shape[i] for i in rest])))
    return Rows(Placement.of(shape, (axis, *rest)), ids.reshape(-1), values, np.arange(shape[axis]), height=shape[axis])


def _part(node: Node, argument: int, g: Any, lift: Lift | None, parts: Sequence[Any] | None = None) -> Any:
    """The op's own rule for one argument, before broadcasting is undone; from `parts` if these are known."""
    needs = [link if i == argument else None for i, link in enumerate(node.inputs)]
    part = (apply_vjp(node, g, needs, lift) if parts is None else parts)[argument]
    return np.zeros(needs[argument].shape, needs[argument].dtype) if part is None else part  # type: ignore[union-attr]


def _moved(g: Any, ids: SampleIds, rows: Any, shape: tuple[int, ...], axes: int) -> Factor:
    """Of elements, or rows of so many axes, that were moved: each slot's gradient goes to the row it came from."""
    width = math.prod(shape[len(shape) - axes :])
    slots = g.shape[: len(g.shape) - axes]
    if any(n != 1 for n in ids.shape[len(slots) :]):  # samples within a row: element by element
        inner = np.arange(width).reshape(shape[len(shape) - axes :])
        return _moved(g, ids, rows.reshape(rows.shape + (1,) * axes) * width + inner, shape, 0)
    owner = np.broadcast_to(ids.reshape(ids.shape[: len(slots)]), slots).reshape(-1)
    rows = rows.reshape(-1)
    if (rows < 0).any():
        owner = np.where(rows < 0, -1, owner)
    height = math.prod(shape[: len(shape) - axes])
    return Rows(Placement.of(shape), owner, g.reshape((math.prod(slots), width)), rows, height=height)


def _written(described: WrittenOut, shape: tuple[int, ...]) -> Factor:
    """The factor of full gradients, one for each number in `ids`."""
    values = described.values
    rows = values.reshape((len(values), math.prod(values.shape[1:])))
    factor = Dense(Placement.of(shape, described.axes), described.ids, rows)
    factor.by_op = True
    return factor


def _unsummed(part: Any, ids: SampleIds, shape: tuple[int, ...]) -> Factor:
    """A gradient that broadcasting will sum: here just over the axes along which the owner stays the same."""
    extra = len(part.shape) - len(shape)
    ids = ids.reshape(ids.shape + (1,) * (len(part.shape) - ids.ndim))
    stretched = [*range(extra), *[extra + i for i, n in enumerate(shape) if n == 1]]
    varying = [axis for axis, n in enumerate(ids.shape) if n != 1]
    if any(axis not in stretched for axis in varying):  # partly within the argument: element by element
        rows = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), part.shape)
        return _moved(part, ids, rows, shape, 0)
    summed = tuple([axis for axis in stretched if axis not in varying and part.shape[axis] != 1])
    if summed:
        part = part.sum(axis=summed, keepdims=True, dtype=np.float64).astype(part.dtype)  # time steps may cancel
    rest = [axis for axis in range(len(part.shape)) if axis not in varying]
    ordered = np.transpose(part, (*varying, *rest)) if varying != list(range(len(varying))) else part
    return Dense(Placement.of(shape), ids.reshape(-1), ordered.reshape((ids.size, math.prod(shape))))


class _Recipe(NamedTuple):
    """How the two sides of the outer products that are summed over the samples are cut from the arrays.

    Attributes:
        order: the axes of the gradient in the order groups, slots, left; None where they have it.
        slots: which axes of the gradient run over the slots.
        sizes: how many groups, slots, numbers on the left and on the right there are.
        wanted: the letters of what the gradient is multiplied with, in the order groups, slots, right.
        full: their sizes.
        placement: where the products belong.
    """

    order: tuple[int, ...] | None
    slots: tuple[int, ...]
    sizes: tuple[int, int, int, int]
    wanted: str
    full: tuple[int, ...]
    placement: Placement


@lru_cache(maxsize=1024)
def _recipe(
    own: str,
    shape: tuple[int, ...],
    output: str,
    out_shape: tuple[int, ...],
    others: tuple[tuple[str, Any], ...],
    whole: tuple[int, ...],
) -> _Recipe | None:
    """For an argument of these letters, of the shape `whole` if they name parts of its axes.

    None for the rare kinds: diagonals, axes stretched or merely summed.
    """
    every = "".join(letters for letters, _ in others)
    if len(set(own)) < len(own) or any(len(set(letters)) < len(letters) for letters, _ in others):
        return None
    if any(c not in every and c not in output for c in own):
        return None
    for letters, sizes in [(output, out_shape), *others]:
        there = dict(zip(letters, sizes, strict=True))
        if any(n == 1 != there.get(c, n) for c, n in zip(own, shape, strict=True)):
            return None
    size = {**dict(zip(output, out_shape, strict=True)), **dict(zip(own, shape, strict=True))}
    slots = [c for c in output if c not in own]
    groups = [c for c in own if c in output and c in every]
    left = [c for c in own if c in output and c not in every]
    right = [c for c in own if c not in output]
    c, n, o, i = [math.prod([size[letter] for letter in part]) for part in (groups, slots, left, right)]
    order = tuple([output.index(letter) for letter in (*groups, *slots, *left)])
    wanted = "".join((*groups, *slots, *right))
    return _Recipe(
        None if order == tuple(range(len(order))) else order,
        tuple([output.index(letter) for letter in slots]),
        (c, n, o, i),
        wanted,
        tuple([size[letter] for letter in wanted]),
        Placement.of(shape, [own.index(letter) for letter in (*groups, *left, *right)], whole),
    )


def _outer(products: Products, ids: SampleIds, shape: tuple[int, ...]) -> Factor | None:
    """The factor of products for an argument of `shape`; None where they are no outer products of the samples."""
    output, g = products.gradient
    ids = ids if products.ids is None else products.ids
    others = tuple([(letters, array.shape) for letters, array in products.others])
    recipe = _recipe(products.own, products.shape or shape, output, g.shape, others, shape)
    if recipe is None:
        return None
    order, slots, (c, n, o, i), wanted, full, placement = recipe
    if not others:
        axes = [*slots, *[output.index(letter) for letter in products.own]]
        return _unsummed(np.transpose(g, axes), np.transpose(ids, axes), shape)
    if any(m != 1 for axis, m in enumerate(ids.shape) if axis not in slots):
        return None
    owner = ids
    if ids.size != n or not is_plain(ids):
        by_slot = ids.reshape([ids.shape[axis] for axis in slots])
        owner = np.broadcast_to(by_slot, [g.shape[axis] for axis in slots])
    delta = (g if order is None else np.transpose(g, order)).reshape((c, n, o))
    x = _partner(products.others, wanted, full)
    return Outer(placement, owner.reshape(n), delta, x.reshape((c, n, i)))


def _partner(others: Sequence[Lettered], wanted: str, full: tuple[int, ...]) -> Any:
    """What the gradient is multiplied with: one array, or the product of several, in the order of `wanted`."""
    letters, x = others[0]
    if len(others) > 1 or sorted(letters) != sorted(wanted):
        present = "".join(c for c in wanted if any(c in other for other, _ in others))
        subscripts = ",".join([other for other, _ in others]) + "->" + present
        x = np.einsum(subscripts, *[array for _, array in others])
        sizes = iter(x.shape)
        x = x.reshape(tuple([next(sizes) if c in present else 1 for c in wanted]))
    elif letters != wanted:
        x = np.transpose(x, [letters.index(c) for c in wanted])
    return x if x.shape == full else np.broadcast_to(x, full)


def _one_by_one(node: Node, argument: int, ids: Any, g: Any, lift: Lift | None) -> Factor:
    """For any op: its rule once for each sample, with the gradient of that sample's elements alone."""
    link: Any = node.inputs[argument]
    size = math.prod(link.shape)
    every = np.concatenate([part.reshape(-1) for part in ids_in(ids)])
    samples = np.unique(every[every >= 0])
    parts = [sum_to_shape(_part(node, argument, _only(g, ids, m), lift), link.shape) for m in samples]
    rows = stacked([part.reshape(size) for part in parts], (size,), link.dtype)
    return Dense(Placement.of(link.shape), samples, rows)


def _only(g: Any, ids: Any, m: int) -> Any:
    """A gradient without the elements of other samples."""
    if isinstance(g, Cotangents):
        return Cotangents([None if p is None else _only(p, o, m) for p, o in zip(g.parts, ids, strict=True)])
    mine = ids == m
    return g * mine.astype(g.dtype) if tracked(g) else np.where(mine, g, g.dtype.type(0))
