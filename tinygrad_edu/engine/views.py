"""Which tensors look at the same memory, and how: so that a write to one can be seen through all of them.

NumPy's views share memory by themselves, which is all that a write to that memory needs. A *recorded* write
computes a new array (see `writes`), and must then take along every tensor that looked at the old one. So each
op that makes views notes what it made: the memory, and the step that leads to the view.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from .graph import TensorBase

_new = object.__new__
_ref = weakref.ref


# The steps that lead from a whole memory to a view, the last one first: ``call(x, *rest)``, and of several results the
# one at `piece`; None for the whole.
Path: TypeAlias = "tuple[Path, Callable[..., Any], tuple[Any, ...], int | None] | None"


class Memory:
    """One memory, and the tensors that look at it.

    Attributes:
        array: the whole of it, as the tensor has it that was there first.
        views: weak references to all of these tensors, that one included.
        limit: how many they may become before those that are gone are taken out.
    """

    __slots__ = ("array", "limit", "views")

    def __init__(self, array: Any) -> None:
        self.array: Any = array
        self.views: list[weakref.ref[TensorBase]] = []
        self.limit: int = 8

    def __contains__(self, tensor: TensorBase) -> bool:
        view = view_of(tensor)
        return view is not None and view.memory is self and view.array is tensor.array

    def tensors(self) -> list[TensorBase]:
        """The tensors that still look at it."""
        alive = [reference() for reference in self.views]
        return [tensor for tensor in alive if tensor is not None and tensor in self]

    def tidy(self) -> None:
        """Take out what is gone; the more are left, the later that is done again."""
        self.views = [reference for reference in self.views if reference() is not None]
        self.limit = 2 * len(self.views) + 8


class View:
    """How a tensor looks at the memory that it shares.

    Attributes:
        memory: that memory.
        path: the steps from there.
        array: what that gave, which is the tensor's array, unless somebody has put another one there.
        base: the tensor that this one has its history from; None if it has one of its own.
        blind: whether it was made under `no_grad` from a tensor in a graph, which would not learn of a write.
    """

    __slots__ = ("array", "base", "blind", "memory", "path")
    memory: Memory
    path: Path
    array: Any
    base: TensorBase | None
    blind: bool


class Look:
    """The steps to a view, from the whole memory or from another view on the way, as one function.

    It takes arrays and tensors alike.
    """

    __slots__ = ("steps",)

    def __init__(self, view: View, since: View | None = None) -> None:
        self.steps: list[Any] = []
        path, end = view.path, None if since is None else since.path
        while path is not end and path is not None:
            path, *step = path
            self.steps.append(step)
        self.steps.reverse()

    def __call__(self, x: Any) -> Any:
        for call, rest, piece in self.steps:
            x = call(x, *rest)
            if piece is not None:
                x = x[piece]
        return x


def view_of(tensor: TensorBase) -> View | None:
    """How `tensor` shares its memory; None if nobody else has looked at it."""
    return getattr(tensor, "view_", None)


def keep(tensor: TensorBase, of: TensorBase, call: Any, rest: tuple[Any, ...], piece: int | None = None) -> None:
    """Note how an op made `tensor` from `of`, if it is a view of its memory. Written out: every view passes here."""
    array = tensor.array
    owner = array.base
    if owner is None or (owner is not of.array and owner is not of.array.base):
        return
    try:
        parent = of.view_
        if parent.array is not of.array:  # somebody has put another array into the tensor
            parent = _first(of)
    except AttributeError:
        parent = _first(of)
    view = _new(View)
    view.memory = memory = parent.memory
    view.path = (parent.path, call, rest, piece)
    view.array = array
    if tensor.source is None and (of.source is not None or parent.blind):
        view.base = None  # what is not in the graph must not keep it alive
        view.blind = True
    else:
        view.base = of if parent.base is None else parent.base
        view.blind = False
    tensor.view_ = view
    memory.views.append(_ref(tensor))
    if len(memory.views) > memory.limit:
        memory.tidy()


def share(tensor: TensorBase, of: TensorBase) -> None:
    """Note that `tensor` holds the same array as `of`, with a history of its own: as `detach` makes them."""
    parent = view_of(of)
    if parent is None or parent.array is not of.array:
        parent = _first(of)
    _own(tensor, parent.memory, _straight(parent))


def leave(tensor: TensorBase) -> None:
    """Note that `tensor` is about to get another memory."""
    if view_of(tensor) is not None:
        del tensor.view_


def read_only_if_shared(array: Any, others: Iterable[Any]) -> Any:
    """The array; as one that cannot be written to, if it lies in the memory of another one.

    For results of functions that are not known to give views: a write to one would not reach the other.
    """
    if any(isinstance(other, np.ndarray) and np.may_share_memory(array, other) for other in others):
        array = array.view()
        array.flags.writeable = False
    return array


def _first(tensor: TensorBase) -> View:
    return _own(tensor, Memory(tensor.array), None)


def _own(tensor: TensorBase, memory: Memory, path: Path) -> View:
    """A tensor that has a history of its own."""
    view = tensor.view_ = _new(View)
    view.memory, view.path, view.array, view.base, view.blind = memory, path, tensor.array, None, False
    memory.views.append(_ref(tensor))
    if len(memory.views) > memory.limit:
        memory.tidy()
    return view


def _straight(view: View) -> Path:
    """The path of a view in one step, where it is for numbers alone: so a state that is detached and reshaped in
    each round of a loop does not get a longer one in each."""
    whole, array = view.memory.array, view.array
    if view.path is None or not array.size or not whole.flags.c_contiguous:
        return view.path
    offset = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return None, _at, (offset, array.shape, array.strides), None


def _at(whole: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    return np.ndarray(shape, whole.dtype, whole, offset, strides)
