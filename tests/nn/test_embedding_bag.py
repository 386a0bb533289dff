"""EmbeddingBag: what is in a bag, taken together; gradients, samples, and what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module

MODES = ["sum", "mean", "max"]
LINE, OFFSETS = np.array([0, 1, 1, 3, 2, 0]), np.array([0, 2, 2, 5])


def by_hand(index: Any, table: Any, bounds: Any, mode: str, padding_idx: int | None, scale: Any) -> Any:
    rows = []
    for start, end in itertools.pairwise(bounds):
        used = [t for t in range(start, end) if index[t] != padding_idx]
        bag = np.array([table[index[t]] * scale[t] for t in used]).reshape(-1, table.shape[1])
        rows.append(getattr(np, mode)(bag, axis=0) if len(used) else np.zeros(table.shape[1]))
    return np.array(rows).reshape(-1, table.shape[1])


@st.composite
def bags(draw: Any) -> tuple[Any, Any, int | None]:
    index = draw(st.lists(st.integers(0, 4), max_size=8))
    offsets = sorted(draw(st.lists(st.integers(0, len(index)), max_size=4)))
    return np.array(index, np.int64), np.array([0, *offsets]), draw(st.sampled_from([None, 0, 3]))


@given(bags(), st.sampled_from(MODES))
def test_bags_of_any_lengths(given_bags: Any, mode: Any) -> None:
    index, offsets, padding = given_bags
    table = normal(5, 3)
    bounds = [*offsets, len(index)]
    out = F.embedding_bag(tg.tensor(index), tg.tensor(table), tg.tensor(offsets), mode=mode, padding_idx=padding)
    wanted = by_hand(index, table, bounds, mode, padding, np.ones(len(index)))
    np.testing.assert_allclose(out.numpy(), wanted, atol=1e-14)
    last = F.embedding_bag(
        tg.tensor(index), tg.tensor(table), tg.tensor(np.array(bounds)), mode=mode, padding_idx=padding,
        include_last_offset=True,
    )  # fmt: skip
    np.testing.assert_array_equal(last.numpy(), out.numpy())
    if mode == "sum":
        scale = normal(len(index))
        scaled = F.embedding_bag(
            tg.tensor(index), tg.tensor(table), tg.tensor(offsets), mode=mode, padding_idx=padding,
            per_sample_weights=tg.tensor(scale),
        )  # fmt: skip
        np.testing.assert_allclose(scaled.numpy(), by_hand(index, table, bounds, mode, padding, scale), atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_gradients_and_samples(padding_idx: int | None, mode: Any) -> None:
    layer = nn.EmbeddingBag(4, 2, mode=mode, padding_idx=padding_idx).double()
    for inputs in ((LINE, OFFSETS), (LINE.reshape(2, 3),)):
        given = [tg.tensor(x) for x in inputs]
        check_module(layer, *given)
        if len(inputs) == 1:
            check_laws(layer, inputs[0])

        def losses(given: Any = given) -> Any:
            return layer(*given).sin().sum(1)

        check_open_sum(losses, [layer.weight])
        assert layer.weight.sample_grads.cost().seeded == ""
        layer.zero_grad()


def test_gradients_by_the_weights_of_samples() -> None:
    layer, scale = nn.EmbeddingBag(4, 2, mode="sum").double(), tg.tensor(normal(6), requires_grad=True)
    given = tg.tensor(LINE), tg.tensor(OFFSETS), scale
    check_module(layer, *given)
    check_open_sum(lambda: layer(*given).sin().sum(1), [layer.weight, scale])


def test_the_first_of_equal_numbers_gets_the_gradient_of_the_largest() -> None:
    layer = nn.EmbeddingBag.from_pretrained(tg.ones(4, 2), freeze=False, mode="max")
    layer(tg.tensor(LINE), tg.tensor(OFFSETS)).backward()
    assert layer.weight.grad is not None
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[2, 2], [1, 1], [0, 0], [0, 0]])


def test_nan_is_the_largest() -> None:
    table = tg.tensor([[1.0], [np.nan], [3.0]])
    assert np.isnan(F.embedding_bag(tg.tensor([[0, 1, 2]]), table, mode="max").item())


def test_padding_stays_zero() -> None:
    layer = nn.EmbeddingBag(4, 2, padding_idx=-3)
    assert layer.padding_idx == 1
    assert layer.weight.tolist()[1] == [0.0, 0.0]
    layer(tg.tensor(LINE), tg.tensor(OFFSETS)).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist()[1] == [0.0, 0.0]


def test_bags_without_anything() -> None:
    for mode in MODES:
        layer = nn.EmbeddingBag(4, 2, mode=mode)  # type: ignore[arg-type]
        assert layer(tg.zeros(0, 3, dtype=tg.int64)).shape == (0, 2)
        assert layer(tg.zeros(3, 0, dtype=tg.int64)).tolist() == [[0.0, 0.0]] * 3
        assert layer(tg.zeros(2, dtype=tg.int64), tg.zeros(0, dtype=tg.int64)).shape == (0, 2)


@pytest.mark.parametrize(
    ("index", "offsets", "options", "kind", "message"),
    [
        ([0, 1], None, {}, tg.ShapeError, r"indices of shape \(2,\) need offsets"),
        ([[0, 1]], [0], {}, tg.ShapeError, r"indices of shape \(1, 2\) are a bag a row, and need no offsets"),
        ([[[0]]], None, {}, tg.ShapeError, r"expects indices of shape \(B, L\), or \(T,\) and offsets"),
        ([0, 1], [1], {}, tg.ShapeError, r"begins at 0, but offsets\[0\] is 1"),
        ([0, 1], [0, 3], {}, tg.ShapeError, r"neither decrease nor exceed the number of indices, 2; got \[0, 3\]"),
        ([0, 1], [0, 2, 1], {}, tg.ShapeError, r"neither decrease"),
        ([0, 1], [0.0], {}, tg.DtypeError, r"offsets has dtype float32: use .long"),
        ([0.0, 1.0], [0], {}, tg.DtypeError, r"EmbeddingBag takes integer indices"),
        ([0, 4], [0], {}, IndexError, r"EmbeddingBag has num_embeddings=4, .* index\[1\] is 4"),
        ([0, 1], [0], {"mode": "median"}, ValueError, "mode is 'sum', 'mean' or 'max', got 'median'"),
        ([0, 1], [0], {"max_norm": 1.0}, NotImplementedError, "max_norm, .* is not supported"),
        ([0, 1], [0], {"scale_grad_by_freq": True}, NotImplementedError, "scale_grad_by_freq is not supported"),
        ([0, 1], [0], {"per_sample_weights": tg.ones(2)}, ValueError, "go with mode='sum' only, got mode='mean'"),
        ([0, 1], [0], {"mode": "sum", "per_sample_weights": tg.ones(3)}, tg.ShapeError, r"has shape \(3,\), .* \(2,\)"),
        ([0, 1], [], {"include_last_offset": True}, tg.ShapeError, r"offsets has shape \(0,\), it needs"),
    ],
)
def test_what_is_refused(index: Any, offsets: Any, options: Any, kind: type[Exception], message: str) -> None:
    if offsets is not None:
        offsets = tg.tensor(offsets) if offsets else tg.zeros(0, dtype=tg.int64)
    with pytest.raises(kind, match=message):
        F.embedding_bag(tg.tensor(index), tg.ones(4, 2), offsets, **options)


def test_what_the_module_refuses() -> None:
    with pytest.raises(ValueError, match="padding_idx=4 is out of range for 4 embeddings"):
        nn.EmbeddingBag(4, 2, padding_idx=4)
    with pytest.raises(tg.ShapeError, match=r"_weight has shape \(2, 4\), it needs \(4, 2\)"):
        nn.EmbeddingBag(4, 2, _weight=tg.ones(2, 4))
    with pytest.raises(tg.ShapeError, match=r"needs \(num_embeddings, embedding_dim\), got shape \(3,\)"):
        nn.EmbeddingBag.from_pretrained(tg.zeros(3))
