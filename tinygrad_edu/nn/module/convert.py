"""Reading the arguments of `Module.to`: a dtype, a device (there is only one), or a tensor to match."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DtypeError
from ...tensors.tensor import Tensor
from ..uninitialized import Uninitialized


def wanted_dtype(args: tuple[Any, ...], dtype: Any, device: Any) -> np.dtype[Any] | None:
    """The floating dtype that the arguments of `to` ask for, None if they name just a device.

    Raises:
        DtypeError: if the dtype is not floating.
        ValueError: if the device is not the CPU.
    """
    found: np.dtype[Any] | None = None
    for value in (*args, dtype, device):
        if value is None or isinstance(value, bool):  # a bool is PyTorch's non_blocking
            continue
        if isinstance(value, Tensor):
            found = value.dtype
        elif _is_device(value):
            name = str(getattr(value, "type", value))
            if name.split(":")[0] != "cpu":
                raise ValueError(f"Module.to({name!r}): the only device is 'cpu'")
        else:
            try:
                found = np.dtype(value)
            except TypeError:
                raise DtypeError(
                    f"Module.to({value!r}): not a dtype; use tg.float32, tg.float64 or tg.float16, or the device 'cpu'"
                ) from None
    if found is not None and found.kind != "f":
        raise DtypeError(
            f"Module.to({found}): the numbers of a module are real; use tg.float32, tg.float64 or tg.float16"
        )
    return found


def convert_tensor(tensor: Tensor, dtype: np.dtype[Any]) -> None:
    """Convert a parameter or buffer of real numbers, and its gradient, to another dtype in place."""
    if tensor.dtype.kind != "f" or tensor.dtype == dtype:
        return
    if isinstance(tensor, Uninitialized):
        tensor.convert(dtype)
        return
    gradient = tensor.grad
    tensor.data = tensor.array.astype(dtype)
    if gradient is not None:
        tensor.grad = Tensor(gradient.array.astype(dtype))


def _is_device(value: Any) -> bool:
    """Whether it is a device's name, or an object that stands for one."""
    if isinstance(value, str):
        return value.split(":")[0] in ("cpu", "cuda", "mps", "xpu", "meta", "gpu")
    return isinstance(getattr(value, "type", None), str)
