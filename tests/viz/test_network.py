"""Boxes and edges of a drawing: what the graph has, and no more than the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import Leaf, Node
from tinygrad_edu.viz.network import Labels, Network, collect, counted, in_order, value_of


def leaf(value: float = 2.0) -> tg.Tensor:
    return tg.tensor(value, requires_grad=True)


def network(*roots: tg.Tensor, limit: int = 100, **names: tg.Tensor) -> Network:
    labels = Labels({tensor.source: name for name, tensor in names.items()}, {}, {}, {})  # type: ignore[misc]
    return collect([root.source for root in roots], labels, limit)  # type: ignore[misc]


def edges(found: Network) -> list[tuple[str, str, int]]:
    return [(found.boxes[a].reference, found.boxes[b].reference, n) for (a, b), n in found.edges.items()]


def test_a_tensor_that_is_used_twice_has_one_box_and_two_edges() -> None:
    a = leaf()
    b = a + a
    c = b * b
    found = network(c, a=a, b=b, c=c)
    assert [(box.kind, box.title) for box in found.boxes] == [("op", "c = mul"), ("op", "b = add"), ("leaf", "a")]
    assert edges(found) == [("c", "b", 2), ("b", "a", 2)]
    assert (found.ops, found.leaves, found.roots) == (2, 1, [0])


def test_constants_are_not_part_of_it() -> None:
    a = leaf()
    assert [box.title for box in network(a * 3 + tg.tensor(1.0)).boxes] == ["add", "mul", "leaf"]


def test_several_roots_of_which_one_was_computed_from_the_other() -> None:
    a = leaf()
    b = a.exp()
    c = b.sin()
    found = network(b, c, b=b, c=c)
    assert [box.reference for box in found.boxes] == ["c", "b", "leaf 1"]
    assert found.roots == [1, 0]


def test_shapes_and_dtypes_are_told_but_not_of_an_op_with_several_results() -> None:
    x = tg.ones(4, 2, dtype=tg.float64, requires_grad=True)
    upper, _ = x.split(2)
    u, _, _ = tg.linalg.svd(x)
    found = {box.title: box for box in network(upper, u).boxes}
    assert found["leaf"].shape == "(4, 2)"
    assert found["leaf"].dtype == "float64"
    assert (found["svd"].shape, found["svd"].dtype) == ("", "")


def test_a_graph_whose_backward_pass_is_over_is_drawn_as_before() -> None:
    a = leaf()
    b = a * a
    before = network(b)
    b.backward()
    assert network(b) == before


def test_the_graph_of_a_derivative() -> None:
    x = leaf(3.0)
    y = x * x * x
    (slope,) = tg.autograd.grad(y, x, create_graph=True)
    (curvature,) = tg.autograd.grad(slope, x, create_graph=True)
    found = network(curvature, x=x)
    assert found.leaves == 1
    assert found.ops > network(y).ops
    assert all(start < end for start, end in found.edges)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30), st.integers(1, 12))
def test_any_graph_is_sorted_and_whole_or_says_what_is_missing(picks: list[tuple[int, int]], limit: int) -> None:
    made = [leaf(), leaf()]
    for i, j in picks:
        made.append(made[-1 - i % len(made)] + made[-1 - j % len(made)])
    order = in_order([made[-1].source])  # type: ignore[list-item]
    place = {link: i for i, link in enumerate(order)}
    for link in order:
        for source in link.inputs if isinstance(link, Node) else ():
            assert source is not None
            assert place[link] < place[source]
    found = network(made[-1], limit=limit)
    ops, leaves = [sum(isinstance(link, kind) for link in order) for kind in (Node, Leaf)]
    assert (found.ops, found.leaves) == (ops, leaves)
    kinds = [box.kind for box in found.boxes]
    assert kinds.count("op") == min(ops, limit)
    assert ("fold" in kinds) == (kinds.count("op") + kinds.count("leaf") < len(order))
    assert all(start < end for start, end in found.edges)
    if "fold" not in kinds:
        assert sum(found.edges.values()) == 2 * ops


def test_what_is_beyond_the_limit_shares_a_box_between_ops_and_leaves() -> None:
    x = leaf()
    y = x
    for _ in range(10):
        y = y + x
    found = network(y, limit=3, x=x)
    assert [box.title for box in found.boxes] == ["add", "add", "add", "… 7 more ops", "x"]
    assert edges(found) == [
        *[("1", "2", 1), ("1", "x", 1), ("2", "3", 1), ("2", "x", 1), ("3", "…", 1), ("3", "x", 1)],
        ("…", "x", 1),
    ]


def test_leaves_beyond_the_limit_are_counted() -> None:
    total = tg.stack([leaf() for _ in range(12)]).sum()
    assert [box.title for box in network(total, limit=5).boxes][:3] == ["sum", "stack", "… 7 more leaves"]


def test_a_long_graph_takes_no_deep_recursion() -> None:
    x = leaf()
    y = x
    for _ in range(100_000):
        y = y + x
    found = network(y, limit=10)
    assert found.ops == 100_000
    assert len(found.boxes) == 12


def test_counted() -> None:
    assert [counted(n, what) for n, what in ((1, "op"), (2, "op"), (1, "leaf"), (3000, "more leaf"))] == [
        *("1 op", "2 ops", "1 leaf"),
        "3,000 more leaves",
    ]


def test_the_value_of_one_number_and_its_gradient_where_there_is_one() -> None:
    a = leaf(3.0)
    b = a * a
    b.retain_grad()
    assert (value_of(a), value_of(b)) == ("value 3", "value 9")
    b.backward()
    assert (value_of(a), value_of(b)) == ("value 3, grad 6", "value 9, grad 1")
    assert value_of(tg.ones(2, requires_grad=True)) == ""
