"""Dtypes: NumPy's, under the names that PyTorch has, and the default one."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import DtypeError

__all__ = [
    "Array",
    "DType",
    "bool",
    "bool_",
    "double",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "long",
    "set_default_dtype",
    "short",
    "uint8",
]

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array of any dtype."""

DType: TypeAlias = npt.DTypeLike | None
"""What NumPy accepts as a dtype: ``tg.float32``, ``np.float32``, ``"float32"``; None where there is a default."""

bool_: Final = np.dtype(np.bool_)
uint8: Final = np.dtype(np.uint8)
int8: Final = np.dtype(np.int8)
int16: Final = np.dtype(np.int16)
int32: Final = np.dtype(np.int32)
int64: Final = np.dtype(np.int64)
float16: Final = np.dtype(np.float16)
float32: Final = np.dtype(np.float32)
float64: Final = np.dtype(np.float64)

# PyTorch's other names for them.
bool: Final = bool_
short: Final = int16
int: Final = int32
long: Final = int64
half: Final = float16
float: Final = float32
double: Final = float64

_default: np.dtype[Any] = float32


def get_default_dtype() -> np.dtype[Any]:
    """The floating dtype that Python numbers and lists become.

    >>> import tinygrad_edu as tg
    >>> tg.get_default_dtype()
    dtype('float32')
    """
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Set the floating dtype that Python numbers and lists become.

    Raises:
        DtypeError: if `dtype` is not a floating dtype.

    >>> import tinygrad_edu as tg
    >>> tg.set_default_dtype(tg.float64)
    >>> tg.tensor([1.0]).dtype
    dtype('float64')
    >>> tg.set_default_dtype(tg.float32)
    """
    global _default
    wanted = np.dtype(dtype)
    if wanted.kind != "f":
        raise DtypeError(
            f"set_default_dtype({wanted}): the default is the dtype of real numbers; use float32 or float64"
        )
    _default = wanted


def require_float(dtype: np.dtype[Any], what: str) -> None:
    """Raise unless a tensor of `dtype` can have a gradient."""
    if dtype.kind != "f":
        raise DtypeError(
            f"{what} has dtype {dtype}: only floating-point tensors can require a gradient. "
            "Make it one with .float() or dtype=tg.float32"
        )
