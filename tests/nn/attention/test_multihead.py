"""MultiheadAttention: its parameters, masks, samples, and what it refuses. Its numbers are compared with PyTorch's."""

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

HIDDEN = np.array([[False, False, True], [False, False, False], [True, False, False]])
LATER = np.triu(np.ones((3, 3), bool), 1)


def made(*args: Any, **options: Any) -> Any:
    """A layer in float64 all of whose parameters are random, biases too."""
    layer = nn.MultiheadAttention(*args, **options).double()
    for i, p in enumerate(layer.parameters()):
        p.array[...] = normal(*p.shape, seed=i)
    return layer


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({}, {"in_proj_weight": (12, 4), "in_proj_bias": (12,), "out_proj.weight": (4, 4), "out_proj.bias": (4,)}),
        ({"bias": False}, {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4)}),
        (
            {"kdim": 3, "vdim": 5, "bias": False, "add_bias_kv": True},
            {
                "q_proj_weight": (4, 4),
                "k_proj_weight": (4, 3),
                "v_proj_weight": (4, 5),
                "bias_k": (1, 1, 4),
                "bias_v": (1, 1, 4),
                "out_proj.weight": (4, 4),
            },
        ),
    ],
)
def test_parameters(options: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    layer = nn.MultiheadAttention(4, 2, **options)
    assert {name: value.shape for name, value in layer.state_dict().items()} == shapes
    for name in ("in_proj_weight", "q_proj_weight", "in_proj_bias", "bias_k"):
        assert (getattr(layer, name) is None) == (name not in shapes)


def test_starting_values() -> None:
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = np.sqrt(6 / (64 + 192))
    largest = float(np.abs(layer.in_proj_weight.array).max())  # type: ignore[union-attr]
    assert 0.98 * bound < largest <= bound
    assert not layer.in_proj_bias.array.any()  # type: ignore[union-attr]
    assert not layer.out_proj.bias.array.any()  # type: ignore[union-attr]
    assert layer.bias_k.array.any()  # type: ignore[union-attr]
    before = layer.in_proj_weight.array.copy()  # type: ignore[union-attr]
    layer.reset_parameters()
    assert (layer.in_proj_weight.array != before).any()  # type: ignore[union-attr]
    other = nn.MultiheadAttention(4, 2, kdim=40)
    assert np.abs(other.k_proj_weight.array).max() <= np.sqrt(6 / 44)  # type: ignore[union-attr]


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 3, "vdim": 1}])
def test_gradients(options: dict[str, Any], need_weights: bool) -> None:
    layer = made(4, 2, batch_first=True, **options)
    inputs = [normal(3, 3, n, seed=n) for n in (4, layer.kdim, layer.vdim)]
    mask = normal(3, 3, seed=9)
    check_module(layer, *inputs, HIDDEN, need_weights, mask, mode="project")


@pytest.mark.parametrize("need_weights", [False, True])
def test_second_derivatives(need_weights: bool) -> None:
    layer = made(2, 1, bias=False)
    inputs = [normal(2, 1, 2, seed=n) for n in range(3)]
    check_module(layer, *inputs, None, need_weights, LATER[:2, :2], True, True, order=2)


@pytest.mark.parametrize("training", [False, True])
def test_laws(training: bool) -> None:
    layer = made(4, 2, dropout=0.3, batch_first=True).train(training)
    inputs = [normal(3, 3, 4, seed=n) for n in range(3)]
    batched = (0, 1, 2, 3)
    if training:  # each sample draws other numbers in another batch
        check_laws(layer, (*inputs, HIDDEN, False), batched=())
    else:
        names = [*dict(layer.named_parameters()), "query", "key", "value", "key_padding_mask"]
        check_laws(layer, (*inputs, HIDDEN, False), batched=names[-len(batched) :])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_samples_are_opened(options: dict[str, Any], need_weights: bool, batch_first: bool) -> None:
    layer = made(4, 2, batch_first=batch_first, **options)
    x, other = normal(3, 3, 4), normal(3, 3, 4, seed=1)

    def losses(samples: slice = slice(0, 3)) -> Any:
        a, b = (tg.tensor(t[samples] if batch_first else t[samples].swapaxes(0, 1)) for t in (x, other))
        first, _ = layer(a, a, a, HIDDEN[samples], need_weights)
        out, weights = layer(first, b, b, None, need_weights, LATER)
        axes = (1, 2) if batch_first else (0, 2)
        return (out**2).sum(axes) + ((weights**2).sum((1, 2)) if need_weights else 0.0)

    check_open_sum(losses, list(layer.parameters()), alone=lambda m: losses(slice(m, m + 1)))


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("inputs", [(0, 0, 0), (0, 1, 1), (0, 1, 2)])
@pytest.mark.parametrize("computed", [False, True])
def test_samples_and_positions_that_are_mixed_up_are_found(
    computed: bool, inputs: tuple[int, int, int], need_weights: bool
) -> None:
    layer = made(4, 2)  # (positions, samples, width)
    xs = [tg.tensor(normal(5, 3, 4, seed=i)) for i in range(3)]  # (samples, positions, width)
    if computed:
        xs = [nn.Linear(4, 4).double()(x) for x in xs]
    out, _ = layer(*[xs[i] for i in inputs], need_weights=need_weights)
    name = "MultiheadAttention" if need_weights else "scaled_dot_product_attention"
    with pytest.raises(tg.SampleCouplingError, match=f"coupled by '{name}'"):
        (out**2).sum((1, 2)).backward(per_sample=True)


def test_one_sample_without_an_axis() -> None:
    for batch_first in (False, True):
        layer = made(4, 2, batch_first=batch_first)
        x, y = tg.tensor(normal(3, 4)), tg.tensor(normal(2, 4, seed=1))
        place = 0 if batch_first else 1
        for need in (False, True):
            out, weights = layer(x, y, y, HIDDEN[0, :2], need)
            full, wanted = layer(x.unsqueeze(place), y.unsqueeze(place), y.unsqueeze(place), HIDDEN[:1, :2], need)
            np.testing.assert_allclose(out.detach().array, full.detach().array.squeeze(place), rtol=1e-13)
            assert (weights is None) == (not need)
            if need:
                np.testing.assert_allclose(weights.detach().array, wanted.detach().array[0], rtol=1e-13)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masks", [{"key_padding_mask": (0, 3)}, {"attn_mask": (0, 3, 3)}, {"attn_mask": (3, 3)}])
def test_no_samples(masks: dict[str, tuple[int, ...]], need_weights: bool) -> None:
    layer = made(4, 2, batch_first=True)
    x = tg.tensor(np.zeros((0, 3, 4)), requires_grad=True)
    arrays = {name: np.zeros(shape, bool) for name, shape in masks.items()}
    out, weights = layer(x, x, x, need_weights=need_weights, **arrays)
    assert out.shape == (0, 3, 4)
    assert weights is None or weights.shape == (0, 3, 3)
    out.sum().backward()
    assert not layer.in_proj_weight.grad.array.any()


def test_a_gradient_by_a_causal_mask_is_not_lost() -> None:
    layer, x = made(4, 2, batch_first=True), tg.tensor(normal(2, 3, 4))
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=tg.float64).requires_grad_()
    layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=True)[0].sum().backward()
    assert mask.grad is not None
    assert mask.grad.numpy().any()


@pytest.mark.parametrize("need_weights", [False, True])
def test_a_mask_that_is_not_as_is_causal_says_counts_all_the_same(need_weights: bool) -> None:
    layer, x = made(4, 2, batch_first=True), normal(2, 3, 4)
    mask = np.where(LATER, -np.inf, normal(3, 3))
    out = layer(tg.tensor(x), x, x, need_weights=need_weights, attn_mask=mask, is_causal=True)[0]
    expected = layer(tg.tensor(x), x, x, need_weights=need_weights, attn_mask=mask)[0]
    np.testing.assert_array_equal(out.detach().array, expected.detach().array)
    check_module(layer, x, x, x, None, need_weights, nn.Transformer.generate_square_subsequent_mask(3), True, True)


def test_rows_that_are_masked_throughout() -> None:
    layer, x = made(4, 2, batch_first=True), tg.tensor(normal(1, 3, 4))
    hidden = np.ones((1, 3), bool)
    out, _ = layer(x, x, x, hidden, need_weights=False)
    np.testing.assert_allclose(out.detach().array, np.broadcast_to(layer.out_proj.bias.detach().array, (1, 3, 4)))
    with pytest.warns(RuntimeWarning, match="invalid value"):
        _, weights = layer(x, x, x, hidden)
    assert np.isnan(weights.detach().array).all()


def test_a_copy_has_parameters_of_its_own() -> None:
    layer = made(4, 2)
    other = copy.deepcopy(layer)
    other.in_proj_weight.array[...] = 0
    assert layer.in_proj_weight.array.all()


X, W = normal(3, 2, 4), normal(3, 2, 3)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ((W, X, X), {}, r"expects query of shape \(\*, 4\), got \(3, 2, 3\): axis -1 is 3\. Set embed_dim=3\?"),
        ((X, W, X), {}, r"expects key of shape .* Set kdim=3\?"),
        ((X, X, W), {}, r"expects value of shape .* Set vdim=3\?"),
        (
            (X[0, 0], X, X),
            {},
            r"\(T, N, width\) each, or \(T, width\) each for one sample; they have the shapes \(4,\), ",
        ),
        ((X, X[0], X), {}, r"they have the shapes \(3, 2, 4\), \(2, 4\) and"),
        ((X, X, X[:2]), {}, r"key \(3, 2, 4\) and value \(2, 2, 4\) differ at axis 0, 3 against 2"),
        ((X, X[:, :1], X[:, :1]), {}, r"have 2 and 1 samples along axis 1\. .* set batch_first=True\?"),
        (
            (X, X, X),
            {"key_padding_mask": HIDDEN[:, :2]},
            r"key_padding_mask has shape \(3, 2\), it needs \(2, 3\): a place",
        ),
        ((X[0], X[0], X[0]), {"key_padding_mask": HIDDEN}, r"key_padding_mask has shape \(3, 3\), it needs \(2,\)"),
        (
            (X, X, X),
            {"attn_mask": HIDDEN[:2]},
            r"attn_mask has shape \(2, 3\), it needs \(queries, keys\) = \(3, 3\), or",
        ),
        ((X, X, X), {"attn_mask": np.ones((2, 3, 3), bool)}, r"\(samples · num_heads, queries, keys\) = \(4, 3, 3\)"),
        ((X, X, X), {"is_causal": True}, r"is_causal=True says what attn_mask is, so pass it"),
    ],
)
def test_misfits(inputs: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^MultiheadAttention.*{message}"):
        made(4, 2)(*map(tg.tensor, inputs), **options)


@pytest.mark.parametrize(("name", "shape"), [("attn_mask", (3, 3)), ("key_padding_mask", (2, 3))])
def test_masks_of_integers(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(tg.DtypeError, match=f"MultiheadAttention: {name} has dtype int64: it must be boolean, or"):
        made(4, 2)(*[tg.tensor(X)] * 3, **{name: np.ones(shape, int)})


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((5, 2), {}, r"embed_dim=5 is not a multiple of num_heads=2, .*\. Set embed_dim=4\?"),
        ((0, 2), {}, r"embed_dim must be at least 1, got 0"),
        ((4, 0), {}, r"num_heads must be at least 1, got 0"),
        ((4, 2), {"dropout": 2.0}, r"dropout=2.0 is not a probability"),
    ],
)
def test_what_it_cannot_be_made_with(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^MultiheadAttention: {message}"):
        nn.MultiheadAttention(*arguments, **options)


def test_float64_data_in_a_float32_layer_is_warned_of() -> None:
    x = tg.tensor(X)
    with pytest.warns(UserWarning, match="MultiheadAttention"):
        nn.MultiheadAttention(4, 2)(x, x, x)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("name", "shape"), [("attn_mask", (2, 2)), ("key_padding_mask", (5, 2))])
def test_a_mask_for_the_other_order_of_axes(first: bool, name: str, shape: tuple[int, ...]) -> None:
    x = tg.zeros(2, 5, 4) if first else tg.zeros(5, 2, 4)
    mask = tg.zeros(*shape)
    with pytest.raises(
        tg.ShapeError, match=rf"MultiheadAttention: {name} has shape .*[Ss]et batch_first={not first}\?$"
    ):
        nn.MultiheadAttention(4, 2, batch_first=first)(x, x, x, **{name: mask})
