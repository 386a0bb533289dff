"""Which line of the user's code made a call: kept in passing, read only when an error needs it."""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from types import CodeType, FrameType
from typing import TypeAlias

import numpy as np

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # of the whole library
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_SKIPPED = (PACKAGE, _NUMPY)

Site: TypeAlias = tuple[CodeType, int]
"""A code object and the instruction in it: no frame, which would keep its variables alive."""


def call_site() -> Site | None:
    """The nearest caller outside the library."""
    frame = users_frame(sys._getframe(1))
    return None if frame is None else (frame.f_code, frame.f_lasti)


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The nearest frame, from `frame` outwards, that is neither the library's nor NumPy's."""
    while frame is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    return frame


def beyond_numpy(frame: FrameType | None) -> FrameType | None:
    """The nearest frame, from `frame` outwards, that is not NumPy's."""
    while frame is not None and frame.f_code.co_filename.startswith(_NUMPY):
        frame = frame.f_back
    return frame


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn for the line of the user's code that is running, which is then shown."""
    frame = users_frame(sys._getframe(1))
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    names = frame.f_globals
    seen = names.setdefault("__warningregistry__", {})
    file, number = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(message, category, file, number, names.get("__name__", "<unknown>"), seen)


def line_of(site: Site | FrameType | str | None) -> str:
    """File, line and code of a call, as ``file:number: code``."""
    if isinstance(site, str):
        return site
    if site is None:
        return "an unknown line"
    scope = None
    if isinstance(site, FrameType):
        file, number, scope = site.f_code.co_filename, site.f_lineno, site.f_globals
    else:
        code, instruction = site
        positions = list(code.co_positions())
        file, number = code.co_filename, positions[instruction // 2][0] or code.co_firstlineno
    text = linecache.getline(file, number, scope).strip()
    return f"{file}:{number}: {text}" if text else f"{file}:{number}"
