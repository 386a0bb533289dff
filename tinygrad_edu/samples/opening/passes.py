"""The backward pass that keeps the sum open: an ordinary one, watched where samples use what they share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...autograd import running as autograd
from ...autograd.modes import no_grad
from ...autograd.tallies import claims_zeros, held, more_in, stamp, tally_of, unknown, was_altered
from ...engine import versions
from ...engine.backprop import backpropagate
from ...engine.graph import After, Known, Leaf, Lift, Link, Node, TensorBase, Watch, array_of
from ...engine.recording import lift
from ...errors import GraphError, ShapeError
from ...sample_rules.ids import plain
from .arrays import Products
from .contributions import contribution
from .factors import Dense, Factor
from .meetings import Coupling
from .open_sum import OpenSum
from .placement import Move, Placement, Region, shadows
from .propagation import Propagation, propagate
from .uses import Crossing, rule_of

if TYPE_CHECKING:
    from ...engine.typing import Tensor


Keep = Literal["factors", "norms", "dense"]


_numbers = itertools.count()


class Pass:
    """One per-sample backward pass.

    Attributes:
        number: passes are numbered in the order in which they were run.
        count: how many samples it had.
        weights: the weights of their losses.
        coefficients: the factors of the samples' gradients in `.grad`: ones unless they were clipped.
        keep: what was kept of them.
        unruled: the ops without a sample rule that the samples went through.
        coupled: what couples the samples, where that was allowed.
    """

    def __init__(self, count: int, weights: Any, keep: Keep, flow: Propagation) -> None:
        self.number: int = next(_numbers)
        self.count = count
        self.weights: Any = np.ones(count) if weights is None else weights
        self.coefficients: Any = np.ones(count)
        self.keep = keep
        self.unruled: tuple[str, ...] = tuple(dict.fromkeys(flow.unruled))
        self.coupled: tuple[Coupling, ...] = tuple(flow.coupled)


class Part:
    """What one pass has kept of one parameter.

    Attributes:
        run: the pass.
        uses: at how many edges of the graph the samples met the parameter, or something made from it.
        factors: the factors, unless only norms are kept.
        squares: the squared norms, (count,), if only they are kept.
    """

    def __init__(self, run: Pass, uses: int, factors: list[Factor] | None, squares: Any = None) -> None:
        self.run = run
        self.uses = uses
        self.factors = factors
        self.squares = squares
        self._made = versions.now

    @staticmethod
    def nothing(run: Pass) -> Part:
        """What is kept of a parameter that does not affect the losses of the pass: nothing."""
        return Part(run, 0, None, np.zeros(run.count)) if run.keep == "norms" else Part(run, 0, [])

    def overwritten(self) -> bool:
        """Whether an array of the factors was changed in place since: arrays of the forward pass, data among them."""
        if self._made == versions.now or not self.factors:
            return False
        arrays = [array_of(value) for factor in self.factors for value in factor.values]
        return any(versions.changed_at(array) > self._made for array in arrays)


def backward(
    losses: Tensor,
    weights: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    keep: Keep = "factors",
    coupled: bool = False,
) -> None:
    """The backward pass of `Tensor.backward(per_sample=True)`, which documents it."""
    if keep not in ("factors", "norms", "dense"):
        raise ValueError(f"backward(): keep={keep!r} is not known: use 'factors', 'norms' or 'dense'")
    source = _check_losses(losses)
    array = _weights(losses, weights)
    seed = weights if create_graph and isinstance(weights, TensorBase) else array
    run, opening = _open(source, losses, seed, keep, create_graph, coupled)
    retain = create_graph if retain_graph is None else retain_graph

    roots = [(source, autograd.seed(losses, seed, create_graph))]
    tally = tally_of(roots) if weights is None else unknown()
    tally.opened, tally.beside = (run.number,), False
    hooked = opening.below_hooks()
    parts: dict[Leaf, Part] = {}

    def keep_parts() -> None:
        parts.update(opening.parts(run))
        for leaf, part in parts.items():
            if leaf.kept and was_altered(leaf, leaf.kept[0].run.number) and not leaf.grad.array.any():
                leaf.kept = leaf.seen = None  # others made it zeros: the passes before are gone from it
            if leaf.kept is None and claims_zeros(leaf) and leaf.grad.array.any():
                leaf.tally = None  # others have written to it
            leaf.kept = [*(leaf.kept or []), part]

    autograd.run(roots, retain, create_graph, tally, keep_parts, opening.watch, opening.after)
    more_in(hooked)
    if create_graph:
        stamp(held(parts), altered=False)  # each by itself


def open_losses(losses: Tensor, *, coupled: bool = False) -> dict[Leaf, OpenSum]:
    """The open sum of every leaf that `losses` depend on; no `.grad` changes, and the graph stays."""
    source = _check_losses(losses)
    run, opening = _open(source, losses, None, "factors", False, coupled)
    with no_grad():
        backpropagate(
            [(source, autograd.seed(losses, None, False))], retain_graph=True, watch=opening.watch, after=opening.after
        )
    parts = opening.parts(run)
    return {leaf: OpenSum(part.factors or [], run.count, leaf.shape, leaf.dtype) for leaf, part in parts.items()}


def _open(source: Link, losses: Tensor, weights: Any, keep: Keep, create: bool, coupled: bool) -> tuple[Pass, _Opening]:
    count = losses.array.shape[0]
    flow = propagate(source, plain(count), coupled)
    return Pass(count, weights, keep, flow), _Opening(flow, lift if create else None, keep)


def _check_losses(losses: Tensor) -> Link:
    shape = losses.array.shape
    source = losses.source
    if source is None:
        raise GraphError(
            "backward(per_sample=True): the losses do not require a gradient. Pass requires_grad=True where their "
            "inputs are made, and look for no_grad() or detach() in between"
        )
    if len(shape) == 1:
        return source
    if not shape:
        raise ShapeError(
            "backward(per_sample=True) needs one loss for each sample, shape (B,), but got a single number, as their "
            "sum or mean is. Pass the losses before they are summed: "
            'F.cross_entropy(model(x), y, reduction="none").backward(per_sample=True)'
        )
    axes = ", ".join(str(axis) for axis in range(1, len(shape)))
    raise ShapeError(
        f"backward(per_sample=True) needs one loss for each sample, shape (B,), but got shape {shape}: sum over what "
        f"belongs to one sample, losses.sum(({axes})), or make every element a sample of its own, losses.reshape(-1)"
    )


def _weights(losses: Tensor, weights: Any) -> Any:
    if weights is None:
        return None
    array = np.asarray(array_of(weights))
    if array.shape != losses.array.shape:
        raise ShapeError(
            f"backward(per_sample=True): weights has shape {array.shape}, the losses {losses.array.shape}: "
            "it needs one number for each sample"
        )
    return array.astype(losses.array.dtype)


class _Opening:
    """Watches one walk: at each crossing edge it takes the factor before the walk frees what it is made of."""

    def __init__(self, flow: Propagation, lift: Lift | None, keep: Keep) -> None:
        self._flow = flow
        self._lift = lift
        self._keep = keep
        self._copies = shadows(flow.shared) if flow.shared else {}
        self._factors: dict[Link, list[Factor]] = {}
        self._here: dict[Link, list[tuple[Link, Crossing]]] = {}
        for link, crossings in flow.crossings.items():
            for crossing in crossings:
                self._here.setdefault(crossing.node or link, []).append((link, crossing))

    @property
    def watch(self) -> dict[Link, Watch]:
        """What the walk shows to whom."""
        return {link: self._take for link in self._here if not _is_through(link)}

    @property
    def after(self) -> dict[Link, After]:
        """The same, for the nodes whose factors are made of what their rules give."""
        return {link: self._take_after for link in self._here if _is_through(link)}

    def below_hooks(self) -> set[Leaf]:
        """The leaves whose gradient the user's hooks on what all samples share may make another than their sum."""
        if not any(node.hooks for node in self._flow.shared):
            return set()
        every = [*self._flow.crossings, *(link for node in self._flow.shared for link in node.inputs)]
        return {link for link in every if isinstance(link, Leaf)}

    def _take(self, here: Link, _: Any, g: Any) -> Known:
        """The factors of the edges that cross at `here`, of the gradient that its hooks have left.

        Full gradients are added up, which is less work than the rule of the argument.
        """
        known = {}
        for link, crossing in self._here[here]:
            factor = contribution(crossing, g, self._lift)
            self._factors.setdefault(link, []).append(factor)
            if isinstance(factor, Dense) and factor.by_op:
                known[crossing.argument] = factor.total()
        return known or None

    def _take_after(self, here: Link, g: Any, parts: Sequence[Any]) -> None:
        """The same, where the rules of `here` have made these `parts` of it."""
        for link, crossing in self._here[here] if g is not None else ():
            self._factors.setdefault(link, []).append(contribution(crossing, g, self._lift, parts))

    def parts(self, run: Pass) -> dict[Leaf, Part]:
        """What is kept of each leaf."""
        factors = self._factors
        for node in self._flow.shared:
            self._push(node, factors.pop(node, []))
        found = {}
        products = Products()
        for link, own in factors.items():
            assert isinstance(link, Leaf)
            found[link] = self._part(link, own, run, products)
        return found

    def _part(self, leaf: Leaf, factors: list[Factor], run: Pass, products: Products) -> Part:
        if self._keep == "factors":
            return Part(run, len(factors), factors)
        whole = OpenSum(factors, run.count, leaf.shape, leaf.dtype)
        if self._keep == "norms":
            return Part(run, len(factors), None, whole.squares(products))
        rows = whole.blocks(0, run.count).reshape((run.count, math.prod(leaf.shape)))
        return Part(run, len(factors), [Dense(Placement.of(leaf.shape), np.arange(run.count), rows)])

    def _push(self, node: Node, factors: list[Factor]) -> None:
        """Carry factors of a shared tensor on to what it was made from."""
        if not factors:
            return
        source = node.inputs[0]
        if source is not None and rule_of(node).permutes(self._copies[node]):
            for factor in factors:
                self._factors.setdefault(source, []).append(_moved(factor, self._copies[node]))
            return
        nodes = self._below(node)
        for leaf in dict.fromkeys(link for n in nodes for link in n.inputs if isinstance(link, Leaf)):
            region = Region(nodes, leaf, self._lift)
            for factor in factors:
                self._factors.setdefault(leaf, []).append(factor.placed(factor.placement.through(region)))

    def _below(self, node: Node) -> list[Node]:
        """Copies of `node` and of every node it depends on, in the order of the walk."""
        reached: set[Link] = {node}
        nodes = []
        for other in self._flow.shared[self._flow.shared.index(node) :]:
            if other in reached:
                nodes.append(self._copies[other])
                reached.update(link for link in other.inputs if link is not None)
        return nodes


def _is_through(link: Link) -> bool:
    return isinstance(link, Node) and rule_of(link).through


def _moved(factor: Factor, node: Node) -> Factor:
    """The factor of the argument of an op that only moves elements."""
    order = rule_of(node).reorders(node)
    steps = factor.placement.steps
    if order is not None and len(steps) == 1 and steps[0].whole == steps[0].parted:
        return factor.placed(Placement((steps[0].then_transposed(order),)))
    return factor.placed(factor.placement.through(Move(node)))
