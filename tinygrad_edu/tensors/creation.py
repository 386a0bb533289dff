"""Creating tensors from data: numbers, lists and arrays."""

from __future__ import annotations

import warnings
from typing import Any, TypeGuard

import numpy as np

from ..dtypes import Array, DType
from ..engine.observing import mode
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import require_own
from ..ops.casting import check_device
from .conversion import as_array
from .tensor import Tensor

__all__ = ["as_tensor", "from_numpy", "is_tensor", "tensor"]


def tensor(data: Operand, *, dtype: DType = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`, outside the graph.

    Args:
        data: a number, a nested list of numbers, an array or a Tensor. Arrays keep their dtype; Python
            floats take the default dtype, Python integers int64.
        dtype: the dtype to convert to.
        device: ``"cpu"``.
        requires_grad: whether `backward` keeps the gradient with respect to this tensor in `.grad`.

    Raises:
        DtypeError: if the data is not numbers, or `requires_grad` is set for integers.
        GraphError: for a list of tensors that require a gradient, as it would be lost: `stack` keeps it.
        ShapeError: if nested lists are of different lengths.
        ValueError: for a device that does not exist here.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.5, 2.5]), tg.tensor([1, 2]).dtype
    (tensor([1.5, 2.5]), dtype('int64'))
    """
    check_device(device, "tensor")
    if isinstance(data, Tensor) and data.source is not None and mode.recording:
        warnings.warn(
            f"tensor() of a tensor of shape {data.shape} that requires a gradient makes a constant of it: use .clone() "
            "to keep the gradient, .detach().clone() to copy the numbers alone",
            stacklevel=2,
        )
    array = as_array(data, dtype)
    if isinstance(data, Tensor | np.ndarray) and array is getattr(data, "array", data):
        array = array.copy()
    result = make_tensor(array, None)
    result.requires_grad = requires_grad
    return result


def as_tensor(data: Operand, dtype: DType = None, device: Any = None) -> Tensor:
    """A Tensor of `data` without copying where that is possible; a Tensor of that dtype is itself.

    >>> import numpy as np, tinygrad_edu as tg
    >>> a = np.zeros(2)
    >>> tg.as_tensor(a).array is a
    True
    """
    check_device(device, "as_tensor")
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return make_tensor(as_array(data, dtype, "as_tensor"), None)


def from_numpy(array: Array) -> Tensor:
    """A Tensor in the memory of `array`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.from_numpy(np.arange(3))
    tensor([0, 1, 2])
    """
    require_own("from_numpy()", array)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy() needs a NumPy array, got {type(array).__name__}: use tg.tensor()")
    return make_tensor(as_array(array, None, "from_numpy"), None)


def is_tensor(obj: object) -> TypeGuard[Tensor]:
    """Whether `obj` is a Tensor.

    >>> import tinygrad_edu as tg
    >>> tg.is_tensor(tg.zeros(2)), tg.is_tensor([0.0, 0.0])
    (True, False)
    """
    return isinstance(obj, Tensor)
