"""A user's Python file: found by ``path.py:name``, and loaded as if it were run, without affecting other imports."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from .errors import TinygradError


class ScriptError(TinygradError):
    """A file, or a name in it, that does not exist or cannot be used; in one line."""


def split(target: str) -> tuple[Path, str]:
    """Split ``path.py:name`` into the file and the name.

    Raises:
        ScriptError: if it does not have that form, or there is no such file.
    """
    path, colon, name = target.rpartition(":")
    if not colon or not name or not path:
        raise ScriptError(f"{target!r} names no function: write it as path.py:name")
    file = Path(path)
    if not file.is_file():
        raise ScriptError(f"there is no file {path}")
    return file, name


@contextmanager
def loaded(path: Path) -> Iterator[ModuleType]:
    """Load the file as a module, which may import its neighbours; at the end, imports are as before.

    Raises:
        ScriptError: if it cannot be imported; names the line.
    """
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    try:
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and error.code == 143:  # from SIGTERM
                raise
            raise ScriptError(f"{path} cannot be imported: {one_line(error, path)}") from error
        yield module
    finally:
        sys.path[:] = before
        sys.modules.pop(name, None)


def named(module: ModuleType, path: Path, name: str, own: list[str]) -> object:
    """Return what a module has under a dotted name.

    Args:
        module: the module from `loaded`.
        path: its file.
        name: such as ``Net`` or ``Nets.small``.
        own: what to suggest if there is no such name.

    Raises:
        ScriptError: if there is no such name.
    """
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            say = f"it has {', '.join(own)}" if own else "it defines no function or module"
            raise ScriptError(f"{path} has no {name!r}: {say}")
        found = getattr(found, part)
    return found


def one_line(error: BaseException, path: Path) -> str:
    """An exception in one line, with the last line of the file in its traceback."""
    text = " ".join(str(error).split())
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}{': ' if text else ''}{text}" + (f" (line {line})" if line else "")
