"""The layout of our own: every box below all that use it, no two on top of each other, every line where it belongs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.viz import layers
from tinygrad_edu.viz.layers import Layout, in_layers, levels

Edges = dict[tuple[int, int], int]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], Edges]:
    n = draw(st.integers(1, 14))
    sizes = draw(st.lists(st.tuples(st.floats(20, 200), st.floats(20, 80)), min_size=n, max_size=n))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return sizes, {pair: draw(st.integers(1, 3)) for pair in chosen}


def edge(at: float, side: float) -> tuple[float, float]:
    return at - side / 2, at + side / 2


@given(graphs())
def test_boxes_are_in_layers_inside_the_picture_and_apart(graph: tuple[list[tuple[float, float]], Edges]) -> None:
    sizes, edges = graph
    found = in_layers(sizes, edges)
    spans = [(*edge(x, w), *edge(y, h)) for (x, y), (w, h) in zip(found.middles, sizes, strict=True)]
    for left, right, top, bottom in spans:
        assert -1e-6 <= left <= right <= found.width + 1e-6
        assert -1e-6 <= top <= bottom <= found.height + 1e-6
    for i, (left, right, top, bottom) in enumerate(spans):
        for other in spans[i + 1 :]:
            beside = right + 10 < other[0] or other[1] + 10 < left
            assert beside or bottom + 10 < other[2] or other[3] + 10 < top
    for start, end in edges:
        assert spans[start][3] + 10 < spans[end][2]


@given(graphs())
def test_lines_begin_below_a_box_and_arrows_end_on_top_of_one(graph: tuple[list[tuple[float, float]], Edges]) -> None:
    sizes, edges = graph
    found = in_layers(sizes, edges)
    bottoms = [(*edge(x, w), y + h / 2) for (x, y), (w, h) in zip(found.middles, sizes, strict=True)]
    tops = [(*edge(x, w), y - h / 2) for (x, y), (w, h) in zip(found.middles, sizes, strict=True)]

    def on(point: tuple[float, float], sides: list[tuple[float, float, float]]) -> list[int]:
        return [
            i
            for i, (left, right, y) in enumerate(sides)
            if left - 1e-6 <= point[0] <= right + 1e-6 and abs(point[1] - y) < 1e-6
        ]

    assert {i for curve in found.arrows for i in on(curve[-1], tops)} == {end for _, end in edges}
    assert all(on(curve[-1], tops) for curve in found.arrows)
    starts = {i for curve in [*found.arrows, *found.curves] for i in on(curve[0], bottoms)}
    assert starts == {start for start, _ in edges}
    assert all(len(curve) % 3 == 1 for curve in [*found.arrows, *found.curves])
    near = {
        pair: n
        for pair, n in edges.items()
        if levels(len(sizes), edges)[pair[1]] - levels(len(sizes), edges)[pair[0]] == 1
    }
    assert len(found.arrows) >= sum(near.values())


def test_lines_between_the_same_two_boxes_are_side_by_side() -> None:
    found = in_layers([(60, 30), (60, 30)], {(0, 1): 2})
    assert found.middles[0][0] == found.middles[1][0]
    (left, right) = sorted(curve[0][0] for curve in found.arrows)
    assert right - left > 5
    assert [curve[0][0] for curve in found.arrows] == [curve[-1][0] for curve in found.arrows]


def test_edges_do_not_cross_where_they_need_not() -> None:
    found = in_layers([(40, 20)] * 6, {(0, 5): 1, (1, 4): 1, (2, 3): 1})
    xs = [x for x, _ in found.middles]
    assert sorted(range(3), key=xs.__getitem__) == [5 - i for i in sorted(range(3, 6), key=xs.__getitem__)]


def test_a_long_edge_passes_beside_the_boxes_on_its_way() -> None:
    found: Layout = in_layers([(60, 30)] * 4, {(0, 1): 1, (1, 2): 1, (2, 3): 1, (0, 3): 1})
    for curve in found.curves:
        for x, y in curve[3:]:
            for (left, top), (w, h) in zip(found.middles, [(60, 30)] * 4, strict=True):
                inside = abs(x - left) < w / 2 and abs(y - top) < h / 2
                assert not inside


def test_the_layer_of_a_box_is_the_longest_way_to_it() -> None:
    assert levels(4, [(0, 3), (0, 1), (1, 2), (2, 3)]) == [0, 1, 2, 3]


def test_a_long_chain_beside_a_leaf_that_all_use() -> None:
    n = 200
    found = in_layers([(40, 20)] * (n + 1), {(i, i + 1): 1 for i in range(n)} | {(i, n): 1 for i in range(n - 1)})
    assert len(found.middles) == n + 1
    assert found.width < 400


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """How many lines of the layout run: the same on every machine, as seconds are not."""
    count, before = [0], sys.gettrace()

    def trace(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != layers.__file__:
            return None
        count[0] += event == "line"
        return trace

    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


def test_twice_the_chain_is_twice_the_work() -> None:
    work = []
    for n in (100, 200):
        edges = {(i, i + 1): 1 for i in range(n)} | {(i, n): 1 for i in range(n - 1)}
        with counted_lines() as count:
            in_layers([(40, 20)] * (n + 1), edges)
        work.append(count[0])
    assert work[1] < 2.2 * work[0]
