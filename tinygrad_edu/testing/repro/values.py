"""Values as source code, and what can be imported."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from typing import Any

import numpy as np

from ...dtypes import Array

WIDTH = 100
SMALL = 60  # numbers of an array that are written out


def literal(array: Array, indent: int = 0) -> str:
    """An array as the expression that makes it, with all digits.

    >>> import numpy as np
    >>> literal(np.array([[0.1, 2.0]]))
    'np.array([[0.1, 2.0]])'
    >>> literal(np.array([1, 2], dtype=np.int32))
    "np.array([1, 2], dtype='int32')"
    """
    if not array.size:
        return f"np.zeros({array.shape}, dtype={str(array.dtype)!r})"
    dtype = "" if array.dtype == np.float64 else f", dtype={str(array.dtype)!r}"
    text = f"np.array({_nested(array)}{dtype})"
    if len(text) + indent <= WIDTH:
        return text
    rows = [_nested(row) for row in array] if array.ndim > 1 else [_number(v) for v in array]
    body = ",\n".join(rows) if array.ndim > 1 else textwrap.fill(", ".join(rows), WIDTH - 8)
    return "np.array([\n" + textwrap.indent(body, "    ") + f",\n]{dtype})"


def _nested(array: Any) -> str:
    return f"[{', '.join(map(_nested, array))}]" if np.ndim(array) else _number(np.asarray(array)[()])


def _number(value: Any) -> str:
    if isinstance(value, np.floating) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(float(str(value)) if isinstance(value, np.floating) else value.item())


def written(value: Any) -> str | None:
    """A value as source code; None if it has none."""
    if value is None or value is Ellipsis or isinstance(value, bool | int | str | bytes | complex):
        return repr(value)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return repr(value) if np.isfinite(value) else f"float({str(value)!r})"
    if isinstance(value, np.dtype):
        return f"np.dtype({str(value)!r})"
    if isinstance(value, np.ndarray):
        return literal(value) if value.dtype.kind in "fiub" and value.size <= SMALL else None
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return f"np.{value.dtype}({_number(value)})"
    if isinstance(value, slice):
        return repr(value)
    if type(value) in (tuple, list):
        parts = [written(part) for part in value]
        if any(part is None for part in parts):
            return None
        inside = ", ".join(map(str, parts))
        return f"[{inside}]" if type(value) is list else f"({inside}{',' * (len(parts) == 1)})"
    if type(value) is dict:
        pairs = [(written(k), written(v)) for k, v in value.items()]
        return None if any(None in pair for pair in pairs) else "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    return None


def importable(value: Any) -> bool:
    """Whether another program can import it under its own name."""
    return _named_like(value) is value and can_be_found(value.__module__)


def property_of(function: Any) -> Any:
    """The test that stands in the place of a function, under its name; None if there is none that can be imported."""
    test = _named_like(function)
    return test if getattr(test, "function", None) is function and importable(test) else None


def can_be_found(module: str) -> bool:
    """Whether another program can import a module."""
    try:
        return module != "__main__" and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _named_like(value: Any) -> Any:
    """What a value's own name means in its module; None for nothing."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
