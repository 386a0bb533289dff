"""From one loss per sample to what a loss function returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...autograd.tallies import mark
from ...dtypes import float16, float32
from ...engine.graph import Node, TensorBase
from ...engine.primitives import Operand
from ...engine.promotion import beside
from ...errors import DtypeError, ShapeError
from ...ops.reductions import _sum_of_all
from ...tensors.creation import as_tensor
from ...tensors.tensor import Tensor

REDUCTIONS = ("sum", "mean", "none")


def comes_from(x: Tensor, op: str) -> bool:
    """Whether `op` computed `x`, as far as that was recorded."""
    return isinstance(x.source, Node) and x.source.op.name == op


def check_reduction(op: str, reduction: Any, known: Sequence[str] = REDUCTIONS) -> None:
    """Raise unless `reduction` is one of those that the loss `op` has."""
    if reduction not in known:
        names = ", ".join(repr(name) for name in known)
        raise ValueError(f"{op}: unknown reduction {reduction!r}: use one of {names}; 'sum' is the default")


def per_element(
    op: str, losses: Callable[[Tensor, Tensor], Tensor], input: Operand, target: Operand, reduction: str
) -> Tensor:
    """The loss `op` that has a loss for each element, which `losses` computes of input and target."""
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    return reduce_losses(op, losses(x, t), reduction, x)


def reduce_losses(
    op: str,
    losses: Tensor,
    reduction: str,
    input: Tensor,
    count: float | None = None,
    empty: str = "",
    shape: tuple[int, ...] | None = None,
    weighted: bool = False,
) -> Tensor:
    """The losses themselves ("none"), their sum, or their sum divided by `count`.

    The result is marked with the number of samples that it stands for, which `optimizer.step` compares with its own.

    Args:
        op: name of the loss function, for messages.
        losses: one number per term of the cost.
        reduction: "sum", "mean" or "none".
        input: what these are the losses of.
        count: what the mean divides by; default, how many losses there are.
        empty: what to say instead of "the batch is empty" when `count` is 0.
        shape: that of the targets, where not all of them have a loss; default, that of the losses.
        weighted: whether each loss has a weight, whose sum `count` is not: then it is unknown what a sum stands for.
    """
    divisor = losses.array.size if count is None else count
    if reduction == "mean":
        if divisor == 0:
            reason = empty or f"the batch is empty (losses of shape {losses.shape})"
            raise ValueError(
                f"{op}: reduction='mean' divides by zero: {reason}. "
                "Skip such a batch, or use reduction='sum', which gives 0"
            )
        result = _mean_of_all(losses, divisor)
    else:
        result = losses if reduction == "none" else _sum_of_all(losses)
    if reduction == "mean" or not weighted:
        mark(result, reduction, input, losses.array.shape if shape is None else shape, divisor)
    return result


def _mean_of_all(losses: Tensor, divisor: float) -> Tensor:
    """The sum of all divided by `divisor`; of float16 in float32, as the sum may be too large where the mean is not."""
    if losses.array.dtype is not float16:
        return _sum_of_all(losses) / divisor
    return (_sum_of_all(losses.astype(float32)) / divisor).astype(float16)


def pair(op: str, input: Operand, target: Operand) -> tuple[Tensor, Tensor]:
    """`input` and `target` as tensors of real numbers of one shape; a single number may be every target."""
    x = floating(op, "input", input)
    t: Tensor = target if isinstance(target, Tensor) else as_tensor(beside(x, target))
    if x.shape != t.shape and t.shape != ():
        raise ShapeError(f"{op}: input has shape {x.shape}, target {t.shape}: {_mismatch(x.shape, t.shape)}")
    return x, t


def floating(op: str, name: str, value: Operand) -> Tensor:
    """`value` as a tensor, if it is of real numbers."""
    tensor: Tensor = value if isinstance(value, TensorBase) else as_tensor(value)  # type: ignore[assignment]
    if tensor.array.dtype.kind != "f":
        order = " (the order is input, target)" if name == "input" else ""
        raise DtypeError(f"{op}: {name} has dtype {tensor.dtype}, it must be floating-point: use .float(){order}")
    return tensor


def _mismatch(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Which axis differs, and how the two would be made alike."""
    if have == (*want, 1):
        return "there is one target for every number of input, which has an axis too many: use input.squeeze(-1)"
    if want == (*have, 1):
        return "there is one target for every number of input, but target has an axis too many: use target.squeeze(-1)"
    if len(have) != len(want):
        return f"they have {len(have)} and {len(want)} axes, and must have the same shape"
    axis = next(i for i, (a, b) in enumerate(zip(have, want)) if a != b)
    return f"axis {axis} is {have[axis]} against {want[axis]}, and they must have the same shape"
