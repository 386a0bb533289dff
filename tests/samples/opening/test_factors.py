"""Factors against gradients written out slot by slot, and how precise their lengths are where terms all but cancel."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from drawn_ids import ids
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.samples.opening.arrays import Products, tracked
from tinygrad_edu.samples.opening.factors import Dense, Outer, Rows
from tinygrad_edu.samples.opening.placement import Arrange, Placement

KINDS = ("outer", "rows", "dense")


def place(shape):
    return Placement((Arrange(shape, tuple(range(len(shape)))),))


def numbers(value):
    return value.array if tracked(value) else value


def make(kind, owner, sizes, rng, dtype="float64"):
    """The arrays of a factor with random numbers."""
    n = len(owner)
    c, o, i = sizes
    if kind == "outer":
        return [rng.normal(size=(c, n, o)).astype(dtype), rng.normal(size=(c, n, i)).astype(dtype)]
    if kind == "rows":
        return [rng.normal(size=(n, i)).astype(dtype), rng.integers(0, max(o, 1), n if o else 0)]
    return [rng.normal(size=(n, i)).astype(dtype)]


def build(kind, owner, values, sizes):
    c, o, i = sizes
    if kind == "outer":
        return Outer(place((c, o, i)), owner, *values)
    if kind == "rows":
        return Rows(place((o, i)), owner, *values, height=o)
    return Dense(place((i,)), owner, *values)


def written_out(kind, owner, values, sizes, count):
    """The gradient of every sample, slot by slot, float64 (count, *core)."""
    c, o, i = sizes
    total = np.zeros((count, *{"outer": (c, o, i), "rows": (o, i), "dense": (i,)}[kind]))
    for slot, m in enumerate(owner):
        if m < 0:
            continue
        if kind == "outer":
            left, right = (v[:, slot].astype(np.float64) for v in values)
            total[m] += left[:, :, None] * right[:, None, :]
        elif kind == "rows":
            total[m][values[1][slot]] += values[0][slot]
        else:
            total[m] += values[0][slot]
    return total


@st.composite
def cases(draw):
    """A kind, ids, sizes and numbers for a factor."""
    kind = draw(st.sampled_from(KINDS))
    owner, count = draw(ids())
    sizes = draw(st.integers(1, 3)), draw(st.sampled_from([0, 1, 2, 5, 12])), draw(st.sampled_from([0, 1, 3, 12]))
    if kind == "rows" and not sizes[1]:
        owner = owner[:0]  # a table without rows has no slots
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return kind, owner, count, sizes, make(kind, owner, sizes, rng), rng


def assert_close(actual, expected, tolerance=1e-11):
    actual = np.asarray(numbers(actual))
    assert actual.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def assert_is(factor, dense, rng):
    """The factor says of itself what the written-out gradients `dense` say."""
    count = len(dense)
    flat = dense.reshape(count, math.prod(dense.shape[1:]))
    assert factor.core == dense.shape[1:]
    assert_close(factor.blocks(0, count), dense)
    for lo, hi in [(0, 0), (0, count // 2), (count // 2, count), (count // 3, count - count // 3)]:
        assert_close(factor.blocks(lo, hi), dense[lo:hi])
    assert_close(factor.squares(count, Products()), (flat**2).sum(1))
    weights, direction = rng.normal(size=count), rng.normal(size=factor.core)
    assert_close(factor.weighted(weights), np.tensordot(weights, dense, 1))
    assert_close(factor.dots(direction, count), flat @ direction.reshape(-1))
    gram = factor.gram(count, Products())
    if gram is not None:
        assert_close(gram, flat @ flat.T)


@given(cases())
def test_every_kind_is_the_sum_of_its_slots(case):
    kind, owner, count, sizes, values, rng = case
    assert_is(build(kind, owner, values, sizes), written_out(kind, owner, values, sizes, count), rng)


@settings(max_examples=25)
@given(cases())
def test_and_of_tensors(case):
    kind, owner, count, sizes, values, rng = case
    tensors = [tg.tensor(v, requires_grad=True) if v.dtype.kind == "f" else v for v in values]
    assert_is(build(kind, owner, tensors, sizes), written_out(kind, owner, values, sizes, count), rng)


@settings(max_examples=50)
@given(cases(), st.data())
def test_joined_factors_add_up(case, data):
    kind, owner, count, sizes, values, rng = case
    factors, dense = [build(kind, owner, values, sizes)], written_out(kind, owner, values, sizes, count)
    for _ in range(data.draw(st.integers(0, 2))):
        other = rng.integers(-1, count, data.draw(st.integers(0, 4)) if count and factors[0].values[0].size else 0)
        more = make(kind, other, sizes, rng)
        factors.append(build(kind, other, more, sizes))
        dense += written_out(kind, other, more, sizes, count)
    assert len({f.key for f in factors}) == 1
    assert_is(factors[0].joined(factors[1:]), dense, rng)


@settings(max_examples=50)
@given(cases(), st.integers(0, 3))
def test_shifted_factors_belong_to_later_samples(case, offset):
    kind, owner, count, sizes, values, rng = case
    dense = written_out(kind, owner, values, sizes, count)
    factor = build(kind, owner, values, sizes)
    assert_is(factor.shifted(offset), np.concatenate([np.zeros((offset, *dense.shape[1:])), dense]), rng)
    assert_is(factor, dense, rng)


@settings(max_examples=50)
@given(cases(), st.data())
def test_the_widened_part_of_some_samples(case, data):
    kind, owner, count, sizes, values, rng = case
    values = [v.astype(np.float32) if v.dtype.kind == "f" else v for v in values]
    lo = data.draw(st.integers(0, count))
    hi = data.draw(st.integers(lo, count))
    dense = written_out(kind, owner, values, sizes, count)
    dense[:lo] = dense[hi:] = 0
    part = build(kind, owner, values, sizes).widened(lo, hi)
    assert part.values[0].dtype == np.float64
    assert_is(part, dense, rng)


@settings(max_examples=50)
@given(cases())
def test_factors_keep_their_arrays_as_they_are(case):
    kind, owner, count, sizes, values, rng = case
    before = [v.copy() for v in values]
    factor = build(kind, owner, values, sizes)
    assert_is(factor, written_out(kind, owner, values, sizes, count), rng)
    assert all((v == b).all() for v, b in zip(values, before, strict=True))
    held = sum(v.nbytes for v in factor.values) + factor.owner.nbytes
    assert factor.bytes == held
    elsewhere = factor.placed(place((7,)))
    assert elsewhere.placement.key != factor.placement.key
    assert elsewhere.values is factor.values


def test_samples_beside_those_that_have_slots_are_zero():
    """As many slots as samples are asked for, but of others."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(1, 2, 3)), rng.normal(size=(1, 2, 2))
    factor = Outer(place((1, 3, 2)), np.array([1, 4]), left, right)
    assert not factor.blocks(2, 4).any()
    assert_close(factor.blocks(3, 5)[1], left[:, 1, :, None] * right[:, 1, None])
    assert not factor.blocks(3, 5)[0].any()
    assert_close(factor.blocks(1, 2)[0], left[:, 0, :, None] * right[:, 0, None])


@pytest.mark.parametrize(
    ("samples", "slots", "sizes"),
    [
        (300, 64, (1, 64, 64)),  # lengths from products of slots
        (300, 65, (1, 64, 64)),  # lengths from blocks
        (3, 5, (2, 600, 1000)),  # one sample's block alone is large
        (550, 2, (2, 40, 40)),  # a Gram matrix from more slots than are taken at once
    ],
)
def test_many_slots_are_taken_some_at_a_time(samples, slots, sizes):
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(samples), slots)
    values = make("outer", owner, sizes, rng)
    factor = build("outer", owner, values, sizes)
    some = [0, samples // 2, samples - 1]
    dense = np.stack([factor.widened(m, m + 1).blocks(m, m + 1)[0] for m in some]).reshape(len(some), -1)
    assert_close(factor.squares(samples, Products())[some], (dense**2).sum(1))
    gram = factor.gram(samples, Products())
    assert slots != 2 or gram is not None
    if gram is not None:
        assert_close(gram[np.ix_(some, some)], dense @ dense.T)


def test_a_large_table_is_taken_some_rows_at_a_time():
    rng = np.random.default_rng(0)
    samples, height, width = 64, 2000, 64
    owner = np.repeat(np.arange(samples), 20)
    values = [rng.normal(size=(len(owner), width)), rng.integers(0, height, len(owner))]
    factor = build("rows", owner, values, (1, height, width))
    dense = factor.blocks(0, samples).reshape(samples, -1)
    assert_close(factor.gram(samples, Products()), dense @ dense.T)


# Precision


def cancelling(rng, slots, width, shrink, order):
    """Numbers (slots, width) in pairs x and -x (1 + shrink), float32: pairs side by side, or in two halves."""
    x = rng.normal(size=(slots // 2, width)).astype(np.float32)
    y = -(x * (1 + shrink)).astype(np.float32)
    return np.concatenate([x, y]) if order == "halves" else np.stack([x, y], axis=1).reshape(slots, width)


def twice(rng, slots, width, order):
    """Numbers (slots, width), the same for both slots of a pair."""
    x = rng.normal(size=(slots // 2, width)).astype(np.float32)
    return np.concatenate([x, x]) if order == "halves" else np.repeat(x, 2, axis=0)


def cancelling_factor(kind, sizes, slots, shrink, order, samples=2, ragged=False):
    """A float32 factor whose slots all but cancel, and its gradients in float64."""
    rng = np.random.default_rng(1)
    c, o, i = sizes
    each = [slots - 2 * m * ragged for m in range(samples)]
    owner = np.repeat(np.arange(samples), each)
    if kind == "outer":
        left = np.stack([np.concatenate([cancelling(rng, n, o, shrink, order) for n in each]) for _ in range(c)])
        right = np.stack([np.concatenate([twice(rng, n, i, order) for n in each]) for _ in range(c)])
        values = [left, right]
        dense = [
            np.einsum("cto,cti->coi", *[v[:, owner == m].astype(np.float64) for v in values]) for m in range(samples)
        ]
    else:
        values = [np.concatenate([cancelling(rng, n, i, shrink, order) for n in each])]
        if kind == "rows":
            values.append(np.concatenate([twice(rng, n, 1, order)[:, 0] > 0 for n in each]) * 1)
        dense = list(written_out(kind, owner, values, sizes, samples))
    return build(kind, owner, values, sizes), np.stack(dense)


PRECISION = [
    ("outer", (1, 4, 3)),  # lengths from blocks
    ("outer", (2, 4, 3)),
    ("outer", (1, 1, 1)),
    ("outer", (1, 520, 520)),  # lengths from products of slots
    ("rows", (1, 2, 3)),
    ("dense", (1, 1, 5)),
]


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("order", ["pairs", "halves"])
@pytest.mark.parametrize("shrink", [1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize(("kind", "sizes"), PRECISION)
def test_lengths_where_the_slots_of_a_sample_all_but_cancel(kind, sizes, shrink, order, ragged):
    factor, dense = cancelling_factor(kind, sizes, 512, shrink, order, ragged=ragged)
    assert all(v.dtype != np.float64 for v in factor.values)
    expected = np.sqrt((dense**2).sum(axis=tuple(range(1, dense.ndim))))
    squares = factor.squares(2, Products())
    assert squares.dtype == np.float64
    assert (squares >= 0).all()
    np.testing.assert_allclose(np.sqrt(squares), expected, rtol=1e-4)


@pytest.mark.parametrize("shrink", [1e-2, 1e-4])
@pytest.mark.parametrize(("kind", "sizes"), PRECISION)
def test_lengths_of_tensors_that_all_but_cancel(kind, sizes, shrink):
    factor, dense = cancelling_factor(kind, sizes, 512, shrink, "halves")
    values = [tg.tensor(v, requires_grad=True) if v.dtype.kind == "f" else v for v in factor.values]
    exact = build(kind, factor.owner, values, sizes).widened(0, 2)  # as an open sum does it
    squares = exact.squares(2, Products()).array
    assert (squares >= 0).all()
    np.testing.assert_allclose(np.sqrt(squares), np.sqrt((dense**2).sum(axis=tuple(range(1, dense.ndim)))), rtol=1e-6)


@pytest.mark.parametrize(("kind", "sizes"), PRECISION)
@pytest.mark.parametrize("order", ["pairs", "halves"])
def test_what_cancels_exactly_is_next_to_nothing_and_not_negative(kind, sizes, order):
    factor, _ = cancelling_factor(kind, sizes, 512, 0.0, order)
    squares = factor.squares(2, Products())
    assert (squares >= 0).all()
    assert (squares < 1e-20).all()


def test_lengths_of_float64_are_not_lost_either():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 32, 24)), rng.normal(size=(2, 32, 24))
    left = np.concatenate([x, -x * (1 + 1e-9)], axis=1).reshape(1, 128, 24)
    right = np.concatenate([y, y], axis=1).reshape(1, 128, 24)
    factor = Outer(place((1, 24, 24)), np.repeat(np.arange(2), 64), left, right)
    dense = np.stack([(left[0, m : m + 64].T @ right[0, m : m + 64]) for m in (0, 64)])
    squares = factor.squares(2, Products())
    assert (squares >= 0).all()
    np.testing.assert_allclose(np.sqrt(squares), np.sqrt((dense**2).sum((1, 2))), rtol=1e-5)


@pytest.mark.parametrize(("o", "i"), [(512, 512), (300, 700)])
def test_a_gram_matrix_of_terms_that_partly_cancel(o, i):
    factor, dense = cancelling_factor("outer", (1, o, i), 64, 1e-4, "halves", samples=3)
    flat = dense.reshape(3, -1)
    gram = factor.gram(3, Products())
    lengths = np.sqrt((flat**2).sum(1))
    np.testing.assert_allclose(gram, flat @ flat.T, rtol=0, atol=1e-4 * float((lengths**2).min()))


@pytest.mark.parametrize("size", [1e-25, 1e-18, 1e-12, 1e12, 1e18, 1e25])
@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(1, 5, 4), (3, 5, 4), (1, 1, 1)])
def test_lengths_of_small_numbers_times_large_ones(size, slots, sizes):
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(4), slots)
    left, right = make("outer", owner, sizes, rng)
    values = [(left * size).astype(np.float32), (right / size).astype(np.float32)]
    values[0][:, owner == 1] = 0
    dense = written_out("outer", owner, values, sizes, 4).reshape(4, -1)
    squares = build("outer", owner, values, sizes).squares(4, Products())
    np.testing.assert_allclose(squares, (dense**2).sum(1), rtol=1e-5)
    gram = build("outer", owner, values, sizes).gram(4, Products())
    if gram is not None:
        np.testing.assert_allclose(gram, dense @ dense.T, rtol=1e-5, atol=1e-5 * float(squares.max()))


def test_samples_of_very_different_sizes():
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(6), 3)
    left, right = make("outer", owner, (2, 5, 4), rng)
    left *= np.repeat(10.0 ** np.array([-30, -20, -10, 0, 10, 15]), 3)[:, None]
    values = [left.astype(np.float32), right.astype(np.float32)]
    dense = written_out("outer", owner, values, (2, 5, 4), 6).reshape(6, -1)
    np.testing.assert_allclose(
        build("outer", owner, values, (2, 5, 4)).squares(6, Products()), (dense**2).sum(1), rtol=1e-5
    )


def test_float16_factors():
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(3), 4)
    for kind in KINDS:
        values = make(kind, owner, (2, 5, 4), rng)
        values = [(100 * v).astype(np.float16) if v.dtype.kind == "f" else v for v in values]
        dense = written_out(kind, owner, values, (2, 5, 4), 3).reshape(3, -1)
        squares = build(kind, owner, values, (2, 5, 4)).squares(3, Products())
        np.testing.assert_allclose(squares, (dense**2).sum(1), rtol=2e-3)  # sums of slots round to float16


def test_numbers_that_are_not_finite_stay_with_their_sample():
    rng = np.random.default_rng(0)
    for slots, bad in [(1, np.inf), (1, np.nan), (3, np.inf), (3, np.nan), (40, np.nan)]:
        owner = np.repeat(np.arange(4), slots)
        left, right = (v.astype(np.float32) for v in make("outer", owner, (1, 6, 5), rng))
        left[0, owner == 2, 1] = bad
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            squares = Outer(place((1, 6, 5)), owner, left, right).squares(4, Products())
        assert np.isfinite(squares).tolist() == [True, True, False, True]
