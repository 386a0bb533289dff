"""Sums and products of arrays: numbers of any size, and memory that is used again."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_ids import ids
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.samples.opening.arrays import Products, period, row_squares, scatter, segment_sum, wide


def close(actual, expected):
    """Equal to within 1e-11 of the largest number."""
    actual = np.asarray(getattr(actual, "array", actual))
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11 * max(1.0, np.abs(expected).max(initial=0.0)))


@pytest.mark.parametrize("size", [1e-25, 1e-15, 1.0, 1e15, 1e25])
def test_row_squares_of_float32_of_any_size(size):
    rows = (np.random.default_rng(0).normal(size=(3, 7)) * size).astype(np.float32)
    expected = np.square(rows, dtype=np.float64).sum(-1)
    assert row_squares(rows).dtype == np.float64
    np.testing.assert_allclose(row_squares(rows), expected, rtol=1e-6)
    np.testing.assert_allclose(row_squares(tg.tensor(rows)).array, expected, rtol=1e-6)


def test_row_squares_of_small_and_large_rows_and_zeros_together():
    rows = np.ones((4, 5), np.float32) * np.array([[1e-25], [0.0], [1.0], [1e25]], np.float32)
    np.testing.assert_allclose(row_squares(rows), 5 * rows[:, 0].astype(np.float64) ** 2, rtol=1e-6)


def test_row_squares_of_float16_and_float64_and_nothing():
    rows = np.full((2, 3), 300, np.float16)  # whose squares float16 cannot hold
    assert row_squares(rows).tolist() == [270000.0, 270000.0]
    assert row_squares(np.full((1, 2), 1e100)).tolist() == [2e200]
    assert row_squares(np.zeros((0, 3), np.float32)).shape == (0,)
    assert row_squares(np.zeros((3, 0), np.float32)).tolist() == [0.0, 0.0, 0.0]
    assert row_squares(np.ones((2, 3, 4), np.float32)).tolist() == [[4.0] * 3] * 2


@given(ids(), st.sampled_from([(), (1,), (3,), (2, 2), (0,)]), st.booleans())
def test_segment_sum_adds_equal_owners(case, shape, as_tensor):
    owner, count = case
    owner = np.sort(owner[owner >= 0]) if (owner < 0).any() or (np.diff(owner) < 0).any() else owner
    values = np.random.default_rng(0).normal(size=(len(owner), *shape))
    expected = np.zeros((count, *shape))
    np.add.at(expected, owner, values)
    close(segment_sum(tg.tensor(values) if as_tensor else values, owner, count), expected)


@given(ids())
def test_period_is_how_many_slots_each_sample_has(case):
    owner, count = case
    owner = np.sort(owner[owner >= 0])
    counts = np.bincount(owner, minlength=count)
    same = len(owner) > 0 and (counts == counts[0]).all()
    assert period(owner, count) == (counts[0] if same else 0)


def test_scatter_puts_values_in_their_places():
    values = np.arange(6.0).reshape(3, 2)
    expected = [[2.0, 3.0], [0.0, 0.0], [4.0, 5.0], [0.0, 1.0]]
    assert scatter(values, np.array([3, 0, 2]), 4).tolist() == expected
    assert scatter(tg.tensor(values), np.array([3, 0, 2]), 4).tolist() == expected
    assert scatter(tg.tensor(values), np.array([1, 1, 0]), 2).tolist() == [[4.0, 5.0], [2.0, 4.0]]


def test_wide_copies_only_what_is_narrow():
    array = np.ones(3)
    assert wide(array) is array
    assert wide(array.astype(np.float32)).dtype == np.float64


def test_products_are_computed_once_for_rows_in_the_same_memory():
    rows = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    products = Products()
    assert products.of(rows) is products.of(rows[:])
    assert products.squares_of(rows) is products.squares_of(rows[:])
    assert products.of(rows[:, :3]).shape == (4, 4)
    np.testing.assert_allclose(products.of(rows[:, ::2]), rows[:, ::2] @ rows[:, ::2].T, rtol=1e-6)


@pytest.mark.parametrize("ask", [lambda products, rows: products.of(rows)[0, 0], lambda p, rows: p.squares_of(rows)[0]])
def test_products_of_arrays_that_are_gone_are_not_taken_for_those_of_others(ask):
    products = Products()
    for number in range(20):  # each in the memory of the one before, if that was let go of
        rows = np.full((3, 4), number, np.float32)
        rows[1] = 0  # which makes the products wide
        assert ask(products, rows) == 4.0 * number * number
        del rows


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_products_of_numbers_out_of_range_are_wide(size):
    rows = (np.random.default_rng(0).normal(size=(3, 4)) * size).astype(np.float32)
    expected = wide(rows) @ wide(rows).T
    np.testing.assert_allclose(Products().of(rows), expected, rtol=1e-9)
    np.testing.assert_allclose(Products().of(tg.tensor(rows)).array, expected, rtol=1e-9)


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_products_within_samples_are_taken_once(size):
    array = (np.random.default_rng(0).normal(size=(1, 2, 3, 4)) * size).astype(np.float32)
    products = Products()
    found, scale = products.within(array)
    assert products.within(array)[0] is found
    assert products.within(array[:, ::-1])[0] is not found
    expected = wide(array) @ wide(array).mT
    scale = np.broadcast_to(scale, (1, 2))[..., None, None]
    np.testing.assert_allclose(wide(found) * scale, expected, rtol=1e-5, atol=1e-5 * size**2)
    np.testing.assert_allclose(products.within(tg.tensor(wide(array)))[0].array, expected, rtol=1e-12)
