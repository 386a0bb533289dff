"""What is said of an object that cannot be saved: what it is, where it is, and what to save in its place."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from ..engine.graph import TensorBase
from ..errors import foreign, type_name
from ..nn.uninitialized import Uninitialized


def refusal(value: Any, path: str) -> TypeError:
    """The error for `value`, which a user would write as `path`."""
    return TypeError(f"save: {path} is {_what(value)}. Nothing was written")


def _what(value: Any) -> str:
    strange = foreign(value)
    if strange:
        return strange
    name = type_name(value)
    if isinstance(value, Uninitialized):
        return f"an {name}, which has no numbers yet: call the model once with a batch first"
    if hasattr(value, "state_dict"):
        return f"a {name}: save its state_dict(), and later load it into one that the program has made anew"
    return f"a {name}: save {_instead(value)}"


def _instead(value: Any) -> str:
    """What to save in the place of `value`."""
    if isinstance(value, TensorBase):
        return "x.detach(), which is a plain tensor"
    if isinstance(value, np.ma.MaskedArray):
        return "x.filled(value), and x.mask if it is needed"
    if isinstance(value, np.ndarray):
        return "np.asarray(x), which is a plain array"
    if isinstance(value, enum.Enum):
        return "x.name or x.value"
    if hasattr(value, "_fields"):
        return "tuple(x) or x._asdict()"
    for plain in (dict, list, tuple, str, int, float):
        if isinstance(value, plain):
            return f"{plain.__name__}(x)"
    if isinstance(value, bytes | bytearray | memoryview):
        return "np.frombuffer(x, np.uint8)"
    if isinstance(value, complex):
        return "np.complex128(x)"
    if isinstance(value, np.random.Generator):
        return "x.bit_generator.state"
    if hasattr(value, "__fspath__") or isinstance(value, np.dtype):
        return "str(x)"
    if callable(value):
        return "what it computes from: a file here holds data, and no code"
    if hasattr(value, "__iter__"):
        return "list(x)"
    return "what it is made of, as dicts, lists, tuples, tensors, arrays, numbers, strings, booleans and None"
