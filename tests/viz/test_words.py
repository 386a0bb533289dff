"""A graph in words."""

from __future__ import annotations

from typing import Any

import tinygrad_edu as tg
from tinygrad_edu.viz.network import Labels, Network, collect
from tinygrad_edu.viz.words import as_text, description, summary


def square(*, named: bool = True) -> Network:
    x = tg.ones(2, requires_grad=True)
    y = (x * x).sum()
    names = {x.source: "x", y.source: "y"} if named else {}
    labels = Labels(names, {}, {y.source: "g = 1"}, {y.source: "active"})  # type: ignore[arg-type, dict-item]
    return collect([y.source], labels, 100)  # type: ignore[list-item]


def test_each_line_says_what_was_computed_from_what() -> None:
    assert as_text(square()).splitlines() == [
        "Graph of y with 2 ops and 1 leaf:",
        "▶ y = sum        from 1  [g = 1]",
        "1 = mul    (2,)  from x, x",
        "x: leaf    (2,)",
    ]


def test_a_root_without_a_name_is_not_named() -> None:
    assert summary(square(named=False)) == "Graph with 2 ops and 1 leaf"
    assert "leaf 1" in as_text(square(named=False))


def test_many_uses_are_counted() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    text = as_text(collect([tg.stack([x] * 1000).source], Labels({}, {}, {}, {}), 10))  # type: ignore[list-item]
    assert "from leaf 1 (1,000 times)" in text


def test_a_description_names_every_box_of_a_small_graph() -> None:
    said = description(square())
    assert said.startswith("Graph of y with 2 ops and 1 leaf. ")
    assert "y = sum from 1, g = 1, active; 1 = mul from x and x, (2,); x: leaf, (2,)." in said


def test_a_description_of_a_large_graph_says_how_large_it_is() -> None:
    x = y = tg.tensor(1.0, requires_grad=True)
    for _ in range(30):
        y = y + x
    said = description(collect([y.source], Labels({}, {}, {}, {}), 100))  # type: ignore[list-item]
    assert said == "Graph with 30 ops and 1 leaf. Printed, it is a list of them."


def test_the_edges_are_gone_through_once_however_many_boxes_there_are() -> None:
    class Counting(dict[tuple[int, int], int]):
        times = 0

        def items(self) -> Any:
            self.times += 1
            return super().items()

    x = y = tg.tensor(1.0, requires_grad=True)
    for _ in range(30):
        y = y + x
    network = collect([y.source], Labels({}, {}, {}, {}), 100)  # type: ignore[list-item]
    network.edges = Counting(network.edges)
    assert len(as_text(network).splitlines()) == 32
    assert network.edges.times == 1
