"""The losses as modules. Each is a function of `nn.functional`, which says what it computes and what it refuses.

The default reduction is "sum": a batch's cost is the sum of its samples' losses.
"""

from __future__ import annotations

from ...tensors.tensor import Tensor
from .. import functional as F
from ..module.module import Module
from .reduction import REDUCTIONS, check_reduction

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


class _Loss(Module):
    """A loss with a reduction, which is checked when the loss is made."""

    _reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str = "sum") -> None:
        super().__init__()
        check_reduction(type(self).__name__, reduction, self._reductions)
        self.reduction = reduction

    def extra_repr(self) -> str:
        """The reduction."""
        return f"reduction={self.reduction!r}"


class _WeightedLoss(_Loss):
    """A loss with weights, which are a buffer, so that they belong to the module's state."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None, reduction: str) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """(input - target)²; see `functional.mse_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """|input - target|; see `functional.l1_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.L1Loss()(tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0]))
    tensor(3.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """A parabola for errors below `beta`, straight lines beyond; see `functional.smooth_l1_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.SmoothL1Loss()(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(2.625)
    """

    def __init__(self, reduction: str = "sum", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """A parabola for errors up to `delta`, straight lines beyond; see `functional.huber_loss`.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.HuberLoss(delta=2.0)(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]))
    tensor(4.125)
    """

    def __init__(self, reduction: str = "sum", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(input)[target]; see `functional.cross_entropy`.

    Args:
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing.
        reduction: "sum", "mean" or "none".
        label_smoothing: how much of each target is spread evenly over all classes.

    Shape: (N, C) and (N,), or more axes behind; to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 9])).round(decimals=4)
    tensor(4.6052)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "sum",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing={label_smoothing} must be between 0 and 1")
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """-input[target], for log-probabilities; see `functional.nll_loss`.

    Args:
        weight: how much each class counts, of shape (C,).
        ignore_index: a target of this value counts nothing.
        reduction: "sum", "mean" or "none".

    Shape: (N, C) and (N,), or more axes behind; to (), or that of the targets with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.NLLLoss()(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "sum") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCELoss(_WeightedLoss):
    """Binary cross-entropy of probabilities; see `functional.binary_cross_entropy`.

    Args:
        weight: how much each term counts.
        reduction: "sum", "mean" or "none".

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.BCELoss()(tg.tensor([0.5, 0.5]), tg.tensor([0.0, 1.0])).round(decimals=4)
    tensor(1.3863)
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "sum") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of sigmoid(input); see `functional.binary_cross_entropy_with_logits`.

    Args:
        weight: how much each term counts.
        reduction: "sum", "mean" or "none".
        pos_weight: how much a positive answer counts against a negative one.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0, 100.0]), tg.tensor([0.0, 1.0])).round(decimals=4)
    tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "sum", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """target (log(target) - input), for log-probabilities; see `functional.kl_div`.

    Args:
        reduction: "sum", "batchmean", "mean" or "none".
        log_target: whether the targets are logarithms, too.

    Shape: any, twice the same; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.KLDivLoss()(tg.tensor([0.5, 0.5]).log(), tg.tensor([1.0, 0.0])).round(decimals=4)
    tensor(0.6931)
    """

    _reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "sum", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
