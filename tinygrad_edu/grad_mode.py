"""Switching the recording of the graph off and on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

from .graph import Node
from .recording import mode

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]


class set_grad_enabled(ContextDecorator):
    """Context manager and decorator: record the graph, or do not, as `enabled` says.

    The state belongs to the thread, and comes back when the block is left, by an error too.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._before: list[bool | Callable[[Node, Any], None]] = []

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        # An anomaly detector that is at work stays at work: it is a way of recording.
        mode.recording = (mode.recording or True) if self.enabled else False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.recording = self._before.pop()


class no_grad(set_grad_enabled):
    """Context manager and decorator: compute without recording the graph.

    Leaves may be changed in place inside, as an optimizer does.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).backward()
    >>> with tg.no_grad():
    ...     w -= 0.1 * w.grad
    >>> w
    tensor([0.8, 1.6], requires_grad=True)
    """

    def __init__(self) -> None:
        super().__init__(False)


class inference_mode(no_grad):
    """The same as `no_grad`, under PyTorch's other name."""


class enable_grad(set_grad_enabled):
    """Context manager and decorator: record the graph again, inside `no_grad`.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)


def is_grad_enabled() -> bool:
    """Whether computations on tensors that require a gradient are being recorded.

    >>> import tinygrad_edu as tg
    >>> tg.is_grad_enabled()
    True
    """
    return bool(mode.recording)
