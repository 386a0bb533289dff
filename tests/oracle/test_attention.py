"""Attention against PyTorch's: outputs, weights, and gradients by inputs, masks and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from twins import close, compare, numbers, same_gradient, twins

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

attend = F.scaled_dot_product_attention
TOLERANCE = 1e-9


class Called:
    """A module, or a function, called with options; arrays among these are its library's tensors."""

    def __init__(self, function: Any, options: dict[str, Any], tensor: Callable[[Any], Any]) -> None:
        self.function = function
        self.options = {name: tensor(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs, **self.options)

    def named_parameters(self) -> Any:
        return self.function.named_parameters() if hasattr(self.function, "named_parameters") else []

    def named_buffers(self) -> Any:
        return []


def compare_called(ours: Any, theirs: Any, *inputs: Any, **options: Any) -> None:
    compare(Called(ours, options, tg.tensor), Called(theirs, options, torch.tensor), *inputs, tolerance=TOLERANCE)


def compare_function(*inputs: Any, **options: Any) -> None:
    compare_called(attend, torch.nn.functional.scaled_dot_product_attention, *inputs, **options)


def some(*shape: int, seed: int = 0, first: bool = True) -> Any:
    """Booleans, of which in each row the first has the value `first`."""
    found = np.random.default_rng(seed).random(shape) < 0.5
    found[..., 0] = first
    return found


SHAPES = [
    ((3, 4), (5, 4), (5, 2)),
    ((2, 3, 4), (2, 5, 4), (2, 5, 4)),
    ((2, 3, 7, 4), (2, 3, 5, 4), (2, 3, 5, 6)),
    ((2, 3, 5, 4), (2, 1, 5, 4), (1, 5, 4)),
    ((2, 3, 4), (2, 1, 4), (2, 1, 4)),
    ((2, 0, 4), (2, 3, 4), (2, 3, 4)),
    ((2, 3, 4), (2, 0, 4), (2, 0, 4)),
]


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"scale": -2.0, "is_causal": True}])
@pytest.mark.parametrize("shapes", SHAPES)
def test_scaled_dot_product_attention(shapes: Any, options: dict[str, Any]) -> None:
    compare_function(*[numbers(*shape, seed=i) for i, shape in enumerate(shapes)], **options)


@pytest.mark.parametrize("shape", [(3, 5), (1, 5), (2, 1, 3, 5), (4, 3, 5), (2, 4, 3, 1)])
def test_masks(shape: tuple[int, ...]) -> None:
    inputs = numbers(2, 4, 3, 6), numbers(2, 4, 5, 6, seed=1), numbers(2, 4, 5, 6, seed=2)
    seen = some(*shape)
    compare_function(*inputs, attn_mask=seen)
    compare_function(*inputs, attn_mask=np.where(seen, 0, -np.inf))
    compare_function(*inputs, attn_mask=numbers(*shape, seed=3).astype(np.float32))
    compare_function(*inputs, numbers(*shape, seed=3))  # with its gradient


@pytest.mark.parametrize("numeric", [False, True])
def test_rows_that_see_nothing(numeric: bool) -> None:
    seen = some(3, 5)
    seen[1] = False
    mask = np.where(seen, 0, -np.inf) if numeric else seen
    compare_function(numbers(2, 3, 4), numbers(2, 5, 4, seed=1), numbers(2, 5, 4, seed=2), attn_mask=mask)


@pytest.mark.parametrize(("keys", "values"), [(2, 2), (1, 1), (4, 4), (2, 4)])
def test_fewer_heads_of_keys_than_of_queries(keys: int, values: int) -> None:
    inputs = numbers(2, 4, 3, 6), numbers(2, keys, 5, 6, seed=1), numbers(2, values, 5, 6, seed=2)
    compare_function(*inputs, enable_gqa=True, is_causal=True)
    compare_function(*inputs, enable_gqa=True, attn_mask=some(4, 3, 5))


def test_all_weights_dropped() -> None:
    compare_function(numbers(2, 3, 4), numbers(2, 5, 4, seed=1), numbers(2, 5, 4, seed=2), dropout_p=1.0)


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        (((4,), (2, 5, 4), (2, 5, 4)), {}),
        (((2, 3, 4), (2, 5, 3), (2, 5, 4)), {}),
        (((2, 3, 4), (2, 5, 4), (2, 4, 4)), {}),
        (((2, 3, 4), (3, 5, 4), (3, 5, 4)), {}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 4)), {"attn_mask": np.ones((3, 4), bool)}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 4)), {"attn_mask": np.ones((3, 5), np.int64)}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 4)), {"attn_mask": np.ones((4, 2, 3, 5), bool)}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 4)), {"attn_mask": np.ones((3, 5), bool), "is_causal": True}),
        (((2, 3, 4), (2, 5, 4), (2, 5, 4)), {"dropout_p": 1.5}),
        (((2, 4, 3, 4), (2, 3, 5, 4), (2, 3, 5, 4)), {"enable_gqa": True}),
    ],
)
def test_what_both_refuse(shapes: Any, options: dict[str, Any]) -> None:
    for function, tensor in ((attend, tg.tensor), (torch.nn.functional.scaled_dot_product_attention, torch.tensor)):
        with pytest.raises((ValueError, TypeError, RuntimeError)):
            Called(function, options, tensor)(*[tensor(numbers(*shape)) for shape in shapes])


# MultiheadAttention

LAYERS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"kdim": 3, "vdim": 5},
    {"kdim": 3, "bias": False, "batch_first": True},
    {"add_bias_kv": True},
    {"add_zero_attn": True, "batch_first": True},
    {"add_bias_kv": True, "add_zero_attn": True, "vdim": 5},
]


def inputs_for(layer: Any, samples: int = 3, queries: int = 4, keys: int = 5) -> list[Any]:
    sizes = [(queries, layer.embed_dim), (keys, layer.kdim), (keys, layer.vdim)]
    forms = [(samples, n, d) if layer.batch_first else (n, samples, d) for n, d in sizes]
    return [numbers(*form, seed=i) / 2 for i, form in enumerate(forms)]


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", LAYERS)
def test_multihead_attention(options: dict[str, Any], need_weights: bool) -> None:
    ours, theirs = twins("MultiheadAttention", 4, 2, **options)
    xs = inputs_for(ours)
    for masks in (
        {},
        {"key_padding_mask": some(3, 5, first=False)},
        {"attn_mask": some(4, 5, seed=1, first=False)},
        {"attn_mask": some(6, 4, 5, seed=2, first=False)},
        {"attn_mask": numbers(4, 5, seed=3), "key_padding_mask": numbers(3, 5, seed=4)},
    ):
        for module in (ours, theirs):
            module.zero_grad(set_to_none=True)
        compare_called(ours, theirs, *xs, need_weights=need_weights, **masks)


@pytest.mark.parametrize("batch_first", [False, True])
def test_weights_of_each_head_and_evaluation(batch_first: bool) -> None:
    ours, theirs = twins("MultiheadAttention", 4, 2, batch_first=batch_first, dropout=0.5)
    ours.eval()
    theirs.eval()
    compare_called(ours, theirs, *inputs_for(ours), average_attn_weights=False)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sample(batch_first: bool, need_weights: bool) -> None:
    ours, theirs = twins("MultiheadAttention", 4, 2, batch_first=batch_first)
    xs = [numbers(4, 4), numbers(5, 4, seed=1), numbers(5, 4, seed=2)]
    for masks in ({"key_padding_mask": some(5, first=False)}, {"attn_mask": some(2, 4, 5, first=False)}):
        for module in (ours, theirs):
            module.zero_grad(set_to_none=True)
        compare_called(ours, theirs, *xs, need_weights=need_weights, **masks)


@pytest.mark.parametrize("shared", ["all", "keys"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_inputs_that_are_one_tensor(batch_first: bool, causal: bool, shared: str) -> None:
    ours, theirs = twins("MultiheadAttention", 4, 2, batch_first=batch_first)
    mask = np.triu(np.full((5, 5), -np.inf), 1)
    options = {"attn_mask": mask, "is_causal": True} if causal else {}

    def shares(layer: Any) -> Any:
        return lambda x, y, **more: (
            layer(x, x, x, need_weights=False, **more) if shared == "all" else layer(x, y, y, **more)
        )

    x, y, _ = inputs_for(ours, queries=5)
    compare_called(shares(ours), shares(theirs), x, y, **options)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        same_gradient(p, q, TOLERANCE)


@pytest.mark.parametrize("options", LAYERS)
def test_states_are_exchanged(options: dict[str, Any]) -> None:
    ours, theirs = nn.MultiheadAttention(4, 2, **options), torch.nn.MultiheadAttention(4, 2, **options)
    state = theirs.state_dict()
    assert {n: v.shape for n, v in ours.state_dict().items()} == {n: tuple(v.shape) for n, v in state.items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({name: value.numpy() for name, value in state.items()})
    xs = [x.astype(np.float32) for x in inputs_for(ours)]
    close(ours(*map(tg.tensor, xs))[0], theirs(*map(torch.tensor, xs))[0], 1e-5)
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})


def test_starting_values_have_the_same_spread() -> None:
    for options in ({}, {"kdim": 32, "vdim": 16, "add_bias_kv": True}):
        ours, theirs = nn.MultiheadAttention(256, 4, **options), torch.nn.MultiheadAttention(256, 4, **options)
        for name, value in theirs.named_parameters():
            mine = dict(ours.named_parameters())[name].detach().numpy()
            np.testing.assert_allclose(mine.std(), value.detach().numpy().std(), rtol=0.3, err_msg=name)
            assert np.abs(mine).max() < 1.3 * np.abs(value.detach().numpy()).max() + 1e-9


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        (((4, 3, 3), (5, 3, 4), (5, 3, 4)), {}),
        (((4, 3, 4), (5, 3, 4), (4, 3, 4)), {}),
        (((4, 3, 4), (5, 4), (5, 4)), {}),
        (((4,), (5, 4), (5, 4)), {}),
        (((4, 3, 4), (5, 2, 4), (5, 2, 4)), {}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"is_causal": True}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"key_padding_mask": np.ones((5, 3), bool)}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"key_padding_mask": np.ones((3, 5), np.int64)}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"attn_mask": np.ones((4, 4), bool)}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"attn_mask": np.ones((3, 4, 5), bool)}),
        (((4, 3, 4), (5, 3, 4), (5, 3, 4)), {"attn_mask": np.ones((1, 6, 4, 5), bool)}),
    ],
)
def test_what_both_layers_refuse(shapes: Any, options: dict[str, Any]) -> None:
    for layer, tensor in zip(twins("MultiheadAttention", 4, 2), (tg.tensor, torch.tensor), strict=True):
        with pytest.raises((ValueError, TypeError, RuntimeError, AssertionError)):
            Called(layer, options, tensor)(*[tensor(numbers(*shape)) for shape in shapes])


@pytest.mark.parametrize("arguments", [(5, 2), (0, 2), (4, 0)])
def test_what_neither_can_be_made_with(arguments: tuple[int, int]) -> None:
    for library in (nn, torch.nn):
        with pytest.raises((ValueError, AssertionError)):
            library.MultiheadAttention(*arguments)
