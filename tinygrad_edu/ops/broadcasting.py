"""Broadcasting: repeating without copying, as in NumPy; the derivative sums over the copies. And grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError, broadcast_clash
from ..sample_rules.families import copying
from .arguments import shape_of
from .shape import _reshape, sizes

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["broadcast_tensors", "broadcast_to", "expand", "expand_as", "meshgrid"]


@primitive(
    vjps=(lambda g, out, array, shape: g,),  # the engine sums over the copies
    saves=("",),
    numpy=np.broadcast_to,
    cases=lambda draw: [
        (draw(3), (2, 3)),
        (draw(2, 1), (4, 2, 3)),
        (draw(), (2,)),
        (draw(1), (0,)),
        (draw(), ()),
    ],
    samples=copying,
    view=True,
)
def _broadcast_to(array: Operand, shape: int | tuple[int, ...]) -> Operand:
    view = np.broadcast_to(array, shape)
    return np.reshape(array, shape) if view.size == np.size(array) else view  # nothing repeated may be written to


def expand(x: Operand, *shape: Any) -> Tensor:
    """`x` repeated along axes of size 1 (and new ones in front) to the given shape, without copying.

    Args:
        x: tensor of any shape.
        shape: the sizes, ``expand(x, 2, 3)`` or ``expand(x, (2, 3))``; -1 keeps the size of an axis.

    Returns:
        Tensor of that shape: a view, in which one number in memory may be many elements.

    Raises:
        ShapeError: if `x` does not broadcast to that shape.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0], [2.0]]).expand(-1, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    wanted = sizes("expand", shape)
    new = len(wanted) - len(x.shape)
    if new < 0:
        raise ShapeError(f"expand: shape {wanted} has fewer axes than the tensor's shape {x.shape}")
    if -1 in wanted[:new]:
        raise ShapeError(f"expand: -1 in {wanted} stands for a new axis, whose size must be given")
    filled = tuple(have if n == -1 else n for n, have in zip(wanted, (1,) * new + x.shape, strict=True))
    return broadcast_to(x, filled)


def expand_as(x: Operand, other: Any) -> Tensor:
    """`x` expanded to the shape of `other`.

    Raises:
        ShapeError: if the shapes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).expand_as(tg.zeros(2, 3)).shape
    (2, 3)
    """
    return broadcast_to(x, other.shape)


def broadcast_to(x: Operand, shape: Sequence[int]) -> Tensor:
    """`x` repeated to `shape` by NumPy's broadcasting, without copying.

    Raises:
        ShapeError: if `x` does not broadcast to `shape`.

    >>> import tinygrad_edu as tg
    >>> tg.broadcast_to(tg.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    have, wanted = x.shape, tuple(shape)
    extra = len(wanted) - len(have)
    for axis in range(-1, -len(have) - 1, -1):
        if extra < 0 or have[axis] not in (1, wanted[axis]):
            raise ShapeError(
                f"expand: shape {have} does not broadcast to {wanted}"
                + (": that has fewer axes" if extra < 0 else f": axis {axis} is {have[axis]}, and only a 1 is repeated")
            )
    return _broadcast_to(x, wanted)


def broadcast_tensors(*tensors: Operand) -> tuple[Tensor, ...]:
    """All tensors expanded to their common broadcast shape.

    Raises:
        ShapeError: if there is none.

    >>> import tinygrad_edu as tg
    >>> a, b = tg.broadcast_tensors(tg.zeros(2, 1), tg.zeros(3))
    >>> a.shape, b.shape
    ((2, 3), (2, 3))
    """
    shapes = [x.shape for x in tensors]
    if clash := broadcast_clash(shapes):
        raise ShapeError(f"broadcast_tensors: {clash}")
    shape = np.broadcast_shapes(*shapes)
    return tuple(_broadcast_to(x, shape) for x in tensors)


@implements(np.broadcast_arrays)
def _np_broadcast_arrays(*args: Operand, subok: bool = False) -> tuple[Tensor, ...]:
    return broadcast_tensors(*args)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids from vectors: tensors of one shape, in which each vector varies along its own axis.

    Args:
        tensors: vectors (or numbers), or one list of them.
        indexing: ``"ij"``: result axis i is that of vector i; ``"xy"``: the first two axes are swapped
            (what `np.meshgrid` does unless told otherwise).

    Returns:
        Tuple with a Tensor for each of them; views.

    Raises:
        ShapeError: if one has more than one axis.

    >>> import tinygrad_edu as tg
    >>> tg.meshgrid(tg.arange(2), tg.arange(3), indexing="ij")[1]
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    many = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    for i, x in enumerate(many):
        if len(shape_of(x)) > 1:
            raise ShapeError(f"meshgrid: tensor {i} has shape {x.shape}; each must be a vector")
    lengths = [math.prod(shape_of(x)) for x in many]
    axes = list(range(len(many)))
    if indexing == "xy" and len(many) > 1:
        axes[:2] = [1, 0]
    shape = [lengths[i] for i in axes]
    grids = []
    for i, x in enumerate(many):
        alone = [1] * len(many)
        alone[axes[i]] = lengths[i]
        grids.append(broadcast_to(_reshape(x, tuple(alone)), shape))
    return tuple(grids)


@implements(np.meshgrid)
def _np_meshgrid(*xi: Operand, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Tensor, ...]:
    if sparse:
        raise TypeError("np.meshgrid of a Tensor does not take the argument sparse=; broadcasting does the same")
    return meshgrid(*xi, indexing=indexing)
