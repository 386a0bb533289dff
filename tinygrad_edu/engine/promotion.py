"""Dtype promotion: where this library departs from NumPy, so that float32 stays float32.

NumPy promotes float32 with int64, or with a NumPy float64 number, to float64, and computes a square root of
bytes in float16. Here integers and numbers never widen a floating array, and integers alone give real
results in the default dtype, at its full precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import float64, get_default_dtype
from ..errors import refuse_mask, require_own


def is_floating(value: Any) -> bool:
    """Whether `value` is an array, or a NumPy number, of a floating dtype."""
    return getattr(getattr(value, "dtype", None), "kind", "") == "f"


def is_double(value: Any) -> bool:
    """Whether `value` is float64, or a Python number, which has no dtype to drift from."""
    return getattr(value, "dtype", None) is float64 or type(value) is float or type(value) is int


def settle(op: str, out: Any, values: Sequence[Any]) -> Any:
    """The result of `op` on `values`: a NumPy scalar as a 0-d array, and a drift to float64 undone.

    An op that was called with a dtype, which is among its values then, gets it. A masked array is refused.
    """
    if isinstance(out, np.generic):
        out = np.asarray(out)
    elif not isinstance(out, np.ndarray):
        require_own(op, out)
    refuse_mask(out, f"{op}: an operand")
    if getattr(out, "dtype", None) == float64 and not any(isinstance(value, np.dtype) for value in values):
        dtypes = [value.dtype for value in values if hasattr(value, "dtype") and not isinstance(value, np.generic)]
        if dtypes and float64 not in dtypes:
            floating = [dtype for dtype in dtypes if dtype.kind == "f"]
            return out.astype(np.result_type(*floating) if floating else get_default_dtype())
    return out


def beside(x: Any, value: Any) -> Any:
    """`value`; a single number as an array of the dtype that an op on it and `x` gives, so that it widens nothing."""
    if not isinstance(value, int | float | np.generic):
        return value
    return settle("add", np.add(value, np.zeros((), x.dtype)), [np.zeros((), x.dtype)])


def on_integers(forward: Callable[..., Any], values: Sequence[Any], operands: Sequence[bool]) -> Any:
    """`forward`, where no operand is floating: real results have the full precision of the default dtype.

    NumPy computes a square root of bytes or booleans in float16, and an expression as -x among bytes wraps
    around. So where the result is real, and the integers are small ones, it is computed again in int64.
    """
    last = len(operands) - 1  # which stands for all the arrays of a variadic op
    arrays = [i for i, value in enumerate(values) if operands[min(i, last)] and type(value) is np.ndarray]
    kinds = [values[i].dtype.kind for i in arrays]
    if "f" in kinds or all(values[i].dtype.itemsize >= 4 for i in arrays):
        return forward(*values)
    wide = [value.astype(np.int64) if i in arrays else value for i, value in enumerate(values)]
    try:
        with np.errstate(all="ignore"):
            out = forward(*values)
    except TypeError:  # NumPy does not subtract booleans, for one
        out = forward(*wide)
        if not _is_real(out):
            raise
        return out
    return forward(*wide) if _is_real(out) else out


def _is_real(out: Any) -> bool:
    return any(is_floating(part) for part in (out if isinstance(out, tuple) else (out,)))
