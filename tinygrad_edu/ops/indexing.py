"""Indexing: reading and writing with everything that NumPy takes between square brackets.

The derivative of reading is adding: each number read sends its gradient back to the place it was read
from, and a place that was read twice gets the sum of both. `_getitem` and `_put_add` are each other's rule,
so derivatives of any order come by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..dtypes import Array, float16, float32
from ..engine.graph import TensorBase, array_of
from ..engine.observing import watched
from ..engine.primitives import Operand, primitive
from ..engine.recording import make_tensor
from ..engine.views import keep
from ..errors import ShapeError, refuse_mask
from ..sample_rules.contributions import Moved
from ..sample_rules.families import Custom, Moving, Overwriting
from ..sample_rules.ids import NOBODY, Use, of_positions, simplify
from ..sample_rules.rule import Makes
from .arguments import broadcasts_to, on_axis

if TYPE_CHECKING:
    from ..engine.typing import Tensor

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
    refuse_mask(index, "an index")
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


class _Reading(Moving):
    """Reading by index: slices and rows have fast paths, everything else moves the numbers of the places."""

    makes = Makes.FORM

    def ids_of(self, node: Any, ids: Any) -> Any:
        x, index = node.inputs[0], node.args[1]
        if ids.size > 1:
            parts = index if type(index) is tuple else (index,)
            if all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts):
                return [_owners_of_slices(x.shape, parts, ids)]
            whole = isinstance(index, np.ndarray) and index.dtype.kind != "b"
            if whole and all(n == 1 for n in ids.shape[index.ndim :]):
                rows = ids.reshape(ids.shape[: index.ndim])
                found = of_positions(rows, index % max(x.shape[0], 1), x.shape[:1])
                return [found if isinstance(found, Use) else found.reshape(found.shape + (1,) * (len(x.shape) - 1))]
        return super().ids_of(node, ids)

    def permutes(self, node: Any) -> bool:
        return not may_repeat(node.args[1])

    def looks_up(self, node: Any) -> bool:
        return may_repeat(node.args[1])

    def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Any) -> Moved:
        x, index = node.inputs[0], node.args[1]
        if isinstance(index, np.ndarray) and index.dtype.kind != "b":
            return Moved(index % max(x.shape[0], 1), len(x.shape) - 1)
        return Moved(positions(x.shape, index).reshape(node.shape), 0)


def _owners_of_slices(shape: tuple[int, ...], parts: tuple[Any, ...], ids: Any) -> Any:
    """The ids of an array of `shape`; what is not read belongs to the one who reads beside it."""
    taken = sum([part is not None and part is not Ellipsis for part in parts])
    filled: list[Any] = []
    for part in parts if Ellipsis in parts else (*parts, Ellipsis):
        filled += [slice(None)] * (len(shape) - taken) if part is Ellipsis else [part]
    # An axis that the index took away comes back, one that it put in goes.
    ids = ids[tuple([0 if p is None else None if isinstance(p, int) else slice(None) for p in filled])]
    for axis, part in enumerate([p for p in filled if p is not None]):
        if ids.shape[axis] != 1 and part != slice(None):
            full = np.full((*ids.shape[:axis], shape[axis], *ids.shape[axis + 1 :]), NOBODY)
            full[on_axis(axis, part)] = ids
            ids = full
    return ids


@primitive(
    vjps=(_getitem_rule,),
    saves=("index",),
    fresh=True,
    name="getitem",
    cases=_draw_cases,
    samples=_Reading(),
    view=True,
)
def _getitem(x: Operand, index: Any) -> Operand:
    found = x[index]
    if isinstance(found, np.generic) and isinstance(x, np.ndarray):
        return x[(*index, ...) if type(index) is tuple else (index, ...)]  # one number, as a view of its place
    return found


def _put_add_owners(node: Any, ids: Any) -> list[Any]:
    """Each element went to one place, whatever else was added there."""
    found = np.asarray(np.broadcast_to(ids, node.shape)[node.args[2]])
    return [simplify(found.reshape(node.inputs[0].shape))]


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
    samples=Custom(_put_add_owners),
)
def _put_add(x: Operand, shape: tuple[int, ...], index: Any) -> Operand:
    """Zeros of `shape` to which `x` was added at `index`, as often as a place occurs there."""
    if not may_repeat(index):
        out = np.zeros(shape, x.dtype)
        out[index] = x
        return out
    out = np.zeros(shape, float32 if x.dtype is float16 else x.dtype)  # where small terms do not get lost
    np.add.at(out.reshape(-1), positions(shape, index), x.reshape(-1))
    return out.astype(x.dtype, copy=False)


def getitem(x: Operand, index: Any) -> Tensor:
    """`x[index]`: basic indices give views; arrays, lists and masks give copies."""
    if type(index) is int and isinstance(x, TensorBase) and x.source is None and not watched:
        return _row(x, index)
    return _getitem(x, plain_index(index))


def _row(x: TensorBase, index: int) -> Tensor:
    """`_getitem` of a constant and one number, in a third of the time: datasets are read in this way."""
    array = x.array
    if type(array) is not np.ndarray:
        return _getitem(x, index)
    try:
        row = make_tensor(array[index, ...], None)
    except IndexError:
        return _getitem(x, index)  # which explains it
    keep(row, x, _getitem, (index,))
    return row


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


def _positions_written(node: Any) -> Array:
    places = np.arange(math.prod(node.shape)).reshape(node.shape)
    return np.asarray(places[node.args[1]])


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
    samples=Overwriting(_positions_written, value=2),
)
def _set_item(x: Operand, index: Any, value: Operand) -> Operand:
    out = np.array(x, order="K")  # views of it are then what they were of x
    out[index] = value
    return out


def overwritten(x: Operand, value: Operand, look: Callable[[Any], Any]) -> Array:
    """A copy of the array `x` with `value` where `look` looks."""
    out = np.array(x, order="K")
    view = look(out)
    if np.may_share_memory(view, out):
        view[...] = value
    else:  # in this order in memory, what was a view is none
        out = np.array(x, order="C")
        out.reshape(-1)[look(np.arange(out.size).reshape(out.shape))] = value
    return out


def _positions_looked_at(node: Any) -> Array:
    return np.asarray(node.args[2](np.arange(math.prod(node.shape)).reshape(node.shape)))


def _overwritten_rule(g: Any, out: Any, x: Any, value: Any, look: Any) -> Any:
    return _overwrite(g, 0.0, look)


@primitive(
    vjps=(_overwritten_rule, lambda g, out, x, value, look: look(g), None),
    saves=("look", "look", ""),
    name="overwrite",
    cases=lambda draw: [
        (draw(4, 3), draw(3), lambda x: x[1]),
        (draw(4, 3), draw(3, 2), lambda x: x.T[:, ::2]),
        (draw(2, 3), draw(2), lambda x: x.T.reshape(-1)[1:5:2]),
        (draw(0, 2), draw(0), lambda x: x[:, 0]),
    ],
    samples=Overwriting(_positions_looked_at, value=1),
)
def _overwrite(x: Operand, value: Operand, look: Callable[[Any], Any]) -> Operand:
    return overwritten(x, value, look)


def check_value(x: Any, index: Any, value: Any, op: str = "x[index] = value") -> None:
    """Raise unless `value` broadcasts to what `index` (in NumPy's terms) selects from the array `x`."""
    shape = np.shape(value)
    if not shape:
        return
    selected = x[index].shape
    wanted = tuple(shape)
    while len(wanted) > len(selected) and wanted[0] == 1:
        wanted = wanted[1:]
    if not broadcasts_to(wanted, selected):
        raise ShapeError(
            f"{op}: the value has shape {tuple(shape)}, and the index selects shape {selected} of a "
            f"tensor of shape {x.shape}. Nothing was changed"
        )


def set_item(x: Operand, index: Any, value: Operand) -> Tensor:
    """A copy of `x` with `value` at `index`.

    Where the index names a place more than once, the last value wins, and the gradient goes to it.

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
    check_value(array_of(x), index, value, "set_item")
    return _set_item(x, index, value)
