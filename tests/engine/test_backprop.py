"""The walk: every node once, after its consumers; what is freed and owned on the way."""

from __future__ import annotations

import gc
import weakref
from contextlib import ExitStack
from typing import Any, ClassVar

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.engine import graph
from tinygrad_edu.engine.backprop import backpropagate
from tinygrad_edu.engine.observing import Observer, under
from tinygrad_edu.errors import GraphError, ShapeError


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


# ---- all graphs of linear ops, against their Jacobians, which are computed forwards ----


def linear_op(name, matrices, rules, function, **more):
    """An op of pairs of numbers, and the matrix of each of its arguments."""
    op = tg.primitive(vjps=rules, saves=("",) * len(rules), name=name, **more)(function)
    return op, [np.array(matrix, float) for matrix in matrices]


ONE, FLIP, TOTAL = [[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 1], [1, 1]]
LINEAR = [
    linear_op("borrow", [ONE, ONE], [lambda g, out, x, y: g] * 2, lambda x, y: x + y),
    linear_op(
        "fresh", [ONE, ONE], [lambda g, out, x, y: g, lambda g, out, x, y: g * 1.0], lambda x, y: x + y, fresh=True
    ),
    linear_op("view", [FLIP], [lambda g, out, x: g[::-1]], lambda x: x[::-1] + 0.0),
    linear_op("twice", [np.multiply(2, ONE)], [lambda g, out, x: g * 2.0], lambda x: x * 2.0, fresh=True),
    linear_op("total", [TOTAL], [lambda g, out, x: g.sum(0, keepdims=True) + g * 0.0], lambda x: x.sum(0) + 0.0 * x),
    linear_op("spread", [ONE, ONE], [lambda g, out, x, y: g[None] * 1.0, lambda g, out, x, y: g], lambda x, y: x + y),
    linear_op(
        "three",
        [ONE, FLIP, ONE],
        [lambda g, out, *_: g, lambda g, out, *_: g[::-1], lambda g, out, *_: g + 0.0],
        lambda x, y, z: x + y[::-1] + z,
    ),
    linear_op(
        "lost",
        [ONE, np.multiply(0, ONE)],
        [lambda g, out, x, y: g, lambda g, out, x, y: None],
        lambda x, y: x + 0.0 * y,
    ),
]


def program(rng, steps):
    """Tensors, each computed from those before, and for each the matrices of its derivatives by all of them."""
    tensors = [leaf(1.0, 2.0) for _ in range(3)]
    jacobians = [{i: np.eye(2)} for i in range(3)]
    while len(tensors) < steps:
        op, matrices = LINEAR[rng.integers(len(LINEAR))]
        chosen = [int(rng.integers(max(0, len(tensors) - 6), len(tensors))) for _ in matrices]
        result = {len(tensors): np.eye(2)}
        for i, matrix in zip(chosen, matrices, strict=True):
            for k, jacobian in jacobians[i].items():
                result[k] = result.get(k, 0.0) + matrix @ jacobian
        tensors.append(op(*[tensors[i] for i in chosen]))
        jacobians.append(result)
    return tensors, jacobians


def apart(arrays):
    """Whether no two of the arrays share memory."""
    return not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("number", range(40))
def test_gradients_are_those_of_the_jacobian_in_memory_of_their_own(number, create_graph):
    rng = np.random.default_rng(number)
    tensors, jacobians = program(rng, 12)
    ends = [11, int(rng.integers(6, 12)), int(rng.integers(6, 12))]
    seeds = [rng.integers(-4, 5, 2).astype(float) for _ in ends]
    given = [g.copy() for g in seeds]

    def expected(k):
        return sum(jacobians[end].get(k, np.zeros((2, 2))).T @ g for end, g in zip(ends, given, strict=True))

    outputs = [tensors[end] for end in ends]
    wanted = sorted(set(rng.integers(0, 12, 4).tolist()))
    found = tg.autograd.grad(
        outputs, [tensors[k] for k in wanted], seeds, retain_graph=True, create_graph=create_graph, allow_unused=True
    )
    for k, g in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(0.0 if g is None else g.detach().array, expected(k))
    kept = int(rng.integers(3, 12))
    tensors[kept].retain_grad()
    seen = []
    hooked = tensors[int(rng.integers(3, 12))]
    hooked.register_hook(lambda g: seen.append(g) or g)
    tg.autograd.backward(outputs, seeds, create_graph=create_graph)
    gradients = [t for t in (*tensors[:3], tensors[kept]) if t.grad is not None]
    for k in (0, 1, 2, kept):
        np.testing.assert_array_equal(0.0 if tensors[k].grad is None else tensors[k].grad.detach().array, expected(k))
    assert len(seen) <= 1
    for g in seen:
        np.testing.assert_array_equal(g.detach().array, expected([t is hooked for t in tensors].index(True)))
    arrays = (
        [t.grad.array for t in gradients] + [t.array for t in tensors[:3]] + [g.array for g in found if g is not None]
    )
    assert create_graph or apart([*arrays, *seeds])
    for seed, copy in zip(seeds, given, strict=True):
        np.testing.assert_array_equal(seed, copy)


# ---- the walk by itself ----


def test_what_a_walk_returns() -> None:
    x, y = leaf(1.0), leaf(2.0)
    middle = x * 3
    end = middle * y
    leaves, found = backpropagate([(end.source, np.ones(1))], retain_graph=True)
    assert {link: g.tolist() for link, g in leaves.items()} == {x.source: [6.0], y.source: [3.0]}
    assert found == {}
    leaves, found = backpropagate([(end.source, np.ones(1))], retain_graph=True, wanted=[middle.source, x.source])
    assert {link: g.tolist() for link, g in leaves.items()} == {x.source: [6.0]}
    assert {link: g.tolist() for link, g in found.items()} == {middle.source: [2.0], x.source: [6.0]}
    leaves, found = backpropagate([(middle.source, np.ones(1))], wanted=[y.source])
    assert (leaves, found) == ({}, {y.source: None})
    backpropagate([(end.source, np.ones(1))])
    with pytest.raises(GraphError, match="second time"):
        backpropagate([(end.source, np.ones(1))])


def test_a_walk_is_checked_before_anything_is_freed() -> None:
    x, y = leaf(1.0), leaf(2.0)
    end = x * y
    reached = []

    def refuse(links) -> None:
        reached.extend(link for link in (x.source, y.source, end.source, None) if link in links)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        backpropagate([(end.source, np.ones(1))], check=refuse)
    assert reached == [x.source, y.source, end.source]
    end.backward()


def test_one_root_may_enter_several_times() -> None:
    x = leaf(1.0)
    seeds = [np.array([float(n)]) for n in (1, 2, 4)]
    root = (x * 10).source
    assert backpropagate([(root, seed) for seed in seeds])[0][x.source].tolist() == [70.0]
    assert backpropagate([(x.source, seed) for seed in seeds])[0][x.source].tolist() == [7.0]
    assert [seed.item() for seed in seeds] == [1.0, 2.0, 4.0]


def test_what_a_walk_returns_is_in_memory_of_its_own() -> None:
    x, seed = leaf(1.0), np.ones(1)
    leaves, _ = backpropagate([(x.source, seed)])
    assert apart([leaves[x.source], seed])
    leaves, found = backpropagate([((x * 2).source, seed)], wanted=[x.source])
    assert apart([leaves[x.source], found[x.source], seed])


def test_who_watches_sees_what_came_and_what_the_hooks_made_of_it() -> None:
    x, y = leaf(1.0), leaf(2.0)
    middle = x * 3
    middle.register_hook(lambda g: g * 10)
    end = middle * y
    shown: dict[Any, tuple[Any, Any]] = {}

    def note(link: Any, came: Any, left: Any) -> None:
        assert link not in shown
        shown[link] = came, left

    hooks = {t.source: list(t.source.hooks or ()) for t in (x, middle, end)}
    leaves, _ = backpropagate([(end.source, np.ones(1))], watch=dict.fromkeys(hooks, note))
    assert {link: (came.item(), left.item()) for link, (came, left) in shown.items()} == {
        end.source: (1.0, 1.0),
        middle.source: (2.0, 20.0),
        x.source: (60.0, 60.0),
    }
    assert {t.source: list(t.source.hooks or ()) for t in (x, middle, end)} == hooks
    assert apart([leaves[x.source], shown[x.source][1]])  # it may be kept


def test_who_watches_may_know_the_gradient_of_an_argument() -> None:
    """Its rule is then not asked; those of the others are, and one that nobody wants is not taken."""
    asked: list[str] = []

    @tg.primitive(
        vjps=(lambda g, out, x, y: asked.append("x") or g * y, lambda g, out, x, y: asked.append("y") or g * x),
        saves=("y", "x"),
        name="known",
    )
    def known(x: Any, y: Any) -> Any:
        return x * y

    x, y = (tg.tensor([v], requires_grad=True) for v in (2.0, 3.0))
    end = known(x, y).source
    leaves, _ = backpropagate([(end, np.ones(1))], watch={end: lambda *shown: {1: np.array([7.0])}})
    assert asked == ["x"]
    assert [leaves[leaf.source].tolist() for leaf in (x, y)] == [[3.0], [7.0]]
    end = known(x, y).source
    leaves, _ = backpropagate([(end, np.ones(1))], wanted=[x.source], watch={end: lambda *shown: {1: np.array([7.0])}})
    assert leaves.keys() == {x.source}


def test_who_watches_is_not_shown_that_there_is_no_gradient() -> None:
    nothing = tg.primitive(vjps=(lambda g, out, x: None,), saves=("",), name="op")(lambda x: x + 0)
    x = leaf(1.0)
    backpropagate([(nothing(x).source, np.ones(1))], watch={x.source: lambda *shown: pytest.fail("it was shown")})


class Counted(np.ndarray):
    """An array that counts how often such arrays are added to, and how often added to another one."""

    counts: ClassVar[list[str]] = []

    def __iadd__(self, other):
        self.counts.append("in place")
        return super().__iadd__(other)

    def __add__(self, other):
        self.counts.append("new")
        return super().__add__(other)


@pytest.mark.parametrize("fresh", [True, False])
def test_parts_are_added_in_place_where_the_first_is_the_walks_own(fresh) -> None:
    made = []

    def rule(g, out, x):
        made.append((g * 1).view(Counted))
        return made[-1]

    op = tg.primitive(vjps=(rule,), saves=("",), fresh=fresh, name="op")(lambda x: x + 0)
    x = leaf(1.0)
    parts = [op(x).source for _ in range(4)]
    del Counted.counts[:]
    leaves, _ = backpropagate([(part, np.ones(1)) for part in parts])
    assert leaves[x.source].tolist() == [4.0]
    assert (leaves[x.source] is made[0]) == fresh  # handed over without a copy
    assert Counted.counts == (["in place"] * 3 if fresh else ["new", "in place", "in place"])


def test_hooks_are_called_in_order_and_not_for_nothing() -> None:
    x = leaf(2.0)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (x * 3).backward()
    assert x.grad.tolist() == [40.0]
    nothing = tg.primitive(vjps=(lambda g, out, x: None,), name="nothing")(lambda x: x + 0)
    y = leaf(1.0)
    y.register_hook(lambda g: 1 / 0)
    nothing(y).backward()
    assert y.grad is None


def test_what_a_hook_keeps_is_not_added_to() -> None:
    for fresh in (True, False):
        same = tg.primitive(vjps=(lambda g, out, x: g * 1,), saves=("",), fresh=fresh, name="same")(lambda x: x + 0)
        x, kept = leaf(1.0), []
        x.register_hook(kept.append)
        y = same(x)
        y.register_hook(kept.append)
        (y + x).backward()
        (y2 := same(x) + x).register_hook(kept.append)
        y2.backward()
        assert [g.item() for g in kept] == [1.0, 2.0, 1.0, 2.0]
        assert x.grad.item() == 4.0
        assert apart([x.grad.array, *(g.array if isinstance(g, tg.Tensor) else g for g in kept)])


def test_a_rules_error_says_whose_it_is() -> None:
    def fail(g, out, *args):
        raise RuntimeError("no")

    for function, count in ((lambda x: x + 0, 1), (lambda x, y: x + y, 2), (lambda x, y, z: x + y + z, 3)):
        arguments = [leaf(1.0) for _ in range(count)]
        careful = tg.primitive(vjps=(fail,) * count, name="careful")(function)
        with pytest.raises(RuntimeError, match="no") as caught:
            careful(*arguments).backward()
        assert caught.value.__notes__ == ["in a rule of 'careful', during the backward pass"]
        careless = tg.primitive(vjps=(fail,) * count, saves=("",) * count, name="careless")(function)
        with pytest.raises(RuntimeError, match="no") as caught:
            careless(*arguments).backward()
        assert caught.value.__notes__ == [
            "in a rule of 'careless', during the backward pass. "
            "Of arguments that saves= does not name, a rule sees only shape and dtype"
        ]


def test_rules_run_only_for_arguments_that_want_a_gradient() -> None:
    for count in (2, 3):
        for at in range(count):
            rules = [(lambda g, out, *args: g * 5) if i == at else (lambda g, out, *args: 1 / 0) for i in range(count)]
            op = tg.primitive(vjps=rules, name="one")(
                (lambda x, y: x + y) if count == 2 else (lambda x, y, z: x + y + z)
            )
            arguments = [leaf(1.0) if i == at else tg.tensor(np.ones(1)) for i in range(count)]
            op(*arguments).backward()
            assert arguments[at].grad.item() == 5.0


def test_a_joint_rule_is_told_what_is_needed() -> None:
    told = []

    def joint(g, out, *args, needs):
        told.append([need is not None for need in needs])
        return [g * 2, g * 3]

    op = tg.primitive(joint=joint, name="joint")(lambda x, y: x + y)
    x, y = leaf(1.0), leaf(1.0)
    op(x, y).backward()
    assert (x.grad.item(), y.grad.item()) == (2.0, 3.0)
    op(x.detach(), y).backward()
    (g,) = tg.autograd.grad(op(x, y), x)
    assert (g.item(), y.grad.item()) == (2.0, 6.0)
    assert told == [[True, True], [False, True], [True, False]]


def test_observers_see_the_rules_of_each_node_and_change_nothing() -> None:
    class Rules(Observer):
        seen: ClassVar[list[tuple[str, str, int]]] = []

        def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
            self.seen.append((kind, op.name, len(args)))
            return fn(*args)

    x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    gathered = tg.primitive(name="gathered", joint=lambda g, out, *args, needs: [g] * 3)(lambda a, b, c: a + b + c)
    expected = []
    for observers in ([], [Rules()]):
        for tensor in (x, y, z):
            tensor.grad = None
        result = gathered(tg.exp(x), x * y, tg.where(np.array([True, False]), y, z))
        with ExitStack() as stack:
            for observer in observers:
                stack.enter_context(under(observer))
            result.backward()
        expected.append([tensor.grad.tolist() for tensor in (x, y, z)])
    assert expected[0] == expected[1]
    kinds, names, counts = zip(*Rules.seen, strict=True)
    assert set(kinds) == {"backward"}
    assert dict(zip(names, counts, strict=True)) == {"gathered": 5, "where": 5, "mul": 4, "exp": 3}


def test_who_looks_after_the_rules_may_keep_what_they_have_made() -> None:
    x, y = tg.tensor([2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True)
    product = x * y
    end = product + x  # of which x gets a part before, and one after
    kept: list[Any] = []
    after = {product.source: lambda link, g, parts: kept.append((link, g, *parts))}
    leaves, _ = backpropagate([(end.source, np.ones(1))], after=after)
    ((link, g, by_x, by_y),) = kept
    assert link is product.source
    assert (g.tolist(), by_x.tolist(), by_y.tolist()) == ([1.0], [3.0], [2.0])
    assert (leaves[x.source].tolist(), leaves[y.source].tolist()) == ([4.0], [2.0])
    for gradient in leaves.values():
        assert not any(np.shares_memory(gradient, part) for part in (g, by_x, by_y))


def test_a_rules_error_says_whose_it_is_whoever_watches() -> None:
    def fail(g: Any, out: Any, x: Any) -> Any:
        raise ValueError("no")

    broken = tg.primitive(vjps=(fail,), name="broken")(lambda x: x + 0)
    y = broken(leaf(1.0))
    with under(Observer()), pytest.raises(ValueError, match="no") as caught:
        y.backward()
    assert "in a rule of 'broken', during the backward pass" in caught.value.__notes__[0]
