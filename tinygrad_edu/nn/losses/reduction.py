"""From one loss per sample to the value of a loss function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from ...autograd.tallies import mark
from ...dtypes import float16, float32
from ...engine.callsite import warn
from ...engine.graph import Node
from ...ops.reductions import _sum_of_all
from ...tensors.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

REDUCTIONS = ("sum", "mean", "none")


def comes_from(x: Tensor, op: str) -> bool:
    """Whether `op` computed `x`, as far as that was recorded."""
    return isinstance(x.source, Node) and x.source.op.name == op


def check_reduction(op: str, reduction: Any, known: Sequence[str] = REDUCTIONS) -> None:
    """Raise unless `reduction` is one that the loss `op` supports."""
    if reduction not in known:
        names = ", ".join(repr(name) for name in known)
        raise ValueError(f"{op}: unknown reduction {reduction!r}: use one of {names}; 'sum' is the default")


def in_former_words(function: F) -> F:
    """Let a loss also accept PyTorch's deprecated `size_average` and `reduce`, which set its reduction."""
    name = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: Any, size_average: bool | None = None, reduce: bool | None = None, **options: Any) -> Any:
        if size_average is not None or reduce is not None:
            averaged = "sum" if size_average is not None and not size_average else "mean"
            options["reduction"] = averaged if reduce is None or reduce else "none"
            warn(f"{name}: size_average and reduce are deprecated: write reduction={options['reduction']!r}")
        return function(*args, **options)

    return call  # type: ignore[return-value]


def sampled(*inputs: Tensor) -> Tensor:
    """Which of several inputs of a loss tells how many samples there are: the first one that was computed."""
    return next((x for x in inputs if type(x.source) is Node), inputs[0])


def reduce_losses(
    op: str,
    losses: Tensor,
    reduction: str,
    input: Tensor,
    count: Tensor | float | None = None,
    empty: str = "",
    shape: tuple[int, ...] | None = None,
    weighted: bool = False,
) -> Tensor:
    """The losses themselves ("none"), their sum, or their sum divided by `count`.

    The result is marked with the number of samples it sums over, which `optimizer.step` compares with its `samples`.

    Args:
        op: name of the loss function, for messages.
        losses: one number per term of the cost.
        reduction: "sum", "mean" or "none".
        input: what these are the losses of.
        count: what the mean divides by; default, how many losses there are.
        empty: the message in place of "the batch is empty" if `count` is 0.
        shape: that of the targets, where not all of them have a loss; default, that of the losses.
        weighted: whether each loss has a weight, and `count` is not their sum: then the number of samples is unknown.
    """
    divisor = losses.array.size if count is None else count
    number = divisor.item() if isinstance(divisor, Tensor) else divisor
    if reduction == "mean":
        if number == 0:
            reason = empty or f"the batch is empty (losses of shape {losses.shape})"
            raise ValueError(
                f"{op}: reduction='mean' divides by zero: {reason}. "
                "Skip such a batch, or use reduction='sum', which gives 0"
            )
        result = _mean_of_all(losses, divisor)
    else:
        result = losses if reduction == "none" else _sum_of_all(losses)
    if reduction == "mean" or not weighted:
        mark(result, reduction, input, losses.array.shape if shape is None else shape, number)
    return result


def reduce_together(op: str, losses: Tensor, reduction: str, *inputs: Tensor) -> Tensor:
    """As `reduce_losses`, for losses of pairs or triplets: one of them may count as one sample, or as two or three."""
    shape, computed = losses.array.shape, [x for x in inputs if type(x.source) is Node]
    if shape and len(computed) > 1:
        shape += (len(computed),)
    return reduce_losses(op, losses, reduction, sampled(*inputs), shape=shape)


def _mean_of_all(losses: Tensor, divisor: Tensor | float) -> Tensor:
    """The sum of all divided by `divisor`; of float16 in float32, as the sum may be too large where the mean is not."""
    if losses.array.dtype is not float16:
        return _sum_of_all(losses) / divisor
    return (_sum_of_all(losses.astype(float32)) / divisor).astype(float16)
