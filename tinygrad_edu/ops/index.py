"""Reading and writing by index: everything that NumPy takes between square brackets.

The derivative of reading is adding: each number read sends its gradient back to the place it was read
from, and a place that was read twice gets the sum of both. `_getitem` and `_put_add` are each other's rule,
so derivatives of any order come by themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import ShapeError
from ..primitives import Operand, primitive
from ..recording import TensorBase

if TYPE_CHECKING:
    from ..dtypes import Array
    from ..tensor import Tensor

__all__ = ["set_item"]


def plain_index(index: Any) -> Any:
    """`index` in NumPy's terms: arrays in place of Tensors, lists and ranges."""
    kind = type(index)
    if kind is int or kind is slice:
        return index
    if kind is tuple:
        return tuple([plain_index(part) for part in index])
    if isinstance(index, TensorBase):
        return index.array
    if kind is range or kind is list:
        array = np.asarray([plain_index(part) for part in index])
        return array if array.size else array.astype(np.intp)
    return index


def may_repeat(index: Any) -> bool:
    """Whether `index` may read one place twice, which takes an array of integers."""
    parts = index if type(index) is tuple else (index,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind != "b" and part.size > 1 for part in parts)


def positions(shape: tuple[int, ...], index: Any) -> Array:
    """Where in memory order the elements that `index` reads from an array of `shape` are, one after another."""
    parts = list(index) if type(index) is tuple else [index]
    while parts and _is_everything(parts[-1]):
        parts.pop()
    kept = 0  # leading axes that are read as they are
    while kept < len(parts) and _is_everything(parts[kept]):
        kept += 1
    arrays = parts[kept:]
    if not all(_is_integer_array(p) or type(p) is int or isinstance(p, np.integer) for p in arrays):
        every: Array = np.arange(math.prod(shape)).reshape(shape)
        return cast("Array", every[index].reshape(-1))
    row: Any = 0
    for part, n in zip(arrays, shape[kept:], strict=False):
        at = np.asarray(part, dtype=np.intp)
        row = row * n + np.where(at < 0, at + n, at)
    row = np.asarray(row).reshape(-1)
    inner = math.prod(shape[len(parts) :])
    if inner != 1:
        row = (row[:, None] * inner + np.arange(inner)).reshape(-1)
    if kept:
        row = (np.arange(math.prod(shape[:kept]))[:, None] * math.prod(shape[kept:]) + row).reshape(-1)
    return cast("Array", row)


def _is_everything(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def _is_integer_array(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind in "iu"


def _draw_cases(draw: Any) -> list[tuple[Any, ...]]:
    return [
        (draw(4, 3), 1),
        (draw(4, 3), (slice(None, None, -2), None, -1)),
        (draw(4, 3), (..., np.array([0, 2, 0]))),
        (draw(4, 3), np.array([[1, -1], [1, 1]])),
        (draw(4, 3), (np.array([0, 1, 1]), np.array([2, -1, -1]))),
        (draw(2, 3, 2), (np.array([1, 1]), slice(1, None), np.array([0, 0]))),
        (draw(4, 3), np.arange(12).reshape(4, 3) % 2 == 0),
        (draw(4, 3), slice(2, 2)),
        (draw(), ()),
    ]


def _getitem_rule(g: Any, out: Any, x: Any, index: Any) -> Any:
    return _put_add(g, x.shape, index)


@primitive(
    vjps=(_getitem_rule,),
    saves=("index",),
    fresh=True,
    name="getitem",
    cases=_draw_cases,
)
def _getitem(x: Operand, index: Any) -> Operand:
    return x[index]


@primitive(
    vjps=(lambda g, out, x, shape, index: _getitem(g, index),),
    saves=("index",),
    cases=lambda draw: [
        (draw(3), (4, 3), 1),
        (draw(3, 3), (4, 3), np.array([1, 1, -1])),
        (draw(2, 2), (3, 4), (slice(0, 2), np.array([3, 3]))),
        (draw(0), (2,), slice(2, 2)),
        (draw(), (2,), 0),
    ],
)
def _put_add(x: Operand, shape: tuple[int, ...], index: Any) -> Operand:
    """Zeros of `shape` to which `x` was added at `index`, as often as a place occurs there."""
    out = np.zeros(shape, x.dtype)
    if may_repeat(index):
        np.add.at(out.reshape(-1), positions(shape, index), x.reshape(-1))
    else:
        out[index] = x
    return out


def getitem(x: Operand, index: Any) -> Tensor:
    """`x[index]`: basic indices give views; arrays, lists and masks give copies."""
    return _getitem(x, plain_index(index))


def _last_writes(shape: tuple[int, ...], index: Any) -> Array:
    """Of the elements that `index` writes, which are not overwritten by a later one."""
    number = np.zeros(shape, np.intp)
    written = number[index]
    order = np.arange(written.size).reshape(written.shape)
    number[index] = order
    return np.asarray(number[index] == order)


def _value_rule(g: Any, out: Any, x: Any, index: Any, value: Any) -> Any:
    part: Any = _getitem(g, index)
    if may_repeat(index):
        part = np.where(_last_writes(x.shape, index), part, 0.0)
    surplus = len(value.shape) - len(part.shape)  # NumPy lets a value have more leading axes of size 1
    return part.reshape((1,) * surplus + part.shape) if surplus > 0 else part


def _rest_rule(g: Any, out: Any, x: Any, index: Any, value: Any) -> Any:
    return _set_item(g, index, 0.0)


@primitive(
    vjps=(_rest_rule, None, _value_rule),
    saves=("index", "", "index"),
    name="set_item",
    cases=lambda draw: [
        (draw(4, 3), 1, draw(3)),
        (draw(4, 3), (slice(None), 1), draw(1)),
        (draw(4, 3), np.array([1, 1, 2]), draw(3, 3)),
        (draw(4, 3), (slice(None), np.array([0, 2, 0])), draw(3)),
        (draw(3), slice(0, 2), draw(1, 2)),
        (draw(2), np.array([True, False]), draw()),
        (draw(0, 2), slice(None), draw(2)),
    ],
)
def _set_item(x: Operand, index: Any, value: Operand) -> Operand:
    out = x[...].copy()  # x[...] of a NumPy number, as a rule may get one, is an array
    out[index] = value
    return out


def check_value(x: Any, index: Any, value: Any, op: str = "x[index] = value") -> None:
    """Raise unless `value` broadcasts to what `index` (in NumPy's terms) selects from the array `x`."""
    shape = np.shape(value)
    if not shape:
        return
    selected = x[index].shape
    wanted = tuple(shape)
    while len(wanted) > len(selected) and wanted[0] == 1:
        wanted = wanted[1:]
    fits = len(wanted) <= len(selected)
    if not fits or any(n not in (1, m) for n, m in zip(wanted[::-1], selected[::-1], strict=False)):
        raise ShapeError(
            f"{op}: the value has shape {tuple(shape)}, and the index selects shape {selected} of a "
            f"tensor of shape {x.shape}. Nothing was changed"
        )


def set_item(x: Operand, index: Any, value: Operand) -> Tensor:
    """A copy of `x` in which `value` stands at `index`.

    Where the index names a place more than once, the last value stays, and the gradient goes to that one.

    Args:
        x: tensor of any shape.
        index: anything that `x[index]` takes.
        value: number or tensor that broadcasts to the shape of `x[index]`; converted to the dtype of `x`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ShapeError: if the value does not fit.
        IndexError: if the index is out of range.

    >>> import tinygrad_edu as tg
    >>> tg.set_item(tg.tensor([1.0, 2.0, 3.0]), 1, 9.0)
    tensor([1., 9., 3.])
    """
    index = plain_index(index)
    check_value(x.array if isinstance(x, TensorBase) else x, index, value, "set_item")
    return _set_item(x, index, value)
