"""Arrays as bytes: the parts of a file, each of which is a `.npy` file that NumPy can read as well.

What a part begins with is never parsed. It follows from the layout, which the file states as JSON, and has to be
exactly that.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..dtypes import Array

_KINDS = "biufcmMSUV"  # numbers, durations, dates, texts, raw bytes: all that lies in the array itself
_SIMPLE = re.compile(r"[<>|][biufcmMSUV][0-9]{1,10}(\[[0-9]*[a-zA-Zμ]+\])?")


@dataclass(frozen=True)
class Layout:
    """How the numbers of an array lie in its part.

    >>> layout = Layout.of(np.zeros((2, 3), np.float32).T)
    >>> layout.stated()
    {'dtype': '<f4', 'shape': [3, 2], 'order': 'F'}
    >>> layout.size
    24
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: str  # "F": the first index runs fastest; "C": the last one

    @classmethod
    def of(cls, array: Array) -> Layout:
        """That of an array; one with gaps, or otherwise strided, is written in C order."""
        columns = array.flags.f_contiguous and not array.flags.c_contiguous
        return cls(array.dtype, array.shape, "F" if columns else "C")

    @classmethod
    def from_stated(cls, stated: dict[str, Any]) -> Layout:
        """The layout that `stated` returned. Raises an exception of some kind if it cannot be one."""
        shape, order = stated["shape"], stated["order"]
        if not isinstance(shape, list) or any(type(n) is not int or n < 0 for n in shape) or order not in ("C", "F"):
            raise ValueError(f"no array has shape {shape} and order {order}")
        return cls(_dtype_of(stated["dtype"]), tuple(shape), order)

    def stated(self) -> dict[str, Any]:
        """The same in words and numbers, as for JSON."""
        return {"dtype": np.lib.format.dtype_to_descr(self.dtype), "shape": list(self.shape), "order": self.order}

    def __str__(self) -> str:
        return f"an array of {self.dtype} and shape {self.shape}"

    @property
    def size(self) -> int:
        """How many bytes the numbers take; a Python integer, which cannot overflow."""
        return math.prod(self.shape) * self.dtype.itemsize

    @cached_property
    def header(self) -> bytes:
        """What stands before the numbers in a `.npy` file."""
        described = (np.lib.format.dtype_to_descr(self.dtype), self.order == "F", self.shape)
        text = "{{'descr': {!a}, 'fortran_order': {!a}, 'shape': {!a}, }}".format(*described)
        simple = len(text) < 60_000  # else there are very many fields, and the length takes more than two bytes
        start, width = (b"\x93NUMPY\x01\x00", 2) if simple else (b"\x93NUMPY\x02\x00", 4)
        line = text.encode("ascii")
        line += b" " * (-(len(start) + width + len(line) + 1) % 64) + b"\n"
        return start + len(line).to_bytes(width, "little") + line

    def empty(self) -> Array:
        """An array of this layout, whose numbers are still to be filled in."""
        return np.ndarray(self.shape, self.dtype, order="F" if self.order == "F" else "C")  # empty() widens text of 0


def raw(array: Any) -> Any:
    """The bytes of an array in the order in which they are written; its own memory, if it has no gaps."""
    if not array.nbytes:
        return b""
    rows: Any = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
    return memoryview(rows.reshape(-1).view(np.uint8))


def is_text(array: Any) -> bool:
    """Whether all text in an array is valid Unicode: Python would fail on other text later."""
    if array.dtype.names is not None:
        return all(is_text(array[name]) for name in array.dtype.names)
    if array.dtype.kind != "U" or not array.nbytes:
        return True
    codes = np.ascontiguousarray(array).reshape(-1).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
    return int(codes.max()) <= sys.maxunicode


def misfit(dtype: np.dtype[Any]) -> str:
    """Why arrays of that dtype cannot be saved, and what to do; empty if they can."""
    if dtype.hasobject:
        return "whose elements are objects, which only pickle writes: make numbers of them, or text of dtype 'U'"
    if not _is_plain(dtype):
        return "which NumPy's files do not know, or lose something of: convert it to one of NumPy's own"
    if dtype.names is not None and not _is_described(dtype):
        return "whose fields NumPy's files cannot describe: save each field by itself"
    return ""


def _is_described(dtype: np.dtype[Any]) -> bool:
    """Whether the description of a dtype with fields gives the same dtype again."""
    try:
        again = _dtype_of(json.loads(json.dumps(np.lib.format.dtype_to_descr(dtype))))
    except (TypeError, ValueError):
        return False
    return again == dtype and again.type is dtype.type


def _is_plain(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype is not None:
        return _is_plain(dtype.subdtype[0])
    if dtype.names is not None:
        return not dtype.metadata and all(_is_plain(dtype[name]) for name in dtype.names)
    return not dtype.metadata and dtype.kind in _KINDS and dtype.num < 256  # the higher ones belong to other packages


def _dtype_of(stated: Any) -> np.dtype[Any]:
    return np.lib.format.descr_to_dtype(_checked(stated))


def _checked(stated: Any) -> Any:
    """A description of a dtype with its tuples, which are lists in JSON; ValueError if it is none."""
    if isinstance(stated, str):
        if not _SIMPLE.fullmatch(stated):
            raise ValueError(f"there is no dtype {stated!r}")
        return stated
    fields = []
    for name, dtype, *shape in stated:
        title_and_name = tuple(name) if isinstance(name, list) else (name,)
        if not all(isinstance(part, str) for part in title_and_name) or len(shape) > 1:
            raise ValueError(f"no field of a dtype is called {name!r}")
        fields.append((name if isinstance(name, str) else title_and_name, _checked(dtype), *map(tuple, shape)))
    return fields
