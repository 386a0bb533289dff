"""Splitting: a tensor taken apart along an axis.

All parts come from one op, `_split`, whose derivative puts the parts' gradients side by side: a loop of
slices would make a full array of zeros for each part instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from ..sample_rules.families import Custom
from ..sample_rules.ids import NOBODY, simplify
from ..sample_rules.rule import Makes, value_of
from .arguments import on_axis, one_axis
from .shape import _reshape

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["chunk", "split", "tensor_split", "unbind"]


def _ranges(x: Any, cuts: tuple[int, ...], axis: int) -> Iterator[tuple[int, int]]:
    """Where each part begins and ends."""
    return itertools.pairwise((0, *cuts, x.shape[axis]))


def _split_rule(g: Any, out: Any, x: Any, cuts: tuple[int, ...], axis: int) -> Any:
    shape = x.shape
    parts = [
        np.zeros((*shape[:axis], stop - start, *shape[axis + 1 :]), x.dtype) if part is None else part
        for part, (start, stop) in zip(g.parts, _ranges(x, cuts, axis), strict=True)
    ]
    return np.concatenate(parts, axis)


def _split_owners(node: Any, ids: Any) -> list[Any]:
    """Those of the parts, one after the other; a part that was not used belongs to nobody."""
    cuts, axis, x = value_of(node, "cuts"), value_of(node, "axis"), node.inputs[0]
    ndim = len(x.shape)
    pieces = []
    for part, (start, stop) in zip(ids, _ranges(x, cuts, axis), strict=True):
        piece = np.full((1,) * ndim, NOBODY) if part is None else part
        shape = tuple([stop - start if i == axis else n for i, n in enumerate(piece.shape)])
        pieces.append(np.broadcast_to(piece, shape))
    shape = np.broadcast_shapes(*[p.shape[:axis] + (1,) + p.shape[axis + 1 :] for p in pieces])
    full = [np.broadcast_to(p, shape[:axis] + (p.shape[axis],) + shape[axis + 1 :]) for p in pieces]
    return [simplify(np.concatenate(full, axis)), *[None] * (len(node.inputs) - 1)]


@primitive(
    vjps=(_split_rule,),
    saves=("",),
    fresh=True,
    cases=lambda draw: [
        (draw(5, 2), (2, 3), 0),
        (draw(2, 4), (0, 3), 1),
        (draw(3), (1,), 0),
        (draw(0, 2), (0,), 0),
    ],
    samples=Custom(_split_owners, makes=Makes.ARRAYS),
    view=True,
)
def _split(x: Operand, cuts: tuple[int, ...], axis: int) -> Any:
    return tuple([x[on_axis(axis, slice(start, stop))] for start, stop in _ranges(x, cuts, axis)])


def _at_cuts(x: Operand, cuts: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    return cast("tuple[Tensor, ...]", _split(x, tuple(cuts), axis))


def split(
    x: Operand,
    split_size_or_sections: int | Sequence[int],
    dim: int | None = None,
    *,
    axis: int | None = None,
) -> tuple[Tensor, ...]:
    """Consecutive parts of `x` along an axis; views.

    Args:
        x: tensor of at least one axis.
        split_size_or_sections: the size of every part (the last may be smaller), or the list of their sizes.
            (`np.split` of a Tensor takes the number of parts, or the places of the cuts.)
        dim: the axis, default 0.
        axis: the same as `dim`.

    Returns:
        Tuple of Tensors.

    Raises:
        ShapeError: if the sizes do not sum to that of the axis.

    >>> import tinygrad_edu as tg
    >>> tg.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    place = _axis("split", x, dim, axis)
    have = x.shape[place]
    if isinstance(split_size_or_sections, int | np.integer):
        step = int(split_size_or_sections)
        if step <= 0:
            raise ShapeError(f"split: the size of a part must be positive, got {step}")
        return _at_cuts(x, range(step, have, step), place)
    lengths = [int(n) for n in split_size_or_sections]
    if sum(lengths) != have or any(n < 0 for n in lengths):
        raise ShapeError(f"split: sizes {lengths} do not sum to {have}, the size of axis {place} of shape {x.shape}")
    return _at_cuts(x, list(itertools.accumulate(lengths))[:-1], place)


def chunk(x: Operand, chunks: int, dim: int | None = None, *, axis: int | None = None) -> tuple[Tensor, ...]:
    """At most `chunks` parts along an axis, of equal size except the last, which may be smaller; views.

    Raises:
        ShapeError: if the number of parts is not positive, or there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise ShapeError(f"chunk: the number of parts must be positive, got {chunks}")
    place = _axis("chunk", x, dim, axis)
    if not x.shape[place]:
        return _at_cuts(x, (0,) * (chunks - 1), place)
    return split(x, -(-x.shape[place] // chunks), place)


def tensor_split(
    x: Operand, indices_or_sections: int | Sequence[int], dim: int | None = None, *, axis: int | None = None
) -> tuple[Tensor, ...]:
    """Parts along an axis: as many as given, of nearly equal size, or cut at the given indices; views.

    Args:
        x: tensor of one axis or more.
        indices_or_sections: how many parts; or the indices where they begin, without 0.
        dim: the axis; default, the first.
        axis: the same as `dim`.

    Returns:
        Tuple of tensors; where the parts cannot be equal, the first ones are longer by 1.

    Raises:
        ShapeError: if the number of parts is not positive, or there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.arange(5).tensor_split(3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    place = _axis("tensor_split", x, dim, axis)
    have = x.shape[place]
    if isinstance(indices_or_sections, int | np.integer):
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ShapeError(f"tensor_split: the number of parts must be positive, got {sections}")
        size, larger = divmod(have, sections)
        return _at_cuts(x, [i * size + min(i, larger) for i in range(1, sections)], place)
    # As slices do, cuts beyond an end stay at the end, and negative ones count from it.
    edges = [slice(int(i)).indices(have)[1] for i in indices_or_sections]
    if edges != sorted(edges):
        return tuple(x[on_axis(place, slice(i, j))] for i, j in zip([0, *edges], [*edges, have], strict=True))
    return _at_cuts(x, edges, place)


@implements(np.array_split)
def _np_array_split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    return list(tensor_split(ary, indices_or_sections, axis))


@implements(np.split)
def _np_split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    if isinstance(indices_or_sections, int) and ary.shape[axis] % indices_or_sections:
        raise ShapeError(
            f"np.split: axis {axis} of shape {ary.shape} has size {ary.shape[axis]}, which "
            f"{indices_or_sections} does not divide. Use np.array_split for parts of unequal size"
        )
    return list(tensor_split(ary, indices_or_sections, axis))


def unbind(x: Operand, dim: int | None = None, *, axis: int | None = None) -> tuple[Tensor, ...]:
    """The slices along an axis, as a loop over it gives them; views.

    Args:
        x: tensor of one axis or more.
        dim: the axis; default, the first.
        axis: the same as `dim`.

    Returns:
        Tuple of as many tensors as the axis is long, with one axis less.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).unbind(1)
    (tensor([1., 3.]), tensor([2., 4.]))
    """
    place = _axis("unbind", x, dim, axis)
    if not x.shape[place]:
        return ()
    shape = (*x.shape[:place], *x.shape[place + 1 :])
    return tuple([_reshape(part, shape) for part in _at_cuts(x, range(1, x.shape[place]), place)])


implements(np.unstack)(lambda x, /, *, axis=0: unbind(x, axis))


def _axis(op: str, x: Any, dim: int | None, axis: int | None) -> int:
    if not x.shape:
        raise ShapeError(f"{op}: a 0-d tensor has no axis to split")
    return one_axis(op, x, dim, axis) or 0
