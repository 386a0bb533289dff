"""What becomes an array: numbers, nested lists, arrays, tensors; and in which dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import Array, DType, get_default_dtype
from ..engine.graph import TensorBase
from ..engine.observing import mode
from ..errors import NOTHING, DtypeError, GraphError, ShapeError, foreign, refuse_mask, type_name
from ..ops.casting import as_dtype


def as_array(data: Any, dtype: DType, name: str = "tensor") -> Array:
    """The array of `data`, for the function `name`; Python floats take the default dtype unless `dtype` is given."""
    if isinstance(data, TensorBase):
        data = data.array
    elif isinstance(data, np.ndarray):
        refuse_mask(data, f"{name}()")
    elif not isinstance(data, np.generic):
        data = _from_python(data, name)
        if dtype is None and data.dtype == np.float64:
            dtype = get_default_dtype()
    array = np.asarray(data, dtype=None if dtype is None else as_dtype(dtype, name))
    if array.dtype.kind not in "fiub":
        if array.dtype.kind == "O" and not array.shape:
            reason = NOTHING if array.item() is None else f"got a {type_name(array.item())}"
            raise DtypeError(f"{name}(): a tensor holds real numbers or booleans, {reason}")
        raise DtypeError(f"{name}(): a tensor holds real numbers or booleans, got dtype {array.dtype}")
    return array


def _from_python(data: Any, name: str) -> Array:
    """The array of a number or nested list; lists may hold tensors and arrays, too."""

    def plain(item: Any) -> Any:
        if isinstance(item, TensorBase):
            if item.source is not None and mode.recording:
                raise GraphError(
                    f"{name}(): the list holds tensors that require a gradient, which a tensor made of their numbers "
                    "would lose: use tg.stack([…]), or .detach() them first"
                )
            return item.array
        refuse_mask(item, f"{name}()")
        return [plain(i) for i in item] if isinstance(item, list | tuple) else item

    try:
        return np.asarray(plain(data))
    except RuntimeError as error:  # as PyTorch raises for a tensor that requires a gradient
        strange = foreign(data)
        if not strange:
            raise
        raise DtypeError(f"{name}() got {strange}") from error
    except ValueError as error:
        raise ShapeError(f"{name}(): nested lists of different lengths make no array ({error})") from None


def is_python(data: Any) -> bool:
    """Whether `data` is a Python number or list, which has no dtype."""
    return not isinstance(data, TensorBase | np.ndarray | np.generic)
