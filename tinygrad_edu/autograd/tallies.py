"""How many samples a gradient is a sum over, if that is known.

A loss function marks the node of its result. When a backward pass begins, the marks on top of its graph are
added up, and every leaf that gets a gradient is given the result, a Tally. What is not understood counts as
unknown: an optimizer that compares its `samples=` with a tally must never complain when it is right.
"""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from ..engine import versions
from ..engine.graph import Leaf, Link, Node
from .rows import straight, way_of

Mark: TypeAlias = tuple[str, float, float, float, bool, Any]
"""What the result of a loss is ("sum", "mean" or "none"), the least, the likeliest and the greatest count, whether
its rows are those of the model's input, and the first and the last parameter of the model, by their ids."""

# What leaves a sum of losses a sum of all of them.
_TRANSPARENT = {"add", "sub", "neg", "sum", "sum_over", "reshape", "transpose", "clone", "astype", "stack"}
_LOOKED_AT = 256  # nodes on top of a graph, at most


class Tally:
    """What backward passes have added to a gradient since it was last cleared.

    Attributes:
        low, likely, high: how many samples the losses were summed over: 0 without such losses, 1 and more else.
        sums: how many passes added such sums.
        certain: whether the rows of these losses are known to be those of the model's input.
        model: which model the losses are of, None if they are not known to be all of one.
        means: how many mean losses were added.
        own_means: how many means that no loss function has computed.
        rows: of how many numbers, not of a loss function, the derivative of the sum was taken.
        more: whether there is more, about which nothing is known.
        opened: the numbers of the passes that kept the samples apart, since others last changed the gradient.
        beside: whether the gradient may be anything but the sum of what these passes have kept.
    """

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0
    sums: int = 0
    certain: bool = True
    model: Any = None
    means: int = 0
    own_means: int = 0
    rows: int = 0
    more: bool = False
    opened: tuple[int, ...] = ()
    beside: bool = True
    _joined: dict[tuple[Leaf | Tally | None, bool], Tally] | None = None
    _time: int
    _witness: Any
    _number: Any

    def take(self, found: Mark, averaged: bool) -> None:
        """Add a marked loss of the same pass, or the mean of one."""
        kind, low, likely, high, certain, model = found
        self.model = model if not (self.high or self.means) or self.model == model else None
        if averaged and kind != "none":
            self.more = True
        elif averaged or kind == "mean":
            self.means += 1
        else:  # over other samples, or once more over the same
            self.low, self.likely, self.high = min(self.low or low, low), max(self.likely, likely), self.high + high
            self.certain, self.sums = self.certain and certain, 1

    def plus(self, other: Tally) -> Tally:
        """What this one and a later pass come to."""
        both = Tally()
        both.low = min(self.low, other.low) or self.low + other.low
        both.likely = self.likely + other.likely
        both.high = self.high + other.high
        both.sums = self.sums + other.sums
        both.certain = self.certain and other.certain
        counts = [tally.model for tally in (self, other) if tally.high or tally.means]
        both.model = counts[0] if counts and counts[0] == counts[-1] else None
        both.means = self.means + other.means
        both.own_means = self.own_means + other.own_means
        both.rows = self.rows + other.rows
        both.more = self.more or other.more
        both.opened = self.opened + other.opened
        both.beside = self.beside or other.beside
        return both

    def added_to(self, leaf: Leaf) -> Tally:
        """What is known of a leaf that has a gradient, or hooks, when this pass adds to it; asked before it does."""
        known = None if leaf.grad is None else leaf.tally
        foreign = leaf.grad is not None and (known is None or known.overwritten(leaf) or not is_as_seen(leaf))
        hooked = bool(leaf.hooks)
        key = (leaf if foreign else known, hooked)  # other leaves may have been through the same passes
        self._joined = self._joined or {}
        if key not in self._joined:
            if foreign or (known is not None and not known.holds(leaf)):
                known = unknown()
            own = unknown(self.opened) if hooked else self  # a hook may have made it another gradient
            self._joined[key] = own if known is None else known.plus(own)
        return self._joined[key]

    def stamp(self, leaves: Iterable[Leaf]) -> None:
        """Take the gradients of these leaves, at least one, as they are now for what was counted."""
        for leaf in leaves:
            witness = leaf.grad.array
            number = witness.item(0) if witness.size else 0.0
            if number:  # a 0 would stay what it is if it were multiplied
                break
        self._time, self._witness, self._number = versions.now, weakref.ref(witness), number
        if self._joined:
            for tally in self._joined.values():
                tally.stamp(leaves)
            self._joined = None

    def overwritten(self, leaf: Leaf) -> bool:
        """Whether the leaf's gradient was changed in place since, by others than the backward pass."""
        return versions.changed_at(leaf.grad.array) > self._time

    def holds(self, leaf: Leaf) -> bool:
        """Whether nobody else has written to the gradients since, as far as the library knows.

        What NumPy wrote it does not know; so one number is compared, of one gradient of the pass.
        """
        if self.overwritten(leaf):
            return False
        witness = self._witness()
        if witness is None or not witness.size or versions.changed_at(witness) > self._time:
            return True  # there is nothing to compare with any more
        number = witness.item(0)
        return bool(number == self._number or number != number)


def mark(result: Any, reduction: str, input: Any, shape: tuple[int, ...], counted: float) -> None:
    """Note on the node of a loss how many samples it is a sum over.

    Args:
        result: the loss, reduced.
        reduction: "sum", "mean" or "none".
        input: the tensor it is the loss of; if that is a leaf there are no samples, and nothing is noted.
        shape: that of the losses before they were reduced, with those that are ignored.
        counted: how many of them count; the sum of their weights if they have any.
    """
    node = result.source
    below = input.source
    if type(node) is not Node or type(below) is Leaf:
        return
    count = shape[0] if shape else 1
    least: float = count
    greatest: float = count
    certain = True
    model = straight(below, count)
    if model is None:
        way = way_of(below, count)
        if way is None:
            return
        least, greatest, certain, model = way.least, way.greatest, way.certain, way.model
    if counted != count or len(shape) > 1:
        least, greatest = min(least, counted), max(greatest, counted, math.prod(shape))
    node.mark = reduction, least, count, greatest, certain, model


def unknown(opened: tuple[int, ...] = ()) -> Tally:
    """That of passes about which nothing is known, or of a gradient that others have changed."""
    tally = Tally()
    tally.more = True
    tally.opened = opened
    return tally


def nothing() -> Tally:
    """That of a gradient of zeros."""
    tally = Tally()
    tally.beside = False
    return tally


def tally_of(roots: Iterable[tuple[Link, Any]]) -> Tally:
    """What a backward pass from `roots`, with ones entering there, adds."""
    tally = Tally()
    for root, _ in roots:
        found = getattr(root, "mark", None)
        if found is None or root.hooks is not None:
            _look(tally, root)
        else:
            tally.take(found, False)
    return tally


def _look(tally: Tally, root: Link) -> None:
    """Look for marked losses from `root` downwards, through what adds all of them up."""
    stack: list[tuple[Link, bool]] = [(root, False)]  # with whether there is a mean on the way
    scaled = False
    for _ in range(_LOOKED_AT):
        if not stack:
            break
        link, averaged = stack.pop()
        found = getattr(link, "mark", None)
        name = link.op.name if isinstance(link, Node) and link.hooks is None else ""
        links = [source for source in link.inputs if source is not None] if name else []  # type: ignore[union-attr]
        whole = not averaged or name not in ("sum_over", "stack", "mean")
        if found is not None and name:
            tally.take(found, averaged)
        elif name == "mean" and math.prod(links[0].shape) == 1:
            stack.append((links[0], averaged))
        elif name == "mean" and whole and math.prod(link.shape) == 1:
            stack.append((links[0], True))
        elif name in _TRANSPARENT and whole:
            for source in links:
                if name in ("add", "sub") and source.shape != link.shape:
                    tally.more = True  # counted more than once
                else:
                    stack.append((source, averaged))
        elif averaged and whole and _of_rows(link):
            tally.own_means += 1
        else:
            tally.more = True
            scaled = scaled or name in ("mul", "div")
    if stack:
        tally.more = True
    elif root.shape and not (scaled or tally.high or tally.means or tally.own_means) and _of_rows(root, in_rows=True):
        tally.rows = root.shape[0]


def _of_rows(link: Link, in_rows: bool = False) -> bool:
    """Whether the rows of what no loss function has computed are certainly samples."""
    way = way_of(link, link.shape[0], in_rows) if link.shape else None
    return way is not None and way.certain


def mean_assigned(leaves: Iterable[Leaf]) -> None:
    """The gradients of these leaves are a mean over samples, which was put there and not computed by a pass."""
    leaves = list(leaves)
    tally = Tally()
    tally.means = 1
    if leaves:
        tally.stamp(leaves)
    for leaf in leaves:
        leaf.tally = tally


def hooks_ran(leaf: Leaf, before: Tally | None) -> None:
    """Hooks may have changed the leaf's gradient; `before` is what it knew before they ran."""
    if before is not None and leaf.grad is not None:
        leaf.tally = unknown(before.opened)
        leaf.tally.stamp([leaf])
        if leaf.kept is not None:
            see(leaf)


def held(leaves: Iterable[Leaf]) -> dict[Leaf, Tally]:
    """The tallies that hold, before the library itself writes to the gradients."""
    known = [leaf for leaf in leaves if leaf.grad is not None and leaf.tally is not None]
    return {leaf: leaf.tally for leaf in known if leaf.tally.holds(leaf) and is_as_seen(leaf)}


def stamp(before: dict[Leaf, Tally], altered: bool) -> None:
    """Keep the tallies that held valid, after the library has written to the gradients."""
    for leaf, tally in before.items():
        leaf.tally = copy.copy(tally)
        if altered:
            leaf.tally.opened, leaf.tally.beside = (), True
        leaf.tally.stamp([leaf])
        if leaf.kept is not None:
            see(leaf)


def see(leaf: Leaf) -> None:
    """Take note of the array that a leaf's gradient is in now, beside what is kept of the samples."""
    leaf.seen = weakref.ref(leaf.grad.array), versions.now


def is_as_seen(leaf: Leaf) -> bool:
    """Whether the gradient is in the array that was noted, if one was, and the library knows of no change of it."""
    if leaf.seen is None:
        return True
    array, time = leaf.seen
    return array() is leaf.grad.array and versions.changed_at(leaf.grad.array) <= time


def more_in(leaves: Iterable[Leaf]) -> None:
    """The gradients of these leaves hold more than the sum of what passes have kept."""
    for leaf in leaves:
        if leaf.tally is not None:
            leaf.tally = copy.copy(leaf.tally)
            leaf.tally.beside = True


def claims_zeros(leaf: Leaf) -> bool:
    """Whether the leaf's gradient was made zeros, and no pass has added to it since."""
    return leaf.grad is not None and leaf.tally is not None and not leaf.tally.beside and not leaf.tally.opened


def is_sum_of(leaf: Leaf, passes: Sequence[int]) -> bool:
    """Whether the leaf's gradient is just the sum of what these passes have kept, as far as is known."""
    tally = leaf.tally
    known = leaf.grad is not None and tally is not None and not tally.beside and tally.opened == tuple(passes)
    return known and tally.holds(leaf) and is_as_seen(leaf)


def is_older(leaf: Leaf, time: int) -> bool:
    """Whether nobody has added to the leaf's gradient since that time on the clock, as far as is known."""
    return leaf.tally is not None and leaf.tally._time < time


def was_altered(leaf: Leaf, since: int) -> bool:
    """Whether anything but backward passes has changed the leaf's gradient since the pass of that number."""
    tally = leaf.tally
    if leaf.grad is None:
        return False
    return tally is None or since not in tally.opened or not tally.holds(leaf) or not is_as_seen(leaf)
