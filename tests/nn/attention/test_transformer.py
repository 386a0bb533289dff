"""Stacks of transformer layers, and the whole model. Their numbers are compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_module

LATER = np.triu(np.ones((3, 3), bool), 1)


def made(**options: Any) -> Any:
    options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, **options}
    model = nn.Transformer(4, 2, 2, 2, 5, **options).double()
    for i, p in enumerate(model.parameters()):
        p.array[...] = normal(*p.shape, seed=i) / 2 + (p.ndim == 1)
    return model


def test_gradients() -> None:
    check_module(made(), normal(2, 3, 4), normal(2, 2, 4, seed=1), None, LATER[:2, :2])


def test_samples_are_opened() -> None:
    model, x, y = made(), normal(3, 2, 4), normal(3, 3, 4, seed=1)

    def losses(first: int = 0, last: int = 3) -> Any:
        out = model(tg.tensor(x[first:last]), tg.tensor(y[first:last]), tgt_mask=LATER)
        return (out**2).sum((1, 2))

    check_open_sum(losses, list(model.parameters()), alone=lambda m: losses(m, m + 1), tolerance=1e-10)


def test_layers_are_copies_that_start_alike_in_a_stack_and_apart_in_the_model() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 5)
    stack = nn.TransformerEncoder(layer, 3, nn.LayerNorm(4))
    first, second, _ = stack.layers
    assert first is not layer
    np.testing.assert_array_equal(first.linear1.weight.array, second.linear1.weight.array)
    first.linear1.weight.array[...] = 0
    assert second.linear1.weight.array.any()
    assert len(list(stack.parameters())) == 3 * len(list(layer.parameters())) + 2
    first, second = nn.Transformer(4, 2, 2, 1, 5).encoder.layers
    assert (first.linear1.weight.array != second.linear1.weight.array).any()


def test_matrices_of_the_model_start_by_glorots_rule() -> None:
    weight = nn.Transformer(32, 2, 1, 1, 64).decoder.layers[0].linear1.weight.array
    bound = np.sqrt(6 / 96)
    assert 0.98 * bound < np.abs(weight).max() <= bound


def test_parts_of_ones_own() -> None:
    class Same(nn.Module):
        def forward(self, x: Any, *others: Any, **masks: Any) -> Any:
            return x

    model = nn.Transformer(4, custom_encoder=Same(), custom_decoder=Same(), batch_first=True)
    x = tg.ones(2, 3, 4)
    assert model(x, x) is x
    assert not list(model.parameters())


def test_the_mask_of_what_comes_later() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    np.testing.assert_array_equal(mask.array, np.where(LATER, -np.inf, 0))
    assert mask.dtype == tg.float32
    assert nn.Transformer.generate_square_subsequent_mask(2, dtype=tg.float64).dtype == tg.float64
    with pytest.raises(ValueError, match="sz must be at least 0, got -1"):
        nn.Transformer.generate_square_subsequent_mask(-1)


@pytest.mark.parametrize("is_causal", [None, True, False])
def test_saying_that_a_mask_is_causal_changes_nothing(is_causal: bool | None) -> None:
    model, x, y = made(), tg.tensor(normal(2, 3, 4)), tg.tensor(normal(2, 3, 4, seed=1))
    expected = model(x, y, src_mask=1.0 * np.where(LATER, -np.inf, 0), tgt_mask=LATER, src_is_causal=False)
    out = model(x, y, src_mask=LATER, tgt_mask=LATER, src_is_causal=is_causal, tgt_is_causal=is_causal)
    np.testing.assert_allclose(out.detach().array, expected.detach().array, rtol=1e-12)


@pytest.mark.parametrize(
    ("src", "tgt", "message"),
    [
        ((2, 3, 4), (3, 3, 4), r"must have as many samples, along axis 0\. Set batch_first=False\?"),
        ((2, 3, 4), (3, 4), r"src \(2, 3, 4\) and tgt \(3, 4\) must have as many samples"),
        ((2, 3, 5), (2, 3, 4), r"expects src of shape \(\*, 4\), got \(2, 3, 5\): axis -1 is 5\. Set d_model=5\?"),
        ((2, 3, 4), (2, 3, 5), r"expects tgt of shape \(\*, 4\)"),
    ],
)
def test_misfits(src: tuple[int, ...], tgt: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        nn.Transformer(4, 2, 1, 1, 5, batch_first=True)(tg.zeros(*src), tg.zeros(*tgt))


def test_a_negative_number_of_layers() -> None:
    with pytest.raises(ValueError, match="TransformerEncoder: num_layers must be at least 0, got -1"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 5), -1)


@pytest.mark.parametrize("name", ["TransformerEncoder", "TransformerDecoder"])
def test_a_stack_is_made_of_a_layer(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: the first argument is the layer .*, a {name}Layer; got 8$"):
        getattr(nn, name)(8, 2)
