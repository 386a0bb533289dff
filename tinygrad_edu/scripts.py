"""A user's Python file: found by ``path.py:name``, and loaded as if it were run, with no effect on other imports."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from .errors import TinygradError


class ScriptError(TinygradError):
    """A file, or a name in it, that is not there or cannot be used; in one line."""


def split(target: str) -> tuple[Path, str]:
    """The file and the name in ``path.py:name``.

    Raises:
        ScriptError: if it is not of that form, or there is no such file.
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
    """The file as a module, which may import its neighbours as if it were run itself; afterwards imports are as before.

    Raises:
        ScriptError: if it cannot be imported; names its line.
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
            if isinstance(error, SystemExit) and error.code == 143:  # somebody asked this program to end
                raise
            raise ScriptError(f"{path} cannot be imported: {one_line(error, path)}") from error
        yield module
    finally:
        sys.path[:] = before
        sys.modules.pop(name, None)


def named(module: ModuleType, path: Path, name: str, own: list[str]) -> object:
    """What a module has by a dotted name.

    Args:
        module: as `loaded` gives it.
        path: its file.
        name: such as ``Net`` or ``Nets.small``.
        own: what to suggest where there is no such name.

    Raises:
        ScriptError: if there is none.
    """
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            say = f"it has {', '.join(own)}" if own else "it has no function or module of its own"
            raise ScriptError(f"{path} has no {name!r}: {say}")
        found = getattr(found, part)
    return found


def one_line(error: BaseException, path: Path) -> str:
    """An exception in one line, and the last line of the file that it came through."""
    text = " ".join(str(error).split())
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}{': ' if text else ''}{text}" + (f" (line {line})" if line else "")
