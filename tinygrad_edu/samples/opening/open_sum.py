"""The gradient of one parameter as an open sum: its factors, and what can be computed from them.

Uses of one kind and placement are joined, so that the terms between two uses (an RNN's steps, a layer called
twice) come by themselves. Kinds that cannot be joined, and gradients that lead through ops shared by all
samples, are computed in full, a block of samples at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...engine.graph import array_of
from .arrays import Products, row_squares, segment_sum, stacked, tracked, wide
from .factors import Factor, Outer, Rows

_BLOCK = 2**22  # numbers in a block of samples, unless one sample alone has more


class OpenSum:
    """Σ_m G_m of one parameter.

    Attributes:
        count: how many samples there are.
        shape: that of the parameter.
        dtype: that of the parameter.
        factors: the factors, one for each kind and placement.
        alone: whether there is just one, which has all lengths and angles.
    """

    def __init__(self, factors: Sequence[Factor], count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.factors: list[Factor] = list(factors) if len(factors) < 2 else _joined(factors)
        self.count = count
        self.shape = shape
        self.dtype = dtype
        self.alone: bool = len(self.factors) == 1 and self.factors[0].placement.isometric

    @property
    def size(self) -> int:
        """How many numbers one sample's gradient has."""
        return math.prod(self.shape)

    @property
    def pair(self) -> tuple[Rows, Outer] | None:
        """The two factors of a table that is both looked up and multiplied with, such as tied embeddings."""
        if len(self.factors) != 2:
            return None
        rows = next((f for f in self.factors if isinstance(f, Rows)), None)
        outer = next((f for f in self.factors if isinstance(f, Outer)), None)
        if rows is None or outer is None or rows.placement.key != outer.placement.key or outer.core != (1, *rows.core):
            return None
        return (rows, outer) if rows.placement.isometric else None

    @property
    def route(self) -> str:
        """How inner products are computed: "factors", or "blocks" of full gradients."""
        return "factors" if self.alone or not self.factors or self.pair is not None else "blocks"

    def squares(self, products: Products | None = None) -> Any:
        """‖G_m‖², float64 (count,); with `products` that were computed for other parameters."""
        products = products or Products()
        if not self.factors:
            return np.zeros(self.count)
        if self.alone:
            return self._lengths(self.factors[0], products)
        pair = self.pair
        if pair is None:
            return self._squares_of_blocks()
        parts = self._lengths(pair[0], products) + self._lengths(pair[1], products)
        found = parts + 2 * _cross_squares(*pair, self.count)
        doubtful = np.flatnonzero(~(array_of(found) >= 0.05 * array_of(parts))).tolist()  # the uses all but cancel
        if tracked(found):
            return self._squares_of_blocks() if doubtful else found
        for m in doubtful:
            found[m] = np.square(self.blocks(m, m + 1, exact=True)).sum()
        return found

    def _lengths(self, factor: Factor, products: Products) -> Any:
        """The squares of one factor: of Tensors, which cannot be corrected afterwards, in float64 from the start."""
        return (factor.widened(0, self.count) if tracked(factor.values[0]) else factor).squares(self.count, products)

    def _squares_of_blocks(self) -> Any:
        blocks = self.each_block(exact=True)
        return np.concatenate([np.zeros(0), *[row_squares(self._flat(block)) for block in blocks]])

    def gram(self, products: Products | None = None) -> Any:
        """⟨G_m, G_n⟩, float64 (count, count); with `products` that were computed for other parameters."""
        products = products or Products()
        if not self.factors:
            return np.zeros((self.count, self.count))
        if self.route == "blocks":
            return self._gram_of_blocks()
        parts = [factor.gram(self.count, products) for factor in self.factors]
        if any(part is None for part in parts):
            return self._gram_of_blocks()
        if self.alone:
            return parts[0] if self.factors[0].single else self._checked(parts[0], products)
        pair = self.pair
        assert pair is not None
        cross = _cross_gram(*pair, self.count)
        return self._checked(parts[0] + parts[1] + cross + cross.T, products)

    def _checked(self, gram: Any, products: Products) -> Any:
        """A Gram matrix, again for the samples whose terms all but cancel: their lengths tell them."""
        squares = self.squares(products)
        lengths = array_of(squares)
        wrong = ~(np.abs(np.diagonal(array_of(gram)) - lengths) <= (1e-9 if self._is_wide() else 1e-4) * lengths)
        if tracked(gram):
            return self._gram_of_blocks() if wrong.any() else gram
        for m in np.flatnonzero(wrong).tolist():
            gram[m] = gram[:, m] = self.dots(self.blocks(m, m + 1, exact=True)[0])
            gram[m, m] = lengths[m]
        return gram

    def _gram_of_blocks(self) -> Any:
        ranges = list(self._ranges(None))
        grid: list[list[Any]] = [[None] * len(ranges) for _ in ranges]
        for i, one in enumerate(ranges):
            mine = wide(self._flat(self.blocks(*one, exact=True)))
            for j in range(i, len(ranges)):
                other = mine if j == i else wide(self._flat(self.blocks(*ranges[j], exact=True)))
                grid[i][j] = mine @ other.T
                grid[j][i] = grid[i][j].T
        rows = [row[0] if len(row) == 1 else np.concatenate(row, axis=1) for row in grid]
        return np.concatenate([np.zeros((0, self.count)), *rows])

    def _is_wide(self) -> bool:
        return all(factor.values[0].dtype == np.float64 for factor in self.factors)

    def weighted(self, weights: Any) -> Any:
        """Σ_m weights[m] G_m, of the parameter's shape."""
        total: Any = None
        for factor in self.factors:
            part = factor.placement.forth(factor.weighted(weights).reshape((1, *factor.core)))[0]
            total = part if total is None else total + part
        return np.zeros(self.shape, self.dtype) if total is None else total

    def weighted_into(self, weights: Any, out: Any) -> None:
        """Write Σ_m weights[m] G_m into the array `out`, without another of its size where that is possible."""
        weights = weights.astype(np.result_type(self.dtype, np.float32))
        factor = self.factors[0] if len(self.factors) == 1 else None
        if isinstance(factor, Outer | Rows) and len(factor.placement.steps) == 1 and not tracked(factor.values[0]):
            target = factor.placement.back(out).reshape(factor.core)
            if np.may_share_memory(target, out) and _written(factor, weights, target):
                return
        out[...] = array_of(self.weighted(weights))

    def dots(self, direction: Any) -> Any:
        """⟨G_m, direction⟩, (count,)."""
        total: Any = np.zeros(self.count, self.dtype)
        for factor in self.factors:
            own = factor.placement.back(direction)
            if own is None:
                blocks = [factor.placement.forth(factor.blocks(lo, hi)) for lo, hi in self._ranges(None)]
                parts = [self._flat(block) @ direction.reshape(-1) for block in blocks]
                total = total + (np.concatenate(parts) if parts else 0)
            else:
                total = total + factor.dots(own.reshape(factor.core), self.count)
        return total

    def squared_sum(self) -> Any:
        """Σ_m G_m ∘ G_m, float64, of the parameter's shape; None where it takes blocks."""
        factor = self.factors[0] if len(self.factors) == 1 else None
        if not isinstance(factor, Outer) or not factor.single or not factor.placement.isometric:
            return None
        left, right = (wide(v) for v in factor.values)
        return factor.placement.forth(((left * left).mT @ (right * right)).reshape((1, *factor.core)))[0]

    def blocks(self, lo: int, hi: int, exact: bool = False) -> Any:
        """The gradients of the samples from `lo` to `hi`, (hi - lo, *shape): `exact` where terms may all but cancel."""
        total: Any = None
        for factor in self.factors:
            part = (factor.widened(lo, hi) if exact else factor).blocks(lo, hi)
            if exact and not factor.placement.isometric:  # the way there is in the factor's own dtype
                part = part.astype(factor.values[0].dtype)
            part = factor.placement.forth(part)
            total = part if total is None else total + part
        return np.zeros((hi - lo, *self.shape), self.dtype) if total is None else total

    def each_block(self, step: int | None = None, exact: bool = False) -> Iterator[Any]:
        """All gradients, a block of samples at a time."""
        for lo, hi in self._ranges(step):
            yield self.blocks(lo, hi, exact)

    def holds(self, array: Any) -> bool:
        """Whether an array is in the memory of one of the factors."""
        return any(np.may_share_memory(array, array_of(v)) for factor in self.factors for v in factor.values)

    def _ranges(self, step: int | None) -> Iterator[tuple[int, int]]:
        step = step or max(1, _BLOCK // max(self.size, 1))
        for lo in range(0, self.count, step):
            yield lo, min(lo + step, self.count)

    def _flat(self, block: Any) -> Any:
        return block.reshape((block.shape[0], self.size))


def _joined(factors: Sequence[Factor]) -> list[Factor]:
    """One factor for each kind and placement."""
    groups: dict[Any, list[Factor]] = {}
    for factor in factors:
        groups.setdefault(factor.key, []).append(factor)
    return [first.joined(rest) for first, *rest in groups.values()]


def _written(factor: Outer | Rows, weights: Any, target: Any) -> bool:
    """Write Σ_m weights[m] G_m into `target`, of the factor's shape; False where that takes another array."""
    if isinstance(factor, Rows):
        used, sums = factor.weighted_rows(weights)
        target[...] = 0
        target[used] = sums
        return True
    left, right = factor.values
    if len(left) != 1 or not left.dtype == right.dtype == weights.dtype == target.dtype:
        return False
    scaled = left[0] * weights[factor.owner][:, None]
    if target[0].flags.c_contiguous:
        np.dot(scaled.T, right[0], out=target[0])
    elif target[0].flags.f_contiguous:
        np.dot(right[0].T, scaled, out=target[0].T)
    else:
        return False
    return True


def _cross_squares(rows: Rows, outer: Outer, count: int) -> Any:
    """⟨G_m of the one, G_m of the other⟩ of each sample, float64 (count,)."""
    owner, at, values = rows.distinct
    left, right = outer.values[0][0], outer.values[1][0]
    mine, others = [np.searchsorted(numbers, np.arange(count + 1)) for numbers in (owner, outer.owner)]
    found = []
    for m in range(count):
        v, r = values[mine[m] : mine[m + 1]], at[mine[m] : mine[m + 1]]
        x, d = right[others[m] : others[m + 1]], left[others[m] : others[m + 1]]
        found.append((wide(x @ v.mT) * d[:, r]).sum())
    return stacked(found, ())


def _cross_gram(rows: Rows, outer: Outer, count: int) -> Any:
    """⟨G_m of the one, G_n of the other⟩, float64 (count, count)."""
    owner, at, values = rows.distinct
    left, right = wide(outer.values[0][0]), wide(outer.values[1][0])
    halves: list[Any] = [np.zeros((count, 0))]
    step = max(1, _BLOCK // max(outer.owner.size, 1))
    for lo in range(0, at.size, step):
        some = (right @ wide(values[lo : lo + step]).T) * left[:, at[lo : lo + step]]
        halves.append(segment_sum(some, outer.owner, count))
    return segment_sum(np.concatenate(halves, axis=1).T, owner, count)
