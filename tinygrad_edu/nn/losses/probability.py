"""Binary cross-entropy and KL divergence: losses between probabilities."""

from __future__ import annotations

from ...engine.callsite import warn
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.activations import logsigmoid
from ...ops.losses import binary_cross_entropy as _binary_cross_entropy
from ...ops.transcendental import exp, xlogy
from ...tensors.tensor import Tensor
from ..checks import first_place
from .arguments import pair, spread_to
from .loss import Loss, WeightedLoss, loss_of
from .reduction import REDUCTIONS, check_reduction, comes_from, in_former_words, reduce_losses

__all__ = ["BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "MultiLabelSoftMarginLoss"]

OUTSIDE = "Outside 0 to 1 the cost has no least value"


@in_former_words
def binary_cross_entropy(input: Operand, target: Operand, weight: Operand = None, *, reduction: str = "sum") -> Tensor:
    """-target log(input) - (1 - target) log(1 - input), for yes-or-no questions.

    Prefer `binary_cross_entropy_with_logits`, which is exact where a probability rounds to 0 or 1. Here
    logarithms are at least -100, as in PyTorch.

    Args:
        input: probabilities, floating, of any shape, from 0 to 1.
        target: the right answers, from 0 to 1, of the same shape.
        weight: a weight for each term; of a shape that broadcasts to that of `input`.
        reduction: "sum" of all terms, their "mean" (divided by their number), or "none".

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an input or target outside 0 to 1, an unknown reduction, and a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.binary_cross_entropy(tg.tensor([0.5, 0.5]), tg.tensor([0.0, 1.0])).round(decimals=4)
    tensor(1.3863)
    """
    op = "binary_cross_entropy"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    _check_probabilities(op, "input", x, f"Use {op}_with_logits for scores, or apply sigmoid first")
    _check_probabilities(op, "target", t, OUTSIDE)
    return reduce_losses(
        op, _weighted(op, _binary_cross_entropy(x, t), weight), reduction, x, weighted=weight is not None
    )


@loss_of(binary_cross_entropy)
class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities; see `functional.binary_cross_entropy`.

    Args:
        weight: a weight for each term.
        reduction: "sum", "mean" or "none".

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.BCELoss()(tg.tensor([0.5, 0.5]), tg.tensor([0.0, 1.0])).round(decimals=4)
    tensor(1.3863)
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "sum") -> None:
        super().__init__(weight, reduction=reduction)


@in_former_words
def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    *,
    reduction: str = "sum",
    pos_weight: Operand = None,
) -> Tensor:
    """Binary cross-entropy of sigmoid(input), exact for scores of any size.

    Args:
        input: scores (logits), floating, of any shape.
        target: the right answers, from 0 to 1, of the same shape.
        weight: a weight for each term; of a shape that broadcasts to that of `input`.
        reduction: "sum" of all terms, their "mean" (divided by their number), or "none".
        pos_weight: the weight of positive answers relative to negative ones; of a shape that broadcasts.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for a target outside 0 to 1 (where PyTorch lets the cost fall without limit), an unknown reduction,
            and a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> logits, target = tg.tensor([0.0, 100.0]), tg.tensor([0.0, 1.0])
    >>> tg.nn.functional.binary_cross_entropy_with_logits(logits, target).round(decimals=4)
    tensor(0.6931)
    """
    op = "binary_cross_entropy_with_logits"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    if comes_from(x, "sigmoid"):
        warn(f"{op}: input comes from sigmoid, but it takes scores and applies the sigmoid itself: leave it out")
    _check_probabilities(op, "target", t, OUTSIDE)
    positive = t if pos_weight is None else t * spread_to(op, "pos_weight", pos_weight, x)
    losses = _of_scores(x, t, positive)
    return reduce_losses(op, _weighted(op, losses, weight), reduction, x, weighted=weight is not None)


@loss_of(binary_cross_entropy_with_logits)
class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross-entropy of sigmoid(input); see `functional.binary_cross_entropy_with_logits`.

    Args:
        weight: a weight for each term.
        reduction: "sum", "mean" or "none".
        pos_weight: the weight of positive answers relative to negative ones.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0, 100.0]), tg.tensor([0.0, 1.0])).round(decimals=4)
    tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "sum", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)


@in_former_words
def multilabel_soft_margin_loss(
    input: Operand, target: Operand, weight: Operand = None, *, reduction: str = "sum"
) -> Tensor:
    """Binary cross-entropy of sigmoid(input), averaged over the classes: any number of them may be right at once.

    Args:
        input: scores (logits), floating, of shape (*, C) for C classes.
        target: 1 where a class is right and 0 where not, or a value between, of the same shape.
        weight: a weight for each class, of shape (C,), or any that broadcasts to that of `input`. The mean over the
            classes still divides by their number.
        reduction: "sum" of all samples' losses, their "mean", or "none".

    Returns:
        Tensor of shape (), or that of `input` without its last axis with "none".

    Raises:
        ShapeError: if the shapes differ, or `input` has no axis of classes.
        ValueError: for a target outside 0 to 1, an unknown reduction, and a mean over no elements.

    >>> import tinygrad_edu as tg
    >>> scores, target = tg.tensor([[0.0, 100.0]]), tg.tensor([[0.0, 1.0]])
    >>> tg.nn.functional.multilabel_soft_margin_loss(scores, target).round(decimals=4)
    tensor(0.3466)
    """
    op = "multilabel_soft_margin_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    if not x.shape or not x.shape[-1]:
        raise ShapeError(f"{op}: input has shape {x.shape}, but it needs classes on its last axis: (*, C)")
    _check_probabilities(op, "target", t, OUTSIDE)
    losses = _weighted(op, _of_scores(x, t, t), weight).sum(-1) / x.shape[-1]
    return reduce_losses(op, losses, reduction, x, weighted=weight is not None)


@loss_of(multilabel_soft_margin_loss)
class MultiLabelSoftMarginLoss(WeightedLoss):
    """Binary cross-entropy of scores, averaged over classes; see `functional.multilabel_soft_margin_loss`.

    Args:
        weight: a weight for each class, of shape (C,).
        reduction: "sum", "mean" or "none".

    Shape: (*, C), the same for both; to (), or (*) with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.MultiLabelSoftMarginLoss()(tg.zeros(2, 3), tg.ones(2, 3)).round(decimals=4)
    tensor(1.3863)
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "sum") -> None:
        super().__init__(weight, reduction=reduction)


@in_former_words
def kl_div(input: Operand, target: Operand, *, reduction: str = "sum", log_target: bool = False) -> Tensor:
    """target (log(target) - input): how far the distribution `target` is from that of log-probabilities `input`.

    Args:
        input: log-probabilities, floating, of any shape, as log_softmax gives them.
        target: probabilities of the same shape, or (with `log_target`) their logarithms.
        reduction: "sum" of all elements, "batchmean" (the sum divided by the size of axis 0, which is the
            mean divergence of a sample), "mean" of all elements, or "none".
        log_target: whether `target` holds logarithms.

    Returns:
        Tensor of shape (), or that of `input` with "none".

    Raises:
        ShapeError: if the shapes differ.
        ValueError: for an unknown reduction, and a mean over no elements.

    Source: Kullback and Leibler, "On Information and Sufficiency" (1951).

    >>> import tinygrad_edu as tg
    >>> even = tg.tensor([0.5, 0.5])
    >>> tg.nn.functional.kl_div(even.log(), tg.tensor([1.0, 0.0])).round(decimals=4)
    tensor(0.6931)
    """
    check_reduction("kl_div", reduction, (*REDUCTIONS, "batchmean"))
    x, t = pair("kl_div", input, target)
    losses: Tensor = exp(t) * (t - x) if log_target else xlogy(t, t) - t * x
    if reduction == "batchmean":
        if not losses.shape:
            raise ShapeError("kl_div: reduction='batchmean' divides by the size of axis 0, and input has no axis")
        return reduce_losses("kl_div", losses, "mean", x, losses.shape[0])
    return reduce_losses("kl_div", losses, reduction, x)


@loss_of(kl_div)
class KLDivLoss(Loss):
    """target (log(target) - input), for log-probabilities; see `functional.kl_div`.

    Args:
        reduction: "sum", "batchmean", "mean" or "none".
        log_target: whether the targets are logarithms, too.

    Shape: any, the same for both; to (), or that shape with "none".

    >>> import tinygrad_edu as tg
    >>> tg.nn.KLDivLoss()(tg.tensor([0.5, 0.5]).log(), tg.tensor([1.0, 0.0])).round(decimals=4)
    tensor(0.6931)
    """

    _reductions = (*REDUCTIONS, "batchmean")

    reduction: str = "sum"
    log_target: bool = False


def _check_probabilities(op: str, name: str, tensor: Tensor, advice: str) -> None:
    """Raise for the first number that is not from 0 to 1."""
    wrong = ~((tensor.array >= 0) & (tensor.array <= 1))
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(
            f"{op}: {name}{list(place) or ''} is {tensor.array[place]}, which is not a probability. {advice}"
        )


def _of_scores(x: Tensor, t: Tensor, positive: Tensor) -> Tensor:
    """The cross-entropy of sigmoid(x): in no sum of two terms does one take the digits of the other."""
    losses: Tensor = -(positive * logsigmoid(x) + (1 - t) * logsigmoid(-x))
    return losses


def _weighted(op: str, losses: Tensor, weight: Operand) -> Tensor:
    return losses if weight is None else losses * spread_to(op, "weight", weight, losses)
