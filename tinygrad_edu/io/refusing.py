"""The error for an object that cannot be saved: what it is, and what to save instead."""

from __future__ import annotations

import enum
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from ..engine.graph import TensorBase
from ..errors import foreign, type_name
from ..nn.uninitialized import Uninitialized
from ..ops.generator import Generator


def instead(value: Any) -> str:
    """The rest of a sentence that begins with where `value` is: what it is, and the way out."""
    name = type_name(value)
    if isinstance(value, Uninitialized):
        return f"is an {name}, which has no numbers yet: call the model once with a batch first"
    strange = foreign(value)
    if strange:
        return f"is {strange}"
    return f"is of type {name}: save {_substitute(value)}"


def _substitute(value: Any) -> str:
    """An expression, or a description of one, that makes something of `value` that can be saved."""
    if isinstance(value, type):
        return "its name, and let the program know what that means"
    if hasattr(value, "state_dict"):
        return "its state_dict(), which a new one can load"
    if is_dataclass(value):
        return "dataclasses.asdict(…) of it"
    if type(value).__name__ in ("Namespace", "SimpleNamespace"):  # argparse's, and that of types
        return "vars(…) of it"
    if hasattr(value, "_fields"):
        return "tuple(…) of it, or its _asdict()"
    for kinds, text in _SUBSTITUTES:
        if isinstance(value, kinds):
            return text
    if hasattr(value, "__fspath__"):
        return "str(…) of it"
    if callable(value):
        return "what it computes from: a file holds nothing that runs"
    if hasattr(value, "__iter__"):
        return "list(…) of it"
    return "what it is made of: dicts, lists, tuples, tensors, arrays, numbers, strings, booleans and None"


_SUBSTITUTES: list[tuple[Any, str]] = [
    (TensorBase, "its detach(), a plain tensor"),
    (np.ma.MaskedArray, "its filled(value), and np.asarray(…) of its mask if that is needed"),
    (np.ndarray, "np.asarray(…) of it, a plain array"),
    (np.generic, "np.asarray(…)[()] of it, a plain scalar"),
    (enum.Enum, "its name or value"),
    *((kind, f"{kind.__name__}(…) of it") for kind in (dict, list, tuple, str, int, float)),
    ((bytes, bytearray, memoryview), "np.frombuffer(…, np.uint8) of it"),
    (complex, "np.complex128(…) of it"),
    (np.random.Generator, "its bit_generator.state"),
    (Generator, "its get_state()"),
    (np.dtype, "its str"),
]
