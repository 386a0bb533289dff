"""How many samples a gradient is a sum over, as far as that is known.

A loss function marks the node of its result. When a backward pass begins, the marks on top of its graph are
added up, and every leaf that gets a gradient is given the result, a Tally. What is not understood counts as
unknown: an optimizer that compares its `samples=` with a tally must never complain of what is right.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterable
from typing import Any, TypeAlias

from . import versions
from .graph import Leaf, Link, Node

__all__ = ["Mark", "Tally", "held", "hooks_ran", "mark", "mean_assigned", "stamp", "tally_of", "unknown"]

Mark: TypeAlias = tuple[str, float, float, float]
"""What the result of a loss is ("sum", "mean" or "none"), and the least, the likeliest and the greatest count."""

_MEAN: Mark = ("mean", 1, 1, 1)
# What leaves a sum of losses a sum of these losses.
_TRANSPARENT = {"add", "sub", "neg", "sum", "sum_over", "reshape", "transpose", "clone", "astype", "getitem"}
_TRANSPARENT |= {"stack", "concatenate", "pick", "split"}
_changes = itertools.count(1)
_LOOKED_AT = 256  # nodes on top of a graph, at most
_DEPTH = 8  # ops below a loss, at most


class Tally:
    """What backward passes have added to a gradient since it was last cleared.

    Attributes:
        low, likely, high: how many samples the losses were summed over: 0 without such losses, 1 and more else.
        means: how many mean losses were added.
        own_means: how many means that no loss function has computed.
        rows: of how many numbers, not of a loss function, the derivative of the sum was taken.
        more: whether there is more, of which nothing is known.
        altered: the number of the last change to the gradient that was no backward pass's, 0 if there was none.
    """

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0
    means: int = 0
    own_means: int = 0
    rows: int = 0
    altered: int = 0
    more: bool = False
    _joined: dict[tuple[Leaf | Tally | None, bool], Tally] | None = None
    _time: int
    _witness: Any
    _number: Any

    def summed(self, low: float, likely: float, high: float) -> None:
        """Add a sum in the same pass: over other samples, or once more over the same."""
        if self.high:
            self.low, self.likely, self.high = min(self.low, low), max(self.likely, likely), self.high + high
        else:
            self.low, self.likely, self.high = low, likely, high

    def plus(self, other: Tally) -> Tally:
        """What this one and a later pass come to."""
        both = Tally()
        both.low = min(self.low, other.low) or self.low + other.low
        both.likely = self.likely + other.likely
        both.high = self.high + other.high
        both.means = self.means + other.means
        both.own_means = self.own_means + other.own_means
        both.rows = self.rows + other.rows
        both.more = self.more or other.more
        both.altered = max(self.altered, other.altered)
        return both

    def added_to(self, leaf: Leaf) -> Tally:
        """What is known of a leaf that has a gradient, or hooks, when this pass adds to it; asked before it does."""
        known = None if leaf.grad is None else leaf.tally
        foreign = leaf.grad is not None and (known is None or known.overwritten(leaf))
        hooked = any(not getattr(hook, "watches", False) for hook in leaf.hooks or ())
        key = (leaf if foreign else known, hooked)  # other leaves may have been through the same passes
        self._joined = self._joined or {}
        if key not in self._joined:
            if foreign or (known is not None and not known.holds(leaf)):
                known = unknown(by_others=True)
            own = unknown() if hooked else self  # a hook may have made it another gradient
            self._joined[key] = (known or Tally()).plus(own)
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
        """Whether nobody else has written to the gradients since, as far as the library can know.

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
    """Note on the node of a loss how many samples it stands for.

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
    if reduction == "mean":
        node.mark = _MEAN
        return
    count = shape[0] if shape else 1
    least: float = count
    greatest: float = count
    for size in _sizes_below(below):
        if size != count:
            least, greatest = min(least, size), max(greatest, size)
    if counted != count or len(shape) > 1:
        least, greatest = min(least, counted), max(greatest, counted, math.prod(shape))
    node.mark = reduction, least, count, greatest


def _sizes_below(source: Link | None) -> list[int]:
    """How many samples there may have been before they were reshaped, or some were picked out of them."""
    sizes: list[int] = []
    while type(source) is Node and len(sizes) < _DEPTH:
        shape, links = source.shape, source.links
        if not shape or (len(shape) == 1 and source.op.name == "linear"):
            return [*sizes, 1]  # one sample, without an axis of samples
        sizes.append(shape[0])
        if len(links) > 1 and (links[0] is None or links[1] is not None):
            break
        source = links[0]
    return sizes


def unknown(by_others: bool = False) -> Tally:
    """That of a pass of which nothing is known, or of what others have made of a gradient."""
    tally = Tally()
    tally.more = True
    tally.altered = next(_changes) if by_others else 0
    return tally


def tally_of(roots: Iterable[tuple[Link, Any]]) -> Tally:
    """What a backward pass from `roots`, with ones entering there, adds."""
    tally = Tally()
    for root, _ in roots:
        found = getattr(root, "mark", None)
        if found is None or root.hooks is not None:
            _look(tally, root)
        else:
            _take(tally, found, None)
    return tally


def _look(tally: Tally, root: Link) -> None:
    """Look for marked losses from `root` downwards, through what adds them up."""
    stack: list[tuple[Link, tuple[int, ...] | None]] = [(root, None)]  # with the shape of a mean on the way, if any
    scaled = False
    for _ in range(_LOOKED_AT):
        if not stack:
            break
        link, averaged = stack.pop()
        found = getattr(link, "mark", None)
        name = link.op.name if isinstance(link, Node) and link.hooks is None else ""
        links = [source for source in link.links if source is not None] if name else []  # type: ignore[union-attr]
        if found is not None and name:
            _take(tally, found, averaged)
        elif name == "mean" and averaged is None:
            same = math.prod(links[0].shape) == math.prod(link.shape)
            stack.append((links[0], None if same else link.shape))
        elif name in _TRANSPARENT:
            for source in links:
                if name in ("add", "sub") and source.shape != link.shape:
                    tally.more = True  # counted more than once
                else:
                    stack.append((source, averaged))
        elif averaged is not None and math.prod(averaged) == 1:
            tally.own_means += 1
        else:
            tally.more = True
            scaled = scaled or name in ("mul", "div")
    if stack:
        tally.more = True
    elif root.shape and not (scaled or tally.high or tally.means or tally.own_means):
        tally.rows = root.shape[0]


def _take(tally: Tally, found: Mark, averaged: tuple[int, ...] | None) -> None:
    """Add a marked loss, or the mean of one, of that shape."""
    kind, low, likely, high = found
    if averaged is None and kind != "mean":
        tally.summed(low, likely, high)
    elif averaged is None:
        tally.means += 1
    elif kind != "none":
        tally.more = True
    elif math.prod(averaged) == 1:
        tally.means += 1
    else:
        tally.summed(averaged[0], averaged[0], math.prod(averaged))


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
        leaf.tally = unknown()
        leaf.tally.altered = before.altered
        leaf.tally.stamp([leaf])


def held(leaves: Iterable[Leaf]) -> dict[Leaf, Tally]:
    """The tallies that hold, before the library itself writes to the gradients."""
    return {leaf: leaf.tally for leaf in leaves if leaf.grad is not None and leaf.tally and leaf.tally.holds(leaf)}


def stamp(before: dict[Leaf, Tally], altered: bool) -> None:
    """Let the tallies that held go on to hold, after the library has written to the gradients."""
    change = next(_changes) if altered else 0
    for leaf, tally in before.items():
        leaf.tally = tally.plus(Tally())
        leaf.tally.altered = max(change, tally.altered)
        leaf.tally.stamp([leaf])
