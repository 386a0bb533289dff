"""Families of ops, by how the samples of a batch stay apart in them. An op names its own:

    elementwise             results and arguments are aligned by broadcasting
    copying                 the same, and the numbers stay as they are
    Choosing(masks)         elementwise, and takes the elements of an argument where its mask is true
    reduction               over the axes that its arguments `axis` and `keepdims` name
    along_axis              computes with all elements along its `axis`
    moving                  only moves elements; moving_axis where it does so along its `axis`
    transposing             only puts axes in the order that its argument `axes` names
    Overwriting(positions, 2)  the first argument with the value, here argument 2, written over some of its places
    core(2, 2, out=2)       works on the last axes of each argument, and broadcasts the others
    Contraction(terms)      sums of products, with a letter for each axis
    Custom(function)        none of these: the function says it

Without a rule an op still works everywhere; per-sample gradients then take one backward pass for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import Leaf, Link, Node, Unread
from .contributions import Contribution, Moved, Products, Summed
from .ids import NOBODY, SampleIds, Use, collapse, fit, is_plain, of_positions, overwritten, simplify, spread
from .rule import Found, Makes, SampleRule, value_of

__all__ = [
    "Choosing",
    "Contraction",
    "Core",
    "Custom",
    "Moving",
    "Overwriting",
    "Terms",
    "along_axis",
    "copying",
    "core",
    "elementwise",
    "moving",
    "moving_axis",
    "reduction",
    "transposing",
]


class _Elementwise(SampleRule):
    """The vjp rules of such ops give the gradient of an argument that was broadcast before it is summed."""

    mixing = False

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        return Summed(node.shape)

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        shape = node.shape
        return [None if link is None else ids if link.shape == shape else fit(ids, link.shape) for link in node.inputs]


class _Copying(_Elementwise):
    makes = Makes.FORM


class Choosing(_Elementwise):
    """Elementwise, and of each argument only the elements count that are chosen: the mask of a node says which."""

    def __init__(self, masks: Callable[[Node], Sequence[Any]]) -> None:
        self._masks = masks

    def exactly(self, node: Node, ids: Any) -> Sequence[Found]:
        return [
            None if link is None else fit(np.where(mask, ids, NOBODY), link.shape, node.shape)
            for link, mask in zip(node.inputs, self._masks(node), strict=True)
        ]


class _Reduction(SampleRule):
    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        link = node.inputs[0]
        ndim = len(link.shape)  # type: ignore[union-attr]
        if len(node.shape) == ndim:
            return [ids]
        names = node.op.parameters
        axis = value_of(node, "axis") if "axis" in names else None
        axes: Any = range(ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
        return [spread(ids, axes, ndim)]


class _AlongAxis(SampleRule):
    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        axis = value_of(node, "axis")
        return [None if x is None else _whole(ids, (axis,), x.shape) for x in node.inputs]


def _whole(ids: SampleIds, axes: tuple[int, ...], shape: tuple[int, ...]) -> SampleIds | Use:
    """The ids of an argument all of whose elements along `axes` are needed for each result there."""
    single = collapse(ids, axes)
    return Use.MIXED if single is None else fit(single, shape)


class Moving(SampleRule):
    """Elements are moved, dropped, repeated or set beside constants, but not computed with."""

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        return self._moved(node, ids, exact=False)

    def exactly(self, node: Node, ids: Any) -> Sequence[Found]:
        return self._moved(node, ids, exact=True)

    def _moved(self, node: Node, ids: Any, exact: bool) -> Sequence[Found]:
        return [
            None if link is None else _from_positions(ids, positions, link.shape, exact)
            for link, positions in zip(node.inputs, self.positions(node), strict=True)
        ]

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        return Moved(self.positions(node)[argument], 0)

    def positions(self, node: Node) -> list[Any]:
        """For each argument, where each element of the result came from in it, in memory order; -1: not from it.

        They are found by having the op itself move the numbers of the places.
        """
        args, links = node.args or (), node.inputs
        found: list[Any] = []
        for index, link in enumerate(links):
            if link is None:
                found.append(None)
                continue
            numbered = [_numbers(a.shape, i == index) if _is_array(a, links[i]) else a for i, a in enumerate(args)]
            moved = node.op.forward(*self._plain(node, numbered))
            found.append(tuple([m - 1 for m in moved]) if isinstance(moved, tuple) else moved - 1)
        return found

    def _plain(self, node: Node, args: list[Any]) -> list[Any]:
        """The arguments with 0, which is nowhere, in place of constants that the op puts in."""
        for name in ("value", "fill"):
            if name in node.op.parameters:
                i = node.op.parameters.index(name)
                if not isinstance(args[i], np.ndarray):
                    args[i] = 0
        return args


def _from_positions(ids: Any, positions: Any, shape: tuple[int, ...], exact: bool) -> Found:
    if not isinstance(ids, tuple):
        return of_positions(ids, positions, shape, exact)
    used = [(o, p) for o, p in zip(ids, positions, strict=True) if o is not None]
    flat = [np.broadcast_to(o, p.shape).reshape(-1) for o, p in used]
    return of_positions(np.concatenate(flat), np.concatenate([p.reshape(-1) for _, p in used]), shape, exact)


def _is_array(value: Any, link: Link | None) -> bool:
    """Whether an argument is one whose elements are moved: it is tracked, or what was kept of it is its shape."""
    return link is not None or isinstance(value, Leaf | Node | Unread)


def _numbers(shape: tuple[int, ...], counted: bool) -> Any:
    size = int(np.prod(shape, dtype=np.intp))
    return np.arange(1, size + 1).reshape(shape) if counted else np.zeros(shape, np.intp)


class _MovingAxis(Moving):
    """Elements are moved along one axis alone: where the ids do not change along it, they stay."""

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        axis = value_of(node, "axis")
        parts = [part for part in ids if part is not None] if isinstance(ids, tuple) else [ids]
        same = all(part is parts[0] or np.array_equal(part, parts[0]) for part in parts)
        if same and isinstance(axis, int) and parts[0].shape[axis] == 1 and parts[0].ndim == _ndim(node):
            return [None if link is None else parts[0] for link in node.inputs]
        return super().ids_of(node, ids)


def _ndim(node: Node) -> int:
    return next(len(link.shape) for link in node.inputs if link is not None)


class _Transposing(SampleRule):
    """Only puts the axes of its argument in the order `axes`: that is all, or None for the reverse order."""

    makes = Makes.FORM

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        return [np.transpose(ids, np.argsort(self.reorders(node)))]

    def permutes(self, node: Node) -> bool:
        return True

    def reorders(self, node: Node) -> tuple[int, ...]:
        ndim = len(node.shape)
        axes = value_of(node, "axes")
        return tuple(range(ndim))[::-1] if axes is None else tuple([axis % ndim for axis in axes])


class Core(SampleRule):
    """Works on the last axes of each argument; all axes before them are aligned by broadcasting."""

    def __init__(self, cores: Callable[[Node], tuple[Sequence[int], int | Sequence[int]]], mixing: bool = True) -> None:
        self._cores = cores
        self.mixing = mixing

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        inputs, out = self._cores(node)
        results = ids if isinstance(ids, tuple) else (ids,)
        outs = [out] * len(results) if isinstance(out, int) else out
        outer, *others = [_outer(part, n) for part, n in zip(results, outs, strict=True) if part is not None]
        for part in others:
            outer = None if outer is None or part is None or (outer != part).any() else outer
        found: list[Found] = []
        for link, n in zip(node.inputs, (*inputs, *[0] * len(node.inputs)), strict=False):
            if link is None or outer is None:
                found.append(None if link is None else Use.MIXED)
                continue
            extended = outer.reshape(outer.shape + (1,) * n)
            own = fit(extended, (*link.shape[: len(link.shape) - n], *[1] * n))
            found.append(own)
        return found

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        inputs, out = self._cores(node)
        if not isinstance(out, int):
            return None
        shape = node.inputs[argument].shape  # type: ignore[union-attr]
        return Summed(node.shape[: len(node.shape) - out] + shape[len(shape) - inputs[argument] :])


def _outer(ids: SampleIds, core: int) -> SampleIds | None:
    """The ids along the axes before the core's; None if they change inside a core."""
    if not core:
        return ids
    single = collapse(ids, tuple(range(ids.ndim - core, ids.ndim)))
    return None if single is None else single.reshape(single.shape[: single.ndim - core])


class Terms(NamedTuple):
    """A sum of products in letters, one for each axis.

    Attributes:
        inputs: for each argument its letters; None for an argument that is not an array.
        output: the letters of the result.
        partners: for each argument those it is multiplied with.
    """

    inputs: Sequence[str | None]
    output: str
    partners: Sequence[Sequence[int]]


class Contraction(SampleRule):
    """Sums of products: an argument with all letters along which the ids change belongs to their samples."""

    def __init__(
        self,
        terms: Callable[[Node], Terms],
        mixing: bool = True,
        shared: Sequence[int] = (),
    ) -> None:
        """Of an op whose arguments `shared` lack the letters of all axes but the last, that is all there is to it."""
        self.terms = terms
        self.mixing = mixing
        self._shared = shared

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        if self._shared and ids.shape[-1] == 1 and is_plain(ids):
            return [Use.SHARED if i in self._shared else ids for i in range(len(node.inputs))]
        terms = self.terms(node)
        found: list[Found] = []
        for link, letters in zip(node.inputs, terms.inputs, strict=True):
            found.append(None if link is None or letters is None else _along(letters, link.shape, terms.output, ids))
        return found

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        terms = self.terms(node)
        own = terms.inputs[argument]
        partners = [args[i] if hasattr(args[i], "shape") else np.asarray(args[i]) for i in terms.partners[argument]]
        letters = [terms.inputs[i] or "" for i in terms.partners[argument]]
        return None if own is None else Products(own, (terms.output, g), tuple(zip(letters, partners, strict=True)))


def _along(letters: str, shape: tuple[int, ...], output: str, ids: SampleIds) -> SampleIds | Use:
    """The ids of an operand with these letters, from those of the result."""
    if len(set(letters)) < len(letters):  # a diagonal: the elements beside it belong to nobody
        return _on_diagonal(letters, shape, output, ids)
    size = dict(zip(letters, shape, strict=True))
    missing = tuple([i for i, c in enumerate(output) if c not in size or size[c] == 1])
    single = collapse(ids, missing)
    if single is None:
        return Use.SHARED
    kept = [c for c in output if c in size]
    single = single.reshape([n for c, n in zip(output, single.shape, strict=True) if c in size])
    order = [kept.index(c) for c in letters if c in kept]
    return single.transpose(order).reshape([single.shape[kept.index(c)] if c in kept else 1 for c in letters])


def _on_diagonal(letters: str, shape: tuple[int, ...], output: str, ids: SampleIds) -> SampleIds | Use:
    once = "".join(dict.fromkeys(letters))
    own = _along(once, tuple([shape[letters.index(c)] for c in once]), output, ids)
    if isinstance(own, Use):
        return own
    full = np.full(shape, NOBODY)
    np.einsum(full, [ascii_letters.index(c) for c in letters], [ascii_letters.index(c) for c in once])[...] = own
    return full


class Overwriting(SampleRule):
    """The first argument, at some places of which the value, the argument number `value`, was written.

    The value broadcasts to the shape of `positions(node)`, but for leading axes of size 1: for each element written, in
    their order, where in memory order of the first argument it went.
    """

    makes = Makes.ARRAYS

    def __init__(self, positions: Callable[[Node], Any], value: int) -> None:
        self._positions = positions
        self._value = value

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        return self._parted(node, ids, exact=False)

    def exactly(self, node: Node, ids: Any) -> Sequence[Found]:
        return self._parted(node, ids, exact=True)

    def _parted(self, node: Node, ids: Any, exact: bool) -> Sequence[Found]:
        rest, written = overwritten(ids, self._positions(node), node.shape)
        found: list[Found] = [None] * len(node.inputs)
        found[0] = rest
        value = node.inputs[self._value]
        if value is not None:
            written = written.reshape((1,) * (len(value.shape) - written.ndim) + written.shape)
            own = fit(written, value.shape, written.shape if exact else None)
            found[self._value] = own if isinstance(own, Use) else simplify(own)
        return found


class Custom(SampleRule):
    """None of the other families: `function` is its `ids_of`."""

    def __init__(
        self,
        function: Callable[[Node, Any], Sequence[Found]],
        permutes: bool = False,
        makes: Makes = Makes.NUMBERS,
    ) -> None:
        self._function = function
        self._permutes = permutes
        self.makes = makes

    def permutes(self, node: Node) -> bool:
        return self._permutes

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        return self._function(node, ids)


def core(*inputs: int, out: int | tuple[int, ...], mixing: bool = True) -> SampleRule:
    """The rule of an op that works on the last axes of its arguments and broadcasts the others.

    Args:
        inputs: how many axes of each argument it works on.
        out: how many axes that gives in the result; for several results, a tuple.
        mixing: whether samples may be expected along these axes, so that calls keep their line.
    """
    return Core(lambda node: (inputs, out), mixing)


elementwise: SampleRule = _Elementwise()
copying: SampleRule = _Copying()
reduction: SampleRule = _Reduction()
along_axis: SampleRule = _AlongAxis()
moving: SampleRule = Moving()
moving_axis: SampleRule = _MovingAxis()
transposing: SampleRule = _Transposing()
