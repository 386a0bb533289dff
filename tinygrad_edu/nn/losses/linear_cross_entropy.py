"""Cross-entropy with the last layer in it: a linear classifier and its loss in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.linear import linear
from ...tensors.tensor import Tensor
from ..checks import count
from ..linear import Linear
from ..module.module import Module
from .classification import cross_entropy
from .reduction import check_reduction

__all__ = ["LinearCrossEntropyLoss"]


def linear_cross_entropy(
    input: Operand,
    linear_weight: Operand,
    target: Operand,
    *,
    linear_bias: Operand = None,
    weight: Operand = None,
    reduction: str = "sum",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target), for one or more positions per sample.

    PyTorch's `options`, which divide the batch to save memory, are not supported.

    Args:
        input: floating tensor of shape (in_features,) or (N, in_features).
        linear_weight: tensor of shape (C, in_features) for C classes, or (C, d1, …, in_features) for classes at each of
            d1 · … positions.
        target: as for `cross_entropy`, whose input has shape (N, C, d1, …).
        linear_bias: tensor of the shape of `linear_weight` without its last axis, or None.
        weight: a weight for each class, of shape (C,).
        reduction: "sum" of all losses, their "mean", or "none".
        ignore_index: targets with this value are ignored; None for -100. For class indices only.
        label_smoothing: how much of each target is spread evenly over all classes, from 0 to 1.

    Returns:
        Tensor of shape (), or that of the class indices with "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError, IndexError, ValueError: as from `cross_entropy`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.linear_cross_entropy(tg.zeros(3, 2), tg.zeros(4, 2), tg.tensor([1, 0, 3])).round(decimals=4)
    tensor(4.1589)
    """
    *places, features = linear_weight.shape or (0,)
    if not places or len(input.shape) not in (1, 2) or input.shape[-1] != features:
        raise ShapeError(
            f"linear_cross_entropy: linear_weight of shape {tuple(linear_weight.shape)}, which is (C, …, in_features), "
            f"takes input of shape ({features},) or (N, {features}), got {tuple(input.shape)}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != tuple(places):
        raise ShapeError(
            f"linear_cross_entropy: linear_bias has shape {tuple(linear_bias.shape)}, linear_weight "
            f"{tuple(linear_weight.shape)} needs {tuple(places)}"
        )
    outputs = math.prod(places)
    flat_bias = None if linear_bias is None else linear_bias.reshape((outputs,))
    logits = linear(input, linear_weight.reshape((outputs, features)), flat_bias)
    return cross_entropy(
        logits.reshape((*input.shape[:-1], *places)),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


class LinearCrossEntropyLoss(Module):
    """The cross-entropy of the outputs of a Linear layer, which it holds as `linear`.

    Args:
        in_features: size of the last axis of the input.
        num_classes: how many classes C there are.
        out_features: the sizes d1, … where each sample has classes at several positions.
        bias: whether the layer adds one.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.
        reduction: "sum", "mean" or "none".
        weight: a weight for each class, of shape (C,).
        ignore_index: targets with this value are ignored; None for -100.
        label_smoothing: how much of each target is spread evenly over all classes.

    Shape: (N, in_features), and class indices (N, *out_features) or probabilities (N, C, *out_features); to (), or
    (N, *out_features) with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.LinearCrossEntropyLoss(2, 3, reduction="none")(tg.zeros(5, 2), tg.zeros(5, dtype=tg.int64)).shape
    (5,)
    """

    weight: Tensor | None
    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: Sequence[int] = (),
        bias: bool = False,
        device: Any = None,
        dtype: DType = None,
        reduction: str = "sum",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_reduction(name, reduction)
        self.in_features: int = count(name, "in_features", in_features)
        self.num_classes: int = count(name, "num_classes", num_classes, least=1)
        self.out_features: tuple[int, ...] = tuple([count(name, "out_features", n, least=1) for n in out_features])
        self.reduction = reduction
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = self.num_classes * math.prod(self.out_features)
        self.linear = Linear(self.in_features, outputs, bias, device, dtype)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        places = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.reshape((*places, self.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(places),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """The sizes and options."""
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}"
        )
