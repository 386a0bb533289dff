"""Joining and stacking: tensors put together along an axis."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError, describe, require_own
from ..sample_rules.families import Custom
from ..sample_rules.ids import simplify
from ..sample_rules.rule import Makes
from .arguments import Shaped, on_axis, one_axis, shape_of
from .shape import atleast_1d, atleast_2d, atleast_3d

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["cat", "column_stack", "concat", "concatenate", "dstack", "hstack", "stack", "vstack"]


P = ParamSpec("P")
R = TypeVar("R")


def _one_list(join: Callable[P, R]) -> Callable[P, R]:
    """`join`, which takes its tensors in one list, and says so to those who pass them one by one."""

    @wraps(join)
    def joined(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) > 1 and getattr(args[1], "shape", None):
            op = join.__name__
            raise TypeError(
                f"{op}: the second argument is {describe(args[1])}: pass the tensors in one list, {op}([a, b])"
            )
        return join(*args, **kwargs)

    return joined


def _listed(op: str, tensors: Sequence[Operand]) -> tuple[list[Operand], list[tuple[int, ...]]]:
    """The tensors, at least one, and their shapes."""
    many = list(tensors)
    require_own(op, *many)  # NumPy would make arrays of them, and no tensor would come out
    if not many:
        raise ShapeError(f"{op}: needs at least one tensor, got an empty list")
    return many, [shape_of(x) for x in many]


def _places(axis: int, arrays: Sequence[Any]) -> list[tuple[slice, ...]]:
    """Where each array stands among those that were put one after the other."""
    edges = itertools.accumulate([array.shape[axis] for array in arrays], initial=0)
    return [on_axis(axis, slice(start, stop)) for start, stop in itertools.pairwise(edges)]


def _concatenate_rule(g: Any, out: Any, axis: int, *arrays: Any, needs: Sequence[Any]) -> list[Any]:
    places = _places(axis, arrays)
    return [None, *(None if link is None else g[place] for place, link in zip(places, needs[1:], strict=True))]


def _concatenate_owners(node: Any, ids: Any) -> list[Any]:
    """Those of each array's own piece; unchanged where they do not change along the axis."""
    axis, *arrays = node.args
    if ids.shape[axis] == 1:
        return [None, *[ids] * len(arrays)]
    pairs = zip(_places(axis, arrays), node.inputs[1:], strict=True)
    return [None, *(None if link is None else simplify(ids[place]) for place, link in pairs)]


def _stack_owners(node: Any, ids: Any) -> list[Any]:
    axis = node.args[0]
    last = ids.shape[axis] - 1
    pieces: list[Any] = [None]
    for i, link in enumerate(node.inputs[1:]):
        piece = None if link is None else np.asarray(ids.take(min(i, last), axis))
        pieces.append(piece if piece is None or not last else simplify(piece))
    return pieces


@primitive(
    joint=_concatenate_rule,
    saves=(),
    cases=lambda draw: [
        (0, draw(2, 3), draw(1, 3)),
        (1, draw(2, 1), draw(2, 0), draw(2, 4), draw(2, 1)),
        (0, draw(3)),
    ],
    samples=Custom(_concatenate_owners, makes=Makes.ARRAYS),
)
def _concatenate(axis: int, *arrays: Operand) -> Operand:
    return np.concatenate(arrays, axis=axis)


@_one_list
def cat(tensors: Sequence[Operand], dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """The tensors one after the other along an existing axis.

    Args:
        tensors: one or more, of the same shape except along `dim`.
        dim: the axis, default 0.
        axis: the same as `dim`.

    Returns:
        Tensor whose size along `dim` is the sum of theirs.

    Raises:
        ShapeError: if there is none, or their shapes differ in another axis.

    >>> import tinygrad_edu as tg
    >>> tg.cat([tg.tensor([1.0, 2.0]), tg.tensor([3.0])])
    tensor([1., 2., 3.])
    """
    many, shapes = _listed("cat", tensors)
    if () in shapes:
        raise ShapeError("cat: a 0-d tensor has no axis to join along. Use tg.stack, which makes one")
    place = one_axis("cat", many[0], dim, axis) or 0
    for i, shape in enumerate(shapes[1:], 1):
        if len(shape) != len(shapes[0]):
            raise ShapeError(
                f"cat: tensor {i} has shape {shape} and tensor 0 has shape {shapes[0]}: they must have "
                "equally many axes"
            )
        for j, (n, m) in enumerate(zip(shape, shapes[0], strict=True)):
            if n != m and j != place:
                raise ShapeError(
                    f"cat: along dim={place}, tensor {i} of shape {shape} does not fit tensor 0 of shape "
                    f"{shapes[0]}: axis {j} is {n} against {m}"
                )
    return _concatenate(place, *many)


concat = cat


@implements(np.concatenate)
@_one_list
def concatenate(arrays: Sequence[Operand], axis: int | None = 0, *, dim: int | None = None) -> Tensor:
    """`cat` under NumPy's name and with NumPy's arguments; ``axis=None`` flattens the tensors first.

    Raises:
        ShapeError: if the sizes of the other axes differ, or there is no tensor.

    >>> import tinygrad_edu as tg
    >>> tg.concatenate([tg.zeros(1, 2), tg.ones(1, 2)], axis=0).shape
    (2, 2)
    """
    if axis is None and dim is None:
        return cat([x.reshape(-1) for x in arrays], 0)
    return cat(arrays, axis if dim is None else dim)


def _stack_rule(g: Any, out: Any, axis: int, *arrays: Any, needs: Sequence[Any]) -> list[Any]:
    return [None, *(None if link is None else g[on_axis(axis, i)] for i, link in enumerate(needs[1:]))]


@primitive(
    joint=_stack_rule,
    saves=(),
    cases=lambda draw: [
        (0, draw(2, 3), draw(2, 3)),
        (1, draw(2), draw(2), draw(2)),
        (0, draw(), draw()),
        (1, draw(0)),
    ],
    samples=Custom(_stack_owners, makes=Makes.ARRAYS),
)
def _stack(axis: int, *arrays: Operand) -> Operand:
    return np.stack(arrays, axis=axis)


@_one_list
def stack(tensors: Sequence[Operand], dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """The tensors one after the other along a new axis.

    Args:
        tensors: one or more, of the same shape.
        dim: place of the new axis in the result, default 0.
        axis: the same as `dim`.

    Returns:
        Tensor with one more axis.

    Raises:
        ShapeError: if there is none, or their shapes differ.

    >>> import tinygrad_edu as tg
    >>> tg.stack([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])])
    tensor([[1., 2.],
            [3., 4.]])
    """
    many, shapes = _listed("stack", tensors)
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(f"stack: tensor {i} has shape {shape} and tensor 0 has shape {shapes[0]}; all must agree")
    place = one_axis("stack", Shaped((0, *shapes[0])), dim, axis) or 0
    return _stack(place, *many)


@implements(np.stack)
def _np_stack(arrays: Sequence[Operand], axis: int = 0) -> Tensor:
    return stack(arrays, axis)


@implements(np.hstack)
@_one_list
def hstack(tup: Sequence[Operand]) -> Tensor:
    """The tensors side by side: joined along axis 1, or along axis 0 for vectors.

    Raises:
        ShapeError: if the sizes of the other axes differ, or there is no tensor.

    >>> import tinygrad_edu as tg
    >>> tg.hstack([tg.zeros(2, 1), tg.zeros(2, 3)]).shape
    (2, 4)
    """
    many = [atleast_1d(x) for x in tup]
    return cat(many, 0 if many and len(many[0].shape) == 1 else 1)


@implements(np.vstack)
@_one_list
def vstack(tup: Sequence[Operand]) -> Tensor:
    """The tensors below each other: joined along axis 0, a vector counting as one row.

    Raises:
        ShapeError: if the sizes of the other axes differ, or there is no tensor.

    >>> import tinygrad_edu as tg
    >>> tg.vstack([tg.zeros(3), tg.zeros(2, 3)]).shape
    (3, 3)
    """
    return cat([atleast_2d(x) for x in tup], 0)


@implements(np.dstack)
@_one_list
def dstack(tup: Sequence[Operand]) -> Tensor:
    """The tensors in depth: joined along axis 2.

    Raises:
        ShapeError: if the sizes of the other axes differ, or there is no tensor.

    >>> import tinygrad_edu as tg
    >>> tg.dstack([tg.zeros(3), tg.zeros(3)]).shape
    (1, 3, 2)
    """
    return cat([atleast_3d(x) for x in tup], 2)


@implements(np.column_stack)
@_one_list
def column_stack(tup: Sequence[Operand]) -> Tensor:
    """The tensors as columns: joined along axis 1, a vector counting as one column.

    Raises:
        ShapeError: if the sizes of the other axes differ, or there is no tensor.

    >>> import tinygrad_edu as tg
    >>> tg.column_stack([tg.zeros(3), tg.zeros(3, 2)]).shape
    (3, 3)
    """
    return cat([x.reshape(-1, 1) if len(x.shape) < 2 else x for x in tup], 1)
