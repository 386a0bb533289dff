"""Exceptions on their way from a worker process to the program: raised there as what they were."""

from __future__ import annotations

import traceback
from typing import Any

from .shared_memory import pack, unpack


class WorkerTraceback(Exception):
    """The cause of an exception that was raised in another process: its text is the traceback there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


class Failure:
    """An exception and the text of its traceback, which can be pickled whatever the exception is."""

    def __init__(self, error: BaseException) -> None:
        told = traceback.TracebackException.from_exception(error)
        self._text = "".join(told.format())
        self._error = error if _travels(error) else _described(error, str(told))  # for str(error) may fail

    def exception(self) -> BaseException:
        """The exception, caused by what was raised in the worker."""
        self._error.__cause__ = WorkerTraceback(self._text)
        return self._error


def _travels(error: BaseException) -> bool:
    """Whether pickling gives back an exception of the same kind that says the same."""
    try:
        twin = unpack(pack(error))
        twin.__cause__ = None  # one that is frozen cannot be given its traceback
        return type(twin) is type(error) and str(twin) == str(error)
    except BaseException:  # whatever its methods do
        return False


def _described(error: BaseException, message: str) -> RuntimeError:
    """What stands in for an exception that cannot be pickled."""
    kind = type(error)
    stand_in = RuntimeError(f"{kind.__qualname__}, which cannot be pickled, was raised in a worker: {message}")
    notes: list[Any] = getattr(error, "__notes__", [])
    for note in notes:
        stand_in.add_note(note)
    return stand_in
