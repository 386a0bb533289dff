"""Saying in which module an error arose, by its path: `'net.2'`, not just `Linear`.

This does nothing unless there is an error. When an error leaves a module's call, the module adds its part of the path;
so does each module around it, until the error is handled.
"""

from __future__ import annotations

import re
from typing import Any

from ...errors import NOTHING, DtypeError, TinygradError, foreign, outputs
from .tree import ModuleTree


def explain_call(error: Exception, module: ModuleTree[Any], args: tuple[Any, ...]) -> Exception | None:
    """A clearer error for a call of `module` with something that is not a tensor; None if `error` is clear enough."""
    if isinstance(error, TinygradError) or hasattr(error, "_place"):
        return None
    for value in args:
        reason = foreign(value)
        if isinstance(error, AttributeError | TypeError) and _speaks_of(error, value):
            if value is None:
                return DtypeError(f"{type(module).__name__} {NOTHING}")
            if isinstance(value, list | tuple):
                reason = outputs(value) or f"a {type(value).__name__}, not a tensor: wrap it in tg.tensor(…)"
        if reason:
            return DtypeError(f"{type(module).__name__} got {reason}")
    return None


def _speaks_of(error: Exception, value: Any) -> bool:
    """Whether a message of Python's names the type of a value: if it does not, the mistake is another one."""
    return re.search(rf"\b({type(value).__name__}|sequence)\b", str(error)) is not None


def locate(error: Exception, module: ModuleTree[Any]) -> None:
    """Add to `error`, on its way out of a call of `module`, where it arose.

    A message that starts with the name of the module's class gets the path after that name; another error of this
    library gets it at the start; any other error keeps its message and gets a note.
    """
    place: _Place | None = getattr(error, "_place", None)
    if place is None:
        error._place = _Place(error, module)  # type: ignore[attr-defined]
        return
    for name, inside in module.named_modules():
        if inside is place.outermost:
            place.path = ".".join(part for part in (name, place.path) if part)
            place.outermost = module
            break
    if place.path:
        place.write(error)


class _Place:
    """The module in which an error arose, and its path within the outermost module that it has left."""

    def __init__(self, error: Exception, module: ModuleTree[Any]) -> None:
        self.outermost = module
        self.path = ""
        self.kind = type(module).__name__
        self.message: Any = error.args[0] if len(error.args) == 1 else None
        self.note = ""

    def write(self, error: Exception) -> None:
        who = f"{self.kind} {self.path!r}"
        if isinstance(self.message, str) and self.message.startswith((f"{self.kind} ", f"{self.kind}:")):
            error.args = (who + self.message[len(self.kind) :],)
        elif isinstance(self.message, str) and isinstance(error, TinygradError):
            error.args = (f"in {who}: {self.message}",)
        else:
            notes = getattr(error, "__notes__", [])
            if self.note in notes:
                notes.remove(self.note)
            self.note = f"in {who}"
            error.add_note(self.note)
