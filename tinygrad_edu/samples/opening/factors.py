"""Factors: the gradient of every sample, kept as the factors of a product.

The gradient of sample m with respect to a parameter is a sum over its slots (rows, time steps, positions).
Each kind of factor keeps the slots of one or several uses of the parameter, with `owner`, the sample of each:

    Outer    left (C, N, o), right (C, N, i):  G_m[c] = Σ over m's slots of left[c, n] ⊗ right[c, n]
    Rows     values (N, k), rows (N,):         G_m[r] = Σ over m's slots with rows[n] == r of values[n]
    Dense    values (N, k):                    G_m    = Σ over m's slots of values[n]

`core` is the shape of G_m in the factor's own axes; its `placement` says where that belongs in the parameter.
Slots are sorted by owner. Arrays may be Tensors, where derivatives of the factors are wanted.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from ...engine.graph import array_of
from ...precision import add_up
from ...sample_rules.ids import is_plain
from .arrays import SILENT, Products, period, row_squares, scatter, segment_sum, tracked, wide
from .placement import Placement

_CHUNK = 2**20  # numbers in an intermediate result, unless one sample alone has more


class Factor:
    """What all kinds have in common: slots sorted by sample, and a placement in the parameter.

    Attributes:
        single: whether no sample has more than one slot.
    """

    values: tuple[Any, ...]  # the arrays whose axis `slots` runs over the slots
    slots: int = 0

    def __init__(self, placement: Placement, owner: Any, *values: Any) -> None:
        ordered = is_plain(owner)
        if not ordered and owner.size and ((owner[1:] < owner[:-1]).any() or owner[0] < 0):
            order = np.argsort(owner, kind="stable")
            order = order[np.searchsorted(owner[order], 0) :]  # without the slots that belong to nobody
            owner = owner[order]
            values = tuple([v[(slice(None),) * self.slots + (order,)] for v in values])
        self.placement = placement
        self.owner = owner
        self.values = values
        self.single: bool = ordered or not bool((owner[1:] == owner[:-1]).any())

    @property
    def key(self) -> Any:
        """Factors of one key can be joined."""
        return type(self), self.core, self.placement.key

    @property
    def core(self) -> tuple[int, ...]:
        """The shape of one sample's gradient in the factor's own axes."""
        raise NotImplementedError

    @property
    def bytes(self) -> int:
        """The memory of its arrays."""
        return sum([int(math.prod(v.shape) * v.dtype.itemsize) for v in self.values], int(self.owner.nbytes))

    def joined(self, others: Sequence[Factor]) -> Factor:
        """All slots of several factors of this key as one: several uses are one use with more slots."""
        if not others:
            return self
        every = [self, *others]
        values = [np.concatenate(parts, axis=self.slots) for parts in zip(*[f.values for f in every], strict=True)]
        return self.like(np.concatenate([f.owner for f in every]), *values)

    def like(self, owner: Any, *values: Any) -> Factor:
        """One of this kind and placement."""
        return type(self)(self.placement, owner, *values)

    def placed(self, placement: Placement) -> Factor:
        """The same with another placement."""
        other = copy.copy(self)
        other.placement = placement
        return other

    def shifted(self, offset: int) -> Factor:
        """The same with every sample's number higher by `offset`."""
        return self.like(self.owner + offset, *self.values) if offset else self

    def widened(self, lo: int, hi: int) -> Factor:
        """The samples from `lo` to `hi` alone, in float64."""
        start, stop = np.searchsorted(self.owner, [lo, hi])
        mine = (*[slice(None)] * self.slots, slice(start, stop))
        values = [wide(v[mine]) if v.dtype.kind == "f" else v[mine] for v in self.values]
        return self.like(self.owner[start:stop], *values)

    def buckets(self, lo: int, hi: int) -> Iterator[tuple[Any, Any]]:
        """The samples from `lo` to `hi` that have slots, by how many: (samples (n,), their slots (n, t))."""
        edges = np.searchsorted(self.owner, np.arange(lo, hi + 1))
        counts = np.diff(edges)
        for t in np.unique(counts[counts > 0]):
            (samples,) = np.nonzero(counts == t)
            yield samples + lo, edges[samples][:, None] + np.arange(t)

    def blocks(self, lo: int, hi: int) -> Any:
        """The gradients of the samples from `lo` to `hi`, (hi - lo, *core)."""
        raise NotImplementedError

    def squares(self, count: int, products: Products) -> Any:
        """‖G_m‖² of each sample in the factor's own axes, float64 (count,)."""
        raise NotImplementedError

    def weighted(self, weights: Any) -> Any:
        """Σ_m weights[m] G_m, of shape `core`."""
        raise NotImplementedError

    def dots(self, direction: Any, count: int) -> Any:
        """⟨G_m, direction⟩ of each sample, (count,); `direction` has the shape `core`."""
        raise NotImplementedError

    def gram(self, count: int, products: Products) -> Any:
        """⟨G_m, G_n⟩ of all pairs of samples, float64 (count, count); None where blocks are the better way."""
        return None


class Dense(Factor):
    """Full contributions, one row for each slot.

    Attributes:
        by_op: whether an op has written them out, in place of its rule.
    """

    by_op = False

    def total(self) -> Any:
        """Their sum, in the parameter's shape and in memory of its own."""
        values = self.values[0]
        return np.ascontiguousarray(self.placement.forth(add_up(values, 0).reshape((1, values.shape[1])))[0])

    @property
    def core(self) -> tuple[int, ...]:
        return (self.values[0].shape[1],)

    def summed(self, count: int) -> Any:
        """One row a sample, (count, k)."""
        return segment_sum(self.values[0], self.owner, count)

    def blocks(self, lo: int, hi: int) -> Any:
        start, stop = np.searchsorted(self.owner, [lo, hi])
        return segment_sum(self.values[0][start:stop], self.owner[start:stop] - lo, hi - lo)

    def squares(self, count: int, products: Products) -> Any:
        found = products.squares_of(self.summed(count))
        if self.single or tracked(found):
            return found
        reach = segment_sum(np.sqrt(row_squares(self.values[0])), self.owner, count)
        doubtful = ~(found >= 1e-5 * np.square(reach))
        return _again(found, doubtful, lambda m: self.widened(m, m + 1).blocks(m, m + 1))

    def weighted(self, weights: Any) -> Any:
        return weights[self.owner] @ self.values[0]

    def dots(self, direction: Any, count: int) -> Any:
        return segment_sum(self.values[0] @ direction, self.owner, count)

    def gram(self, count: int, products: Products) -> Any:
        return wide(products.of(self.summed(count)))


class Rows(Factor):
    """Contributions to some rows of a table: embeddings, gathers, or a parameter with a part for each sample."""

    def __init__(self, placement: Placement, owner: Any, values: Any, rows: Any, *, height: int) -> None:
        self.height = height
        super().__init__(placement, owner, values, rows)

    @property
    def core(self) -> tuple[int, ...]:
        return self.height, self.values[0].shape[1]

    def like(self, owner: Any, *values: Any) -> Factor:
        """One of this kind, placement and height."""
        return Rows(self.placement, owner, *values, height=self.height)

    @cached_property
    def distinct(self) -> tuple[Any, Any, Any]:
        """The same with one slot for each row of a sample: (owner, rows, values)."""
        values, rows = self.values
        number = self.owner * self.height + rows
        if (number[1:] > number[:-1]).all():
            return self.owner, rows, values
        order = np.argsort(number, kind="stable")
        found, where = np.unique(number[order], return_inverse=True)
        sums = segment_sum(wide(values[order]), where, len(found)).astype(values.dtype)  # terms may all but cancel
        return found // self.height, found % self.height, sums

    def blocks(self, lo: int, hi: int) -> Any:
        owner, rows, values = self.distinct
        start, stop = np.searchsorted(owner, [lo, hi])
        at = (owner[start:stop] - lo) * self.height + rows[start:stop]
        return scatter(values[start:stop], at, (hi - lo) * self.height).reshape((hi - lo, *self.core))

    def squares(self, count: int, products: Products) -> Any:
        owner, _, values = self.distinct
        return segment_sum(row_squares(values), owner, count)

    def weighted(self, weights: Any) -> Any:
        used, sums = self.weighted_rows(weights)
        return scatter(sums, used, self.height)

    def weighted_rows(self, weights: Any) -> tuple[Any, Any]:
        """The rows that are used, and Σ_m weights[m] G_m there; it is 0 elsewhere."""
        values, rows = self.values
        used, at = np.unique(rows, return_inverse=True)
        order = np.argsort(at, kind="stable")
        return used, segment_sum((values * weights[self.owner][:, None])[order], at[order], len(used))

    def dots(self, direction: Any, count: int) -> Any:
        values, rows = self.values
        return segment_sum((values * direction[rows]).sum(-1), self.owner, count)

    def gram(self, count: int, products: Products) -> Any:
        owner, rows, values = self.distinct
        used, at = np.unique(rows, return_inverse=True)
        width = values.shape[1]
        step = max(1, min(len(used), _CHUNK // max(count * width, 1)))
        total: Any = np.zeros((count, count))
        for lo in range(0, len(used), step):  # rows that no sample uses are left out
            (mine,) = np.nonzero((at >= lo) & (at < lo + step))
            block = scatter(wide(values[mine]), owner[mine] * step + at[mine] - lo, count * step)
            block = block.reshape((count, step * width))
            total = total + block @ block.T
        return total


class Outer(Factor):
    """Outer products, one a slot: layers, and every other sum of products. C counts groups beside each other."""

    slots = 1

    @property
    def core(self) -> tuple[int, ...]:
        left, right = self.values
        return left.shape[0], left.shape[2], right.shape[2]

    def blocks(self, lo: int, hi: int) -> Any:
        left, right = self.values
        start, stop = np.searchsorted(self.owner, [lo, hi])
        if self.single and stop - start == hi - lo > 0:
            return np.moveaxis(left[:, start:stop, :, None] * right[:, start:stop, None, :], 1, 0)
        parts, numbers = [], []
        for samples, slots in self.buckets(lo, hi):
            parts.append(np.matmul(np.moveaxis(left[:, slots], 0, 1).mT, np.moveaxis(right[:, slots], 0, 1)))
            numbers.append(samples - lo)
        if len(parts) == 1 and len(numbers[0]) == hi - lo:
            return parts[0]
        flat = [part.reshape((part.shape[0], math.prod(self.core))) for part in parts]
        if not flat:
            return np.zeros((hi - lo, *self.core), left.dtype)
        return scatter(np.concatenate(flat), np.concatenate(numbers), hi - lo).reshape((hi - lo, *self.core))

    def squares(self, count: int, products: Products) -> Any:
        left, right = self.values
        if self.single:
            parts = [products.squares_of(d) * products.squares_of(x) for d, x in zip(left, right, strict=True)]
            return segment_sum(sum(parts) if parts else np.zeros(self.owner.size), self.owner, count)
        t = period(self.owner, count)
        if t:
            return self._squares(products, *[v.reshape((v.shape[0], count, t, v.shape[2])) for v in self.values])
        total: Any = np.zeros(count)
        for samples, slots in self.buckets(0, count):
            total = total + scatter(self._squares(products, left[:, slots], right[:, slots]), samples, count)
        return total

    @SILENT
    def _squares(self, products: Products, left: Any, right: Any) -> Any:
        """‖Σ_t left ⊗ right‖² for left (C, n, t, o), right (C, n, t, i), by the cheaper of two ways."""
        (c, n, t, o), i = left.shape, right.shape[3]
        by_products = t * (o + i) <= 2 * o * i
        way = partial(_squares_by_products, products) if by_products else _squares_by_blocks
        step = max(1, _CHUNK // max(c * (t * t if by_products else o * i), 1))
        parts = [way(left[:, at : at + step], right[:, at : at + step]) for at in range(0, n, step)]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])

    def weighted(self, weights: Any) -> Any:
        left, right = self.values
        return (left * weights[self.owner][:, None]).mT @ right

    def dots(self, direction: Any, count: int) -> Any:
        left, right = self.values
        narrow, long = (left @ direction, right) if right.shape[2] <= left.shape[2] else (right @ direction.mT, left)
        return segment_sum((narrow * long).sum((0, 2)), self.owner, count)

    def gram(self, count: int, products: Products) -> Any:
        left, right = self.values
        (c, n, o), i = left.shape, right.shape[2]
        if self.single:
            total = wide(products.of(left[0])) * wide(products.of(right[0])) if c else np.zeros((n, n))
            for group in range(1, c):
                total = total + wide(products.of(left[group])) * wide(products.of(right[group]))
            return total if n == count else segment_sum(segment_sum(total, self.owner, count).T, self.owner, count).T
        if n * (o + i) * n > o * i * (n + count * count):
            return None
        left, right = wide(left), wide(right)  # the terms of a sum may all but cancel
        halves: list[Any] = [np.zeros((count, 0))]
        step = max(1, _CHUNK // max(c * n, 1))
        for at in range(0, n, step):
            some = (left @ left[:, at : at + step].mT) * (right @ right[:, at : at + step].mT)
            halves.append(segment_sum(some.sum(0), self.owner, count))
        return segment_sum(np.concatenate(halves, axis=1).T, self.owner, count).T


def _squares_by_products(products: Products, left: Any, right: Any) -> Any:
    """‖Σ_t left ⊗ right‖² as the sum of all ⟨left_t, left_s⟩ ⟨right_t, right_s⟩."""
    (d, one), (x, other) = products.within(left), products.within(right)
    terms, scale = d * x, one * other
    numbers = array_of(terms)
    found = (terms.sum((2, 3), dtype=np.float64) * scale).sum(0)
    # Where positive and negative products all but cancel, rounding is all that is left.
    whole = (np.abs(numbers).sum((2, 3), dtype=np.float64) * scale).sum(0)
    if tracked(found):
        return _squares_by_blocks(left, right) if not (found.array >= 5e-3 * whole).all() else found
    return _again(found, ~(found >= 5e-3 * whole), lambda m: wide(left[:, m]).mT @ wide(right[:, m]))


def _squares_by_blocks(left: Any, right: Any) -> Any:
    """The same from the full sums."""
    blocks = np.moveaxis(left.mT @ right, 0, 1)
    found = row_squares(blocks.reshape((blocks.shape[0], math.prod(blocks.shape[1:]))))
    if left.dtype == np.float64:
        return found
    reach = np.sqrt(row_squares(left) * row_squares(right)).sum(2)
    doubtful = ~(found >= 1e-5 * np.square(reach).sum(0))
    return _again(found, doubtful, lambda m: wide(left[:, m]).mT @ wide(right[:, m]))


def _again(found: Any, doubtful: Any, written_out: Callable[[int], Any]) -> Any:
    """Squared lengths, of which the doubtful ones are computed again from full gradients in float64."""
    wrong = np.flatnonzero(doubtful).tolist()
    if wrong:
        found = found.copy()
        found[wrong] = [np.square(written_out(m)).sum() for m in wrong]
    return found
