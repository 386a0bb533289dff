"""The open sum of one parameter against the gradients of its samples one by one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples.opening import open_sum as open_sum_module
from tinygrad_edu.samples.opening.arrays import tracked
from tinygrad_edu.samples.opening.factors import Dense, Outer, Rows
from tinygrad_edu.samples.opening.open_sum import OpenSum
from tinygrad_edu.samples.opening.passes import open_losses
from tinygrad_edu.samples.opening.placement import Arrange, Placement


def leaf(*shape):
    return tg.randn(*shape, dtype="float64", requires_grad=True)


def constant(*shape):
    return tg.randn(*shape, dtype="float64")


def ids(*shape):
    return np.random.default_rng(len(shape)).integers(0, 4, shape)


def opened(losses, parameter):
    return open_losses(losses)[parameter.source]


def one_by_one(losses, parameter):
    """The gradient of each loss by a backward pass of its own, (B, *shape)."""
    found = [
        tg.autograd.grad(losses[m], parameter, retain_graph=True, allow_unused=True)[0] for m in range(losses.shape[0])
    ]
    return np.stack([np.zeros(parameter.shape) if g is None else g.array for g in found])


def assert_close(actual, expected, tolerance=1e-11):
    actual = actual.array if tracked(actual) else np.asarray(actual)
    assert actual.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def assert_is(whole, dense, tolerance=1e-11):
    """The open sum says what the written-out gradients `dense` say."""
    count, rng = len(dense), np.random.default_rng(1)
    flat = dense.reshape(count, whole.size)
    weights, direction = rng.normal(size=count), rng.normal(size=whole.shape)
    assert_close(whole.blocks(0, count), dense, tolerance)
    assert_close(whole.blocks(count // 2, count, exact=True), dense[count // 2 :], tolerance)
    assert_close(np.concatenate([np.zeros((0, *whole.shape)), *whole.each_block(2)]), dense, tolerance)
    assert_close(whole.squares(), (flat**2).sum(1), tolerance)
    assert_close(whole.gram(), flat @ flat.T, tolerance)
    assert_close(whole.weighted(weights), np.tensordot(weights, dense, 1), tolerance)
    out = np.full(whole.shape, np.nan)
    whole.weighted_into(weights, out)
    assert_close(out, np.tensordot(weights, dense, 1), tolerance)
    assert_close(whole.dots(direction), flat @ direction.reshape(-1), tolerance)
    squared = whole.squared_sum()
    if squared is not None:
        assert_close(squared, (dense**2).sum(0), tolerance)


def linear(w):
    return (F.linear(constant(5, 3), w) * constant(5, 4)).sum(1)


def called_twice(w):
    return (F.linear(F.linear(constant(5, 3), w[:3]).tanh(), w[:3]) * constant(5, 3)).sum(1) + linear(w)


def over_time(w):
    return (F.linear(constant(5, 6, 3), w) * constant(5, 6, 4)).sum((1, 2))


def at_uneven_times(w):
    rows = np.repeat(np.arange(5), [3, 1, 0, 4, 2])
    x = F.linear(constant(10, 3), w) * constant(10, 4)
    return tg.stack([x[np.flatnonzero(rows == m)].sum() for m in range(5)])


def looked_up(w):
    return (w[ids(5, 7)] * constant(5, 7, 3)).sum((1, 2))


def tied(w):
    return looked_up(w) + over_time(w)


def tied_and_looked_up_twice(w):
    return tied(w) + looked_up(w)


def product_and_scale(w):
    return linear(w) + (w * constant(5, 4, 3)).sum((1, 2))


def three_kinds(w):
    return product_and_scale(w) + looked_up(w)


def transposed(w):
    return ((constant(5, 4) @ w) * constant(5, 3)).sum(1)


def twice_transposed(w):
    return (F.linear(constant(5, 4), w.T) * constant(5, 3)).sum(1)


def sliced(w):
    return (F.linear(constant(5, 2), w[1:, ::2]) * constant(5, 3)).sum(1)


def reshaped(w):
    return (F.linear(constant(5, 6), w.reshape(2, 6)) * constant(5, 2)).sum(1)


def through_a_product(w):
    return (F.linear(constant(5, 3), constant(4, 4) @ w) * constant(5, 4)).sum(1)


def normalised(w):
    return (F.linear(constant(5, 3), w / (w * w).sum(1, keepdims=True).sqrt()) * constant(5, 4)).sum(1)


def direct_and_normalised(w):
    return normalised(w) + linear(w)


WAYS = [
    linear,
    called_twice,
    over_time,
    at_uneven_times,
    looked_up,
    tied,
    tied_and_looked_up_twice,
    product_and_scale,
    three_kinds,
    transposed,
    twice_transposed,
    sliced,
    reshaped,
    through_a_product,
    normalised,
    direct_and_normalised,
]
BLOCKS = {called_twice, product_and_scale, three_kinds, through_a_product, normalised, direct_and_normalised}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_use_a_parameter(way):
    w = leaf(4, 3)
    losses = way(w)
    whole = opened(losses, w)
    assert_is(whole, one_by_one(losses, w))
    assert whole.route == ("blocks" if way in BLOCKS else "factors")


@pytest.mark.parametrize("way", WAYS)
def test_with_derivatives(way):
    w = leaf(4, 3)
    losses = way(w)
    dense = one_by_one(losses, w)
    losses.backward(per_sample=True, create_graph=True)
    assert_is(w.sample_grads.open_sum("test"), dense)


@pytest.mark.parametrize("way", [tied, product_and_scale, direct_and_normalised])
@pytest.mark.parametrize("size", [1, 30])
def test_blocks_of_any_size_give_the_same(way, size, monkeypatch):
    w = leaf(4, 3)
    losses = way(w)
    whole, dense = opened(losses, w), one_by_one(losses, w)
    monkeypatch.setattr(open_sum_module, "_BLOCK", size)
    assert_is(whole, dense)


@settings(max_examples=40)
@given(st.data())
def test_a_tied_table_whatever_is_looked_up(data):
    """Samples look up and multiply different rows, as often as they like, or not at all."""
    height, width, count = 4, 2, data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    same = Placement((Arrange((height, width), (0, 1)),))
    looked, used = ([data.draw(st.integers(0, 3)) for _ in range(count)] for _ in range(2))
    owner = np.repeat(np.arange(count), looked)
    rows = Rows(same, owner, rng.normal(size=(len(owner), width)), rng.integers(0, height, len(owner)), height=height)
    owner = np.repeat(np.arange(count), used)
    outer = Outer(same, owner, rng.normal(size=(1, len(owner), height)), rng.normal(size=(1, len(owner), width)))
    whole = OpenSum([rows, outer], count, (height, width), np.dtype("float64"))
    assert whole.pair is not None
    dense = np.zeros((count, height, width))
    for m, row, value in zip(rows.owner, rows.values[1], rows.values[0], strict=True):
        dense[m, row] += value
    for m, left, right in zip(outer.owner, outer.values[0][0], outer.values[1][0], strict=True):
        dense[m] += np.outer(left, right)
    assert_is(whole, dense)


def test_uses_of_one_kind_and_place_are_joined():
    w, v = leaf(3, 3), leaf(4, 3)
    h = constant(5, 3)
    for _ in range(4):
        h = F.linear(h, w).tanh()
    assert [type(f) for f in opened(h.sum(1), w).factors] == [Outer]
    assert opened(h.sum(1), w).factors[0].owner.size == 20
    assert [type(f) for f in opened(looked_up(v) + looked_up(v), v).factors] == [Rows]
    assert sorted(type(f).__name__ for f in opened(tied_and_looked_up_twice(v), v).factors) == ["Outer", "Rows"]
    assert sorted(type(f).__name__ for f in opened(three_kinds(v), v).factors) == ["Dense", "Outer", "Rows"]


def test_uses_in_different_places_are_not_joined():
    w = leaf(3, 3)
    losses = (F.linear(constant(5, 3), w) * constant(5, 3)).sum(1) + ((constant(5, 3) @ w) * constant(5, 3)).sum(1)
    whole = opened(losses, w)
    assert len(whole.factors) == 2
    assert_is(whole, one_by_one(losses, w))


def test_a_parameter_with_a_part_for_each_sample():
    w = leaf(5, 3)
    losses = (w * constant(5, 3)).sum(1)
    assert_is(opened(losses, w), one_by_one(losses, w))


def test_shapes_without_axes_or_numbers():
    w, empty = leaf(), leaf(0, 3)
    losses = w * constant(4)
    assert_is(opened(losses, w), one_by_one(losses, w))
    losses = (F.linear(constant(4, 3), empty)).sum(1) + w
    assert_is(opened(losses, empty), np.zeros((4, 0, 3)))


def test_no_factors_and_no_samples():
    for count in (0, 3):
        assert_is(OpenSum([], count, (2, 3), np.dtype("float64")), np.zeros((count, 2, 3)))
    assert OpenSum([], 3, (2, 3), np.dtype("float32")).blocks(0, 3).dtype == np.float32
    w = leaf(4, 3)
    for losses in [
        F.linear(constant(0, 3), w).sum(1),
        F.linear(constant(0, 2, 3), w).sum((1, 2)),
        (w[np.zeros((0, 2), int)]).sum((1, 2)),
        (w * constant(0, 4, 3)).sum((1, 2)),
        F.linear(constant(0, 3), w).sum(1) + w[np.zeros((0, 2), int)].sum((1, 2)),
        F.linear(constant(0, 3), w * w).sum(1),
    ]:
        assert_is(opened(losses, w), np.zeros((0, 4, 3)))


# Precision


def with_graph(losses, parameter, create_graph):
    losses.backward(per_sample=True, create_graph=create_graph)
    return parameter.sample_grads.open_sum("test")


def tied_and_cancelling(shrink, steps, create_graph, other=None):
    """A float32 table whose two uses, `steps` a sample, all but cancel; and its gradients in float64."""
    rng = np.random.default_rng(2)
    height, width, count = 11, 6, 4
    table = tg.tensor(rng.normal(size=(height, width)), requires_grad=True, dtype="float32")
    ids = rng.integers(0, height, (count, steps))
    h = rng.normal(size=(count, steps, width)).astype(np.float32)
    errors = np.eye(height, dtype=np.float32)[ids]
    pulls = -(h * (1 + shrink)).astype(np.float32)
    losses = (table[ids] * tg.tensor(pulls)).sum((1, 2)) + (F.linear(tg.tensor(h), table) * tg.tensor(errors)).sum(
        (1, 2)
    )
    dense = np.zeros((count, height, width))
    for m in range(count):
        np.add.at(dense[m], ids[m], pulls[m].astype(np.float64) + h[m])
    if other is not None:
        losses = losses + other(table, dense)
    return with_graph(losses, table, create_graph), dense.reshape(count, -1)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 512])
@pytest.mark.parametrize("shrink", [1.0, 0.1, 1e-2, 1e-3, 1e-4])
def test_two_uses_of_a_table_that_all_but_cancel(shrink, steps, create_graph):
    whole, flat = tied_and_cancelling(shrink, steps, create_graph)
    assert whole.pair is not None
    assert_lengths_and_angles(whole, flat)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shrink", [0.1, 1e-2, 1e-3, 1e-4])
def test_kinds_that_all_but_cancel_on_the_way_over_blocks(shrink, create_graph):
    def other(table, dense):
        scale = np.float32(1e-4) * np.random.default_rng(0).normal(size=dense.shape).astype(np.float32)
        dense += scale
        return (table * tg.tensor(scale)).sum((1, 2))

    whole, flat = tied_and_cancelling(shrink, 3, create_graph, other)
    assert whole.route == "blocks"
    assert_lengths_and_angles(whole, flat)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("order", ["pairs", "halves"])
@pytest.mark.parametrize("width", [1, 4, 40])
def test_time_steps_that_all_but_cancel(width, order, create_graph):
    rng = np.random.default_rng(0)
    w = tg.tensor(rng.normal(size=(width, 3)), requires_grad=True, dtype="float32")
    x, d = (rng.normal(size=(3, 256, n)).astype(np.float32) for n in (3, width))
    y = -(x * (1 + 1e-4)).astype(np.float32)
    if order == "halves":
        x, d = np.concatenate([x, y], 1), np.concatenate([d, d], 1)
    else:
        x, d = np.stack([x, y], 2).reshape(3, 512, 3), np.repeat(d, 2, axis=1)
    losses = (F.linear(tg.tensor(x), w) * tg.tensor(d)).sum((1, 2))
    flat = np.einsum("bto,bti->boi", d, x, dtype=np.float64).reshape(3, -1)
    assert_lengths_and_angles(with_graph(losses, w, create_graph), flat)


@pytest.mark.parametrize("shrink", [0.0, 1e-9, 1e-7, 1e-4])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gram_matrix_of_float64_terms_that_all_but_cancel(shrink, create_graph):
    """The inner products are those of the sums, never a rest of rounding that could be negative."""
    rng = np.random.default_rng(0)
    w = tg.tensor(rng.normal(size=(60, 50)), requires_grad=True, dtype="float64")
    x, d = rng.normal(size=(4, 1, 50)), rng.normal(size=(4, 1, 60))
    x, d = np.concatenate([x, -x * (1 + shrink)], 1), np.concatenate([d, d], 1)
    x[3] *= 2  # which stays as it is in one sample
    d[3, 1] = 0
    losses = (F.linear(tg.tensor(x), w) * tg.tensor(d)).sum((1, 2))
    whole = with_graph(losses, w, create_graph)
    assert whole.factors[0].gram(4, open_sum_module.Products()) is not None
    flat = np.einsum("bto,bti->boi", d, x).reshape(4, -1)
    assert_lengths_and_angles(whole, flat, 1e-6 if shrink else None)


def assert_lengths_and_angles(whole, flat, tolerance=1e-4):
    squares, gram = (v.array if tracked(v) else v for v in (whole.squares(), whole.gram()))
    lengths = np.sqrt((flat**2).sum(1))
    assert squares.dtype == gram.dtype == np.float64
    assert (squares >= 0).all()
    assert (np.diagonal(gram) >= 0).all()
    if tolerance is None:  # all cancels but in one sample, whose square says how large the terms were
        np.testing.assert_allclose(gram, flat @ flat.T, rtol=0, atol=1e-12 * (lengths**2).max())
        return
    np.testing.assert_allclose(np.sqrt(squares), lengths, rtol=tolerance)
    both = np.where(np.outer(lengths, lengths) > 0, np.outer(lengths, lengths), 1.0)
    np.testing.assert_allclose(gram / both, flat @ flat.T / both, rtol=0, atol=tolerance)


# In place


def wide_sum(build):
    """The open sum of a parameter of a million numbers, by few samples."""
    w = leaf(1000, 1000)
    return opened(build(w), w)


@pytest.mark.parametrize(
    "build",
    [
        lambda w: F.linear(constant(4, 1000), w).sum(1),
        lambda w: F.linear(constant(4, 3, 1000), w).sum((1, 2)),
        lambda w: (constant(4, 1000) @ w).sum(1),  # as its rows and columns lie, a transposed place
        lambda w: F.linear(constant(4, 1000), w.T).sum(1),
        lambda w: w[ids(4, 3)].sum((1, 2)),
    ],
)
def test_a_weighted_sum_is_written_without_a_second_array(build):
    whole = wide_sum(build)
    out, weights = np.full(whole.shape, np.nan), np.random.default_rng(0).normal(size=4)
    tracemalloc.start()
    try:
        whole.weighted_into(weights, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < out.nbytes / 10
    assert_close(out, whole.weighted(weights))


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float64", "float32"), ("float32", "float64")])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_a_weighted_sum_is_written_into_any_dtype_and_order(dtypes, axes):
    factors, target = dtypes
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(1, 6, 4)).astype(factors), rng.normal(size=(1, 6, 3)).astype(factors)
    shape = (4, 3) if axes == (0, 1) else (3, 4)
    outer = Outer(Placement((Arrange((4, 3), axes),)), np.repeat(np.arange(3), 2), left, right)
    whole = OpenSum([outer], 3, shape, np.dtype(target))
    expected = whole.weighted(np.array([1.0, -2.0, 0.5]))
    for out in (np.zeros(shape, target), np.zeros(shape[::-1], target).T, np.zeros((8, 8), target)[: shape[0], ::2]):
        out = out[:, : shape[1]]
        whole.weighted_into(np.array([1.0, -2.0, 0.5]), out)
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_weights_and_factors_stay_as_they_are():
    w = leaf(4, 3)
    whole = opened(tied(w), w)
    arrays = [v for f in whole.factors for v in f.values]
    before = [v.copy() for v in arrays]
    weights = np.random.default_rng(0).normal(size=5)
    kept = weights.copy()
    first = whole.gram().copy()
    found = [
        whole.squares(),
        whole.gram(),
        whole.weighted(weights),
        whole.dots(np.ones((4, 3))),
        np.concatenate(list(whole.each_block())),
    ]
    whole.weighted_into(weights, np.zeros((4, 3)))
    for result in found:
        result += 1.0
    assert (weights == kept).all()
    assert all((v == b).all() for v, b in zip(arrays, before, strict=True))
    assert_close(whole.gram(), first)


def test_what_an_array_shares_with_the_factors_is_known():
    values = np.random.default_rng(0).normal(size=(3, 2))
    whole = OpenSum([Dense(Placement((Arrange((2,), (0,)),)), np.arange(3), values)], 3, (2,), np.dtype("float64"))
    assert whole.holds(values[1:])
    assert not whole.holds(values.copy())


# Squares of single numbers


def test_the_sum_of_squares_of_a_layer_takes_no_blocks():
    w = leaf(4, 3)
    for way in (linear, transposed, twice_transposed, reshaped):
        losses = way(w)
        squared = opened(losses, w).squared_sum()
        assert squared is not None
        assert_close(squared, (one_by_one(losses, w) ** 2).sum(0))
    for way in (over_time, looked_up, tied, normalised, product_and_scale):
        assert opened(way(w), w).squared_sum() is None
