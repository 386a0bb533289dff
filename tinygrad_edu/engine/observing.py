"""Watching a thread compute, and whether it records what it computes: the one seam for both.

An observer has two ways of seeing. `around` is called in the place of each computation on arrays:
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
    observers: tuple[Observer, ...] = ()


mode: _Mode = _Mode()

watched: list[Any] = []
"""An entry for each observer at work, in whichever thread: empty, it costs an op next to nothing to look."""


class Observer:
    """Sees what the engine does, and lets it pass. Subclasses look at it.

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


@contextmanager
def under(observer: Observer) -> Iterator[None]:
    """Let `observer` see what this thread computes inside the block."""
    before = mode.observers
    mode.observers = (*before, observer)
    watched.append(observer)
    try:
        yield
    finally:
        watched.remove(observer)
        mode.observers = before


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
    for observer in reversed(mode.observers):
        fn = partial(_around, observer, kind, op, fn)
    return fn(*args)


def _around(observer: Observer, kind: str, op: Any, fn: Callable[..., Any], *args: Any) -> Any:
    return observer.around(kind, op, fn, args)


def tell_of(node: Node, operands: tuple[Any, ...], out: Any) -> None:
    """Tell the observers of this thread of a node, the innermost first."""
    observers = mode.observers
    mode.observers = ()
    try:
        for observer in reversed(observers):
            observer.recorded(node, operands, out)
    finally:
        mode.observers = observers
