"""The walk: every node once, after its consumers; what is freed and owned on the way."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import graph
from tinygrad_edu.errors import GraphError, ShapeError


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(np.array(numbers), requires_grad=True)


def test_a_node_used_twice_is_walked_once_with_its_whole_gradient() -> None:
    calls = []

    def rule(g, out, x):
        calls.append(g.copy())
        return 2 * g

    double = tg.primitive(vjps=(rule,), saves=("",))(lambda x: 2 * x)
    a = leaf(1.0, 2.0)
    b = double(a)
    c = b + b
    (c * b).backward()
    # c·b = 2b² and b = 2a, so the gradient at b is 4b, and at a it is 8b.
    assert len(calls) == 1
    np.testing.assert_allclose(calls[0], 4 * b.detach().array)
    np.testing.assert_allclose(a.grad.array, 16 * a.detach().array)


def test_a_diamond_of_unequal_depth_waits_for_the_longer_side() -> None:
    x = leaf(3.0)
    short = x * 2
    long = ((short + 1) * short).exp().log()
    (short * long).backward()
    # s·(s² + s) with s = 2x: the derivative is 2·(3s² + 2s).
    s = 6.0
    np.testing.assert_allclose(x.grad.array, [2 * (3 * s**2 + 2 * s)], rtol=1e-12)


def test_a_hundred_thousand_nodes_forward_and_backward_and_freed_without_recursion() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    h = x
    for _ in range(50_000):
        h = (h * 1.0) + 0.0
    h.backward()
    assert x.grad.item() == 1.0
    h = x
    for _ in range(100_000):
        h = h + 0.0
    del h  # an unwalked chain: dropping it must not recurse either


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_work_is_linear_in_the_nodes(length: int) -> None:
    visits = 0

    def rule(g, out, x):
        nonlocal visits
        visits += 1
        return g

    same = tg.primitive(vjps=(rule,), saves=("",))(lambda x: x + 0)
    h = x = leaf(1.0)
    for _ in range(length):
        h = same(h) + same(h)  # 2**length paths, 3 nodes each step
    assert len(graph.count_uses([h.source])) == 3 * length + 1
    tg.autograd.grad(h, x, np.zeros(1))
    assert visits == 2 * length


def test_a_dropped_graph_is_freed_at_once_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        saved = np.full(4, 0.1)
        witness = weakref.ref(saved)
        x = leaf(1.0, 2.0, 3.0, 4.0)
        y = x * tg.Tensor(saved)
        for _ in range(3):
            y = (y * y).exp() + y
        del saved
        assert witness() is not None
        del y
        assert witness() is None
        saved = np.full(4, 0.1)
        witness = weakref.ref(saved)
        y = (x * tg.Tensor(saved)).sum()
        del saved
        y.backward()
        assert witness() is None, "what a rule read is let go during the walk"
    finally:
        gc.enable()


def test_hooks_and_retained_gradients_make_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: g)
        z = y * y
        z.backward(create_graph=True)
        node = z.source
        references = [weakref.ref(t) for t in (x, y, z)]
        del x, y, z, node
        assert [r() for r in references] == [None] * 3
    finally:
        gc.enable()


def test_a_second_walk_says_what_to_do_and_changes_nothing() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    z = y.sum()
    z.backward()
    before = x.grad.array.copy()
    with pytest.raises(GraphError, match=r"'sum' a second time.*retain_graph=True"):
        z.backward()
    other = y * 3 + x  # reaches the freed 'mul' below a node that is not freed
    with pytest.raises(GraphError, match=r"'mul' a second time"):
        other.backward()
    np.testing.assert_array_equal(x.grad.array, before)


def test_retain_graph_allows_a_second_walk() -> None:
    x = leaf(1.0, 2.0)
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    np.testing.assert_allclose(x.grad.array, [4.0, 8.0])


def test_gradients_never_alias_each_other_the_seed_or_the_data() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.array([1.0, 1.0])
    total = x + y  # the rule hands one and the same array to both
    total.retain_grad()
    total.backward(seed)
    arrays = [x.grad.array, y.grad.array, total.grad.array, seed, x.array, y.array]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])
    x.grad.array[:] = 99
    np.testing.assert_array_equal(y.grad.array, [1.0, 1.0])
    np.testing.assert_array_equal(seed, [1.0, 1.0])


def test_accumulating_does_not_corrupt_a_borrowed_gradient() -> None:
    x, y = leaf(1.0), leaf(1.0)
    total = x + y
    result = total + x + x + x  # x gets four parts, the first of them borrowed from y's
    result.backward()
    assert x.grad.item() == 4.0
    assert y.grad.item() == 1.0


def test_roots_may_lie_on_each_others_paths() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    tg.autograd.backward([z, y, x])
    np.testing.assert_allclose(x.grad.array, [3 * 4 + 4 + 1])


def test_a_rule_of_the_wrong_shape_names_the_op_and_the_argument() -> None:
    wrong = tg.primitive(vjps=(lambda g, out, x: np.ones(5),), name="wrong")(lambda x: x * 1)
    with pytest.raises(ShapeError, match=r"rule of 'wrong' for argument 0 gave .*\(5,\).*shape \(2,\)"):
        wrong(leaf(1.0, 2.0)).backward()


def test_a_rule_may_give_nothing() -> None:
    half = tg.primitive(vjps=(lambda g, out, x, y: g, lambda g, out, x, y: None))(lambda x, y: x + y)
    x, y = leaf(1.0), leaf(2.0)
    z = y * y  # lies behind the argument that gets no gradient
    half(x, z).backward()
    assert x.grad.item() == 1.0
    assert y.grad is None


def test_derivatives_of_any_order() -> None:
    x = leaf(2.0)
    y = x**5
    expected = [5 * 2.0**4, 20 * 2.0**3, 60 * 2.0**2, 120 * 2.0, 120.0]
    for value in expected:
        (y,) = tg.autograd.grad(y, x, create_graph=True)
        np.testing.assert_allclose(y.detach().array, [value])


def test_several_results_some_of_them_unused() -> None:
    both = tg.primitive(
        vjps=(
            lambda g, out, x: sum(
                (p * f for p, f in zip(g.parts, (1.0, 10.0, 100.0), strict=True) if p is not None), start=0.0
            ),
        ),
        saves=("",),
    )(lambda x: (x * 1.0, x * 10.0, x * 100.0))
    x = leaf(1.0, 2.0)
    one, _, hundred = both(x)
    (one + hundred * hundred).sum().backward()
    np.testing.assert_allclose(x.grad.array, 1 + 2 * 100 * 100 * x.detach().array)
