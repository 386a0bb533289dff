"""The graph by itself: what is reached, how often, and by which paths."""

from __future__ import annotations

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.engine import versions
from tinygrad_edu.engine.graph import Cotangents, Leaf, Node, TensorBase, Unread, check_walkable, count_uses, leading_to
from tinygrad_edu.errors import GraphError


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
    assert source.hooks is source.after is source.kept is source.tally is None


def test_nodes_and_leaves_have_slots_and_no_dict() -> None:
    x = leaf(1.0)
    unread = Unread((2, 3), np.dtype(np.float32))
    for thing in (x.source, (x * 2).source, Cotangents([]), unread, TensorBase()):
        assert not hasattr(thing, "__dict__")
    assert isinstance((x * 2).source, Node)
    assert (unread.shape, unread.dtype) == ((2, 3), np.float32)


def test_cotangents_have_the_shape_of_their_node_and_one_part_for_each_result() -> None:
    assert Cotangents([np.ones(3)]).shape == ()
    with pytest.raises(ValueError, match="argument 2 is"):
        Cotangents([np.ones(1)]) + Cotangents([None, None])


def test_constants_among_the_arguments_are_passed_over() -> None:
    a, b = leaf(1.0), leaf(2.0)
    product = tg.tensor(np.ones(1)) * a
    joined = tg.cat([product, tg.ones(1, dtype=tg.float64), b])
    uses = count_uses([joined.source])
    assert uses == {joined.source: 0, product.source: 1, a.source: 1, b.source: 1}
    assert count_uses([joined.source], {joined.source, b.source}) == {joined.source: 0, b.source: 1}
    assert count_uses([joined.source, b.source], {b.source}) == {b.source: 0}


def test_each_link_is_searched_once_however_many_paths_lead_there() -> None:
    h = x = leaf(1.0)
    for _ in range(100):
        h = h + h
    assert len(leading_to([x.source], [(h.source, None)])) == 101


def test_counting_finds_an_overwritten_array() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    x.detach().mul_(2)
    with pytest.raises(
        GraphError, match=r"'mul' saved argument 0, of shape \(2,\), at version \d+, and it was overwritten in place at"
    ):
        count_uses([(y + 1).source])


def test_what_was_overwritten_is_named() -> None:
    x = leaf(4.0, 9.0)
    result = x.sqrt()
    result.detach().zero_()
    with pytest.raises(GraphError, match=r"'sqrt' saved its result, of shape \(2,\), at version"):
        check_walkable(result.source)
    index = np.array([1, 0])
    picked = x[index, None]
    versions.mark_changed(index)
    with pytest.raises(GraphError, match=r"saved argument 1, at version"):
        check_walkable(picked.source)
    y = tg.tensor(np.ones(2)) * x
    versions.mark_changed(y.source.args[0])
    with pytest.raises(GraphError, match=r"'mul' saved argument 0"):
        check_walkable(y.source)


def test_a_change_before_the_call_or_of_something_else_is_none() -> None:
    x = leaf(1.0, 2.0)
    versions.mark_changed(x.array)
    y = x * x  # the last change was that of its argument
    assert y.source.clock == versions.now == versions.changed_at(x.array)
    versions.mark_changed(np.ones(1))
    check_walkable(y.source)
    assert y.source.clock == versions.now  # so that it need not be looked into again
