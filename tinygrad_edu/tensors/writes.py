"""In-place changes: how they are written into a tensor.

Three cases, which `_recorded` tells apart:

- Nothing here wants a gradient, or recording is off (`no_grad`): the numbers are overwritten in their memory,
  and the clock of changes advances, so that a graph that had saved them raises an error instead of being wrong.
- A gradient is wanted, and `x` is a result or a constant: the change is recorded like any op. A new array is
  computed and the tensor takes it over, together with all tensors that look at the same memory (`views`): a write
  to a view is a write to its base. Earlier users still have the old array, and gradients are right for both.
- `x` is a leaf that requires a gradient, or a view of one: an error, because the values at which its gradient
  is taken would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..autograd.retained import follow
from ..dtypes import Array
from ..engine.graph import Leaf, TensorBase, array_of
from ..engine.observing import mode
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..engine.versions import mark_changed
from ..engine.views import Look, view_of
from ..errors import DtypeError, GraphError, ShapeError, explain, refuse_mask
from ..ops import indexing as index
from ..ops import joining as join

T = TypeVar("T", bound=TensorBase)


def _recorded(x: TensorBase, operands: tuple[Any, ...], label: str) -> bool:
    """Whether the change must be recorded; raises where it cannot be."""
    if not mode.recording or x.array.dtype.kind != "f":  # no gradient passes through integers
        return False
    view, base = view_of(x), _base(x)
    if isinstance(base.source, Leaf):
        what = "" if base is x else f"a view, of shape {x.array.shape}, of "
        raise GraphError(
            f"{label} on {what}a leaf of shape {base.array.shape} that requires a gradient: its gradient would be "
            "taken at values that are gone. Change it inside `with tg.no_grad():`, or change a copy, x.clone()"
        )
    if view is not None and view.blind:
        raise GraphError(
            f"{label} on a view of shape {x.array.shape} that was made under no_grad(), of a tensor in a graph, which "
            "would not learn of the change. Make the view outside of no_grad(), or change a copy, x.clone()"
        )
    return x.source is not None or any(isinstance(y, TensorBase) and y.source is not None for y in operands)


def _base(x: TensorBase) -> TensorBase:
    """The tensor that `x` has its history from: itself, if it is not a view."""
    view = view_of(x)
    return x if view is None or view.base is None else view.base


def _take_over(x: Any, new: Any, label: str) -> None:
    """Let `x` be what `new` is, if that has the shape of `x`, in the dtype of `x`, and all its views with it."""
    if new.array.shape != x.array.shape:
        raise _wrong_shape(label, x.array, new.array.shape)
    _require_cast(label, new.array.dtype, x.array.dtype)
    if new.array.dtype != x.array.dtype:
        new = new.astype(x.array.dtype)
    view = view_of(x)
    alone = view is None or x not in view.memory
    moves = [(x, new.array, new.source)] if alone else _moves(x, new)
    for tensor, array, source in moves:
        follow(tensor.source, source)
        tensor.array, tensor.source = array, source
        if not alone:
            tensor.view_.array = array


def _moves(x: Any, new: Any) -> list[tuple[Any, Array, Any]]:
    """For every tensor that looks at the memory of `x`: the array and the source it gets when `x` becomes `new`.

    All arrays are views of one new memory. Tensors that have their history from the same base as `x` get a new
    one; others, such as those that were detached, see the numbers alone.
    """
    own: Any = view_of(x)
    memory, base = own.memory, own.base
    if base is None or base not in memory:  # a base that has got another memory since leaves its views to themselves
        base = x
    else:
        new = index._overwrite(base, new, Look(own, base.view_))
    whole = index.overwritten(memory.array, new.array, Look(base.view_))
    moves = []
    for tensor in memory.tensors():
        view: Any = view_of(tensor)
        source = tensor.source
        if tensor is base:
            source = new.source
        elif view.base is base:
            source = Look(view, base.view_)(new).source
        moves.append((tensor, Look(view)(whole), source))
    memory.array = whole
    return moves


def _writable(x: TensorBase, operands: tuple[Any, ...], label: str) -> Array:
    """The array of `x`, if it may be written to, and what is written has no mask to be lost."""
    for operand in operands:
        refuse_mask(operand, label)
    array: Array = x.array
    if not array.flags.writeable:
        raise ValueError(
            f"{label} on a tensor of shape {array.shape} whose memory cannot be written to: one number "
            "may be in many places (an expanded tensor), view() may have had to copy, or the array is read-only. "
            "Change a copy, x.clone()"
        )
    return array


def change(x: T, label: str, function: np.ufunc, *others: Operand) -> T:
    """`x = function(x, *others)`, in place."""
    array = _writable(x, others, label)
    if _recorded(x, others, label):
        _take_over(x, function(x, *others), label)
        return x
    values = [array_of(y) for y in others]
    try:
        function(array, *values, out=array, casting="same_kind")
    except TypeError as error:
        _require_cast(label, _result_dtype(function, array, values), array.dtype)
        raise explain(label, (array, *values), error) from error
    except ValueError as error:
        if others and (shape := _result_shape(array, values)) != array.shape:
            raise _wrong_shape(label, array, np.shape(values[0]) if shape is None else shape) from None
        raise explain(label, (array, *values), error) from error
    mark_changed(array)
    return x


def _result_dtype(function: np.ufunc, array: Array, values: list[Any]) -> np.dtype[Any]:
    """The dtype that the function gives; that of `array` if it gives none."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(array, *values)).dtype
    except (TypeError, ValueError):
        return array.dtype


def _result_shape(array: Array, values: list[Any]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(array.shape, *[np.shape(v) for v in values])
    except ValueError:
        return None


def replace(x: T, label: str, function: Callable[..., Any], *others: Operand) -> T:
    """`x = function(x, *others)`, in place, for a function that has no `out=`."""
    array = _writable(x, others, label)
    if _recorded(x, others, label):
        _take_over(x, function(x, *others), label)
        return x
    plain = [make_tensor(y.array, None) if isinstance(y, TensorBase) else y for y in (x, *others)]
    new = function(*plain).array
    if new.shape != array.shape:
        raise _wrong_shape(label, array, new.shape)
    _require_cast(label, new.dtype, array.dtype)
    array[...] = new
    mark_changed(array)
    return x


def assign(x: T, key: Any, value: Operand, label: str) -> T:
    """`x[key] = value`."""
    key = index.plain_index(key)
    if isinstance(value, list | tuple):
        if mode.recording and any(isinstance(v, TensorBase) and v.source is not None for v in value):
            value = join.stack(value)
        else:
            value = np.asarray([array_of(v) for v in value])
    array, recorded = _writable(x, (value,), label), _recorded(x, (value,), label)
    try:
        if recorded:
            if _stands_there(value, x, key):
                return x
            index.check_value(array, key, value, label)
            _take_over(x, index._set_item(x, key, value), label)
            return x
        array[key] = array_of(value)
    except (TypeError, ValueError, IndexError) as error:
        if not isinstance(error, ShapeError) and not isinstance(error, IndexError):
            index.check_value(array, key, value, label)
        raise explain(label, (array, key, value), error) from error
    mark_changed(array)
    return x


def _stands_there(value: Operand, x: TensorBase, key: Any) -> bool:
    """Whether `value` is what `x` has at `key` already: Python writes ``x[key] += y`` back when that is done.

    The numbers of a tensor that was detached are the same, but they have another history.
    """
    if not isinstance(value, TensorBase) or view_of(value) is None or _base(value) is not _base(x):
        return False
    part = x.array[key]
    return bool(np.may_share_memory(part, value.array)) and (
        part.__array_interface__ == value.array.__array_interface__
    )


def _require_cast(label: str, have: np.dtype[Any], wanted: np.dtype[Any]) -> None:
    if not np.can_cast(have, wanted, "same_kind"):
        raise DtypeError(
            f"{label}: the result has dtype {have}, which does not fit into this tensor's {wanted}. "
            f"Convert the tensor first, as in x = x.to({have}), or the other operand. Nothing was changed"
        )


def _wrong_shape(label: str, array: Array, shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        f"{label}: a tensor of shape {array.shape} cannot take in shape {shape}: the result must keep "
        "the tensor's shape. Write x = x + y to get a new tensor. Nothing was changed"
    )
