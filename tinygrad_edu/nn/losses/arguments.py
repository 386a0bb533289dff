"""What losses require of their arguments: equal shapes, signs, weights that fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import TensorBase
from ...engine.primitives import Operand
from ...engine.promotion import beside
from ...engine.recording import require_number
from ...errors import DtypeError, ShapeError, broadcast_clash, require_own
from ...tensors.creation import as_tensor
from ...tensors.tensor import Tensor
from ..checks import first_place


def pair(op: str, input: Operand, target: Operand) -> tuple[Tensor, Tensor]:
    """`input` and `target` as tensors of real numbers of one shape; a single number may be every target."""
    x = floating(op, "input", input)
    return x, fitting(op, x, target)


def fitting(op: str, x: Tensor, target: Operand, name: str = "input") -> Tensor:
    """`target` as a tensor of the shape of `x`, which is called `name`, or a single number."""
    t: Tensor = target if isinstance(target, Tensor) else as_tensor(beside(x, target))
    if x.shape != t.shape and t.shape != ():
        raise ShapeError(f"{op}: {name} has shape {x.shape}, target {t.shape}: {_mismatch(x.shape, t.shape, name)}")
    return t


def alike(op: str, **inputs: Operand) -> list[Tensor]:
    """Tensors of real numbers, by their names, if all have one shape."""
    tensors = [floating(op, name, value) for name, value in inputs.items()]
    (first, *names), x = inputs, tensors[0]
    for name, y in zip(names, tensors[1:]):
        if y.shape != x.shape:
            raise ShapeError(
                f"{op}: {first} has shape {x.shape}, {name} {y.shape}: {_difference(x.shape, y.shape)}. They are not "
                "broadcast; where one of them is meant for all of the other, use expand_as"
            )
    return tensors


def floating(op: str, name: str, value: Operand) -> Tensor:
    """`value` as a tensor, if it is of real numbers."""
    require_own(f"{op}: {name}", value)
    tensor: Tensor = value if isinstance(value, TensorBase) else as_tensor(value)  # type: ignore[assignment]
    if tensor.array.dtype.kind != "f":
        order = " (the order is input, target)" if name == "input" else ""
        raise DtypeError(f"{op}: {name} has dtype {tensor.dtype}, it must be floating-point: use .float(){order}")
    return tensor


def like_input(value: Operand, x: Tensor) -> Tensor:
    """`value` as a tensor; anything else, such as numbers, in the dtype of the input `x`."""
    tensor = as_tensor(value)
    return tensor if isinstance(value, TensorBase) else tensor.astype(x.dtype)


def signs(op: str, target: Tensor) -> Any:
    """`target` as an array, if it holds only 1 and -1."""
    require_number(op, "target", target)
    array: Any = target.array
    wrong = (array != 1) & (array != -1)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(
            f"{op}: target{list(place) or ''} is {array[place]}, but a target is 1 or -1. "
            "Use 2 * target - 1 for targets of 1 and 0"
        )
    return array


def same_size(op: str, name: str, weight: Operand, x: Tensor) -> Tensor:
    """`weight` as a tensor of real numbers, if it has the shape of the input `x`."""
    w = floating(op, name, like_input(weight, x))
    if w.shape != x.shape:
        raise ShapeError(
            f"{op}: {name} has shape {w.shape}, input {x.shape}: it has one number for every number of input. "
            f"Use {name}.expand{x.shape} if it fits"
        )
    return w


def spread_to(op: str, name: str, weight: Operand, x: Tensor) -> Any:
    """`weight`, if it broadcasts to the shape of `x`."""
    array = weight.array if isinstance(weight, TensorBase) else np.asarray(weight, dtype=x.dtype)
    clash = broadcast_clash([array.shape, x.shape])
    if clash or np.broadcast_shapes(array.shape, x.shape) != x.shape:
        raise ShapeError(f"{op}: {name} has shape {array.shape}, input {x.shape}: {clash or 'it is larger than input'}")
    return weight if isinstance(weight, TensorBase) else array


def _mismatch(have: tuple[int, ...], want: tuple[int, ...], name: str) -> str:
    """Which axis differs between inputs and targets, and how the two would be made alike."""
    one = f"there is one target for every number of {name}"
    if have == (*want, 1):
        return f"{one}, which has an axis too many: use {name}.squeeze(-1)"
    if want == (*have, 1):
        return f"{one}, but target has an axis too many: use target.squeeze(-1)"
    return f"{_difference(have, want)}; they must have the same shape"


def _difference(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    if len(have) != len(want):
        return f"they have {len(have)} and {len(want)} axes"
    axis = next(i for i, (a, b) in enumerate(zip(have, want)) if a != b)
    return f"axis {axis} is {have[axis]} against {want[axis]}"
