"""What an edge from the samples to something they share contributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made import normal, parameter
from per_sample import (
    RULED,
    assert_close,
    call_of,
    calls,
    check_open_sum,
    fitted,
    gradient_of,
    ids_of,
    owners_for,
    people,
)

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.engine.backprop import apply_vjp
from tinygrad_edu.engine.graph import Cotangents
from tinygrad_edu.engine.primitives import Primitive
from tinygrad_edu.sample_rules.ids import NOBODY, Use, plain
from tinygrad_edu.samples.opening.contributions import contribution, own_gradient
from tinygrad_edu.samples.opening.factors import Dense, Outer, Rows
from tinygrad_edu.samples.opening.uses import Crossing


def written_out(factor: Any, count: int) -> np.ndarray:
    """Each sample's gradient, in the parameter's shape."""
    return factor.placement.forth(factor.blocks(0, count))


def summed(gradients: list[Any]) -> Any:
    total = gradients[0]
    for g in gradients[1:]:
        total = total + g
    return total


@pytest.mark.parametrize("op", RULED)
def test_a_contribution_is_the_rule_applied_to_each_samples_gradient(op: Primitive) -> None:
    """For every op and argument, whoever the results belong to."""
    for call in calls(op):
        for ids in owners_for(call):
            samples = people(ids)
            if not samples:
                continue
            mine = {m: gradient_of(call, ids, m) for m in samples}
            found = ids_of(call, ids)
            for argument, link in enumerate(call.node.inputs):
                if link is None:
                    continue
                needs = [link if i == argument else None for i in range(len(call.node.inputs))]
                expected = np.zeros((max(samples) + 1, *link.shape))
                for m in samples:
                    expected[m] = fitted(apply_vjp(call.node, mine[m], needs, None)[argument], link.shape)
                crossing = Crossing(call.node, argument, ids if call.several else ids[0], found[argument])
                factor = contribution(crossing, summed(list(mine.values())), None)
                assert (factor.owner[1:] >= factor.owner[:-1]).all()
                assert_close(written_out(factor, len(expected)), expected, f"argument {argument}, ids {ids}")


# Contractions, whichever operand is shared, and along whichever axis the samples lie


def losses_along(axis: int, out: Any) -> Any:
    return (out * normal(*out.shape)).sin().sum(tuple(i for i in range(out.ndim) if i != axis))


def check_operands(f: Callable[..., Any], arrays: list[np.ndarray], kinds: list[str], axis: int) -> None:
    """Operands that are parameters, computed from parameters, or constant."""
    tensors = [tg.tensor(a, requires_grad=kind != "constant") for a, kind in zip(arrays, kinds, strict=True)]
    tracked = [t for t, kind in zip(tensors, kinds, strict=True) if kind != "constant"]

    def losses() -> Any:
        given = [t * 1.1 if kind == "computed" else t for t, kind in zip(tensors, kinds, strict=True)]
        return losses_along(axis, f(*given))

    check_open_sum(losses, tracked)


KINDS = st.sampled_from(["parameter", "computed", "constant"])


@st.composite
def einsums(draw: Any) -> Any:
    size = {c: draw(st.integers(1, 3)) for c in "abcd"}
    words = st.text("abcd", max_size=3)
    inputs = draw(st.lists(words, min_size=1, max_size=3))
    present = sorted(set("".join(inputs)))
    assume(present)
    output = "".join(draw(st.lists(st.sampled_from(present), min_size=1, unique=True)))
    ones = [{c for c in sorted(set(word)) if draw(st.integers(0, 5)) == 0} for word in inputs]
    shapes = [[1 if c in one else size[c] for c in word] for word, one in zip(inputs, ones, strict=True)]
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    kinds = [draw(KINDS) for _ in arrays]
    assume(set(kinds) != {"constant"})
    return ",".join(inputs) + "->" + output, arrays, kinds, draw(st.integers(0, len(output) - 1))


@given(einsums())
def test_einsum(drawn: Any) -> None:
    """Letters that repeat, that only one operand has, that are broadcast; several operands; any axis."""
    spec, arrays, kinds, axis = drawn
    check_operands(lambda *operands: tg.einsum(spec, *operands), arrays, kinds, axis)


@st.composite
def products(draw: Any) -> Any:
    m, k, n = (draw(st.integers(1, 3)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))

    def lead() -> list[int]:
        return [1 if draw(st.integers(0, 3)) == 0 else size for size in batch[draw(st.integers(0, len(batch))) :]]

    vector = draw(st.sampled_from(["neither", "neither", "left", "right"]))
    left = [k] if vector == "left" else [*lead(), m, k]
    right = [k] if vector == "right" else [*lead(), k, n]
    arrays = [normal(*left), normal(*right, seed=1)]
    kinds = [draw(KINDS), draw(KINDS)]
    assume(set(kinds) != {"constant"})
    return arrays, kinds, draw(st.integers(0, np.matmul(*arrays).ndim - 1))


@given(products())
def test_matmul(drawn: Any) -> None:
    check_operands(tg.matmul, *drawn)


@given(st.lists(st.integers(1, 3), max_size=2), st.lists(KINDS, min_size=3, max_size=3), st.data())
def test_linear(rows: list[int], kinds: list[str], data: st.DataObject) -> None:
    assume(set(kinds) != {"constant"})
    arrays = [normal(*rows, 2), normal(3, 2, seed=1), normal(3, seed=2)]
    check_operands(F.linear, arrays, kinds, data.draw(st.integers(0, len(rows))))


@st.composite
def broadcasts(draw: Any) -> Any:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    sizes = [
        [1 if draw(st.integers(0, 2)) == 0 else n for n in shape[draw(st.integers(0, len(shape))) :]] for _ in "ab"
    ]
    arrays = [np.random.default_rng(i).uniform(0.5, 1.5, size) for i, size in enumerate(sizes)]
    kinds = [draw(KINDS), draw(KINDS)]
    ndim = np.broadcast_shapes(*sizes)
    assume(set(kinds) != {"constant"} and ndim)
    f = draw(st.sampled_from([tg.mul, tg.add, tg.div, tg.pow, tg.maximum]))
    return f, arrays, kinds, draw(st.integers(0, len(ndim) - 1))


@given(broadcasts())
def test_broadcasting(drawn: Any) -> None:
    check_operands(*drawn)


# Which kind of factor


X, IDS = normal(4, 5, 3), np.array([[0, 1, 1, 2, 0]] * 4)

KEPT: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], str, int]] = {
    # the losses, the parameter's shape, what is kept of it, and of how many numbers a slot
    "matmul": (lambda w: (X @ w).sum((1, 2)), (3, 2), "outer products", 4 * 5 * (3 + 2)),
    "linear": (lambda w: F.linear(X, w).sum((1, 2)), (2, 3), "outer products", 4 * 5 * (3 + 2)),
    "transposed": (lambda w: (X @ w.T).sum((1, 2)), (2, 3), "outer products", 4 * 5 * (3 + 2)),
    "sliced": (lambda w: (X[..., :2] @ w[:, :2].T).sum((1, 2)), (2, 3), "outer products", 4 * 5 * (2 + 2)),
    "a bias": (lambda b: (X + b).sum((1, 2)), (3,), "full gradients", 4 * 3),
    "a bias of linear": (lambda b: F.linear(X, normal(2, 3), b).sum((1, 2)), (2,), "full gradients", 4 * 2),
    "a scale": (lambda s: F.layer_norm(X, (3,), s).sum((1, 2)), (3,), "full gradients", 4 * 3),
    "one number": (lambda s: (X * s).sum((1, 2)), (), "full gradients", 4),
    "an embedding": (lambda e: F.embedding(IDS, e).sum((1, 2)), (3, 2), "rows of a table", 4 * 5 * (2 + 1)),
    "a row a sample": (lambda t: (X[:, 0] * t).sum(1), (4, 3), "rows of a table", 4 * (3 + 1)),
    "along the samples": (lambda t: (tg.softmax(t, 0) * X[:, 0]).sum(1), (4, 3), "full gradients", 4 * 12),
}


@pytest.mark.parametrize(("losses", "shape", "kept", "numbers"), KEPT.values(), ids=KEPT.keys())
def test_what_is_kept(losses: Callable[[Any], Any], shape: tuple[int, ...], kept: str, numbers: int) -> None:
    """Nothing is written out that need not be, and no sum over positions within a sample is left open."""
    w = parameter(*shape)
    check_open_sum(lambda: losses(w).tanh(), [w])
    cost = w.sample_grads.cost()
    assert cost.kept == (kept,)
    slots = w.sample_grads.open_sum("").factors[0].owner.size
    assert cost.bytes == 8 * (numbers + slots)
    assert cost.route == "factors"
    assert cost.uses == 1


def test_factors_stay_in_the_dtype_of_the_model() -> None:
    x = X.astype(np.float32)
    shapes = [(2, 3), (2, 1), (3, 3)]
    w, b, table = (tg.tensor(normal(*shape), dtype=tg.float32, requires_grad=True) for shape in shapes)
    ((x + F.embedding(IDS, table)) @ w.T * b[:, 0]).sum((1, 2)).backward(per_sample=True)
    for leaf in (w, b, table):
        arrays = [v for factor in leaf.sample_grads.open_sum("").factors for v in factor.values]
        assert {v.dtype for v in arrays if v.dtype.kind == "f"} == {np.dtype(np.float32)}
        assert leaf.sample_grads.materialize().dtype == tg.float32


def test_samples_within_the_columns_of_a_product() -> None:
    """Each column of each row a sample of its own, and as many rows in between as there are columns."""
    x, w = normal(2, 3, 4), parameter(4, 3)
    check_open_sum(lambda: (x @ w).tanh().sum(1).reshape(-1), [w])


def test_samples_within_the_rows_of_a_table() -> None:
    table = parameter(4, 3)
    ids = np.array([0, 3, 3, 1])
    check_open_sum(lambda: F.embedding(ids, table).tanh().sum(0), [table])
    check_open_sum(lambda: F.embedding(ids, table).tanh().reshape(-1), [table])


# own_gradient


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (np.full((1, 1, 1), 2), Dense),
        (np.array([1, 0]).reshape(2, 1, 1), Rows),
        (np.array([0, NOBODY, 2]).reshape(1, 3, 1), Rows),
        (np.array([3, 0, 0, 1]).reshape(1, 1, 4), Rows),
        (np.random.default_rng(0).integers(NOBODY, 4, (2, 3, 1)), Rows),
        (np.random.default_rng(0).integers(NOBODY, 4, (2, 3, 4)), Rows),
        (np.full((1, 1, 1), NOBODY), Dense),
    ],
)
def test_an_array_whose_elements_each_have_their_sample(ids: np.ndarray, kind: type) -> None:
    g = normal(2, 3, 4)
    full = np.broadcast_to(ids, g.shape)
    factor = own_gradient(np.where(full >= 0, g, 0), ids)
    assert type(factor) is kind
    expected = np.stack([np.where(full == m, g, 0) for m in range(4)])
    np.testing.assert_array_equal(written_out(factor, 4), expected)


def test_an_array_of_no_axes_belongs_to_one_sample() -> None:
    factor = own_gradient(np.array(2.0), np.array(1))
    np.testing.assert_array_equal(written_out(factor, 3), [0.0, 2.0, 0.0])


# The rest


def test_an_argument_that_the_rule_gives_nothing_for_gets_zeros() -> None:
    w = parameter(3)
    call = call_of(tg.linalg.slogdet(tg.diag(w))[0] * np.ones(2))
    factor = contribution(Crossing(call.node, 0, plain(2), Use.SHARED), np.ones(2), None)
    assert written_out(factor, 2).shape == (2, *call.node.inputs[0].shape)


def test_several_results_that_are_shared_take_a_pass_a_sample() -> None:
    """The singular values and vectors of a parameter, of which each sample uses its own column."""
    w = parameter(3, 3)
    call = call_of(tg.linalg.svd(w))
    ids = (np.arange(3).reshape(1, 3), None, np.arange(3).reshape(3, 1))
    found = ids_of(call, ids)[0]
    assert found is Use.MIXED
    gradients = [gradient_of(call, ids, m) for m in range(3)]
    factor = contribution(Crossing(call.node, 0, ids, found), summed(gradients), None)
    expected = [apply_vjp(call.node, g, call.node.inputs, None)[0] for g in gradients]
    assert_close(written_out(factor, 3), np.stack(expected), "svd")
    assert isinstance(summed(gradients), Cotangents)
    assert isinstance(factor, Dense)


def test_both_sides_of_a_product_with_itself() -> None:
    """x W Wᵀ: one tensor as two arguments of one op, and once moved."""
    x, w = normal(4, 3), parameter(3, 3)
    check_open_sum(lambda: tg.einsum("bi,ij,jk->bk", x, w, w).tanh().sum(1), [w])
    check_open_sum(lambda: (x @ w @ w.T).tanh().sum(1), [w])
    check_open_sum(lambda: ((x @ w) * w[0] * w[:, 1]).sum(1), [w])
    factors = w.sample_grads.open_sum("").factors
    assert [type(factor) for factor in factors].count(Outer) == 1


def test_what_is_summed_at_the_edge_may_cancel() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 256, 5)).astype(np.float32)
    d = np.concatenate([half, -(half * (1 + 1e-4)).astype(np.float32)], axis=1)
    b = tg.zeros(5, requires_grad=True)
    ((tg.zeros(3, 512, 5) + b) * tg.tensor(d)).sum((1, 2)).backward(per_sample=True)
    expected = np.linalg.norm(d.astype(np.float64).sum(1), axis=1)
    np.testing.assert_allclose(b.sample_grads.norms().array, expected, rtol=1e-6)
