"""Errors: for what cannot be benchmarked, and for libraries that are not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..absent import not_installed
from ..errors import TinygradError


class BenchError(TinygradError, ValueError):
    """A model, loss, data set, option or file that cannot be benchmarked; the message says what to give instead."""


def needed(module: str, purpose: str, extra: str = "bench") -> ModuleType:
    """Import a module that does not come with this package.

    Args:
        module: its name, such as ``"scipy.stats"``.
        purpose: what needs it, as the subject of a sentence.
        extra: the extra of this package that installs it, or several with commas.

    Raises:
        BenchError: if it is not installed; the message says how to install it.

    >>> needed("math", "a square root").sqrt(4.0)
    2.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BenchError(not_installed(purpose, [error.name or module], extra)) from error
