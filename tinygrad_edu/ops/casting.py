"""Dtype conversion and copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..dtypes import DType, bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from ..engine.graph import TensorBase, array_of
from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import make_tensor
from ..errors import DtypeError, foreign, require_own
from ..sample_rules.families import copying

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["astype", "clone", "contiguous"]


def _astype_rule(g: Any, out: Any, x: Any, dtype: Any) -> Any:
    return _astype(g, x.dtype)


@primitive(
    vjps=(_astype_rule,),
    saves=("",),
    cases=lambda draw: [(draw(2, 3), float64), (draw(), float64), (draw(0), float64)],
    samples=copying,
)
def _astype(x: Operand, dtype: np.dtype[Any]) -> Operand:
    return x.astype(dtype, copy=False)


@primitive(
    vjps=(lambda g, out, a, order: g, None),
    saves=("", ""),
    name="clone",
    cases=lambda draw: [(draw(2, 3), "K"), (draw(3, 2).T, "C"), (draw(), "K"), (draw(0, 3), "K")],
    samples=copying,
)
def _clone(a: Operand, order: str = "K") -> Operand:
    return a.copy(order)


def astype(x: Operand, dtype: DType) -> Tensor:
    """`x` with another dtype; `x` itself if it has that dtype.

    The gradient comes back in the dtype of `x`. Integers and booleans have none: converted to them, the
    result is a constant.

    Args:
        x: tensor of any shape.
        dtype: ``tg.float32``, ``np.int64``, ``"float64"``, …

    Returns:
        Tensor of the same shape.

    Raises:
        DtypeError: if that is not a dtype of real numbers or booleans.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1.7, -1.7]).astype(tg.int64)
    tensor([ 1, -1])
    """
    wanted = as_dtype(dtype, "astype")
    if x.dtype == wanted:
        return cast("Tensor", x)
    if isinstance(x, TensorBase) and (x.source is None or wanted.kind != "f"):
        return make_tensor(x.array.astype(wanted), None)
    return _astype(x, wanted)


@implements(np.astype)
def _np_astype(x: Operand, dtype: DType, *, copy: bool = True) -> Tensor:
    result = astype(x, dtype)
    return clone(result) if copy and result is x else result


def clone(x: Operand) -> Tensor:
    """A copy of `x`, through which gradients flow back to `x`. Dtype and order in memory are kept.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> x.clone().sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _clone(x)


@implements(np.copy)
def _np_copy(a: Operand, order: str = "K", subok: bool = False) -> Tensor:
    return _clone(a, order)


def contiguous(x: Operand) -> Tensor:
    """`x` in memory order: `x` itself if it is so already, else a copy. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3).t().contiguous().is_contiguous()
    True
    """
    array = array_of(x)
    return cast("Tensor", x) if array.flags.c_contiguous else _clone(x, "C")


def is_contiguous(x: Operand) -> bool:
    """Whether the numbers are contiguous in memory, in their order."""
    return bool(array_of(x).flags.c_contiguous)


def converted(x: Any, dtype: DType) -> Any:
    """x in the dtype asked for; unsigned integers, which NumPy would sum to uint64, as int64."""
    if dtype is not None:
        return x.astype(dtype)
    try:
        return x.astype(int64) if getattr(x, "dtype", int64).kind == "u" else x
    except AttributeError:
        require_own("a reduction", x)
        raise


def to(
    x: Operand,
    *where: Any,
    dtype: DType = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """`x` with another dtype, with that of another tensor, or on another device; the only one is ``"cpu"``.

    Args:
        x: tensor of any shape.
        where: a dtype, a tensor, or a device, or a device and a dtype.
        dtype: the dtype.
        device: ``"cpu"``.
        non_blocking: accepted; nothing blocks here.
        copy: copy even if nothing changes.

    Returns:
        `x` itself if nothing changes, else a new tensor.

    Raises:
        ValueError: for a device that does not exist here.
        DtypeError: for anything that is not a dtype.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]).to(tg.float64).to("cpu").dtype
    dtype('float64')
    """
    for target in where:
        if isinstance(target, TensorBase):
            dtype = target.array.dtype
        elif isinstance(target, bool):  # PyTorch takes non_blocking and copy by position, too
            continue
        elif _is_device(target):
            device = target
        else:
            dtype = as_dtype(target, "to")
    check_device(device, "to")
    result = cast("Tensor", x) if dtype is None else astype(x, dtype)
    return clone(result) if copy and result is x else result


def type_as(x: Operand, other: Any) -> Tensor:
    """`x` with the dtype of `other`.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([1, 2]).type_as(tg.tensor(0.5))
    tensor([1., 2.])
    """
    return astype(x, other.dtype)


_TYPES = {
    "BoolTensor": bool_,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "DoubleTensor": float64,
    "FloatTensor": float32,
    "HalfTensor": float16,
    "IntTensor": int32,
    "LongTensor": int64,
    "ShortTensor": int16,
}


def type_(x: Operand, dtype: Any = None) -> Any:
    """The name of the dtype; or, given a dtype or a name such as ``"torch.FloatTensor"``, `x` with that one.

    >>> import tinygrad_edu as tg
    >>> tg.tensor(1.0).type(), tg.tensor(1.0).type("torch.LongTensor")
    ('float32', tensor(1))
    """
    if dtype is None:
        return str(x.dtype)
    return astype(x, _TYPES.get(dtype.rpartition(".")[2], dtype) if isinstance(dtype, str) else dtype)


def to_float32(x: Operand) -> Tensor:
    """`x` as float32."""
    return astype(x, float32)


def to_float64(x: Operand) -> Tensor:
    """`x` as float64."""
    return astype(x, float64)


def to_float16(x: Operand) -> Tensor:
    """`x` as float16."""
    return astype(x, float16)


def to_int64(x: Operand) -> Tensor:
    """`x` as int64, truncated towards zero."""
    return astype(x, int64)


def to_int32(x: Operand) -> Tensor:
    """`x` as int32, truncated towards zero."""
    return astype(x, int32)


def to_bool(x: Operand) -> Tensor:
    """`x` as bool: whether an element is not zero."""
    return astype(x, bool_)


def on_cpu(x: Operand) -> Tensor:
    """`x` itself: it is already on the CPU."""
    return cast("Tensor", x)


def as_dtype(dtype: DType, caller: str) -> np.dtype[Any]:
    """The NumPy dtype that `dtype` names, if a tensor can have it."""
    try:
        wanted = np.dtype(dtype)
    except TypeError as error:
        reason = foreign(dtype) or str(error)
        raise DtypeError(f"{caller}: {dtype!r} names no dtype ({reason})") from None
    if wanted.kind not in "fiub":
        raise DtypeError(f"{caller}: a tensor holds real numbers or booleans, not {wanted}")
    return wanted


def _is_device(target: Any) -> bool:
    if not isinstance(target, str):
        return hasattr(target, "type") and isinstance(target.type, str)  # a device object
    try:
        np.dtype(target)
    except TypeError:
        return True
    return False


def check_device(device: Any, caller: str) -> None:
    """Raise unless `device` is None or the processor, the one device there is."""
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise ValueError(f"{caller}: device {str(device)!r} does not exist here: the only device is 'cpu'")
