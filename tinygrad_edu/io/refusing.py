"""What is said of an object that cannot be saved: what it is, and what to save in its place."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from ..engine.graph import TensorBase
from ..errors import foreign, type_name
from ..nn.uninitialized import Uninitialized

_OF_MANY = "what it is made of: dicts, lists, tuples, tensors, arrays, numbers, strings, booleans and None"


def instead(value: Any) -> str:
    """The rest of a sentence that begins with where `value` is: what it is, and the way out."""
    name = type_name(value)
    if isinstance(value, Uninitialized):
        return f"is an {name}, which has no numbers yet: call the model once with a batch first"
    strange = foreign(value)
    if strange:
        return f"is {strange}"
    if not isinstance(value, type) and hasattr(value, "state_dict"):
        return f"is a {name}: save its state_dict(), which another one that the program makes can load"
    return f"is a {name}: save {_substitute(value)}"


def _substitute(x: Any) -> str:
    """An expression, or the description of one, that makes something of `x` that can be saved."""
    by_kind: list[tuple[Any, str]] = [
        (TensorBase, "x.detach(), a plain tensor"),
        (np.ma.MaskedArray, "x.filled(value), and np.asarray(x.mask) if it is needed"),
        (np.ndarray, "np.asarray(x), a plain array"),
        (enum.Enum, "x.name or x.value"),
        *((kind, f"{kind.__name__}(x)") for kind in (dict, list, tuple, str, int, float)),
        ((bytes, bytearray, memoryview), "np.frombuffer(x, np.uint8)"),
        (complex, "np.complex128(x)"),
        (np.random.Generator, "x.bit_generator.state"),
        (np.dtype, "x.str"),
    ]
    found = next((text for kind, text in by_kind if isinstance(x, kind)), "")
    if found:
        return found
    if hasattr(x, "__fspath__"):
        return "str(x)"
    if callable(x):
        return "what it computes from: a file has data in it, and nothing that runs"
    return "list(x)" if hasattr(x, "__iter__") else _OF_MANY
