"""Scaled dot-product attention: the scores, and what masks add to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtypes import float16, float32
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.recording import make_tensor, require_number
from ...errors import DtypeError, ShapeError
from ...ops.attention import attention
from ...ops.broadcasting import expand
from ...ops.generator import draw
from ...ops.rearranging import repeat_interleave
from ...ops.shape import reshape
from ...tensors.tensor import Tensor
from ..checks import probability


def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.mT · scale + mask) @ value: for each query, a weighted mean of the values.

    The weights, one for each pair of a query and a key, are not kept: the backward pass computes them again.

    Args:
        query: floating tensor of shape (..., queries, width).
        key: tensor of shape (..., keys, width).
        value: tensor of shape (..., keys, out). The leading axes broadcast.
        attn_mask: booleans, True where a query may see a key; or numbers that are added to the scores, which may have a
            gradient. It broadcasts to (..., queries, keys). A query that may see no key gets zeros.
        dropout_p: the probability that a weight is dropped; the others are divided by 1 - dropout_p. There is no
            difference between training and evaluation here.
        is_causal: let query i see only the keys up to i; not together with `attn_mask`.
        scale: the factor of the scores; default, 1/√width.
        enable_gqa: allow fewer heads (axis -3) in `key` and `value`: each of them serves several consecutive heads of
            `query`.

    Returns:
        Tensor of shape (..., queries, out).

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if query, key and value do not share one floating dtype, or the mask is neither boolean nor
            floating.
        ValueError: if there are two masks, or `dropout_p` is not between 0 and 1.

    Source: Vaswani et al., "Attention Is All You Need" (2017), 3.2.1; computed as in Dao et al., "FlashAttention"
    (2022).

    >>> import tinygrad_edu as tg
    >>> query, key = tg.tensor([[0.0, 0.0]]), tg.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> tg.nn.functional.scaled_dot_product_attention(query, key, tg.tensor([[2.0], [4.0]]))
    tensor([[3.]])
    """
    name = "scaled_dot_product_attention"
    p = probability(name, dropout_p, "dropout_p")
    require_number(name, "scale", scale)
    if enable_gqa:
        key, value = _repeated("key", key, query), _repeated("value", value, query)
    lead, full = _check(query, key, value)
    if attn_mask is not None:
        if is_causal:
            raise ValueError(f"{name}: attn_mask and is_causal=True are two masks: pass one, or add the other to it")
        attn_mask = _fitting_mask(attn_mask, full)
    if query.dtype == float16:  # the logarithms of sums need more digits
        query, key, value = (x.astype(float32) for x in (query, key, value))
        return scaled_dot_product_attention(query, key, value, attn_mask, p, is_causal, scale).astype(float16)
    if attn_mask is not None:
        attn_mask = added(f"{name}: attn_mask", attn_mask, query.dtype, hidden=False)
        attn_mask = _spread(reshape(attn_mask, (1,) * (2 - len(attn_mask.shape)) + tuple(attn_mask.shape)), lead)
    query, key, value = (_spread(x, lead) for x in (query, key, value))
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    kept = None if p == 0 else draw(None, "random", full, np.float32) >= p
    gain = 1 / (1 - p) if p < 1 else 0.0
    out, _ = attention(query, key, value, attn_mask, kept, gain, float(scale), bool(is_causal))
    return out


def _spread(x: Any, lead: tuple[int, ...]) -> Any:
    """`x`, in front of whose last two axes are others; by an op of its own if a gradient is to be summed over these.

    Then what `x` gets from each sample is known, where samples are along these axes, and `x` is shared by them.
    """
    if x.shape[:-2] == lead or not getattr(x, "requires_grad", False):
        return x
    return expand(x, (*lead, *x.shape[-2:]))


def _check(query: Any, key: Any, value: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes in front of the result's last two, and the shape of the scores, if query, key and value fit."""
    name = "scaled_dot_product_attention"
    shapes = {"query": tuple(query.shape), "key": tuple(key.shape), "value": tuple(value.shape)}
    for argument, shape in shapes.items():
        if len(shape) < 2:
            raise ShapeError(
                f"{name}: {argument} has shape {shape}, it needs two axes or more: (..., positions, width)"
            )
    if not query.dtype == key.dtype == value.dtype or query.dtype.kind != "f":
        raise DtypeError(
            f"{name}: query, key and value must have one floating dtype, they have {query.dtype}, {key.dtype} and "
            f"{value.dtype}: use .float()"
        )
    q, k, v = shapes.values()
    if q[-1] != k[-1]:
        raise ShapeError(f"{name}: query {q} and key {k} must have one width: axis -1 is {q[-1]} and {k[-1]}")
    if k[-2] != v[-2]:
        raise ShapeError(f"{name}: each key of {k} needs a value of {v}: axis -2 is {k[-2]} and {v[-2]}")
    lead = q[:-2]
    if lead == k[:-2] == v[:-2]:
        return lead, (*lead, q[-2], k[-2])
    try:
        scores = np.broadcast_shapes(lead, k[:-2])
        return np.broadcast_shapes(scores, v[:-2]), (*scores, q[-2], k[-2])
    except ValueError:
        raise ShapeError(
            f"{name}: the axes before the last two of query {q}, key {k} and value {v} do not broadcast: "
            "sizes must be equal or 1. Fewer heads in key and value? Pass enable_gqa=True"
        ) from None


def _repeated(argument: str, x: Any, query: Any) -> Any:
    """Keys or values with each head as often as heads of the query share it."""
    have, wanted = tuple(x.shape), tuple(query.shape)
    if len(have) < 3 or len(wanted) < 3 or not have[-3] or wanted[-3] % have[-3]:
        raise ShapeError(
            f"scaled_dot_product_attention: enable_gqa=True divides the heads of query {wanted}, axis -3, among "
            f"those of {argument} {have}: their number must be a multiple"
        )
    return x if have[-3] == wanted[-3] else repeat_interleave(x, wanted[-3] // have[-3], -3)


def _fitting_mask(mask: Any, full: tuple[int, ...]) -> Any:
    """The mask, if it broadcasts to the shape of the scores."""
    shape = tuple(np.shape(array_of(mask)))
    try:
        if np.broadcast_shapes(shape, full) == full:
            return mask
    except ValueError:
        pass
    of_samples = len(full) == 4 and shape == (full[0], full[-1])
    raise ShapeError(
        f"scaled_dot_product_attention: attn_mask of shape {shape} does not broadcast to the scores {full}, which are "
        "(..., queries, keys)"
        + (". One row for the keys of each sample? Use attn_mask[:, None, None]" if of_samples else "")
    )


def added(argument: str, mask: Any, dtype: Any, hidden: bool) -> Any:
    """What a mask adds to the scores: -inf where a boolean is `hidden`; numbers unchanged.

    Args:
        argument: what to call the mask.
        mask: a tensor or an array.
        dtype: that of the result.
        hidden: which boolean hides a key.
    """
    array = np.asarray(array_of(mask))
    if array.dtype == bool:
        return make_tensor(np.where(array == hidden, -np.inf, 0).astype(dtype), None)
    if array.dtype.kind != "f":
        raise DtypeError(
            f"{argument} has dtype {array.dtype}: it must be boolean, or floating to be added to the scores"
        )
    if not isinstance(mask, Tensor):
        mask = make_tensor(array, None)
    return mask if mask.dtype == dtype else mask.astype(dtype)


def hides_later(mask: Any) -> bool:
    """Whether a mask is constant and hides from each position exactly those that come later."""
    array = np.asarray(array_of(mask))
    if mask is None or getattr(mask, "requires_grad", False) or array.ndim != 2:
        return False
    seen = np.tri(*array.shape, dtype=np.bool_)
    if array.dtype == bool:
        return not (array == seen).any()
    return bool(((array == 0) == seen).all() and ((array == -np.inf) != seen).all())
