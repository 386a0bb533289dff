"""Gradient modes: switching the recording of the graph off and on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

import numpy as np

from ..engine.observing import mode

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


class Recording(ContextDecorator):
    """Context manager and decorator: record the graph, or do not, as `enabled` says.

    Attributes:
        enabled: whether the graph is recorded inside.
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self.enabled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.recording = self._before.pop()

    def __call__(self, func: F) -> F:
        """Decorate a function, or a generator function: what its caller does between steps is unaffected."""
        if not inspect.isgeneratorfunction(func):
            return super().__call__(func)

        @functools.wraps(func)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            steps = func(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(next, steps)
            try:
                while True:
                    with self._recreate_cm():
                        value = resume()
                    try:
                        resume = functools.partial(steps.send, (yield value))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        resume = functools.partial(steps.throw, error)
            except StopIteration as end:
                return end.value
            finally:
                with self._recreate_cm():
                    steps.close()

        return cast("F", generator)

    def _recreate_cm(self) -> Recording:
        return Recording(self.enabled)  # each call has its own: calls may overlap in several threads


class set_grad_enabled(Recording):
    """Record the graph, or do not, as `enabled` says: a function, a context manager and a decorator.

    Called as a function, it applies from then on. As a context manager, it applies inside the block; the former
    state is restored when the block is left, also by an error. The state belongs to the thread.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, enabled: bool) -> None:
        if not isinstance(enabled, bool | np.bool_):
            raise TypeError(f"set_grad_enabled() takes True or False, got {enabled!r}")
        super().__init__(bool(enabled))
        self._at_start: list[bool] = [mode.recording]
        mode.recording = bool(enabled)

    def __enter__(self) -> None:
        self._before.append(self._at_start.pop() if self._at_start else mode.recording)
        mode.recording = self.enabled

    def __call__(self, func: F) -> F:
        """Decorate a function; nothing changes outside of it."""
        if self._at_start:
            mode.recording = self._at_start.pop()
        return super().__call__(func)


class _Fixed(Recording):
    """A mode whose name says what applies inside. As a decorator it may be written without parentheses."""

    _inside = True

    @overload
    def __new__(cls, func: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> Self: ...
    def __new__(cls, *args: Any, **options: Any) -> Any:
        if not (args or options) or cls.__init__ is not _Fixed.__init__:  # a subclass says itself what it takes
            return super().__new__(cls)
        if options or len(args) > 1 or not callable(args[0]):
            given = ", ".join(map(repr, [*args, *options.values()]))
            raise TypeError(f"{cls.__name__}({given}): takes nothing, or the function that it decorates")
        return cls()(args[0])

    def __init__(self) -> None:
        super().__init__(self._inside)


class no_grad(_Fixed):
    """Context manager and decorator (with parentheses or without): compute without recording the graph.

    Leaves may be changed in place inside, as an optimizer does.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).backward()
    >>> with tg.no_grad():
    ...     w -= 0.1 * w.grad
    >>> w
    tensor([0.8, 1.6], requires_grad=True)
    """

    _inside = False


class inference_mode(no_grad):
    """The same as `no_grad`, under PyTorch's other name.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> with tg.inference_mode():
    ...     (x * x).requires_grad
    False
    """


class enable_grad(_Fixed):
    """Context manager and decorator: record the graph again, inside `no_grad`.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     (x * 2).requires_grad
    True
    """


def is_grad_enabled() -> bool:
    """Whether computations on tensors that require a gradient are being recorded.

    >>> import tinygrad_edu as tg
    >>> tg.is_grad_enabled()
    True
    """
    return mode.recording
