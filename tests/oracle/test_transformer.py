"""Transformers against PyTorch's: outputs, gradients, states, and what they look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import close, compare, numbers, same_gradient, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
]

TOLERANCE = 1e-9


def hidden(*shape: int, seed: int = 0) -> Any:
    """Booleans, of which the first in each row is False."""
    found = np.random.default_rng(seed).random(shape) < 0.4
    found[..., 0] = False
    return found


def later(size: int) -> Any:
    return np.triu(np.full((size, size), -np.inf), 1)


class Masked:
    """A module that is called with masks by their names."""

    def __init__(self, module: Any, masks: dict[str, Any], tensor: Any) -> None:
        self.module = module
        self.masks = {name: tensor(v) if isinstance(v, np.ndarray) else v for name, v in masks.items()}

    def __call__(self, *inputs: Any) -> Any:
        return self.module(*inputs, **self.masks)

    def named_parameters(self) -> Any:
        return self.module.named_parameters()

    def named_buffers(self) -> Any:
        return []


def compare_masked(ours: Any, theirs: Any, *inputs: Any, **masks: Any) -> None:
    for module in (ours, theirs):
        module.zero_grad(set_to_none=True)
    compare(Masked(ours, masks, tg.tensor), Masked(theirs, masks, torch.tensor), *inputs, tolerance=TOLERANCE)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"activation": "gelu"},
    {"norm_first": True},
    {"batch_first": True, "bias": False},
    {"batch_first": True, "norm_first": True, "layer_norm_eps": 0.1},
]


def sequence(batch_first: bool, length: int, seed: int = 0) -> Any:
    return numbers(3, length, 4, seed=seed) if batch_first else numbers(length, 3, 4, seed=seed)


@pytest.mark.parametrize("options", OPTIONS)
def test_encoder_layer(options: dict[str, Any]) -> None:
    pair = twins("TransformerEncoderLayer", 4, 2, 6, 0.0, **options)
    x = sequence(options.get("batch_first", False), 5)
    compare_masked(*pair, x)
    compare_masked(*pair, x, src_mask=later(5), is_causal=True)
    compare_masked(*pair, x, src_mask=hidden(5, 5), src_key_padding_mask=hidden(3, 5, seed=1))
    compare_masked(*pair, numbers(5, 4), src_mask=later(5))


@pytest.mark.parametrize("options", OPTIONS)
def test_decoder_layer(options: dict[str, Any]) -> None:
    pair = twins("TransformerDecoderLayer", 4, 2, 6, 0.0, **options)
    x, y = (sequence(options.get("batch_first", False), n, seed=n) for n in (4, 5))
    compare_masked(*pair, x, y)
    compare_masked(*pair, x, y, tgt_mask=later(4), tgt_is_causal=True, memory_mask=hidden(4, 5))
    compare_masked(*pair, x, y, tgt_key_padding_mask=hidden(3, 4), memory_key_padding_mask=hidden(3, 5, seed=1))
    compare_masked(*pair, numbers(4, 4), numbers(5, 4, seed=1))


def test_a_function_as_activation() -> None:
    ours, theirs = twins("TransformerEncoderLayer", 4, 2, 6, 0.0)
    ours.activation, theirs.activation = nn.functional.silu, torch.nn.functional.silu
    compare_masked(ours, theirs, sequence(False, 5))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("causal", [None, True, False])
def test_stacks(causal: bool | None, batch_first: bool) -> None:
    pairs = []
    for name in ("Encoder", "Decoder"):
        parts = []
        for library in (nn, torch.nn):
            layer = getattr(library, f"Transformer{name}Layer")(4, 2, 6, 0.0, batch_first=batch_first)
            parts.append(getattr(library, f"Transformer{name}")(layer, 2, library.LayerNorm(4)).double())
        for i, (p, q) in enumerate(zip(*[part.parameters() for part in parts], strict=True)):
            p.array[...] = numbers(*p.shape, seed=i) / 2
            q.data[...] = torch.tensor(p.array)
        pairs.append(parts)
    encoders, decoders = pairs
    x, y = (sequence(batch_first, n, seed=n) for n in (4, 5))
    compare_masked(*encoders, x, mask=later(4), is_causal=causal)
    compare_masked(*encoders, x, src_key_padding_mask=hidden(3, 4))
    compare_masked(*decoders, x, y, tgt_mask=later(4), tgt_is_causal=causal)


def models(**options: Any) -> tuple[Any, Any]:
    return twins("Transformer", 4, 2, 2, 1, 6, 0.0, **options)


@pytest.mark.parametrize("options", OPTIONS)
def test_transformer(options: dict[str, Any]) -> None:
    pair = models(**options)
    x, y = (sequence(options.get("batch_first", False), n, seed=n) for n in (5, 4))
    compare_masked(*pair, x, y)
    masks = {"src_key_padding_mask": hidden(3, 5), "memory_key_padding_mask": hidden(3, 5)}
    compare_masked(*pair, x, y, tgt_mask=later(4), **masks)
    compare_masked(*pair, x, y, src_mask=hidden(5, 5), memory_mask=hidden(4, 5), tgt_key_padding_mask=hidden(3, 4))


def test_evaluation_without_padding() -> None:
    ours, theirs = models(batch_first=True)
    ours.eval()
    theirs.eval()
    x, y = sequence(True, 5), sequence(True, 4, seed=1)
    with tg.no_grad(), torch.no_grad():
        close(ours(tg.tensor(x), tg.tensor(y)), theirs(torch.tensor(x), torch.tensor(y)), TOLERANCE)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_states_are_exchanged(bias: bool, norm_first: bool) -> None:
    sizes = (4, 2, 2, 2, 6)
    ours = nn.Transformer(*sizes, bias=bias, norm_first=norm_first)
    theirs = torch.nn.Transformer(*sizes, bias=bias, norm_first=norm_first)
    state = theirs.state_dict()
    assert {n: v.shape for n, v in ours.state_dict().items()} == {n: tuple(v.shape) for n, v in state.items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({name: value.numpy() for name, value in state.items()})
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    x, y = (sequence(False, n).astype(np.float32) for n in (5, 4))
    close(ours.eval()(tg.tensor(x), tg.tensor(y)), theirs.eval()(torch.tensor(x), torch.tensor(y)), 1e-4)


def test_starting_values_have_the_same_spread() -> None:
    sizes = (64, 2, 1, 1, 128)
    mine = dict(nn.Transformer(*sizes).named_parameters())
    for name, value in torch.nn.Transformer(*sizes).named_parameters():
        ours = mine[name].detach().numpy()
        theirs = value.detach().numpy()
        if ours.ndim > 1 or not theirs.any() or (theirs == 1).all():
            np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.1, err_msg=name)
        np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.2, err_msg=name)


def test_the_parts_have_the_same_names() -> None:
    sizes = (4, 2, 1, 1, 6)
    ours = [name for name, _ in nn.Transformer(*sizes).named_modules()]
    assert ours == [name for name, _ in torch.nn.Transformer(*sizes).named_modules()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mask_of_what_comes_later(dtype: str) -> None:
    ours = nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(tg, dtype))
    theirs = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(torch, dtype))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert str(theirs.dtype) == f"torch.{ours.dtype}"


def test_training_steps_agree() -> None:
    ours, theirs = models(batch_first=True)
    x, y = sequence(True, 5), sequence(True, 4, seed=1)
    mine = tg.optim.SGD(ours.parameters(), lr=0.01)
    other = torch.optim.SGD(theirs.parameters(), lr=0.01)
    for _ in range(3):
        mine.zero_grad()
        other.zero_grad()
        (ours(tg.tensor(x), tg.tensor(y)) ** 2).sum().backward()
        (theirs(torch.tensor(x), torch.tensor(y)) ** 2).sum().backward()
        mine.step()
        other.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p, q, TOLERANCE)
        same_gradient(p, q, TOLERANCE)


@pytest.mark.parametrize(("src", "tgt"), [((3, 5, 4), (2, 4, 4)), ((3, 5, 3), (3, 4, 4)), ((3, 5, 4), (3, 4, 3))])
def test_what_both_refuse(src: tuple[int, ...], tgt: tuple[int, ...]) -> None:
    for model, tensor in zip(models(batch_first=True), (tg.tensor, torch.tensor), strict=True):
        with pytest.raises((ValueError, RuntimeError)):
            model(tensor(numbers(*src)), tensor(numbers(*tgt)))


def test_activations_that_neither_knows() -> None:
    for library in (nn, torch.nn):
        with pytest.raises((ValueError, RuntimeError)):
            library.TransformerEncoderLayer(4, 2, activation="swish")
