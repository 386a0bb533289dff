"""The layers of transformers: laws, samples, options. Their numbers are compared with PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

LATER = np.triu(np.ones((3, 3), bool), 1)
PADDING = np.array([[False, False, True], [False, False, False], [False, True, True]])


def made(name: str, **options: Any) -> Any:
    """A small layer in float64 all of whose parameters are random, biases too."""
    options = {"dropout": 0.0, "activation": nn.functional.gelu, **options}
    layer = getattr(nn, name)(4, 2, 5, **options).double()
    for i, p in enumerate(layer.parameters()):
        p.array[...] = normal(*p.shape, seed=i) / 2 + (p.ndim == 1)
    return layer


@pytest.mark.parametrize(("dropout", "norm_first"), [(0.0, False), (0.3, True)])
def test_gradients(dropout: float, norm_first: bool) -> None:
    encoder = made("TransformerEncoderLayer", norm_first=norm_first, dropout=dropout, batch_first=True)
    check_module(encoder, normal(2, 3, 4), LATER, PADDING[:2], True, mode="project")
    decoder = made("TransformerDecoderLayer", norm_first=norm_first, dropout=dropout)
    masks = (LATER, None, None, PADDING[:2, :2], True)
    check_module(decoder, normal(3, 2, 4), normal(2, 2, 4, seed=1), *masks, mode="project")


def test_laws() -> None:
    x, y = normal(3, 3, 4), normal(3, 2, 4, seed=1)
    encoder = made("TransformerEncoderLayer", batch_first=True, dropout=0.2).eval()
    check_laws(encoder, (x, LATER, PADDING), batched=("src", "src_key_padding_mask"))
    decoder = made("TransformerDecoderLayer", batch_first=True)
    check_laws(decoder, (x, y, LATER), batched=("tgt", "memory"))
    check_laws(encoder.train(), (x, LATER, PADDING), batched=())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_samples_are_opened(norm_first: bool, batch_first: bool) -> None:
    options: dict[str, Any] = {"norm_first": norm_first, "batch_first": batch_first, "activation": "relu"}
    encoder, decoder = made("TransformerEncoderLayer", **options), made("TransformerDecoderLayer", **options)
    x, y = normal(3, 3, 4), normal(3, 3, 4, seed=1)

    def losses(samples: slice = slice(0, 3)) -> Any:
        a, b = (tg.tensor(t[samples] if batch_first else t[samples].swapaxes(0, 1)) for t in (x, y))
        memory = encoder(a, src_key_padding_mask=PADDING[samples])
        out = decoder(b, memory, tgt_mask=LATER, tgt_is_causal=True, memory_key_padding_mask=PADDING[samples])
        return (out**2).sum((1, 2) if batch_first else (0, 2))

    leaves = [*encoder.parameters(), *decoder.parameters()]
    check_open_sum(losses, leaves, alone=lambda m: losses(slice(m, m + 1)))


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_options_reach_every_part(name: str) -> None:
    layer = made(name, dropout=0.4, layer_norm_eps=0.2, batch_first=True, bias=False, dtype=tg.float32)
    norms = [part for part in layer.modules() if isinstance(part, nn.LayerNorm)]
    attentions = [part for part in layer.modules() if isinstance(part, nn.MultiheadAttention)]
    decodes = name == "TransformerDecoderLayer"
    assert [norm.eps for norm in norms] == [0.2] * (2 + decodes)
    assert [(part.dropout, part.batch_first, part.num_heads) for part in attentions] == [(0.4, True, 2)] * (1 + decodes)
    assert [part.p for part in layer.modules() if isinstance(part, nn.Dropout)] == [0.4] * (3 + decodes)
    assert not any(name.endswith("bias") for name, _ in layer.named_parameters())


def test_activations() -> None:
    x = tg.tensor(normal(3, 2, 4))
    layers = [made("TransformerEncoderLayer", activation=a) for a in ("gelu", nn.GELU(), tg.nn.functional.gelu)]
    first, *others = [layer(x).detach().array for layer in layers]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-13)
    assert "activation" in dict(layers[1].named_modules())
    with pytest.raises(
        ValueError, match=r"TransformerEncoderLayer: activation='swish': pass 'relu', 'gelu', or a func"
    ):
        nn.TransformerEncoderLayer(4, 2, activation="swish")


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_misfits_are_told_in_the_words_of_the_layer(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: d_model=5 is not a multiple of nhead=2, .*\. Set d_model=4\?$"):
        getattr(nn, name)(5, 2)
    layer, count = made(name), 2 if "Decoder" in name else 1
    first = "tgt" if "Decoder" in name else "src"
    for place, argument in enumerate((first, "memory")[:count]):
        for wrong, kind, said in (
            (tg.zeros(3, 2, 5), tg.ShapeError, r" expects {} of shape \(\*, 4\), .*axis -1 is 5\. Set d_model=5\?$"),
            (tg.tensor(1.0), tg.ShapeError, r" expects {} of shape \(\*, 4\), got \(\): it has no axis$"),
            (tg.zeros(3, 2).long(), tg.DtypeError, r": {} has dtype int64, .* an nn\.Embedding in front for the ids"),
        ):
            inputs = [tg.zeros(3, 2, 4, dtype=tg.float64)] * count
            inputs[place] = wrong
            with pytest.raises(kind, match=f"^{name}{said.format(argument)}"):
                layer(*inputs)


def test_a_copy_shares_nothing() -> None:
    layer = made("TransformerEncoderLayer")
    other = copy.deepcopy(layer)
    for p in other.parameters():
        p.array[...] = 0
    assert all(p.array.any() for p in layer.parameters())
