"""Multi-head attention: the layer, with its projections and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtypes import DType
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.recording import make_tensor
from ...errors import ShapeError
from ...ops.attention import attention_scores
from ...ops.joining import cat
from ...ops.linear import linear
from ...ops.matmul import matmul
from ...ops.shape import reshape, unsqueeze
from ...ops.softmax import softmax
from ...ops.splitting import unbind
from ...ops.transpose import permute
from ...tensors.tensor import Tensor
from .. import init
from ..checks import count, probability
from ..dropout import dropout as dropped
from ..layer import Layer
from ..linear import Linear
from ..parameter import Parameter
from ..widening import watched
from .scaled_dot_product import added, hides_later, scaled_dot_product_attention

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Layer):
    """Attention in several heads, each with its own projections of queries, keys and values.

    With `need_weights=False` the weights are not kept for the backward pass, and fully masked rows give 0; with
    `need_weights=True` they are returned, and such rows are NaN, as in PyTorch. Where queries, keys and values come
    from one input, their projections are one matrix product.

    Args:
        embed_dim: width of queries and results; a multiple of `num_heads`.
        num_heads: the number of heads.
        dropout: the probability that a weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: whether to add a learned key and value.
        add_zero_attn: whether to add a key and value of zeros.
        kdim: width of the keys; default, `embed_dim`.
        vdim: width of the values; default, `embed_dim`.
        batch_first: whether inputs are (samples, positions, width), not (positions, samples, width).
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        in_proj_weight: Parameter of shape (3·embed_dim, embed_dim), stacked for queries, keys and values, uniform by
            Glorot's rule. Where `kdim` or `vdim` differs it is None, and there are `q_proj_weight`, `k_proj_weight` and
            `v_proj_weight`.
        in_proj_bias: Parameter of shape (3·embed_dim,), zeros; or None.
        out_proj: the Linear applied to the concatenated heads; its bias starts at 0.
        bias_k: the learned key of shape (1, 1, embed_dim), or None.
        bias_v: the learned value.

    Shape: (T, N, embed_dim), (S, N, kdim), (S, N, vdim) to (T, N, embed_dim); without N for one sample; N first with
    `batch_first`.

    Raises:
        ValueError: if `embed_dim` is not a multiple of `num_heads`.
        ShapeError: when called with inputs or masks that do not fit.

    Source: Vaswani et al., "Attention Is All You Need" (2017), 3.2.2.

    >>> import tinygrad_edu as tg
    >>> attend = tg.nn.MultiheadAttention(4, num_heads=2, batch_first=True)
    >>> x = tg.zeros(3, 5, 4)
    >>> out, weights = attend(x, x, x)
    >>> out.shape, weights.shape
    ((3, 5, 4), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim: int = count(name, "embed_dim", embed_dim, least=1)
        self.num_heads: int = count(name, "num_heads", num_heads, least=1)
        self.kdim: int = self.embed_dim if kdim is None else count(name, "kdim", kdim)
        self.vdim: int = self.embed_dim if vdim is None else count(name, "vdim", vdim)
        self.dropout: float = probability(name, dropout, "dropout")
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        self.head_dim: int = require_heads(name, embed_dim=self.embed_dim, num_heads=self.num_heads)
        self.out_proj: Linear = Linear(self.embed_dim, self.embed_dim, bias, device, dtype)
        d, own = self.embed_dim, (1, 1, self.embed_dim) if add_bias_kv else None
        alike = self.kdim == self.vdim == d
        self._make_parameters(
            device,
            dtype,
            q_proj_weight=None if alike else (d, d),
            k_proj_weight=None if alike else (d, self.kdim),
            v_proj_weight=None if alike else (d, self.vdim),
            in_proj_weight=(3 * d, d) if alike else None,
            in_proj_bias=(3 * d,) if bias else None,
            bias_k=own,
            bias_v=own,
        )

    def reset_parameters(self) -> None:
        """Draw the parameters anew; of `out_proj`, only the bias is reset."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for own in (self.bias_k, self.bias_v):
            if own is not None:
                init.xavier_normal_(own)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Operand = None,
        need_weights: bool = True,
        attn_mask: Operand = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """For each query, a weighted mean of the values; each head has its own weights.

        Args:
            query: tensor of shape (T, N, embed_dim), or as described for the class.
            key: tensor of shape (S, N, kdim).
            value: tensor of shape (S, N, vdim).
            key_padding_mask: booleans, True where a key is hidden, or numbers that are added to the scores: (N, S).
            need_weights: whether the weights are returned.
            attn_mask: the same for pairs of queries and keys: (T, S), or (N·num_heads, T, S).
            average_attn_weights: whether the returned weights are the means over the heads.
            is_causal: says that `attn_mask` hides from each query exactly the keys that come later, which saves time.
                If it does not, the mask is used as it is.

        Returns:
            A tensor of the shape of `query`, and the weights, as dropout leaves them, of shape (N, T, S), or of shape
            (N, num_heads, T, S) if they are not averaged; None if they are not needed.

        Raises:
            ShapeError: if the shapes do not fit.
            ValueError: if `is_causal` is given without `attn_mask`.
        """
        inputs = (query, key, value)
        masks = (key_padding_mask, attn_mask)
        batched = _check_inputs(self, *inputs, *masks)
        if is_causal and attn_mask is None:
            raise ValueError(
                "MultiheadAttention: is_causal=True says what attn_mask is, so pass it: "
                "attn_mask=nn.Transformer.generate_square_subsequent_mask(positions)"
            )
        if not batched:
            lifted = {id(x): unsqueeze(x, 0) for x in inputs}
            query, key, value = (lifted[id(x)] for x in inputs)
        first = self.batch_first or not batched
        q, k, v = self._projected(query, key, value, first)
        watched(self, self.out_proj.weight, q, *inputs)
        causal = is_causal and key_padding_mask is None and self.bias_k is None and not self.add_zero_attn
        hint = causal and not need_weights and hides_later(attn_mask)
        mask = None if hint else self._mask(key_padding_mask, attn_mask, q, k)
        k, v, mask = self._extended(k, v, mask)
        p = self.dropout if self.training else 0.0
        if need_weights:
            mean, weights = _with_weights(q, k, v, mask, p)
        else:
            mean, weights = scaled_dot_product_attention(q, k, v, mask, p, hint), None
        joined = reshape(permute(mean, (0, 2, 1, 3) if first else (2, 0, 1, 3)), query.shape)
        out = self.out_proj(joined)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if batched:
            return out, weights
        return out[0], None if weights is None else weights[0]

    def _projected(self, query: Tensor, key: Tensor, value: Tensor, first: bool) -> list[Tensor]:
        """Queries, keys and values of all heads, each of shape (samples, heads, positions, width)."""
        weight, bias, d = self.in_proj_weight, self.in_proj_bias, self.embed_dim
        if weight is None:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            parts = [
                linear(x, w, _cut(bias, i, i + 1, d)) for i, (x, w) in enumerate(zip((query, key, value), weights))
            ]
        elif query is key is value:
            parts = list(self._together(query, weight, bias))
        elif key is value:
            parts = [
                linear(query, _cut(weight, 0, 1, d), _cut(bias, 0, 1, d)),
                *self._together(key, _cut(weight, 1, 3, d), _cut(bias, 1, 3, d)),
            ]
        else:
            parts = [
                linear(x, _cut(weight, i, i + 1, d), _cut(bias, i, i + 1, d)) for i, x in enumerate((query, key, value))
            ]
        order = (0, 2, 1, 3) if first else (1, 2, 0, 3)
        return [permute(reshape(x, (*x.shape[:2], self.num_heads, self.head_dim)), order) for x in parts]

    def _together(self, x: Tensor, weight: Any, bias: Any) -> tuple[Tensor, ...]:
        """Several projections of one input, by one product."""
        out = linear(x, weight, bias)
        return unbind(reshape(out, (*x.shape[:-1], weight.shape[0] // self.embed_dim, self.embed_dim)), -2)

    def _mask(self, padding: Any, mask: Any, q: Tensor, k: Tensor) -> Any:
        """What is added to the scores of shape (samples, heads, queries, keys); None for nothing."""
        samples, heads, queries, keys = *q.shape[:3], k.shape[2]
        total = None
        if mask is not None:
            total = added("MultiheadAttention: attn_mask", mask, q.dtype, hidden=True)
            if len(total.shape) == 3:
                total = reshape(total, (samples, heads, queries, keys))
        if padding is not None:
            padding = added("MultiheadAttention: key_padding_mask", padding, q.dtype, hidden=True)
            padding = reshape(padding, (samples, 1, 1, keys))
            total = padding if total is None else total + padding
        return total

    def _extended(self, k: Tensor, v: Tensor, mask: Any) -> tuple[Tensor, Tensor, Any]:
        """With the learned key and value, and with those that are 0, which no mask hides."""
        samples, heads, _, width = k.shape
        size = (samples, heads, 1, width)
        more_keys: list[Any] = []
        more_values: list[Any] = []
        if self.bias_k is not None and self.bias_v is not None:
            more_keys.append(reshape(self.bias_k, (1, heads, 1, width)).expand(size))
            more_values.append(reshape(self.bias_v, (1, heads, 1, width)).expand(size))
        if self.add_zero_attn:
            zero = make_tensor(np.zeros(size, k.dtype), None)
            more_keys.append(zero)
            more_values.append(zero)
        if not more_keys:
            return k, v, mask
        if mask is not None:
            seen = make_tensor(np.zeros((*mask.shape[:-1], len(more_keys)), mask.dtype), None)
            mask = cat([mask, seen], -1)
        return cat([k, *more_keys], 2), cat([v, *more_values], 2), mask


def _with_weights(q: Tensor, k: Tensor, v: Tensor, mask: Any, p: float) -> tuple[Tensor, Tensor]:
    """Attention by plain ops, and its weights, some of which are dropped."""
    scores = attention_scores(q / math.sqrt(q.shape[-1]), k)
    weights = dropped(softmax(scores if mask is None else scores + mask, -1), p)
    return matmul(weights, v), weights


def _cut(parameter: Any, start: int, stop: int, size: int) -> Any:
    """Some of the parts of `size` rows of a parameter, which may be None."""
    return None if parameter is None else parameter[start * size : stop * size]


def require_heads(name: str, **sizes: int) -> int:
    """The width of each head; keywords give the total width and the number of heads, as the user names them.

    Raises:
        ValueError: if the heads cannot share the width.
    """
    (of_width, width), (of_heads, heads) = sizes.items()
    if width % heads:
        raise ValueError(
            f"{name}: {of_width}={width} is not a multiple of {of_heads}={heads}, and heads share it equally. "
            f"Set {of_width}={max(width // heads, 1) * heads}?"
        )
    return width // heads


def _check_inputs(layer: MultiheadAttention, query: Any, key: Any, value: Any, padding: Any, mask: Any) -> bool:
    """Whether there are several samples; raises ShapeError for what does not fit the layer, or each other."""
    shapes = {"query": tuple(query.shape), "key": tuple(key.shape), "value": tuple(value.shape)}
    q, k, v = shapes.values()
    form = "(N, T, width)" if layer.batch_first else "(T, N, width)"
    if len(q) not in (2, 3) or not len(q) == len(k) == len(v):
        raise ShapeError(
            f"MultiheadAttention: query, key and value are {form} each, or (T, width) each for one sample; they "
            f"have the shapes {q}, {k} and {v}"
        )
    widths = {"embed_dim": layer.embed_dim, "kdim": layer.kdim, "vdim": layer.vdim}
    for (argument, shape), (option, width) in zip(shapes.items(), widths.items(), strict=True):
        if shape[-1] != width:
            raise ShapeError(
                f"MultiheadAttention expects {argument} of shape (*, {width}), got {shape}: axis -1 is {shape[-1]}. "
                f"Set {option}={shape[-1]}?"
            )
    if k[:-1] != v[:-1]:
        axis = next(i for i, (m, n) in enumerate(zip(k, v, strict=True)) if m != n)
        raise ShapeError(
            f"MultiheadAttention: each key needs a value: key {k} and value {v} differ at axis {axis}, {k[axis]} "
            f"against {v[axis]}"
        )
    batched = len(q) == 3
    place = 0 if layer.batch_first else 1
    if batched and q[place] != k[place]:
        raise ShapeError(
            f"MultiheadAttention: query {q} and key {k} have {q[place]} and {k[place]} samples along axis {place}. "
            f"Inputs are {form} here: set batch_first={not layer.batch_first}?"
        )
    time = 1 - place if batched else 0
    _check_masks(layer, q[place] if batched else None, (q[time], k[time]), padding, mask)
    return batched


def _check_masks(
    layer: MultiheadAttention, samples: int | None, sizes: tuple[int, int], padding: Any, mask: Any
) -> None:
    """Raise ShapeError if a mask does not fit so many samples (None: one, without an axis), queries and keys."""
    queries, keys = sizes
    if padding is not None:
        have, wanted = tuple(np.shape(array_of(padding))), (keys,) if samples is None else (samples, keys)
        if have != wanted:
            swapped = f". Use key_padding_mask.T, or set batch_first={not layer.batch_first}?"
            raise ShapeError(
                f"MultiheadAttention: key_padding_mask has shape {have}, it needs {wanted}: a place for each key"
                + ("" if samples is None else " of each sample")
                + (swapped if have == wanted[::-1] else "")
            )
    if mask is not None:
        have = tuple(np.shape(array_of(mask)))
        deep = ((1 if samples is None else samples) * layer.num_heads, queries, keys)
        if have not in ((queries, keys), deep):
            raise ShapeError(
                f"MultiheadAttention: attn_mask has shape {have}, it needs (queries, keys) = {(queries, keys)}, or "
                f"(samples · num_heads, queries, keys) = {deep}"
                + (f". Set batch_first={not layer.batch_first}?" if have == (samples, samples) else "")
            )
