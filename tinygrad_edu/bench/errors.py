"""Errors: what cannot be benchmarked, and libraries that are not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..errors import TinygradError


class BenchError(TinygradError, ValueError):
    """A model, loss, data set, option or file that cannot be benchmarked; the message says what to give instead."""


def needed(module: str, purpose: str, extra: str = "bench") -> ModuleType:
    """A module that not every Python has.

    Args:
        module: its name, such as ``"scipy.stats"``.
        purpose: what needs it, as the subject of a sentence.
        extra: what installs it: an extra of this package, or several with commas.

    Raises:
        BenchError: if it is not installed; names the extra to install.

    >>> needed("math", "a square root").sqrt(4.0)
    2.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BenchError(
            f"{purpose} needs {error.name or module}, which this Python does not have. Install it with\n"
            f'    pip install "tinygrad-edu[{extra}]"\nor, in a checkout,\n    pip install ".[{extra}]"'
        ) from error
