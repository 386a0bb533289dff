"""Transformer layers: attention, and a small network at each position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import DtypeError, ShapeError
from ...ops.activations import gelu
from ...tensors.tensor import Tensor
from ..activations.rectifiers import relu
from ..checks import count
from ..dropout import Dropout
from ..linear import Linear
from ..module.module import Module
from ..normalization.within_samples import LayerNorm
from .multihead import MultiheadAttention, require_heads

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation: TypeAlias = "str | Callable[[Tensor], Tensor]"
_ACTIVATIONS: dict[str, Any] = {"relu": relu, "gelu": gelu}


class _TransformerLayer(Module):
    """What both kinds of layers have: attention of a sequence to itself, and the network at each position.

    Each of these steps is added to what it gets; it is normalised after that, or, with `norm_first`, before.
    """

    self_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        attentions: tuple[str, ...],
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        self._d_model: int = count(owner, "d_model", d_model, least=1)
        require_heads(owner, d_model=self._d_model, nhead=count(owner, "nhead", nhead, least=1))
        more = {"bias": bias, "device": device, "dtype": dtype}
        for name in attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **more))
        self.linear1: Linear = Linear(d_model, dim_feedforward, **more)
        self.dropout: Dropout = Dropout(dropout)
        self.linear2: Linear = Linear(dim_feedforward, d_model, **more)
        self.norm_first = norm_first
        for i in range(1, len(attentions) + 2):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, **more))
        for i in range(1, len(attentions) + 2):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation: Callable[[Tensor], Tensor] = _function(owner, activation)

    def _check(self, **inputs: Any) -> None:
        """Raise unless these have the width of the layer, and are floating."""
        for name, x in inputs.items():
            shape = tuple(x.shape)
            if x.dtype.kind != "f":
                raise DtypeError(
                    f"{type(self).__name__}: {name} has dtype {x.dtype}, it must be floating-point: use .float() for "
                    "numbers, an nn.Embedding in front for the ids of words or characters"
                )
            if shape[-1:] != (self._d_model,):
                raise ShapeError(
                    f"{type(self).__name__} expects {name} of shape (*, {self._d_model}), got {shape}: "
                    + (f"axis -1 is {shape[-1]}. Set d_model={shape[-1]}?" if shape else "it has no axis")
                )

    def _step(self, number: int, x: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
        """x and what a step makes of it, normalised."""
        norm, dropout = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + dropout(step(norm(x)))  # type: ignore[no-any-return]
        return norm(x + dropout(step(x)))  # type: ignore[no-any-return]

    def _feed(self, x: Tensor) -> Tensor:
        """The network of two layers, at each position."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))  # type: ignore[no-any-return]


def _function(layer: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in _ACTIVATIONS:
        raise ValueError(f"{layer}: activation={activation!r}: pass 'relu', 'gelu', or a function of a tensor")
    return _ACTIVATIONS[activation]  # type: ignore[no-any-return]


class TransformerEncoderLayer(_TransformerLayer):
    """Attention of a sequence to itself, then two linear layers at each position, each added to its input.

    Args:
        d_model: width of inputs and results.
        nhead: the number of heads.
        dim_feedforward: width between the two linear layers.
        dropout: the probability of dropping attention weights, and outputs of each sublayer, in training.
        activation: the function between the two: ``"relu"``, ``"gelu"``, or a function of a tensor.
        layer_norm_eps: `eps` of the layer norms.
        batch_first: whether inputs are (samples, positions, d_model), not (positions, samples, d_model).
        norm_first: whether each sublayer normalises its input, rather than the sum of its input and output.
        bias: whether linear layers, attention and norms have biases.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (S, N, d_model), unchanged; without N for one sample; N first with `batch_first`.

    Raises:
        ValueError: if `d_model` is not a multiple of `nhead`, or there is no such activation.

    Source: Vaswani et al., "Attention Is All You Need" (2017), 3.1; `norm_first`: Xiong et al., "On Layer Normalization
    in the Transformer Architecture" (2020).

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(tg.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        super().__init__(*sizes, ("self_attn",), device, dtype)

    def forward(
        self, src: Tensor, src_mask: Operand = None, src_key_padding_mask: Operand = None, is_causal: bool = False
    ) -> Tensor:
        """The sequence, after each position has attended to the others.

        Args:
            src: the sequence.
            src_mask: `attn_mask` of `MultiheadAttention`.
            src_key_padding_mask: its `key_padding_mask`.
            is_causal: whether `src_mask` hides exactly what comes later.

        Raises:
            ShapeError: for a sequence with a different width, or a mask that does not fit.
            DtypeError: for a sequence that is not floating.
        """
        self._check(src=src)
        x = self._step(1, src, lambda x: _attend(self.self_attn, x, x, src_mask, src_key_padding_mask, is_causal))
        return self._step(2, x, self._feed)


def _attend(layer: Any, x: Tensor, other: Tensor, mask: Any, padding: Any, is_causal: bool) -> Tensor:
    """The attention of `x` to `other`, without its weights."""
    out, _ = layer(x, other, other, padding, need_weights=False, attn_mask=mask, is_causal=is_causal)
    return out  # type: ignore[no-any-return]


class TransformerDecoderLayer(_TransformerLayer):
    """Attention of a sequence to itself, then to the output of an encoder, then two linear layers.

    Args:
        d_model: width of inputs and results.
        nhead: the number of heads of each attention.
        dim_feedforward: width between the two linear layers.
        dropout: the probability of dropping attention weights, and outputs of each sublayer, in training.
        activation: the function between the two: ``"relu"``, ``"gelu"``, or a function of a tensor.
        layer_norm_eps: `eps` of the layer norms.
        batch_first: whether inputs are (samples, positions, d_model), not (positions, samples, d_model).
        norm_first: whether each sublayer normalises its input, rather than the sum of its input and output.
        bias: whether linear layers, attention and norms have biases.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (T, N, d_model) and (S, N, d_model) to (T, N, d_model); without N for one sample; N first with `batch_first`.

    Raises:
        ValueError: if `d_model` is not a multiple of `nhead`, or there is no such activation.

    Source: Vaswani et al., "Attention Is All You Need" (2017), 3.1.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(tg.zeros(3, 5, 8), tg.zeros(3, 7, 8)).shape
    (3, 5, 8)
    """

    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        super().__init__(*sizes, ("self_attn", "multihead_attn"), device, dtype)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Operand = None,
        memory_mask: Operand = None,
        tgt_key_padding_mask: Operand = None,
        memory_key_padding_mask: Operand = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence, after each position has attended to the others and to the memory.

        Args:
            tgt: the sequence.
            memory: the output of an encoder.
            tgt_mask: `attn_mask` of `MultiheadAttention`, of the sequence to itself.
            memory_mask: that of the sequence to the memory.
            tgt_key_padding_mask: `key_padding_mask` of the sequence.
            memory_key_padding_mask: that of the memory.
            tgt_is_causal: whether `tgt_mask` hides exactly what comes later.
            memory_is_causal: the same for `memory_mask`.

        Raises:
            ShapeError: for a sequence with a different width, or a mask that does not fit.
            DtypeError: for a sequence that is not floating.
        """
        self._check(tgt=tgt, memory=memory)
        x = self._step(1, tgt, lambda x: _attend(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal))
        to_memory = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        x = self._step(2, x, lambda x: _attend(self.multihead_attn, x, *to_memory))
        return self._step(3, x, self._feed)
