"""Embedding: lookups, padding, and indices that are out of range; one_hot."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_gradients_of_repeated_indices_add_up() -> None:
    table = nn.Embedding(4, 2)
    table(tg.tensor([1, 1, 3])).backward(tg.tensor([[1.0, 2.0], [10.0, 20.0], [5.0, 5.0]]))
    assert table.weight.grad is not None
    assert table.weight.grad.tolist() == [[0.0, 0.0], [11.0, 22.0], [0.0, 0.0], [5.0, 5.0]]


def test_the_padding_row_is_zero_and_stays_so() -> None:
    table = nn.Embedding(4, 2, padding_idx=-1)
    assert table.padding_idx == 3
    assert table.weight.tolist()[3] == [0.0, 0.0]
    table(tg.tensor([3, 0, 3])).backward()
    assert table.weight.grad is not None
    assert table.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("index", "where"), [([[0, 1], [2, 4]], r"index\[1, 1\] is 4"), ([0, -1], r"index\[1\] is -1"), (7, "index is 7")]
)
def test_an_index_out_of_range_is_named_with_its_place(index: object, where: str) -> None:
    with pytest.raises(
        IndexError, match=rf"^Embedding '0' has num_embeddings=4, so indices go from 0 to 3, but {where}"
    ):
        nn.Sequential(nn.Embedding(4, 2))(tg.tensor(index))


def test_other_errors() -> None:
    with pytest.raises(tg.DtypeError, match=r"Embedding takes integer indices, got dtype float32: use .long\(\)"):
        nn.Embedding(4, 2)(tg.tensor([1.0]))
    with pytest.raises(ValueError, match="padding_idx=4 is out of range for 4 embeddings"):
        nn.Embedding(4, 2, padding_idx=4)
    with pytest.raises(tg.ShapeError, match=r"needs \(num_embeddings, embedding_dim\), got shape \(3,\)"):
        nn.Embedding.from_pretrained(tg.zeros(3))


def test_from_pretrained() -> None:
    weight = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    frozen = nn.Embedding.from_pretrained(weight)
    assert frozen(tg.tensor([1])).tolist() == [[3.0, 4.0]]
    assert not frozen.weight.requires_grad
    assert nn.Embedding.from_pretrained(weight, freeze=False).weight.requires_grad


def test_the_order_of_the_arguments_is_pytorchs() -> None:
    weight = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    table = nn.Embedding(2, 2, 0, None, 2.0, False, False, weight, True)
    assert table.weight.tolist() == weight.tolist()
    assert not table.weight.requires_grad
    assert not nn.Embedding(2, 2, _freeze=True).weight.requires_grad
    assert nn.functional.embedding(tg.tensor([1]), weight, 0, None, 2.0, False, False).tolist() == [[3.0, 4.0]]
    with pytest.raises(tg.ShapeError, match=r"_weight has shape \(2, 2\), it needs \(3, 2\)"):
        nn.Embedding(3, 2, _weight=weight)


@pytest.mark.parametrize("option", [{"max_norm": 1.0}, {"scale_grad_by_freq": True}])
def test_what_is_not_offered(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(NotImplementedError, match=f"^Embedding: {name}.* is not supported"):
        nn.Embedding(3, 2, **option)
    with pytest.raises(NotImplementedError, match=f"^embedding: {name}.* is not supported"):
        nn.functional.embedding(tg.tensor([1]), tg.zeros(3, 2), **option)


def test_an_empty_batch() -> None:
    assert nn.Embedding(4, 2)(tg.zeros(0, dtype=tg.int64)).shape == (0, 2)


def test_one_hot() -> None:
    assert nn.functional.one_hot(tg.tensor([[1, 0]])).tolist() == [[[0, 1], [1, 0]]]
    assert nn.functional.one_hot(tg.zeros(0, dtype=tg.int64), 3).shape == (0, 3)
    with pytest.raises(ValueError, match=r"the index at \[1\] is 3, with num_classes=3 it must be from 0 to 2"):
        nn.functional.one_hot(tg.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match=r"the index at \[0\] is -1"):
        nn.functional.one_hot(tg.tensor([-1, 3]))
    with pytest.raises(ValueError, match="pass num_classes"):
        nn.functional.one_hot(tg.zeros(0, dtype=tg.int64))
    with pytest.raises(tg.DtypeError, match="one_hot takes integer class indices, got dtype float32"):
        nn.functional.one_hot(tg.tensor([1.0]))
