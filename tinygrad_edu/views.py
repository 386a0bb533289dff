"""Which tensors look at the same memory, and how: so that a write to one can be seen through all of them.

NumPy's views share memory by themselves, which is all that a write to that memory needs. A *recorded* write
computes a new array (see `inplace`), and must then take along every tensor that looked at the old one. So each
op that makes views notes what it made: the memory, and the step that leads to the view.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recording import TensorBase

__all__ = ["Look", "Memory", "View", "keep", "leave", "share", "view_of"]

_new = object.__new__
_ref = weakref.ref


class Memory:
    """One memory, and the tensors that look at it.

    Attributes:
        array: the whole of it, as the tensor has it that was there first.
        owner: the array that NumPy names as the base of its views.
        views: weak references to all of these tensors, that one included.
        limit: how many they may become before those that are gone are taken out.
    """

    __slots__ = ("array", "limit", "owner", "views")

    def __init__(self, array: Any) -> None:
        self.hold(array)
        self.views: list[weakref.ref[TensorBase]] = []
        self.limit: int = 8

    def hold(self, array: Any) -> None:
        """Be the memory of `array`."""
        self.array: Any = array
        self.owner: Any = array if array.base is None else array.base

    def __contains__(self, tensor: TensorBase) -> bool:
        view = view_of(tensor)
        return view is not None and view.memory is self and _looks_at(self, tensor.array)

    def tensors(self) -> list[TensorBase]:
        """The tensors that look at it still."""
        alive = [reference() for reference in self.views]
        return [tensor for tensor in alive if tensor is not None and tensor in self]

    def tidy(self) -> None:
        """Take out what is gone; the more are left, the later that is done again."""
        self.views = [_ref(tensor) for tensor in self.tensors()]
        self.limit = 2 * len(self.views) + 8


class View:
    """How a tensor looks at the memory that it shares.

    Attributes:
        memory: that memory.
        parent: how the tensor looked that this one was made from; None for the tensor that was there first.
        step: how it was made from that: ``call(x, *rest)``, and of several results the one at `piece`.
        base: the tensor that this one has its history from; None if it has one of its own.
        blind: whether it was made under `no_grad` from a tensor in a graph, which would not learn of a write.
    """

    __slots__ = ("base", "blind", "memory", "parent", "step")
    memory: Memory
    parent: View | None
    step: tuple[Callable[..., Any], tuple[Any, ...], int | None] | None
    base: TensorBase | None
    blind: bool


class Look:
    """The steps to a view, from the whole memory or from another view on the way, as one function.

    It takes arrays and tensors alike.
    """

    __slots__ = ("steps",)

    def __init__(self, view: View | None, since: View | None = None) -> None:
        self.steps: list[Any] = []
        while view is not None and view is not since:
            if view.step is not None:
                self.steps.insert(0, view.step)
            view = view.parent

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
    owner = tensor.array.base
    if owner is None or (owner is not of.array and owner is not of.array.base):
        return
    try:
        parent = of.view_
        if parent.memory.owner is not owner:  # somebody has put another array into the tensor
            parent = _first(of)
    except AttributeError:
        parent = _first(of)
    view = _new(View)
    view.memory = memory = parent.memory
    view.parent = parent
    view.step = (call, rest, piece)
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
    if parent is None or not _looks_at(parent.memory, of.array):
        parent = _first(of)
    _own(tensor, parent.memory, parent)


def leave(tensor: TensorBase) -> None:
    """Note that `tensor` is about to get another memory."""
    if view_of(tensor) is not None:
        del tensor.view_


def _looks_at(memory: Memory, array: Any) -> bool:
    return array is memory.array or array is memory.owner or array.base is memory.owner


def _first(tensor: TensorBase) -> View:
    return _own(tensor, Memory(tensor.array), None)


def _own(tensor: TensorBase, memory: Memory, parent: View | None) -> View:
    """A tensor that has a history of its own."""
    view = tensor.view_ = _new(View)
    view.memory, view.parent, view.step, view.base, view.blind = memory, parent, None, None, False
    memory.views.append(_ref(tensor))
    if len(memory.views) > memory.limit:
        memory.tidy()
    return view
