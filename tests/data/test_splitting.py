"""Splitting: each sample in one part, at random, and repeatable."""

import pytest
from made import rng

import tinygrad_edu as tg
from tinygrad_edu.data import random_split


@pytest.mark.parametrize(
    ("size", "lengths", "sizes"),
    [
        (10, [7, 3], [7, 3]),
        (10, [10, 0], [10, 0]),
        (10, [0.75, 0.25], [8, 2]),
        (11, [0.5, 0.25, 0.25], [6, 3, 2]),
        (10, [0.3, 0.3, 0.4], [3, 3, 4]),
        (3, [0.1] * 10, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_random_split_shares_every_sample_out_once(size, lengths, sizes):
    parts = random_split(range(size), lengths, generator=rng())
    assert [len(part) for part in parts] == sizes
    assert sorted(s for part in parts for s in part) == list(range(size))


def test_random_split_is_random_and_repeatable():
    splits = [random_split(range(50), [25, 25], generator=rng(seed))[0].indices for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert splits[0] != sorted(splits[0])


def test_random_split_follows_the_global_seed():
    halves = []
    for _ in range(2):
        tg.manual_seed(3)
        halves.append(random_split(range(50), [0.5, 0.5])[0].indices)
    assert halves[0] == halves[1]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([4, 5], r"the lengths \[4, 5\] add up to 9, the dataset has 10 samples"),
        ([0.5, 0.4], r"the fractions \[0.5, 0.4\] add up to 0.9, not to 1"),
        ([12, -2], "a length must not be negative"),
        ([float("nan"), 1.0], "must not be negative"),
    ],
)
def test_random_split_with_lengths_that_do_not_fit(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(range(10), lengths)
