"""Observers: watching a thread compute, and whether it records what it computes; one seam for both.

An observer has two ways of seeing. `around` is called in place of each computation on arrays:
``around(kind, op, fn, args)`` calls ``fn(*args)`` once and returns what that gives. `recorded` is told of each
new node. What watches the engine (a tape, the search for the first NaN, a profiler) needs nothing else of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .graph import Node


class _Mode(threading.local):
    """What holds in a thread: whether calls are recorded, and its observers, the outermost first."""

    recording: bool = True
    observers: tuple[_Place, ...] = ()
    telling: bool = False  # whether an observer is just being told of a node


mode: _Mode = _Mode()

watched: list[Any] = []
"""An entry for each active observer, in any thread: when it is empty, looking costs an op almost nothing."""


class Observer:
    """Sees what the engine does and passes it on. Subclasses look at it.

    Whatever an observer calls itself in `recorded` is not observed.
    """

    def around(self, kind: str, op: Any, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Compute ``fn(*args)``, once, and return it.

        Args:
            kind: "forward", an op applied to arrays; "backward", the derivative rules of a node, which take the
                gradient of its result, the result and the arguments; "random", numbers that are drawn.
            op: the op; of random numbers the name of the distribution, as NumPy's generators call it.
            fn: the computation. It reads and writes no arrays but those that it is given and returns.
            args: arrays and plain values. In a backward pass that is recorded itself they may be tensors, and
                for an op with several results the gradient is a `Cotangents`.
        """
        return fn(*args)

    def recorded(self, node: Node, operands: tuple[Any, ...], out: Any) -> None:
        """A call was recorded: its node, what the op was given, and the array or the tuple of arrays it gave."""


class _Place:
    """An active observer. Blocks may end in another order than they began, or in another thread."""

    __slots__ = ("ended", "observer")

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.ended = False


@contextmanager
def under(observer: Observer) -> Iterator[None]:
    """Let `observer` see what this thread computes inside the block."""
    place = _Place(observer)
    mode.observers = (*mode.observers, place)
    watched.append(place)
    try:
        yield
    finally:
        place.ended = True
        watched.remove(place)
        mode.observers = tuple([other for other in mode.observers if not other.ended])


def _present() -> list[Observer]:
    """The observers of this thread, the innermost first."""
    return [] if mode.telling else [place.observer for place in reversed(mode.observers) if not place.ended]


class _Listener(Observer):
    def __init__(self, fn: Callable[[Node, tuple[Any, ...], Any], None]) -> None:
        self._fn = fn

    def recorded(self, node: Node, operands: tuple[Any, ...], out: Any) -> None:
        self._fn(node, operands, out)


def observing(fn: Callable[[Node, tuple[Any, ...], Any], None]) -> Any:
    """Context manager: call ``fn(node, operands, out)`` for each op that is recorded inside.

    It belongs to the thread, may be nested, and stays through `no_grad` and `enable_grad`; what is not recorded is
    not seen.

    Args:
        fn: is given the node of the graph, what the op was called with (tensors, arrays, numbers), and the array
            that it gave; an op with several results is seen once, with the tuple of them. It may raise.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.autograd.observing(lambda node, operands, out: print(node.op.name, out)):
    ...     y = (x * 3).sum()
    mul [3. 6.]
    sum 9.0
    """
    return under(_Listener(fn))


def computed(kind: str, op: Any, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """``fn(*args)``, seen by the observers of this thread."""
    for observer in _present():
        fn = partial(_around, observer, kind, op, fn)
    return fn(*args)


def _around(observer: Observer, kind: str, op: Any, fn: Callable[..., Any], *args: Any) -> Any:
    return observer.around(kind, op, fn, args)


def tell_of(node: Node, operands: tuple[Any, ...], out: Any) -> None:
    """Tell the observers of this thread of a node, the innermost first."""
    observers = _present()
    if not observers:
        return
    mode.telling = True
    try:
        for observer in observers:
            observer.recorded(node, operands, out)
    finally:
        mode.telling = False
