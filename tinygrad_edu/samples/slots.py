"""What the factors of an open sum add to the gradient of one number of a parameter, slot by slot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.graph import array_of
from .opening.factors import Factor, Outer, Rows
from .opening.open_sum import OpenSum

if TYPE_CHECKING:
    from .opened import Kept


class Slots(NamedTuple):
    """The slots of all samples, sorted by sample: arrays of one length."""

    owner: Any
    x: Any
    delta: Any
    product: Any
    known: Any  # whether x and delta are


def one_number(index: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place that `index` selects, one number for each axis."""
    index = tuple([array_of(part) for part in index]) if isinstance(index, tuple) else array_of(index)
    chosen = []
    try:  # from the numbers along each axis, stretched to `shape`: views, however large the parameter is
        chosen = [np.broadcast_to(n, shape)[index] for n in (*np.ix_(*map(np.arange, shape)), np.zeros((), np.intp))]
        found = f"selects an array of shape {chosen[-1].shape} from"
    except (IndexError, ValueError) as error:
        found = f"does not fit ({error})"
    if not chosen or chosen[-1].size != 1:
        last = tuple([n - 1 for n in shape])
        example = "which has none" if 0 in shape else f"such as explain({last[0] if len(shape) == 1 else last})"
        raise IndexError(
            f"explain(): index {index!r} {found} the parameter of shape {shape}: select one number, {example}"
        )
    return tuple([int(n.item()) for n in chosen[:-1]])


def slots_of(factor: Factor, whole: OpenSum, at: tuple[int, ...], written_out: bool) -> Slots:
    """What a factor adds to the gradient of one number of the parameter, slot by slot."""
    if not factor.placement.isometric:
        alone = OpenSum([factor], whole.count, whole.shape, whole.dtype)
        found = [array_of(block)[(slice(None), *at)] for block in alone.each_block()]
        product = np.concatenate(found) if found else np.zeros(0)
        return _of(np.arange(whole.count), None, product)
    place = _in_core(factor, at, whole.shape)
    if place is None:
        return _of(np.zeros(0, np.intp), None, np.zeros(0))
    values = [array_of(array) for array in factor.values]
    if isinstance(factor, Outer):
        group, out, into = place
        return _of(factor.owner, values[1][group, :, into], values[0][group, :, out])
    if isinstance(factor, Rows):
        here = values[1] == place[0]
        delta = values[0][here, place[1]]
        return _of(factor.owner[here], np.ones_like(delta), delta)
    delta = values[0][:, place[0]]
    return _of(factor.owner, None if written_out else np.ones_like(delta), delta)


def _of(owner: Any, x: Any, delta: Any) -> Slots:
    """Slots with these products; where x is None, `delta` is the product, and all that is known."""
    known = np.full(len(owner), x is not None)
    product = (delta if x is None else x * delta).astype(np.float64)
    return Slots(owner, delta if x is None else x.copy(), delta.copy(), product, known)


def _in_core(factor: Factor, at: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """Where a factor's core has the parameter's number at `at`; None if it leaves that number out."""
    marked = np.zeros(shape, np.bool_)
    marked[at] = True
    found = np.flatnonzero(factor.placement.back(marked))
    return np.unravel_index(found[0], factor.core) if found.size else None


def together(parts: list[Slots]) -> Slots:
    """The slots of several factors, sorted by sample."""
    none = _of(np.zeros(0, np.intp), None, np.zeros(0))
    joined = [np.concatenate(arrays) for arrays in zip(none, *parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Slots(*[array[order] for array in joined])


def totals(grads: Kept, at: tuple[int, ...], terms: Any, slots: int) -> tuple[float, float]:
    """`.grad[at]`, and what of it is beside the samples."""
    added = float(terms.sum())
    total = added if grads.grad is None else float(grads.grad[at])
    if grads.grad is None or grads.is_grad():
        return total, 0.0
    left = total - added
    # The sum and .grad were added up in different orders: less than this is rounding.
    rounding = float(np.finfo(grads.dtype).eps) * (8 + math.sqrt(slots)) * float(np.abs(terms).sum())
    return total, left if math.isfinite(added) and not abs(left) <= rounding else 0.0
