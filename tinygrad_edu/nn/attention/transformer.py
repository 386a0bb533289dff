"""Transformers: encoders, decoders, and the model made of both."""

from __future__ import annotations

import copy
from typing import Any

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.attention import future
from ...ops.casting import check_device
from ...ops.creation import dtype_for
from ...tensors.tensor import Tensor
from .. import init
from ..activations.rectifiers import relu
from ..checks import count
from ..containers import ModuleList
from ..module.module import Module
from ..normalization.within_samples import LayerNorm
from .scaled_dot_product import hides_later
from .transformer_layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class _Stack(Module):
    """Copies of a layer, one after the other, and a norm at the end."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        name, given = type(self).__name__, layer
        if not isinstance(given, Module):
            raise TypeError(f"{name}: the first argument is the layer that is copied, a {name}Layer; got {given!r}")
        self.num_layers: int = count(name, "num_layers", num_layers)
        self.layers: ModuleList = ModuleList([copy.deepcopy(layer) for _ in range(self.num_layers)])
        self.norm = norm

    def _normalized(self, x: Tensor) -> Tensor:
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """A stack of copies of one layer, each with its own parameters.

    All copies start from the parameters of `encoder_layer`, as in PyTorch. Unlike in PyTorch, padded positions are
    computed like all others, in evaluation mode too: `enable_nested_tensor` is accepted and changes nothing.

    Args:
        encoder_layer: the layer that is copied.
        num_layers: the number of copies.
        norm: a module to apply to the result, or None.
        enable_nested_tensor: accepted for compatibility with PyTorch.
        mask_check: accepted for compatibility with PyTorch.

    Shape: that of the layer.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> tg.nn.TransformerEncoder(layer, num_layers=2)(tg.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Operand = None,
        src_key_padding_mask: Operand = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The sequence after all layers; arguments are those of the layer.

        Args:
            src: the sequence.
            mask: `src_mask` of each layer.
            src_key_padding_mask: the same for each layer.
            is_causal: whether `mask` hides exactly what comes later; None to detect it.
        """
        causal = hides_later(mask) if is_causal is None else is_causal
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=causal)
        return self._normalized(src)


class TransformerDecoder(_Stack):
    """A stack of copies of one layer, each with its own parameters; all attend to the same memory.

    All copies start from the parameters of `decoder_layer`, as in PyTorch.

    Args:
        decoder_layer: the layer that is copied.
        num_layers: the number of copies.
        norm: a module to apply to the result, or None.

    Shape: that of the layer.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> tg.nn.TransformerDecoder(layer, num_layers=2)(tg.zeros(3, 5, 8), tg.zeros(3, 7, 8)).shape
    (3, 5, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Operand = None,
        memory_mask: Operand = None,
        tgt_key_padding_mask: Operand = None,
        memory_key_padding_mask: Operand = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence after all layers; arguments are those of the layer.

        Args:
            tgt: the sequence.
            memory: the output of an encoder.
            tgt_mask: which pairs of positions of the sequence are hidden.
            memory_mask: which pairs of a position of the sequence and one of the memory.
            tgt_key_padding_mask: which positions of the sequence.
            memory_key_padding_mask: which positions of the memory.
            tgt_is_causal: whether `tgt_mask` hides exactly what comes later; None to detect it.
            memory_is_causal: whether `memory_mask` does.
        """
        causal = hides_later(tgt_mask) if tgt_is_causal is None else tgt_is_causal
        masks = {
            "tgt_mask": tgt_mask,
            "memory_mask": memory_mask,
            "tgt_key_padding_mask": tgt_key_padding_mask,
            "memory_key_padding_mask": memory_key_padding_mask,
        }
        for layer in self.layers:
            tgt = layer(tgt, memory, **masks, tgt_is_causal=causal, memory_is_causal=memory_is_causal)
        return self._normalized(tgt)


class Transformer(Module):
    """An encoder of one sequence, and a decoder of another one that attends to the encoder's output.

    Matrices start uniform by Glorot's rule. Embeddings, positional encodings and a prediction layer are left to the
    model around it.

    Args:
        d_model: width of inputs and results.
        nhead: the number of heads of each attention.
        num_encoder_layers: the number of encoder layers.
        num_decoder_layers: the number of decoder layers.
        dim_feedforward: width between the two linear layers of each layer.
        dropout: the probability of dropping attention weights, and outputs of each sublayer, in training.
        activation: the function between the two: ``"relu"``, ``"gelu"``, or a function of a tensor.
        custom_encoder: a module to use as the encoder.
        custom_decoder: a module to use as the decoder.
        layer_norm_eps: `eps` of the layer norms.
        batch_first: whether inputs are (samples, positions, d_model), not (positions, samples, d_model).
        norm_first: whether each sublayer normalises its input, rather than the sum of its input and output.
        bias: whether linear layers, attention and norms have biases.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (S, N, d_model) and (T, N, d_model) to (T, N, d_model); without N for one sample; N first with `batch_first`.

    Raises:
        ValueError: if `d_model` is not a multiple of `nhead`, or there is no such activation.
        ShapeError: when called with sequences that do not fit.

    Source: Vaswani et al., "Attention Is All You Need" (2017).

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Transformer(8, 2, 1, 1, dim_feedforward=16, batch_first=True)
    >>> model(tg.zeros(3, 7, 8), tg.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            layer: Module = TransformerEncoderLayer(*sizes, device, dtype)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*sizes, device, dtype)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self.encoder: Any = custom_encoder
        self.decoder: Any = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        for parameter in self.parameters():
            if len(parameter.shape) > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Operand = None,
        tgt_mask: Operand = None,
        memory_mask: Operand = None,
        src_key_padding_mask: Operand = None,
        tgt_key_padding_mask: Operand = None,
        memory_key_padding_mask: Operand = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The output of the decoder for `tgt`, given the encoder's output for `src`.

        Args:
            src: the sequence for the encoder.
            tgt: the sequence for the decoder.
            src_mask: which pairs of positions of `src` are hidden: see `MultiheadAttention`.
            tgt_mask: which pairs of positions of `tgt`.
            memory_mask: which pairs of a position of `tgt` and one of `src`.
            src_key_padding_mask: which positions of `src` are hidden in the encoder.
            tgt_key_padding_mask: which positions of `tgt`.
            memory_key_padding_mask: which positions of `src` are hidden in the decoder.
            src_is_causal: whether `src_mask` hides exactly what comes later; None to detect it.
            tgt_is_causal: the same for `tgt_mask`.
            memory_is_causal: the same for `memory_mask`.
        """
        self._check(tuple(src.shape), tuple(tgt.shape))
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(  # type: ignore[no-any-return]
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    def _check(self, src: tuple[int, ...], tgt: tuple[int, ...]) -> None:
        """Raise if the sequences do not fit each other or the model."""
        place = 0 if self.batch_first else 1
        if len(src) not in (2, 3) or len(src) != len(tgt) or (len(src) == 3 and src[place] != tgt[place]):
            raise ShapeError(
                f"Transformer: src {src} and tgt {tgt} must have as many samples, along axis {place}. "
                f"Set batch_first={not self.batch_first}?"
            )
        for name, shape in (("src", src), ("tgt", tgt)):
            if shape[-1:] != (self.d_model,):
                raise ShapeError(
                    f"Transformer expects {name} of shape (*, {self.d_model}), got {shape}: axis -1 is {shape[-1]}. "
                    f"Set d_model={shape[-1]}?"
                )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: DType = None) -> Tensor:
        """A mask that hides later positions from each position: -inf there, and 0 elsewhere.

        Args:
            sz: the number of positions.
            device: ``"cpu"``.
            dtype: a floating dtype; default, the default dtype.

        >>> import tinygrad_edu as tg
        >>> tg.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[  0., -inf],
                [  0.,   0.]])
        """
        check_device(device, "generate_square_subsequent_mask")
        size = count("generate_square_subsequent_mask", "sz", sz)
        return Tensor(future((size, size), dtype_for("generate_square_subsequent_mask", dtype, device)))
