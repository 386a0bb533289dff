"""Reshaping: the same numbers in another shape.

Everything here is one primitive, `_reshape`. It gives a view where NumPy does, so a change of shape
costs nothing. The functions have PyTorch's meaning; `np.reshape`, `np.squeeze`, … of a Tensor have NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.graph import TensorBase
from ..engine.primitives import Operand, implements, primitive
from ..engine.views import view_of
from ..errors import ShapeError
from ..sample_rules.families import Custom
from ..sample_rules.ids import reshape as as_reshaped
from ..sample_rules.rule import Makes
from .arguments import Axes, each_axis, one_axis, shape_of, some_axes
from .casting import contiguous

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "expand_dims",
    "flatten",
    "numel",
    "ravel",
    "reshape",
    "reshape_as",
    "squeeze",
    "unflatten",
    "unsqueeze",
    "view",
    "view_as",
]


def _owners(node: Any, ids: Any) -> Any:
    return [as_reshaped(ids, node.shape, node.inputs[0].shape)]


@primitive(
    vjps=(lambda g, out, x, shape: g.reshape(x.shape),),
    saves=("",),
    cases=lambda draw: [(draw(2, 6), (3, 4)), (draw(0, 3), (3, 0)), (draw(), (1, 1)), (draw(1), ())],
    samples=Custom(_owners, permutes=True, makes=Makes.FORM),
    view=True,
)
def _reshape(x: Operand, shape: tuple[int, ...]) -> Operand:
    return np.reshape(x, shape)


def reshape(x: Operand, *shape: Any) -> Tensor:
    """The same numbers, in the same order, in another shape; a view where possible.

    Args:
        x: tensor of any shape.
        shape: the sizes, ``reshape(x, 2, 3)`` or ``reshape(x, (2, 3))``; one of them may be -1, and is
            then what remains.

    Returns:
        Tensor of that shape.

    Raises:
        ShapeError: if the numbers do not fill the shape.

    >>> import tinygrad_edu as tg
    >>> tg.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    wanted = sizes("reshape", shape)
    have = shape_of(x)
    count, known = math.prod(have), math.prod(n for n in wanted if n != -1)
    guesses = wanted.count(-1)
    if guesses > 1:
        raise ShapeError(f"reshape: shape {wanted} has {guesses} sizes of -1; only one can be worked out")
    if count != known if not guesses else (not known or count % known):
        if guesses and not known:
            raise ShapeError(f"reshape: the -1 in {wanted} can be anything beside a size of 0; name the size")
        raise ShapeError(
            f"reshape: a tensor of shape {have} has {count} elements, which do not fill shape {wanted}"
            + (f" (a multiple of {known})" if guesses else f" ({known} elements)")
            + ("" if guesses else ". Use -1 for one size to have it worked out")
        )
    return _reshape(x, wanted)


@implements(np.reshape)
def _np_reshape(a: Operand, shape: Any, order: str = "C", *, copy: bool | None = None) -> Tensor:
    if order != "C":
        raise ShapeError(f"np.reshape of a Tensor: order={order!r} is not known, only 'C'. Transpose first")
    result = reshape(a, *shape) if isinstance(shape, Sequence) else reshape(a, shape)
    return result.clone() if copy else result


def view(x: Operand, *shape: Any) -> Tensor:
    """The same as `reshape`; where no view is possible it copies as well, but the copy cannot be written to.

    PyTorch refuses such a view. Here it works, but writing to it, which `x` would not see, is an error.

    >>> import tinygrad_edu as tg
    >>> tg.arange(6).view(-1, 2).shape
    (3, 2)
    """
    result = reshape(x, *shape)
    if isinstance(x, TensorBase) and view_of(result) is None:
        result.array.flags.writeable = False
    return result


def reshape_as(x: Operand, other: Any) -> Tensor:
    """`x` in the shape of `other`.

    Raises:
        ShapeError: if `x` does not have as many elements.

    >>> import tinygrad_edu as tg
    >>> tg.arange(4).reshape_as(tg.zeros(2, 2)).shape
    (2, 2)
    """
    return reshape(x, other.shape)


view_as = reshape_as


def ravel(x: Operand) -> Tensor:
    """All elements along one axis; a view of a contiguous tensor, else a copy. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).ravel()
    tensor([1., 2., 3., 4.])
    """
    return reshape(contiguous(x), -1) if 0 not in x.shape else reshape(x, 0)


@implements(np.ravel)
def _np_ravel(a: Operand, order: str = "C") -> Tensor:
    if order not in "CA":
        raise ShapeError(f"np.ravel of a Tensor: order={order!r} is not supported, only 'C'. Transpose first")
    return ravel(a)


def flatten(x: Operand, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` (inclusive) merged into one; a 0-d tensor gets one axis.

    Args:
        x: tensor of any shape.
        start_dim: first of the axes.
        end_dim: last of the axes.

    Returns:
        Tensor with those axes merged.

    Raises:
        ShapeError: if an axis is out of range, or the first comes after the last.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(5, 2, 3).flatten(1).shape
    (5, 6)
    """
    if not x.shape:
        return _reshape(x, (1,))
    first, last = one_axis("flatten", x, start_dim), one_axis("flatten", x, end_dim)
    if first > last:
        raise ShapeError(f"flatten: start_dim={start_dim} comes after end_dim={end_dim} in shape {x.shape}")
    return _reshape(x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def unflatten(x: Operand, dim: int | None = None, sizes: Sequence[int] = (), *, axis: int | None = None) -> Tensor:
    """One axis split into several: the opposite of `flatten`.

    Args:
        x: tensor of any shape.
        dim: the axis.
        sizes: the sizes it is split into; one of them may be -1.
        axis: the same as `dim`.

    Returns:
        Tensor with ``len(sizes) - 1`` more axes.

    Raises:
        ShapeError: if the sizes do not multiply to that of the axis.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(5, 6).unflatten(1, (2, -1)).shape
    (5, 2, 3)
    """
    axis = one_axis("unflatten", x, dim, axis)
    if axis is None:
        raise TypeError("unflatten: name the axis, as in x.unflatten(1, (2, -1))")
    have, wanted = x.shape[axis], tuple(int(n) for n in sizes)
    if wanted.count(-1) == 1 and (known := -math.prod(wanted)) > 0:
        wanted = tuple(have // known if n == -1 else n for n in wanted)
    if math.prod(wanted) != have:
        raise ShapeError(
            f"unflatten: sizes {tuple(sizes)} do not multiply to {have}, the size of axis {axis} of {x.shape}"
        )
    return _reshape(x, (*x.shape[:axis], *wanted, *x.shape[axis + 1 :]))


def squeeze(x: Operand, dim: Axes = None, *, axis: Axes = None) -> Tensor:
    """`x` without its axes of size 1, or without those of the given axes that are of size 1.

    Args:
        x: tensor of any shape.
        dim: axis or axes to look at; None for all.
        axis: the same as `dim`.

    Returns:
        Tensor without them; a view.

    Raises:
        ShapeError: if an axis is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(1, 3, 1).squeeze().shape, tg.zeros(1, 3, 1).squeeze(0).shape
    ((3,), (3, 1))
    """
    looked = each_axis(some_axes("squeeze", x, dim, axis), len(x.shape))
    return _reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in looked))


@implements(np.squeeze)
def _np_squeeze(a: Operand, axis: Axes = None) -> Tensor:
    result = squeeze(a, axis)
    named = 0 if axis is None else 1 if isinstance(axis, int) else len(axis)
    if named and len(result.shape) != len(a.shape) - named:
        raise ShapeError(f"np.squeeze: axis {axis} of shape {a.shape} is not of size 1")
    return result


def unsqueeze(x: Operand, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """`x` with a new axis of size 1 at position `dim` of the result.

    Raises:
        ShapeError: if the position is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(3).unsqueeze(0).shape, tg.zeros(3).unsqueeze(-1).shape
    ((1, 3), (3, 1))
    """
    at = axis if dim is None else dim
    if at is None:
        raise TypeError("unsqueeze: pass dim=, where the new axis goes")
    return expand_dims(x, at)


@implements(np.expand_dims)
def expand_dims(x: Operand, axis: int | Sequence[int]) -> Tensor:
    """`a` with new axes of size 1 at the positions `axis` of the result.

    Raises:
        ShapeError: if a place is out of range, or named twice.

    >>> import tinygrad_edu as tg
    >>> tg.expand_dims(tg.zeros(3), (0, -1)).shape
    (1, 3, 1)
    """
    places = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    depth = len(x.shape) + len(places)
    for place in places:
        if not -depth <= place < depth:
            raise ShapeError(
                f"expand_dims: dim={place} is out of range for shape {x.shape}: use {-depth} to {depth - 1}"
            )
    new = {int(place) % depth for place in places}
    if len(new) < len(places):
        raise ShapeError(f"expand_dims: {tuple(places)} names one place twice")
    old = iter(x.shape)
    return _reshape(x, tuple(1 if i in new else next(old) for i in range(depth)))


def _at_least(x: Operand, ndim: int) -> Tensor:
    shape = shape_of(x)
    if len(shape) >= ndim:
        return cast("Tensor", x)
    behind = 1 if ndim == 3 and shape else 0  # the third axis of a vector or a matrix is the last one
    return _reshape(x, (1,) * (ndim - len(shape) - behind) + shape + (1,) * behind)


def _each(ndim: int, tensors: tuple[Any, ...]) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], list | tuple):
        return _at_least(tensors[0], ndim)
    many = tensors[0] if len(tensors) == 1 else tensors
    return tuple(_at_least(x, ndim) for x in many)


@implements(np.atleast_1d)
def atleast_1d(*tensors: Operand) -> Any:
    """The tensor with at least one axis: a 0-d tensor gets one. For several tensors, a tuple.

    >>> import tinygrad_edu as tg
    >>> tg.atleast_1d(tg.tensor(2.0))
    tensor([2.])
    """
    return _each(1, tensors)


@implements(np.atleast_2d)
def atleast_2d(*tensors: Operand) -> Any:
    """The tensor with at least two axes, new ones in front. For several tensors, a tuple.

    >>> import tinygrad_edu as tg
    >>> tg.atleast_2d(tg.zeros(3)).shape
    (1, 3)
    """
    return _each(2, tensors)


@implements(np.atleast_3d)
def atleast_3d(*tensors: Operand) -> Any:
    """The tensor with at least three axes: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1). For several, a tuple.

    >>> import tinygrad_edu as tg
    >>> tg.atleast_3d(tg.zeros(3)).shape
    (1, 3, 1)
    """
    return _each(3, tensors)


# What shape it has


def size(x: Operand, dim: int | None = None) -> Any:
    """The shape, or the size of one axis.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3).size(), tg.zeros(2, 3).size(-1)
    ((2, 3), 3)
    """
    return x.shape if dim is None else x.shape[one_axis("size", x, dim)]


def numel(x: Operand) -> int:
    """The number of elements, an int.

    >>> import tinygrad_edu as tg
    >>> tg.numel(tg.zeros(2, 3))
    6
    """
    return math.prod(x.shape)


def dim(x: Operand) -> int:
    """The number of axes."""
    return len(x.shape)


implements(np.shape)(lambda a: a.shape)
implements(np.ndim)(dim)


@implements(np.size)
def _np_size(a: Operand, axis: int | None = None) -> Any:
    return numel(a) if axis is None else size(a, axis)


def sizes(op: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes given as ``f(2, 3)`` or as ``f((2, 3))``."""
    if len(shape) == 1 and isinstance(shape[0], Sequence | np.ndarray) and not isinstance(shape[0], str):
        shape = tuple(shape[0])
    try:
        return tuple([n.__index__() for n in shape])
    except (AttributeError, TypeError):
        raise TypeError(f"{op}: sizes are integers, got {shape!r}") from None
