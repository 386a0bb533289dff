"""Constants, ranges and grids: new tensors, and tensors like others.

Floats have the default dtype, and integers are int64, unless `dtype` says otherwise. `requires_grad=True`
makes a leaf. `device` is accepted for compatibility; the only device is ``"cpu"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import Array, DType, get_default_dtype, int64, require_float
from ..engine.graph import Leaf, array_of
from ..engine.primitives import Operand, implements
from ..engine.recording import make_tensor, require_number
from ..errors import DtypeError, ShapeError, refuse_mask
from .casting import as_dtype, check_device
from .shape import sizes

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def made(array: Array, requires_grad: bool, caller: str) -> Tensor:
    """The Tensor of a new array; a leaf if it requires a gradient."""
    if not requires_grad:
        return make_tensor(array, None)
    require_float(array.dtype, f"{caller}: the result")
    return make_tensor(array, Leaf(array.shape, array.dtype))


def size_of(op: str, shape: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """The sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``, none of them negative."""
    if size is not None and shape:
        raise TypeError(f"{op}: the sizes are given twice, {shape} and size={size}")
    wanted = sizes(op, shape if size is None else (size,))
    if any(n < 0 for n in wanted):
        raise ShapeError(f"{op}: a size cannot be negative, got {wanted}")
    return wanted


def dtype_for(op: str, dtype: DType, device: Any, default: np.dtype[Any] | None = None) -> np.dtype[Any]:
    """The dtype asked for, on the one device there is; if none was, `default`, or else the default dtype."""
    check_device(device, op)
    return (default or get_default_dtype()) if dtype is None else as_dtype(dtype, op)


def zeros(
    *shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Zeros of the given shape.

    Args:
        shape: the sizes, ``zeros(2, 3)`` or ``zeros((2, 3))``; none gives a 0-d tensor.
        size: the same, as a keyword.
        dtype: default, the default dtype.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        A new tensor.

    Raises:
        ShapeError: if a size is negative.

    >>> import tinygrad_edu as tg
    >>> tg.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return made(np.zeros(size_of("zeros", shape, size), dtype_for("zeros", dtype, device)), requires_grad, "zeros")


def ones(*shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of the given shape; the arguments are those of `zeros`.

    >>> import tinygrad_edu as tg
    >>> tg.ones(3)
    tensor([1., 1., 1.])
    """
    return made(np.ones(size_of("ones", shape, size), dtype_for("ones", dtype, device)), requires_grad, "ones")


def empty(
    *shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Uninitialized memory in the given shape; the arguments are those of `zeros`.

    >>> import tinygrad_edu as tg
    >>> tg.empty(2, 3).shape
    (2, 3)
    """
    return made(np.empty(size_of("empty", shape, size), dtype_for("empty", dtype, device)), requires_grad, "empty")


def full(
    size: Any, fill_value: Operand, *, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """A tensor filled with one number.

    Args:
        size: the shape, a tuple or an integer.
        fill_value: the number.
        dtype: default, the default dtype for a float, int64 for an integer, bool for a bool.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        A new tensor.

    Raises:
        ShapeError: if a size is negative.
        DtypeError: if `requires_grad` is set for integers.

    >>> import tinygrad_edu as tg
    >>> tg.full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    require_number("full", "fill_value", fill_value)
    value = array_of(fill_value)
    own = getattr(value, "dtype", None)
    default = own or (np.dtype(bool) if isinstance(value, bool) else int64 if isinstance(value, int) else None)
    wanted = dtype_for("full", dtype, device, default)
    return made(np.full(size_of("full", (size,), None), value, wanted), requires_grad, "full")


def _like(op: str, x: Operand, dtype: DType, requires_grad: bool, device: Any, fill: Any) -> Tensor:
    refuse_mask(x, op)
    array = np.asarray(array_of(x))
    wanted = dtype_for(op, dtype, device, array.dtype)
    # Never in the strides of an expanded `x`: every place gets memory of its own.
    new = np.empty(array.shape, wanted) if fill is None else np.full(array.shape, fill, wanted)
    return made(new, requires_grad, op)


def zeros_like(x: Operand, *, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`; a constant, whatever `x` is.

    >>> import tinygrad_edu as tg
    >>> tg.zeros_like(tg.tensor([1.0, 2.0]))
    tensor([0., 0.])
    """
    return _like("zeros_like", x, dtype, requires_grad, device, 0)


def ones_like(x: Operand, *, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of `x`; a constant, whatever `x` is.

    >>> import tinygrad_edu as tg
    >>> tg.ones_like(tg.tensor([5, 6]))
    tensor([1, 1])
    """
    return _like("ones_like", x, dtype, requires_grad, device, 1)


def full_like(
    x: Operand, fill_value: Operand, *, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """A tensor filled with one number, in the shape and dtype of `x`; a constant, whatever `x` is.

    >>> import tinygrad_edu as tg
    >>> tg.full_like(tg.tensor([1.0, 2.0]), 7)
    tensor([7., 7.])
    """
    require_number("full_like", "fill_value", fill_value)
    value = array_of(fill_value)
    return _like("full_like", x, dtype, requires_grad, device, value)


def empty_like(x: Operand, *, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Uninitialized memory in the shape and dtype of `x`.

    >>> import tinygrad_edu as tg
    >>> tg.empty_like(tg.zeros(2, 3)).shape
    (2, 3)
    """
    return _like("empty_like", x, dtype, requires_grad, device, None)


@implements(np.zeros_like)
def _np_zeros_like(a: Operand, dtype: DType = None, *, shape: Any = None) -> Tensor:
    return zeros(a.shape if shape is None else shape, dtype=dtype or a.dtype)


@implements(np.ones_like)
def _np_ones_like(a: Operand, dtype: DType = None, *, shape: Any = None) -> Tensor:
    return ones(a.shape if shape is None else shape, dtype=dtype or a.dtype)


@implements(np.empty_like)
def _np_empty_like(prototype: Operand, dtype: DType = None, *, shape: Any = None) -> Tensor:
    return empty(prototype.shape if shape is None else shape, dtype=dtype or prototype.dtype)


@implements(np.full_like)
def _np_full_like(a: Operand, fill_value: Operand, dtype: DType = None, *, shape: Any = None) -> Tensor:
    # np.full_like is called with Tensors as fill_value too, and then `a` may be an array.
    return full(a.shape if shape is None else shape, fill_value, dtype=dtype or a.dtype)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers from `start` up to but not including `end`.

    Args:
        start: the first number; the end, if it is the only argument (the start is 0 then).
        end: where to stop.
        step: the difference between neighbours.
        dtype: default, int64 if all three are integers, else the default dtype.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        Tensor of one axis.

    Raises:
        ValueError: if `step` is 0, or leads away from `end`.

    >>> import tinygrad_edu as tg
    >>> tg.arange(3), tg.arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1. , 1.5]))
    """
    bounds = [_number(n) for n in ((0, start, step) if end is None else (start, end, step))]
    first, last, by = bounds
    if by == 0 or (last - first) / by < 0:
        raise ValueError(f"arange: step={by} does not lead from {first} to {last}")
    whole = all(isinstance(n, int) for n in bounds)
    wanted = dtype_for("arange", dtype, device, int64 if whole else None)
    if wanted.kind == "f":  # computed in float64: float32 would drift, and could miss the end
        return made(np.arange(float(first), last, by).astype(wanted), requires_grad, "arange")
    return made(np.arange(first, last, by).astype(wanted, copy=False), requires_grad, "arange")


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """`steps` evenly spaced numbers from `start` to `end`, both included.

    Args:
        start: the first number.
        end: the last number.
        steps: how many.
        dtype: default, the default dtype.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        Tensor of shape (steps,).

    Raises:
        ValueError: if `steps` is negative.

    >>> import tinygrad_edu as tg
    >>> tg.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    array = np.linspace(_number(start), _number(end), _steps("linspace", steps))
    return made(array.astype(dtype_for("linspace", dtype, device)), requires_grad, "linspace")


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """`base` to the powers of `linspace(start, end, steps)`.

    Args:
        start: the first exponent.
        end: the last exponent.
        steps: how many.
        base: what is raised to them.
        dtype: default, the default dtype.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        Tensor of shape (steps,).

    Raises:
        ValueError: if `steps` is negative.

    >>> import tinygrad_edu as tg
    >>> tg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    array = np.logspace(_number(start), _number(end), _steps("logspace", steps), base=base)
    return made(array.astype(dtype_for("logspace", dtype, device)), requires_grad, "logspace")


def eye(
    n: int, m: int | None = None, *, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """The identity matrix, of shape (n, n) or (n, m).

    Raises:
        ShapeError: if a size is negative.

    >>> import tinygrad_edu as tg
    >>> tg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = size_of("eye", (n, n if m is None else m), None)
    return made(np.eye(rows, columns, dtype=dtype_for("eye", dtype, device)), requires_grad, "eye")


def new_zeros(x: Any, *shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the given shape, of the dtype of `x`."""
    return zeros(*shape, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad)


def new_ones(x: Any, *shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Ones of the given shape, of the dtype of `x`."""
    return ones(*shape, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad)


def new_empty(x: Any, *shape: Any, size: Any = None, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Uninitialized memory in the given shape, of the dtype of `x`."""
    return empty(*shape, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad)


def new_full(x: Any, size: Any, fill_value: Any, *, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the given shape filled with one number, of the dtype of `x`."""
    return full(size, fill_value, dtype=dtype or x.dtype, requires_grad=requires_grad)


def new_tensor(x: Any, data: Any, *, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`, of the dtype of `x`."""
    refuse_mask(data, "new_tensor")
    numbers = array_of(data)
    return made(np.array(numbers, dtype=as_dtype(dtype or x.dtype, "new_tensor")), requires_grad, "new_tensor")


def _number(value: Any) -> Any:
    """A Python number of a number, an array or a Tensor of one element."""
    number = value.item() if hasattr(value, "item") else value
    if not isinstance(number, int | float):
        raise DtypeError(f"a range needs real numbers, got {value!r}")
    return number


def _steps(op: str, steps: Any) -> int:
    if steps.__index__() < 0:
        raise ValueError(f"{op}: steps={steps} must not be negative")
    return int(steps)
