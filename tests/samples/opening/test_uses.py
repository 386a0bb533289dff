"""The walk along the uses of tensors: each link once, after all that use it, with all of its uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import Leaf, Node
from tinygrad_edu.sample_rules.ids import NOBODY
from tinygrad_edu.samples.opening.uses import Crossing, Parts, merged, visit_links


def test_each_link_is_visited_once_after_all_that_use_it() -> None:
    w = tg.tensor(np.ones((3, 2)), requires_grad=True)
    h = w * 2.0
    losses = (h * h.exp() + h.sum(0)).sum(1)
    seen: list[Any] = []

    def visit(link: Any, uses: list[Crossing]) -> tuple[Any, Any]:
        assert link not in seen
        assert all(edge.node is None or edge.node in seen for edge in uses)
        wanted = [(n, i) for n in seen if isinstance(n, Node) for i, source in enumerate(n.inputs) if source is link]
        if wanted:
            assert sorted((id(e.node), e.argument, e.ids, e.found) for e in uses) == sorted(
                (id(n), i, n.op.name, (n.op.name, i)) for n, i in wanted
            )
        else:
            assert uses == [Crossing(None, 0, None, "the losses'")]
        seen.append(link)
        return (
            (None, ())
            if isinstance(link, Leaf)
            else (link.op.name, [(link.op.name, i) for i in range(len(link.inputs))])
        )

    visit_links(losses.source, "the losses'", visit)
    assert seen[0] is losses.source
    assert seen[-1] is w.source
    assert len(seen) == 7


def test_a_freed_graph_is_an_error() -> None:
    w = tg.tensor(np.ones(2), requires_grad=True)
    losses = w.exp()
    losses.backward()
    with pytest.raises(tg.GraphError, match="a second time"):
        visit_links(losses.source, None, lambda link, uses: (None, [None]))


def test_several_results_agree_one_by_one() -> None:
    one, other = np.array([0, NOBODY]), np.array([NOBODY, 1])
    np.testing.assert_array_equal(merged(one, other), [0, 1])
    both = merged(Parts((one, None, None)), Parts((other, one, None)))
    np.testing.assert_array_equal(both.ids[0], [0, 1])
    assert both.ids[1] is one
    assert both.ids[2] is None
    assert merged(Parts((one, None)), Parts((np.array([1, 1]), None))) is None
