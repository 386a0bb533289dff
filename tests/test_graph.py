"""The graph by itself: what is reached, how often, and by which paths."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import GraphError
from tinygrad_edu.graph import Cotangents, Leaf, count_uses, leading_to


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(np.array(numbers), requires_grad=True)


def test_uses_are_counted_link_by_link() -> None:
    a = leaf(1.0)
    b = a + a
    c = b * b + a
    uses = count_uses([c.source])
    assert uses[a.source] == 3
    assert uses[b.source] == 2
    assert uses[c.source] == 0
    assert len(uses) == 4  # with the product


def test_counting_keeps_to_what_it_is_told() -> None:
    a, b = leaf(1.0), leaf(2.0)
    left, right = a * 2, b * 3
    total = left + right
    within = leading_to([a.source], [(total.source, None)])
    assert within == {a.source, left.source, total.source}
    assert count_uses([total.source], within) == {total.source: 0, left.source: 1, a.source: 1}


def test_what_does_not_lead_there_is_left_out() -> None:
    a, b = leaf(1.0), leaf(2.0)
    assert leading_to([b.source], [((a * 2).source, None)]) == {b.source}
    assert count_uses([(a * 2).source], leading_to([b.source], [((a * 2).source, None)])) == {}


def test_a_deep_graph_is_searched_without_recursion() -> None:
    x = leaf(1.0)
    h = x
    for _ in range(20_000):
        h = h + 0.0
    assert len(count_uses([h.source])) == 20_001
    assert len(leading_to([x.source], [(h.source, None)])) == 20_001


def test_counting_finds_a_freed_node() -> None:
    x = leaf(1.0)
    y = x.exp()
    y.backward()
    with pytest.raises(GraphError, match="second time"):
        count_uses([(y * 2).source])


def test_cotangents_add_part_by_part() -> None:
    one, two = np.ones(2), np.full(3, 2.0)
    total = Cotangents([one, None, None]) + Cotangents([one, two, None])
    np.testing.assert_array_equal(total.parts[0], [2.0, 2.0])
    assert total.parts[1] is two
    assert total.parts[2] is None


def test_a_leaf_knows_shape_and_dtype() -> None:
    source = leaf(1.0, 2.0).source
    assert isinstance(source, Leaf)
    assert (source.shape, source.dtype, source.grad) == ((2,), np.float64, None)
