"""Values and indices: elements picked along an axis by comparing all that lie along it, and their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.primitives import Operand, primitive
from ..sample_rules.families import Custom, along_axis, reduction
from .gather import along
from .indexing import _put_add

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["ValuesIndices"]


class ValuesIndices(NamedTuple):
    """Elements of a tensor, and their places along the axis that they were taken from.

    Attributes:
        values: tensor, of the dtype of the one they are from.
        indices: int64 tensor of the same shape.

    >>> import tinygrad_edu as tg
    >>> values, indices = tg.max(tg.tensor([1.0, 5.0, 3.0]), dim=0)
    >>> values, indices
    (tensor(5.), tensor(1))
    """

    values: Tensor
    indices: Tensor


def _picked_ids(node: Any, ids: Any) -> Any:
    family = along_axis if len(node.shape) == len(node.inputs[0].shape) else reduction
    return family.ids_of(node, ids)


def picking(name: str) -> Callable[[Operand, Operand, int], Tensor]:
    """The op `name`, which takes elements along an axis from places found by comparing all elements along it.

    Where the places lack the axis, one element is taken, and the result lacks the axis, too.

    To read by index is another thing in one respect: here each element of the result depends, by its place,
    on all elements along the axis, so that samples which lie along it meet.
    """

    @primitive(
        vjps=(lambda g, out, x, indices, axis: _put_add(g, x.shape, along(x.shape, indices, axis)), None, None),
        saves=("indices",),
        fresh=True,
        name=name,
        cases=lambda draw: [
            (draw(2, 3), np.array([[2, 0, 1], [1, 2, 0]]), 1),
            (draw(2, 3), np.array([[1, 1, 0]]), 0),
            (draw(4), np.array([0, 3, 3]), 0),
            (draw(2, 3), np.array([2, 0]), 1),
            (draw(0, 2), np.zeros((0, 2), np.intp), 0),
        ],
        samples=Custom(_picked_ids),
    )
    def picked(x: Operand, indices: Operand, axis: int) -> Operand:
        return x[along(x.shape, indices, axis)]

    return picked


def at(pick: Callable[..., Tensor], x: Any, indices: Any, axis: int, keepdims: bool = True) -> ValuesIndices:
    """What `pick` takes from `indices`, and these: without the axis, which has one place then, unless it is kept."""
    if not keepdims:
        indices = indices.squeeze(axis=axis)
    return ValuesIndices(pick(x, indices, axis), indices)
