"""SampleIds: each function against the same done element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_edu.sample_rules.ids import (
    BOTH,
    CROWD,
    NOBODY,
    Use,
    collapse,
    fit,
    is_plain,
    merge,
    of_positions,
    overwritten,
    plain,
    reshape,
    simplify,
    spread,
    varies,
)

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@st.composite
def short_owners(draw: Any, shape: tuple[int, ...]) -> np.ndarray:
    """SampleIds for an array of `shape`: some axes along which they do not change, few samples, and nobody."""
    short = tuple(n if draw(st.booleans()) else min(n, 1) if n == 0 else 1 for n in shape)
    kind = draw(st.sampled_from(["any", "one", "plain"]))
    if kind == "plain":
        return plain(math.prod(short)).reshape(short)
    return draw(hnp.arrays(np.intp, short, elements=st.integers(NOBODY, 0 if kind == "one" else 3)))


@st.composite
def shaped_owners(draw: Any) -> tuple[tuple[int, ...], np.ndarray]:
    shape = draw(SHAPES)
    return shape, draw(short_owners(shape))


def people(values: np.ndarray) -> set[int]:
    return set(np.unique(values[values >= 0]).tolist())


# varies, plain


@given(shaped_owners())
def test_varies_where_two_samples_have_elements(drawn: Any) -> None:
    _, ids = drawn
    assert varies(ids) == (len(people(ids)) > 1)


@given(st.integers(0, 6), st.data())
def test_plain_numbers_are_known_in_any_shape(count: int, data: st.DataObject) -> None:
    numbers = plain(count)
    np.testing.assert_array_equal(numbers, np.arange(count))
    assert is_plain(numbers) == (count > 1)
    assert is_plain(numbers.reshape((1, count, 1))) == (count > 1)
    assert is_plain(numbers.reshape((count, 1)).T) == (count > 1)


def test_views_that_are_not_all_the_numbers_in_order_are_not_plain() -> None:
    assert not is_plain(plain(3)[::-1])
    assert not is_plain(plain(6).reshape(2, 3).T)
    assert not is_plain(plain(3)[1:])
    assert not is_plain(np.broadcast_to(plain(3), (2, 3)))
    assert not is_plain(np.broadcast_to(plain(2)[:, None], (2, 2))[0])  # 0, 0: a view of just as many numbers
    assert not is_plain(np.arange(3) + 1)


def test_plain_numbers_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match="read-only"):
        plain(4)[0] = 1


# collapse


@given(shaped_owners(), st.data())
def test_collapse_is_none_where_samples_meet_along_the_axes(drawn: Any, data: st.DataObject) -> None:
    shape, ids = drawn
    axes = tuple(data.draw(st.sets(st.sampled_from(range(len(shape)))) if shape else st.just(())))
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    full = np.broadcast_to(ids, shape)
    lines = np.transpose(full, (*kept, *axes)).reshape((*[shape[a] for a in kept], math.prod([shape[a] for a in axes])))
    meet = any(len(people(lines[place])) > 1 for place in np.ndindex(lines.shape[:-1]))
    found = collapse(ids, axes)
    assert (found is None) == meet
    if found is not None:
        assert found.ndim == len(shape)
        assert all(found.shape[axis] == 1 for axis in axes if shape[axis])
        for place in np.ndindex(lines.shape[:-1]):
            at = [0] * len(shape)
            for axis, i in zip(kept, place, strict=True):
                at[axis] = i if found.shape[axis] != 1 else 0
            if lines.shape[-1]:
                assert found[tuple(at)] == max(people(lines[place]), default=NOBODY)


def test_collapse_over_an_axis_of_no_elements_belongs_to_nobody() -> None:
    np.testing.assert_array_equal(collapse(np.zeros((2, 0), np.intp), (1,)), [[NOBODY], [NOBODY]])


# fit


@given(shaped_owners(), st.data())
def test_fit_is_the_owner_of_every_element_that_an_argument_was_stretched_to(drawn: Any, data: st.DataObject) -> None:
    shape, ids = drawn
    less = data.draw(st.integers(0, len(shape)))
    short = tuple(1 if data.draw(st.booleans()) else n for n in shape[less:])
    number = np.broadcast_to(np.arange(math.prod(short)).reshape(short), shape).reshape(-1)
    full = np.broadcast_to(ids, shape).reshape(-1)
    each = [people(full[number == i]) for i in range(math.prod(short))]
    found = fit(ids, short)
    if isinstance(found, Use):
        assert found is Use.SHARED
        assert any(len(samples) > 1 for samples in each)
    else:
        assert found.ndim == len(short)
        flat = np.broadcast_to(found, short).reshape(-1)
        assert [{int(m)} if m >= 0 else set() for m in flat] == each


@given(shaped_owners(), st.data())
def test_fit_with_the_full_shape_tells_the_crowds_elements_from_others(drawn: Any, data: st.DataObject) -> None:
    shape, ids = drawn
    short = tuple(1 if data.draw(st.booleans()) else n for n in shape[data.draw(st.integers(0, len(shape))) :])
    places = np.broadcast_to(np.arange(math.prod(short)).reshape(short), shape)
    np.testing.assert_array_equal(fit(ids, short, shape), of_positions(ids, places, short, exact=True))


# merge, simplify


@given(st.data())
def test_merge_is_none_where_two_uses_disagree(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    one, other = data.draw(short_owners(shape)), data.draw(short_owners(shape))
    a, b = np.broadcast_to(one, shape), np.broadcast_to(other, shape)
    found = merge(one, other)
    if np.array_equal(one, other):
        np.testing.assert_array_equal(found, one)
    elif found is None:
        a, b = np.broadcast_arrays(one, other)
        assert ((a >= 0) & (b >= 0) & (a != b)).any()
    else:
        np.testing.assert_array_equal(np.broadcast_to(found, shape), np.where(a >= 0, a, b))
    back = merge(other, one)
    assert (found is None) == (back is None)
    if found is not None:
        np.testing.assert_array_equal(*np.broadcast_arrays(found, back))


def test_merge_fills_what_belongs_to_nobody() -> None:
    one, other = np.array([[0], [NOBODY]]), np.array([[NOBODY, 0], [1, 1]])
    np.testing.assert_array_equal(merge(one, other), [[0], [1]])
    assert merge(np.array([0, 1]), np.array([0, 2])) is None
    assert merge(np.array([0]), np.array([1])) is None


@given(shaped_owners())
def test_simplify_keeps_the_owners_and_leaves_no_constant_axis(drawn: Any) -> None:
    _, ids = drawn
    found = simplify(ids)
    np.testing.assert_array_equal(np.broadcast_to(found, ids.shape), ids)
    for axis, n in enumerate(found.shape):
        assert n <= 1 or (found != found.take([0], axis)).any()


# spread, reshape


@given(shaped_owners(), st.data())
def test_spread_puts_reduced_axes_back(drawn: Any, data: st.DataObject) -> None:
    shape, ids = drawn
    ndim = len(shape) + data.draw(st.integers(0, 2))
    axes = data.draw(st.permutations(range(ndim)))[: ndim - len(shape)]
    axes = [axis - ndim if data.draw(st.booleans()) else axis for axis in axes]
    found = spread(ids, axes, ndim)
    assert found.ndim == ndim
    assert all(found.shape[axis] == 1 for axis in axes)
    np.testing.assert_array_equal(found.reshape(ids.shape), ids)


@st.composite
def two_shapes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes of equally many elements: the factors of one number grouped in two ways, with ones in between."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=4))
    if draw(st.integers(0, 9)) == 0:
        factors.append(0)

    def grouped() -> tuple[int, ...]:
        shape: list[int] = []
        for factor in factors:
            if shape and draw(st.booleans()):
                shape[-1] *= factor
            else:
                shape.append(factor)
        return tuple(shape)

    return grouped(), grouped()


@given(two_shapes(), st.data())
def test_reshape_moves_owners_as_the_elements_move(shapes: Any, data: st.DataObject) -> None:
    old, new = shapes
    ids = data.draw(short_owners(old))
    found = reshape(ids, old, new)
    assert found.ndim == len(new)
    assert all(n in (1, full) for n, full in zip(found.shape, new, strict=True))
    np.testing.assert_array_equal(np.broadcast_to(found, new), np.broadcast_to(ids, old).reshape(new))


def test_reshape_writes_out_only_the_axes_that_change() -> None:
    """The ids of (B, T, D) flattened to (B·T, D) have B·T elements, whatever D is."""
    found = reshape(plain(3).reshape(3, 1, 1), (3, 2, 10**9), (6, 10**9))
    np.testing.assert_array_equal(found, [[0], [0], [1], [1], [2], [2]])
    back = reshape(found, (6, 10**9), (3, 2, 10**9))
    np.testing.assert_array_equal(back, [[[0]], [[1]], [[2]]])


# of_positions


@given(st.data())
def test_places_that_only_one_sample_reads_are_its_own(data: st.DataObject) -> None:
    shape, result = data.draw(SHAPES), data.draw(SHAPES)
    ids = data.draw(short_owners(result))
    size = math.prod(shape)
    places = data.draw(hnp.arrays(np.intp, result, elements=st.integers(-1, size - 1)))
    flat = np.broadcast_to(ids, result).reshape(-1)
    readers = [people(flat[places.reshape(-1) == i]) for i in range(size)]
    found = of_positions(ids, places, shape)
    if isinstance(found, Use):
        assert found is Use.SHARED
        assert any(len(samples) > 1 for samples in readers)
    else:
        assert found.ndim == len(shape)
        own = np.broadcast_to(found, shape).reshape(-1)
        assert [{int(m)} if m >= 0 else set() for m in own] == readers
    exact = of_positions(ids, places, shape, exact=True)
    assert isinstance(exact, np.ndarray)
    whose = np.broadcast_to(exact, shape).reshape(-1)
    for place, samples in enumerate(readers):
        assert whose[place] == (CROWD if len(samples) > 1 else max(samples, default=NOBODY))


def test_what_came_to_both_is_boths() -> None:
    found = of_positions(np.array([0, BOTH, CROWD, 1, CROWD]), np.array([0, 0, 1, 2, 2]), (4,), exact=True)
    np.testing.assert_array_equal(found, [BOTH, CROWD, CROWD, NOBODY])


# overwritten


@given(st.data())
def test_what_is_overwritten_is_nobodys_and_what_was_written_its_readers(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    ids = data.draw(short_owners(shape))
    size = math.prod(shape)
    written = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4))
    places = data.draw(hnp.arrays(np.intp, written, elements=st.integers(0, size - 1)))
    full = np.broadcast_to(ids, shape).reshape(-1)
    stands = {place: number for number, place in enumerate(places.reshape(-1).tolist())}  # the last one stays
    rest, own = overwritten(ids, places, shape)
    wanted = [NOBODY if place in stands else full[place] for place in range(size)]
    np.testing.assert_array_equal(np.broadcast_to(rest, shape).reshape(-1), wanted)
    wanted = [full[p] if stands[p] == number else NOBODY for number, p in enumerate(places.reshape(-1).tolist())]
    np.testing.assert_array_equal(own, np.array(wanted, np.intp).reshape(written))
