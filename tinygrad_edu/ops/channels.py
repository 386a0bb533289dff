"""Normalization of channels, which are axis 1: over a batch, within groups of each sample, by given statistics.

Each is one op with a rule of its own. An input of shape (N, C, *) is read as rows, one for each sample and channel, or
for each sample and group of channels. What is costly are sums along rows, and row by row products and sums; work on
one number for each row costs almost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import float32
from ..engine.graph import Node
from ..engine.primitives import Operand, primitive
from ..engine.recording import require_number
from ..errors import DtypeError, ShapeError
from ..sample_rules.contributions import Contribution, Products
from ..sample_rules.ids import NOBODY, SampleIds, Use, collapse, merge
from ..sample_rules.rule import Found, SampleRule, value_of
from .rows import into, is_plain, row_dots, row_sums, totals

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["group_norm"]

# Mean and variance


def _count(x: Any, across: bool) -> int:
    """How many numbers there are a mean over."""
    return max(int(x.shape[2]) * (int(x.shape[0]) if across else 1), 1)


def _moments(x: Any, across: bool) -> tuple[Any, Any, Any]:
    """x, of shape (N, G, K), less the mean of each group; the mean; and the variance.

    The mean of many large numbers is rounded. What is left of it in their differences is taken off again where that
    can be seen, so that the variance has all its digits. Where float32 is too small for it, it comes in float64.
    """
    count = _count(x, across)
    mean = totals(row_sums(x), across) / count
    centred = x - mean
    with np.errstate(over="ignore"):
        variance = totals(row_dots(centred, centred), across) / count
    if is_plain(x) and x.dtype == float32 and np.isinf(variance).any():
        wide = centred.astype(np.float64)
        return centred, mean, totals(row_dots(wide, wide), across) / count
    if is_plain(x):
        rest = totals(row_sums(centred), across) / count
        if (rest * rest > variance * (4 * np.finfo(x.dtype).eps) ** 2).any():
            centred -= rest
            mean, variance = mean + rest, totals(row_dots(centred, centred), across) / count
    return centred, mean, variance


def _in_each(groups: int, channels: int) -> int:
    """How many channels each group has; 0 where there are none of either."""
    return channels // max(groups, 1)


def _by_groups(x: Any, groups: int) -> Any:
    """x, of shape (N, C, *), as (N, G, K)."""
    n, channels = x.shape[:2]
    return x.reshape((n, groups, _in_each(groups, channels) * math.prod(x.shape[2:])))


def _by_channels(x: Any) -> Any:
    """x, of shape (N, C, *), as (N, C, L)."""
    return x.reshape((*x.shape[:2], math.prod(x.shape[2:])))


def _of_channels(scale: Any, weight: Any, channels: int) -> Any:
    """scale, (N or 1, G, 1), for each channel, and times weight, (C,): (N or 1, C, 1)."""
    samples, groups = scale.shape[:2]
    if weight is not None:
        scale = scale * weight.reshape((1, groups, _in_each(groups, channels)))
    elif groups < channels:
        scale = np.broadcast_to(scale, (samples, groups, channels // groups))
    return scale.reshape((samples, channels, 1))


def _scaled(centred: Any, scale: Any, weight: Any, bias: Any) -> Any:
    """centred, (N, C, L), which may be overwritten, times scale, (N or 1, G, 1), and weight, plus bias, each (C,)."""
    channels = centred.shape[1]
    out = into(np.multiply, centred, _of_channels(scale, weight, channels))
    return out if bias is None else into(np.add, out, bias.reshape((channels, 1)))


def _gradients(
    g: Any, x: Any, weight: Any, groups: int, across: bool, eps: float, needs: Sequence[Any], more: Sequence[Any] = ()
) -> tuple[Any, Any, Any]:
    """The gradients with respect to x, weight and bias.

    With n = (x - m) / s, where m and s are mean and deviation, n moves neither along 1 nor along n itself: of the
    gradient h with respect to n, only the part perpendicular to both reaches x, divided by s. `more` are the gradients
    with respect to mean and variance themselves, of shapes (1, G, 1).
    """
    n, channels = x.shape[:2]
    g = _by_channels(g)
    sums = row_sums(g)
    by_bias = None if needs[2] is None else totals(sums, True).reshape((channels,))
    if needs[0] is None and needs[1] is None:
        return None, None, by_bias
    centred, _, variance = _moments(_by_groups(x, groups), across)
    scale, count = 1 / np.sqrt(variance + eps), _count(centred, across)
    by_group = (n, groups, _in_each(groups, channels))
    dots = row_dots(g, centred.reshape(g.shape)).reshape(by_group) * scale
    by_weight = None if needs[1] is None else totals(dots.reshape(sums.shape), True).reshape((channels,))
    if needs[0] is None:
        return None, by_weight, by_bias
    w = np.ones((1, groups, 1), g.dtype) if weight is None else weight.reshape((1, *by_group[1:]))
    along_one, along_n = [
        totals((part * w).sum(axis=-1, keepdims=True), across) / -count for part in (sums.reshape(by_group), dots)
    ]
    level, slope = along_one * scale, along_n * scale * scale
    if more:
        level, slope = level + more[0] / count, slope + more[1] * 2 / count
    by_x = (g * _of_channels(scale, weight, channels)).reshape(centred.shape)
    by_x = into(np.add, by_x, into(np.add, into(np.multiply, centred, slope), level))
    return by_x.reshape(x.shape), by_weight, by_bias


# How samples stay apart


def _ids_of_channels(ids: SampleIds) -> Found:
    """The ids of what there is one of for each channel, from those of the result."""
    single = collapse(ids, (0, *range(2, ids.ndim)))
    return Use.SHARED if single is None else single.reshape(-1)


class _ByChannel(SampleRule):
    """Weight and bias, the arguments after x, belong to channels; a sample's part of them is summed over its positions.

    Args:
        ids_of_x: those of x, from the call and the ids of its result.
        normal: what the weight is multiplied with, from the arguments of the call.
        mixing: whether samples may meet in the op.
    """

    def __init__(self, ids_of_x: Callable[[Node, Any], Found], normal: Callable[..., Any], mixing: bool) -> None:
        self._ids_of_x = ids_of_x
        self._normal = normal
        self.mixing = mixing

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        own = _ids_of_channels(ids)
        found: list[Found] = [self._ids_of_x(node, ids), own, own, *[None] * (len(node.inputs) - 3)]
        return [None if link is None else part for link, part in zip(node.inputs, found, strict=True)]

    def contribution(self, node: Node, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        if argument == 0:
            return None
        letters = ascii_letters[: len(node.shape)]
        if argument == 1:
            g = g * self._normal(*args)
        if all(n == 1 for n in ids.shape[2:]):
            g = row_sums(_by_channels(g)).reshape((*node.shape[:2], *[1] * (len(node.shape) - 2)))
        return Products(letters[1], (letters, g), ())


def _ids_within_groups(node: Node, ids: SampleIds) -> Found:
    """The ids of x, where a whole group is needed for each number of it."""
    single = collapse(ids, tuple(range(2, ids.ndim)))
    groups, channels = value_of(node, "groups"), node.shape[1]
    if single is None or single.shape[1] == 1 or groups == channels:
        return Use.MIXED if single is None else single
    by_group = collapse(single.reshape((single.shape[0], groups, channels // groups)), (2,))
    if by_group is None:
        return Use.MIXED
    return np.repeat(by_group, channels // groups, axis=1).reshape(single.shape)


class _OfBatch(SampleRule):
    """Each number of a channel depends on all numbers of this channel in the batch."""

    instead = (
        "Call eval() on the BatchNorm, for the statistics kept from training; or use GroupNorm or LayerNorm in its "
        "place, which take each sample by itself"
    )

    def mixed_data(self, node: Node, ids: Any) -> Any:
        x = value_of(node, "x")
        if node.inputs[0] is not None or ids[0] is None or collapse(ids[0], (0, *range(2, len(x.shape)))) is not None:
            return None
        return x

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        ndim = len(value_of(node, "x").shape)
        normal = None if ids[0] is None else collapse(ids[0], (0, *range(2, ndim)))
        found: list[Found] = [Use.MIXED if ids[0] is not None and normal is None else normal]
        for part in ids[1:]:
            if part is not None and not isinstance(found[0], Use):
                part = part.reshape((1, -1, *[1] * (ndim - 2)))
                both = part if found[0] is None else merge(found[0], part)
                found[0] = Use.MIXED if both is None else both
        own = np.full((1,), NOBODY) if ids[0] is None else _ids_of_channels(ids[0])
        found += [own, own, None]
        return [None if link is None else part for link, part in zip(node.inputs, found, strict=True)]


# The ops


def _batch_norm_rule(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, eps: float, *, needs: Sequence[Any]
) -> tuple[Any, ...]:
    shape = (1, x.shape[1], 1)
    normal, *more = [
        np.zeros(full, x.dtype) if part is None else part.reshape(full)
        for part, full in zip(g.parts, (x.shape, shape, shape), strict=True)
    ]
    return (*_gradients(normal, x, weight, x.shape[1], True, eps, needs, more), None)


@primitive(
    joint=_batch_norm_rule,
    fresh=True,
    saves=("x weight", "x", ""),
    cases=lambda draw: [
        (draw(5, 3), draw(3), draw(3), 1e-5),
        (draw(3, 2, 4), draw(2), draw(2), 0.1),
        (draw(2, 2, 2, 2), None, None, 1e-5),
        (draw(4, 1), draw(1), None, 0.1),
        (draw(3, 2), None, draw(2), 0.1),
        (draw(0, 3), draw(3), draw(3), 0.1),
    ],
    samples=_OfBatch(),
    name="batch_norm",
)
def normalize_batch(x: Operand, weight: Operand, bias: Operand, eps: float) -> Any:
    """x, normalised over all axes but 1, times weight, plus bias; and the mean and the variance, each (C,)."""
    channels = x.shape[1]
    centred, mean, variance = _moments(_by_channels(x), True)
    out = _scaled(centred, 1 / np.sqrt(variance + eps), weight, bias)
    with np.errstate(over="ignore"):
        variance = variance.astype(x.dtype, copy=False)
    return out.reshape(x.shape), mean.reshape((channels,)), variance.reshape((channels,))


def _group_norm_rule(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, groups: int, eps: float, *, needs: Sequence[Any]
) -> tuple[Any, ...]:
    return (*_gradients(g, x, weight, groups, False, eps, needs), None, None)


def _normal_in_groups(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    centred, _, variance = _moments(_by_groups(x, groups), False)
    return (centred / np.sqrt(variance + eps)).reshape(x.shape)


@primitive(
    joint=_group_norm_rule,
    single=True,
    fresh=True,
    saves=("x weight", "x", ""),
    cases=lambda draw: [
        (draw(2, 4, 3), draw(4), draw(4), 2, 1e-5),
        (draw(2, 3, 2, 2), draw(3), draw(3), 3, 0.1),
        (draw(2, 4), draw(4), draw(4), 1, 0.1),
        (draw(3, 4, 2), None, None, 2, 1e-5),
        (draw(2, 2, 3), None, draw(2), 1, 0.1),
        (draw(0, 4, 2), draw(4), draw(4), 2, 0.1),
    ],
    samples=_ByChannel(_ids_within_groups, _normal_in_groups, mixing=True),
    name="group_norm",
)
def normalize_groups(x: Operand, weight: Operand, bias: Operand, groups: int, eps: float) -> Any:
    """x, normalised within each sample over each group of channels, times weight, plus bias."""
    centred, _, variance = _moments(_by_groups(x, groups), False)
    out = _scaled(centred.reshape(_by_channels(x).shape), 1 / np.sqrt(variance + eps), weight, bias)
    return out.reshape(x.shape)


def _along_channels(values: Any, x: Any) -> Any:
    """values, (C,), with axes of size 1 for the positions of x."""
    return values.reshape((-1, *[1] * (len(x.shape) - 2)))


def _by_weight(g: Any, out: Any, x: Any, weight: Any, bias: Any, mean: Any, scale: Any) -> Any:
    dots = row_dots(_by_channels(g), _by_channels(x - _along_channels(mean, x)))
    return totals(dots, True).reshape((x.shape[1],)) * scale


def _normal_by_statistics(x: Any, weight: Any, bias: Any, mean: Any, scale: Any) -> Any:
    return (x - _along_channels(mean, x)) * _along_channels(scale, x)


@primitive(
    vjps=(
        lambda g, out, x, weight, bias, mean, scale: (
            g * _along_channels(scale if weight is None else scale * weight, x)
        ),
        _by_weight,
        lambda g, out, x, weight, bias, mean, scale: totals(row_sums(_by_channels(g)), True).reshape((x.shape[1],)),
    ),
    single=True,
    fresh=True,
    saves=("weight scale", "x mean scale", ""),
    cases=lambda draw: [
        (draw(4, 3), draw(3), draw(3), np.arange(3) / 4, np.array([0.5, 1.0, 2.0])),
        (draw(2, 2, 3), draw(2), draw(2), np.zeros(2), np.array([1.5, 0.5])),
        (draw(2, 2, 2, 2), None, None, np.ones(2), np.ones(2)),
        (draw(0, 2), draw(2), draw(2), np.ones(2), np.ones(2)),
    ],
    samples=_ByChannel(lambda node, ids: ids, _normal_by_statistics, mixing=False),
    name="batch_norm_eval",
)
def standardize(x: Operand, weight: Operand, bias: Operand, mean: Any, scale: Any) -> Any:
    """(x - mean) * scale * weight + bias, where each has one number for each channel; mean and scale are constants."""
    out = x - _along_channels(mean, x)
    out = into(np.multiply, out, _along_channels(scale if weight is None else scale * weight, x))
    return out if bias is None else into(np.add, out, _along_channels(bias, x))


def moments(x: Any, across: bool) -> tuple[Any, Any]:
    """Mean and variance of an array (N, C, *) by channels: `across` the samples, (C,), or within each, (N, C)."""
    _, mean, variance = _moments(_by_channels(x), across)
    return mean.reshape(mean.shape[int(across) : 2]), variance.reshape(variance.shape[int(across) : 2])


def check_channels(op: str, x: Any, **each: Any) -> None:
    """Raise unless x is floating, of shape (N, C, *), and each of the others is None or has shape (C,)."""
    shape = tuple(x.shape)
    if x.dtype.kind != "f":
        raise DtypeError(f"{op}: input has dtype {x.dtype}, it must be floating-point: use .float()")
    if len(shape) < 2:
        raise ShapeError(f"{op} expects (N, C, *), got {shape}: there is no axis 1 for the channels")
    for name, value in each.items():
        if value is not None and tuple(value.shape) != shape[1:2]:
            raise ShapeError(
                f"{op}: {name} has shape {tuple(value.shape)}, and axis 1 of the input, the channels, is {shape[1]} "
                f"(its shape is {shape}): it needs ({shape[1]},)"
            )


def group_norm(
    input: Operand, num_groups: int, weight: Operand = None, bias: Operand = None, eps: float = 1e-5
) -> Tensor:
    """Shift and scale each group of channels of each sample to mean 0 and variance 1, then apply weight and bias.

    Args:
        input: floating tensor of shape (N, C, *).
        num_groups: how many groups of consecutive channels there are.
        weight: tensor of shape (C,) to multiply by, or None.
        bias: tensor of shape (C,) to add, or None.
        eps: added to the variance (the biased one) under the root.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if C is not a multiple of `num_groups`, or `weight` or `bias` have another shape.
        DtypeError: if `input` is not floating.

    Source: Wu and He, "Group Normalization" (2018).

    >>> import tinygrad_edu as tg
    >>> tg.group_norm(tg.tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    require_number("group_norm", "eps", eps)
    check_channels("group_norm", input, weight=weight, bias=bias)
    if num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm: axis 1 of the input, the channels, is {input.shape[1]} (its shape is {tuple(input.shape)}), "
            f"which is not a multiple of num_groups={num_groups}"
        )
    return normalize_groups(input, weight, bias, int(num_groups), eps)
