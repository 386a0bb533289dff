"""Attention: means of values, weighted by how well a query fits their keys. One op, which never keeps the weights.

Both passes go over blocks: a few matrices of weights at a time, or some rows of one, if it is large. The weights of a
block are there only as long as they are used. The backward pass computes them again from the logarithms of their row
sums, one number for each query.

Passes over the weights are what takes time, and to subtract a number from each row is the slowest of them. So it is
part of the product, unless there are few keys: (x, -n) times (y, 1) is x·y - n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import TensorBase
from ..engine.primitives import Operand, primitive
from ..sample_rules.attending import Attending
from .matmul import turned
from .products import product
from .softmax import row_max, row_sum

_SCORES = 1 << 17  # so many weights are a block: half a megabyte in float32
_PACKED = 1_000_000  # beyond so many multiplications OpenBLAS packs the operands of a product first
_STEPS = 128  # so many rows at a time, where later ones see more keys
_FEW = 32  # below so many keys, copies and their calls cost more than they save
_SAFE = 10.0  # exponentials of scores, and their sums, are of an ordinary size up to e**10, and down to e**-10


class _Call(NamedTuple):
    """The arguments of a call of `attention`, or what one block has of them."""

    query: Any
    key: Any
    value: Any
    mask: Any
    kept: Any
    gain: float
    scale: float
    causal: bool

    @property
    def sizes(self) -> tuple[int, int]:
        """How many queries and keys there are."""
        return self.query.shape[-2], self.key.shape[-2]

    def spread(self) -> _Call:
        """With the same axes in front of the last two of each array."""
        leads = {x.shape[:-2] for x in self[:5] if x is not None}
        if len(leads) == 1:
            return self
        lead = np.broadcast_shapes(*leads)
        return self._with([None if x is None else np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in self[:5]])

    def at(self, block: tuple[Any, ...]) -> _Call:
        """Of a call that was spread, one block."""
        return self._with([None if x is None else x[block] for x in self[:5]])

    def _with(self, arrays: Sequence[Any]) -> _Call:
        query, key, value, mask, kept = arrays
        return _Call(query, key, value, mask, kept, self.gain, self.scale, self.causal)

    def blocks(self) -> Iterator[tuple[Any, ...]]:
        """Indices of blocks of whole matrices."""
        return _blocks(self.query.shape[:-2], _SCORES // max(math.prod(self.sizes), 1))

    def strips(self) -> Iterator[tuple[slice, slice]]:
        """Some of the rows, and the keys that they reach, from the last rows to the first; the last reach all keys."""
        rows, keys = self.sizes
        count = max(-(-rows * keys // _SCORES), 1)
        step = max(-(-rows // count), 1)
        if self.causal:
            step = min(step, _STEPS)
        for start in reversed(range(0, rows, step)):
            stop = min(start + step, rows)
            yield slice(start, stop), slice(0, min(stop, keys) if self.causal and stop < rows else keys)

    def masked(self, scores: Any, rows: slice, keys: slice) -> Any:
        """The scores of these rows and keys, to which the masks are added."""
        if self.mask is not None:
            scores += _part(self.mask, rows, keys)
        if self.causal and keys.stop > rows.start + 1:
            late = scores[..., rows.start :]
            late += _future(late.shape[-2:], scores.dtype)
        return scores

    def chosen(self, rows: slice, keys: slice, dtype: Any) -> Any:
        """By what dropout multiplies the weights."""
        return np.multiply(_part(self.kept, rows, keys), self.gain, dtype=dtype)


def _part(x: Any, rows: slice, keys: slice) -> Any:
    """Some rows and columns of an array that may have one row, or one column, for all."""
    return x[..., rows if x.shape[-2] != 1 else slice(None), keys if x.shape[-1] != 1 else slice(None)]


def _blocks(lead: tuple[int, ...], most: int) -> Iterator[tuple[Any, ...]]:
    """Indices that cut an array of the shape `lead` into parts of at most `most` elements, but of one at least."""
    axis, inner = len(lead), 1
    while axis and inner * lead[axis - 1] <= most:
        axis -= 1
        inner *= lead[axis]
    if not axis:
        yield ()
        return
    step = max(most // max(inner, 1), 1)
    for outer in np.ndindex(lead[: axis - 1]):
        for start in range(0, lead[axis - 1], step):
            yield (*outer, slice(start, start + step))


def _multiplied(x: Any, y: Any) -> Any:
    """The product of two stacks of matrices, a large one by parts of the rows."""
    rows, terms, columns = x.shape[-2], x.shape[-1], y.shape[-1]
    parts = 1
    while rows % (2 * parts) == 0 and rows // parts * terms * columns > _PACKED:
        parts *= 2
    if parts == 1:
        return product(x, y)
    tall = x.reshape(*x.shape[:-2], parts, rows // parts, terms)
    return product(tall, y[..., None, :, :]).reshape(*x.shape[:-1], columns)


def _turned(y: Any, ones: bool) -> Any:
    """The transpose of `y`, as a right factor; `ones` asks for one more row, of ones, as `_reduced` can use it."""
    if y.shape[-2] < _FEW:
        return turned(y)
    if not ones:
        return np.ascontiguousarray(turned(y))
    out = np.empty((*y.shape[:-2], y.shape[-1] + 1, y.shape[-2]), y.dtype)
    out[..., :-1, :] = turned(y)
    out[..., -1, :] = 1
    return out


def _reduced(x: Any, factor: float, y: Any, less: Any) -> Any:
    """(x · factor) @ y, from each row of which a number is subtracted: in the product, if `y` has a row of ones."""
    width = x.shape[-1]
    if y.shape[-2] == width:
        out = _multiplied(x * factor, y)
        out -= less[..., None]
        return out
    left = np.empty((*x.shape[:-1], width + 1), x.dtype)
    np.multiply(x, factor, out=left[..., :-1])
    np.negative(less, out=left[..., -1])
    return _multiplied(left, y)


def future(shape: Sequence[int], dtype: Any) -> Any:
    """-inf where a key comes later than the query of its row, and 0 elsewhere."""
    return np.triu(np.full(shape, -np.inf, dtype), 1)


_future = lru_cache(maxsize=8)(future)  # of blocks, which are small


def _exponentials(call: _Call, y: Any, rows: slice, keys: slice) -> tuple[Any, Any, Any]:
    """exp(scores - shift), its sums along the rows, and the shift: 0 where nothing becomes large or small without."""
    x = call.query[..., rows, :] * call.scale
    e = call.masked(_multiplied(x, y[..., keys]), rows, keys)
    if e.size and e.max() <= _SAFE:
        np.exp(e, out=e)
        total = row_sum(e, -1)
        if total.min() >= math.exp(-_SAFE):
            return e, total, 0.0
        e = call.masked(_multiplied(x, y[..., keys]), rows, keys)
    shift = row_max(e, -1)
    e -= shift
    np.exp(e, out=e)
    return e, row_sum(e, -1), shift


def _attention_rule(g: Any, out: Any, *args: Any, needs: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients with respect to query, key, value and mask.

    Let P be the weights, S the scores, n the logarithms of the sums of exp(S), and O = P V. Then dP = dO Vᵀ,
    and dS = P ∘ (dP - rowsum(P ∘ dP) + dn), where rowsum(P ∘ dP) = rowsum(dO ∘ O).
    """
    out, log = out
    by_out, by_log = g.parts
    if by_out is None:
        by_out = np.zeros(out.shape, out.dtype)
    recorded = any(isinstance(x, TensorBase) for x in (by_out, by_log, out, log, *args))
    less = (by_out * out).sum(axis=-1) if recorded else np.vecdot(by_out, out)
    if by_log is not None:
        less = less - by_log
    walk = _composed if recorded else _by_blocks
    return (*walk(by_out, less, log, _Call(*args), needs), None, None, None, None)


def _composed(g: Any, less: Any, log: Any, call: _Call, needs: Sequence[Any]) -> list[Any]:
    """The gradients by ops, with all weights at once, so that they can be differentiated again."""
    query, key, value, mask, kept, gain, scale, causal = call
    scores = product(query * scale, turned(key))
    if mask is not None:
        scores = scores + mask
    if causal:
        scores = scores + future(scores.shape[-2:], scores.dtype)
    weights = np.exp(scores - np.expand_dims(log, -1))
    chosen = 1.0 if kept is None else np.multiply(kept, gain, dtype=scores.dtype)
    inner = weights * (product(g, turned(value)) * chosen - np.expand_dims(less, -1))
    return [
        None if needs[0] is None else product(inner, key) * scale,
        None if needs[1] is None else product(turned(inner), query) * scale,
        None if needs[2] is None else product(turned(weights * chosen), g),
        None if needs[3] is None else inner,
    ]


def _by_blocks(g: Any, less: Any, log: Any, call: _Call, needs: Sequence[Any]) -> list[Any]:
    """The gradients of arrays, with the weights of one block at a time."""
    call = call.spread()
    make = np.empty_like if call.sizes[0] else np.zeros_like
    grads = [None if need is None else make(x) for need, x in zip(needs, call[:3], strict=False)]
    grads.append(None if needs[3] is None else np.zeros((*log.shape, call.sizes[1]), g.dtype))
    for block in call.blocks():
        parts = [None if x is None else x[block] for x in grads]
        _fill_block(parts, g[block], less[block], log[block], call.at(block))
    return grads


def _fill_block(grads: Sequence[Any], g: Any, less: Any, log: Any, call: _Call) -> None:
    """Write into the gradients of query, key, value and mask what one block of them is."""
    by_query, by_key, by_value, by_mask = grads
    y, v = _turned(call.key, ones=True), _turned(call.value, ones=call.kept is None)
    for rows, keys in call.strips():
        add = rows.stop < call.sizes[0]  # to what the last rows have written, for all keys
        weights = call.masked(_reduced(call.query[..., rows, :], call.scale, y[..., keys], log[..., rows]), rows, keys)
        np.exp(weights, out=weights)
        own, lost = g[..., rows, :], less[..., rows]
        chosen = None if call.kept is None else call.chosen(rows, keys, g.dtype)
        if by_value is not None:
            used = weights if chosen is None else weights * chosen
            _put(by_value[..., keys, :], _multiplied(turned(used), own), add)
        if by_query is by_key is by_mask is None:
            continue
        if chosen is None:
            inner = _reduced(own, 1.0, v[..., keys], lost)
        else:
            inner = _multiplied(own, v[..., keys])
            inner *= chosen
            inner -= lost[..., None]
        inner *= weights
        if by_mask is not None:
            by_mask[..., rows, keys] = inner
        if by_query is not None:
            np.multiply(_multiplied(inner, call.key[..., keys, :]), call.scale, out=by_query[..., rows, :])
        if by_key is not None:
            _put(by_key[..., keys, :], _multiplied(turned(inner), call.query[..., rows, :] * call.scale), add)


def _put(place: Any, part: Any, add: bool) -> None:
    if add:
        place += part
    else:
        place[...] = part


def _cases(draw: Any) -> list[tuple[Any, ...]]:
    kept = np.arange(12).reshape(3, 4) % 3 > 0
    rest = (None, 1.0, 0.5, False)
    return [
        (draw(3, 2), draw(4, 2), draw(4, 3), None, *rest),
        (draw(2, 3, 2), draw(2, 4, 2), draw(2, 4, 1), draw(3, 4), *rest),
        (draw(2, 3, 2), draw(2, 4, 2), draw(2, 4, 1), draw(2, 1, 4), kept, 1.5, 0.5, False),
        (draw(2, 1, 3, 2), draw(2, 4, 2), draw(1, 4, 2), None, None, 1.0, 0.5, True),
        (draw(4, 2), draw(3, 2), draw(3, 2), None, None, 1.0, 0.5, True),
        (draw(2, 2), draw(2, 2), draw(2, 2), 12 + draw(2, 1, 2), *rest),
        (draw(0, 3, 2), draw(0, 4, 2), draw(0, 4, 1), None, *rest),
    ]


_READ = "query key value mask kept out"


@primitive(
    joint=_attention_rule,
    saves=(_READ, _READ, _READ, _READ),
    fresh=True,
    cases=_cases,
    samples=Attending((("wy", "xy", "xz", "wx"), "wz"), (("wy", "xy", None, "wx"), "w")),
)
def attention(
    query: Operand,
    key: Operand,
    value: Operand,
    mask: Operand,
    kept: Operand,
    gain: float,
    scale: float,
    causal: bool,
) -> Any:
    """softmax(query @ key.mT · scale + mask) @ value, and the logarithms of the sums that this softmax divides by.

    Args:
        query: array of shape (..., queries, width).
        key: array of shape (..., keys, width).
        value: array of shape (..., keys, out).
        mask: numbers that are added to the scores, of shape (..., queries, keys), or None.
        kept: which weights count, of shape (..., queries, keys), or None for all.
        gain: by what those are multiplied.
        scale: by what the scores are multiplied.
        causal: whether keys of a larger number than that of a query are hidden from it.

    Returns:
        Two results, of shapes (..., queries, out) and (..., queries). Where all keys are masked, both are 0.
    """
    call = _Call(query, key, value, mask, kept, gain, scale, causal).spread()
    lead = call.query.shape[:-1]
    out = np.empty_like(call.query, shape=(*lead, value.shape[-1]))
    log = np.empty(lead, query.dtype)
    for block in call.blocks():
        _attend(call.at(block), out[block], log[block])
    return out, log


def _attend(call: _Call, out: Any, log: Any) -> None:
    """Write the two results of one block."""
    y = _turned(call.key, ones=False)
    for rows, keys in call.strips():
        e, total, shift = _exponentials(call, y, rows, keys)
        total[total == 0] = 1  # all keys are masked
        log[..., rows] = (np.log(total) + shift)[..., 0]
        if call.kept is not None:
            e *= _part(call.kept, rows, keys)
            total /= call.gain or 1.0
        np.divide(_multiplied(e, call.value[..., keys, :]), total, out=out[..., rows, :])


@primitive(
    vjps=(lambda g, out, query, key: product(g, key), lambda g, out, query, key: product(turned(g), query)),
    saves=("key", "query"),
    fresh=True,
    cases=lambda draw: [(draw(3, 2), draw(4, 2)), (draw(2, 3, 2), draw(2, 4, 2)), (draw(0, 3, 2), draw(0, 4, 2))],
    samples=Attending((("wy", "xy"), "wx")),
)
def attention_scores(query: Operand, key: Operand) -> Any:
    """query @ key.mT, of shapes (..., queries, width) and (..., keys, width): a `matmul` that knows what it is for."""
    return product(query, turned(key))
