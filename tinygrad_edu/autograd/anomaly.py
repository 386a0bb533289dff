"""Anomaly detection: which op made the first NaN or infinity, and on which line of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, ExitStack
from types import TracebackType
from typing import Any

import numpy as np

from ..engine.backprop import by_rules
from ..engine.callsite import line_of, users_frame
from ..engine.graph import Cotangents, Node, array_of
from ..engine.observing import observing
from ..errors import AnomalyError

__all__ = ["detect_anomaly"]


class detect_anomaly(ContextDecorator):
    """Context manager and decorator: raise an error where the first NaN or infinity appears.

    Inside, each op on tensors that require a gradient remembers the line of your code that made it. A result
    that is not finite raises at once; so does a gradient in a backward pass over what was computed inside.
    An infinity that an op was given, such as the -inf of a mask, did not begin there, and is allowed.

    Checking every number costs time: use it only when something is wrong. Switched off it costs nothing.

    Raises:
        AnomalyError: naming the op, the file, the line and the line's code.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 0.0], requires_grad=True)
    >>> with tg.detect_anomaly():
    ...     tg.log(x)
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.AnomalyError: log: the first inf is in its result, at index (1,) of shape (2,)
      made at <doctest ...>:2: tg.log(x)
    """

    def __init__(self) -> None:
        self._inside: list[ExitStack] = []

    def __enter__(self) -> None:
        inside = ExitStack()
        inside.enter_context(np.errstate(all="ignore"))  # NumPy's warnings would only come before the error
        inside.enter_context(observing(_look_at))
        self._inside.append(inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.pop().close()


def _look_at(node: Node, operands: tuple[Any, ...], out: Any) -> None:
    """Remember the line that made a node, look at its result, and have its gradients looked at."""
    node.where = line_of(users_frame(sys._getframe(1)))
    for part in out if isinstance(out, tuple) else (out,):
        problem = _problem(part)
        if problem == "inf" and any(np.isinf(value).any() for value in _numbers(operands)):
            continue
        if problem:
            given = any(np.isnan(value).any() for value in _numbers(operands))
            hint = "\n  one of its arguments has NaN already: look at the data" if problem == "nan" and given else ""
            raise AnomalyError(
                f"{node.op.name}: the first {problem} is in its result, {_place(part)}\n  made at {node.where}{hint}"
            )
    node.op = _Watched(node.op, node.where)


class _Watched:
    """An op whose rules are checked: it replaces the op in the nodes that are made inside."""

    def __init__(self, op: Any, where: str) -> None:
        self._op = op
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._op, name)

    def joint(self, g: Any, out: Any, *args: Any, needs: Sequence[Any]) -> Any:
        """The gradients of all arguments, by the op's own rules."""
        op = self._op
        for part in g.parts if isinstance(g, Cotangents) else (g,):
            if part is not None and _problem(part):
                raise self._error("the incoming gradient", part)
        parts = by_rules(op, needs, g, out, *args)
        for index, part in enumerate(parts):
            if needs[index] is not None and part is not None and _problem(part):
                raise self._error(f"the gradient of its argument {index}", part)
        return parts

    def _error(self, what: str, array: Any) -> AnomalyError:
        return AnomalyError(
            f"backward of {self._op.name}: the first {_problem(array)} is in {what}, {_place(array)}\n"
            f"  the op was made at {self._where}"
        )


def _problem(value: Any) -> str:
    """Which of "nan" and "inf" is in an array or tensor; empty if neither is."""
    array = array_of(value)
    if getattr(getattr(array, "dtype", None), "kind", "") != "f" or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"


def _place(value: Any) -> str:
    array = array_of(value)
    test: Callable[[Any], Any] = np.isnan if np.isnan(array).any() else np.isinf
    index = tuple(int(i) for i in np.argwhere(test(array))[0])
    return f"at index {index} of shape {array.shape}" if index else "a 0-d tensor"


def _numbers(operands: tuple[Any, ...]) -> Iterator[Any]:
    """The floating numbers among what a call was given."""
    for operand in operands:
        for value in operand if isinstance(operand, tuple | list) else (operand,):
            array = array_of(value)
            if isinstance(array, float) or (isinstance(array, np.ndarray) and array.dtype.kind == "f"):
                yield array
