"""What of a job can be sent to another process, and what to say of the rest."""

from __future__ import annotations

import functools
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

from ...errors import type_name
from .job import Job
from .shared_memory import Buffer, pack

ADVICE = 'move it to the top of a module of its own, or use worker_type="thread", which needs no pickling'
MAIN = "__main__"
SENT = ("dataset", "collate_fn", "worker_init_fn")


def pack_job(job: Job) -> tuple[list[Buffer], tuple[str, str] | None]:
    """The parts of a job, and the main module if a worker must import it to put them together again.

    Raises:
        TypeError: if something cannot be pickled, or is defined where no other process can find it.
    """
    try:
        parts = pack(job)
    except Exception as error:
        raise TypeError(_refusal(job, error)) from error
    if not _mentions_main(parts):
        return parts, None
    main = main_module()
    if main is None:
        raise TypeError(
            f"DataLoader: {_defined_in_main(job)} is defined in a notebook or an interactive session, where a worker "
            f"process cannot find it: {ADVICE}"
        )
    return parts, main


def main_module() -> tuple[str, str] | None:
    """How another process can import the program's main module: as a module or from a path; None if it cannot."""
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return "module", spec.name
    file = getattr(main, "__file__", None)
    return ("path", os.path.abspath(file)) if file and os.path.isfile(file) else None


def not_found(error: Exception) -> RuntimeError:
    """What a worker says that was sent a name which it cannot find."""
    return RuntimeError(
        f"DataLoader: a worker process cannot put together what it was sent ({error}). What is defined inside "
        f'`if __name__ == "__main__":` or typed into a session is there in one process only: {ADVICE}'
    )


def main_failed(name: str, error: BaseException) -> RuntimeError:
    """What a worker says when the main module cannot be imported."""
    return RuntimeError(
        f"DataLoader: a worker process imports {name}, where part of the dataset is defined, and got "
        f'{type(error).__name__}: {error}. Put what the program does under `if __name__ == "__main__":`, or use '
        'worker_type="thread"'
    )


def _mentions_main(parts: list[Buffer]) -> bool:
    return MAIN.encode() in bytes(parts[0])


def _defined_in_main(job: Job) -> str:
    """Which part of the job is defined in the main module."""
    for name in SENT:
        if _mentions_main(pack(getattr(job, name))):
            return f"{name}, {_called(getattr(job, name))}, or a part of it,"
    return "a part of the dataset"


def _refusal(job: Job, error: Exception) -> str:
    """Which part of the job cannot be pickled, and what to do."""
    for name in SENT:
        value = getattr(job, name)
        if not _pickles(value):
            path, value = _innermost(name, value, {id(value)})
            return (
                f"DataLoader: {path} is {_called(value)}, which cannot be pickled and so not be sent to a worker "
                f"process ({_reason(value)}): {ADVICE}"
            )
    return f"DataLoader: what is to be sent to a worker process cannot be pickled ({error}): {ADVICE}"


def _innermost(path: str, value: Any, seen: set[int]) -> tuple[str, Any]:
    """The part of a value that is to blame, and how it is reached: the deepest one that cannot be pickled."""
    for step, part in _inside(value):
        if id(part) not in seen and not _pickles(part):
            return _innermost(path + step, part, seen | {id(part)})
    return path, value


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, and how each is reached."""
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{i}]", part) for i, part in enumerate(value))
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif not isinstance(value, type | types.FunctionType | types.ModuleType):
        yield from ((f".{name}", part) for name, part in getattr(value, "__dict__", {}).items())


def _pickles(value: Any) -> bool:
    try:
        pack(value)
    except Exception:
        return False
    return True


def _reason(value: Any) -> str:
    """Python's words, which may name what hides in a value."""
    try:
        pack(value)
    except Exception as error:
        return str(error)
    return ""


def _called(value: Any) -> str:
    """What to call a value in a sentence."""
    if isinstance(value, types.FunctionType):
        return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__qualname__}"
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return f"a {type_name(value)}"
