"""Samplers: which numbers they give, how often, and in what order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import rng

import tinygrad_edu as tg
from tinygrad_edu.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_sequential():
    sampler = SequentialSampler(range(4))
    assert (list(sampler), list(sampler), len(sampler)) == ([0, 1, 2, 3], [0, 1, 2, 3], 4)


def test_random_gives_each_number_once_in_another_order_each_time():
    sampler = RandomSampler(range(30), generator=rng())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != second
    assert first != sorted(first)
    assert all(type(i) is int for i in first)
    assert first == list(RandomSampler(range(30), generator=rng()))


@pytest.mark.parametrize(("count", "most"), [(3, 1), (10, 1), (14, 2), (25, 3)])
def test_random_with_a_number_of_samples(count, most):
    drawn = list(RandomSampler(range(10), num_samples=count, generator=rng()))
    assert len(drawn) == count
    _, times = np.unique(drawn, return_counts=True)
    assert times.max() == most


def test_random_with_replacement_repeats():
    sampler = RandomSampler(range(10), replacement=True, num_samples=200, generator=rng())
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 200
    assert set(drawn) == set(range(10))
    assert max(np.bincount(drawn)) > 20


def test_random_follows_the_global_seed_and_generators_of_this_library():
    orders = []
    for _ in range(2):
        tg.manual_seed(5)
        orders.append(list(RandomSampler(range(20))))
    assert orders[0] == orders[1]
    orders = [list(RandomSampler(range(20), generator=tg.Generator().manual_seed(5))) for _ in range(2)]
    assert orders[0] == orders[1]


FROM_THE_DEFAULT_GENERATOR = {
    "random": lambda: RandomSampler(range(20), num_samples=50),
    "with replacement": lambda: RandomSampler(range(20), replacement=True),
    "subset": lambda: SubsetRandomSampler(range(20)),
    "weighted": lambda: WeightedRandomSampler(range(20), 30),
    "in batches": lambda: BatchSampler(RandomSampler(range(20)), 3),
}


@pytest.mark.parametrize("name", FROM_THE_DEFAULT_GENERATOR)
def test_a_pass_is_decided_at_its_start_by_one_number_of_the_default_generator(name):
    sampler = FROM_THE_DEFAULT_GENERATOR[name]()
    tg.manual_seed(5)
    whole, after = list(sampler), tg.rand(3)
    tg.manual_seed(5)
    numbers = iter(sampler)
    assert tg.equal(tg.rand(3), after)  # nothing else is taken from it, and nothing later
    drawn = []
    for number in numbers:
        drawn.append(number)
        tg.rand(7)
    assert drawn == whole
    assert list(sampler) != whole


def test_an_explicit_generator_is_drawn_from_itself():
    source = rng()
    assert list(RandomSampler(range(20), num_samples=30, generator=rng())) == [
        *source.permutation(20),
        *source.permutation(20)[:10],
    ]
    assert list(RandomSampler(range(9), replacement=True, generator=rng())) == list(rng().integers(9, size=9))
    assert list(SubsetRandomSampler(range(9), generator=rng())) == list(rng().permutation(9))
    odds = np.arange(5) / 10
    assert list(WeightedRandomSampler(range(5), 9, generator=rng())) == list(rng().choice(5, 9, p=odds))
    state = tg.get_rng_state()
    list(RandomSampler(range(9), generator=rng()))
    assert tg.get_rng_state() == state


def test_random_of_nothing():
    assert list(RandomSampler([])) == []
    assert list(RandomSampler([], replacement=True)) == []


def test_subset_random():
    sampler = SubsetRandomSampler([9, 5, 7, 7], generator=rng())
    assert sorted(sampler) == [5, 7, 7, 9]
    assert len(sampler) == 4
    assert len({tuple(sampler) for _ in range(20)}) > 1


def chi_square(drawn, odds):
    """Pearson's statistic of how often each number was drawn: about one for each number if the odds are `odds`."""
    expected = len(drawn) * np.asarray(odds) / np.sum(odds)
    counts = np.bincount(drawn, minlength=len(expected))
    assert not counts[expected == 0].any()
    counts, expected = counts[expected > 0], expected[expected > 0]
    return ((counts - expected) ** 2 / expected).sum()


def bound(numbers):
    """What such a statistic exceeds once in millions of draws: its mean plus six standard deviations, and some more."""
    return numbers + 6 * np.sqrt(2 * numbers) + 15


DRAWS = 20_000


def test_weighted_draws_in_proportion():
    odds = [0.0, 3.0, 1.0, 0.5, 0.0, 10.0, 2.0]
    sampler = WeightedRandomSampler(tg.tensor(odds), num_samples=DRAWS, generator=rng())
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == DRAWS
    assert chi_square(drawn, odds) < bound(5)
    assert chi_square(drawn, np.array(odds) ** 1.1) > bound(5)  # which shows that the bound tells odds apart
    assert chi_square(np.add(drawn[1:], 7 * np.array(drawn[:-1])), np.outer(odds, odds).ravel()) < bound(25)


def test_weighted_only_the_proportions_count():
    small, large = (list(WeightedRandomSampler(w, 50, generator=rng())) for w in ([1, 2, 3], [10.0, 20.0, 30.0]))
    assert small == large
    for weights in ([1e300, 1e300], [5e-324, 5e-324], [1.7e308, 1.7e308, 0]):
        assert set(WeightedRandomSampler(weights, 100, generator=rng())) == {0, 1}


def test_weighted_without_replacement_draws_one_after_another_in_proportion():
    odds, generator = np.array([1.0, 2.0, 3.0, 4.0]), rng()
    sampler = WeightedRandomSampler(odds, 2, replacement=False, generator=generator)
    pairs = [list(sampler) for _ in range(DRAWS // 4)]
    assert all(first != second for first, second in pairs)
    drawn_first = [first for first, _ in pairs]
    assert chi_square(drawn_first, odds) < bound(4)
    # Of a pair, the second one is drawn from what the first one leaves.
    after = odds / (odds.sum() - odds)[:, None] * (1 - np.eye(4))
    chances = (odds / odds.sum())[:, None] * after
    assert chi_square([4 * first + second for first, second in pairs], chances.ravel()) < bound(12)


def test_random_orders_are_all_equally_likely():
    sampler = RandomSampler(range(4), generator=rng())
    orders = [np.ravel_multi_index(tuple(sampler), (4, 4, 4, 4)) for _ in range(DRAWS // 4)]
    kinds, numbers = np.unique(orders, return_inverse=True)
    assert len(kinds) == 24
    assert chi_square(numbers, np.ones(24)) < bound(24)


def test_random_with_replacement_draws_each_number_equally_often():
    drawn = list(RandomSampler(range(50), replacement=True, num_samples=DRAWS, generator=rng()))
    assert chi_square(drawn, np.ones(50)) < bound(50)


def test_weighted_without_replacement_gives_each_number_once():
    drawn = list(WeightedRandomSampler([1, 0, 2, 3], 3, replacement=False, generator=rng()))
    assert sorted(drawn) == [0, 2, 3]


@given(st.integers(0, 30), st.integers(1, 12), st.booleans())
def test_batches_hold_all_numbers_in_their_order(count, size, drop_last):
    given_numbers = range(100, 100 + count)
    sampler = BatchSampler(given_numbers, size, drop_last)
    batches = list(sampler)
    assert len(sampler) == len(batches)
    numbers = [number for batch in batches for number in batch]
    assert numbers == list(given_numbers)[: count - count % size if drop_last else count]
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(type(batch) is list and 0 < len(batch) <= size for batch in batches)
    assert list(sampler) == batches


def test_batches_are_taken_as_they_are_asked_for():
    taken = []

    class Endless(Sampler):
        def __iter__(self):
            number = 0
            while True:
                taken.append(number)
                yield number
                number += 1

    batches = iter(BatchSampler(Endless(), 3))
    assert (next(batches), taken) == ([0, 1, 2], [0, 1, 2])
    assert (next(batches), taken) == ([3, 4, 5], [0, 1, 2, 3, 4, 5])
    with pytest.raises(TypeError):
        len(BatchSampler(Endless(), 3))


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches(drop_last):
    sampler = BatchSampler(SequentialSampler(range(7)), batch_size=3, drop_last=drop_last)
    batches = [[0, 1, 2], [3, 4, 5]] + ([] if drop_last else [[6]])
    assert list(sampler) == batches
    assert len(sampler) == len(batches)
    assert list(BatchSampler(range(6), 3, drop_last)) == [[0, 1, 2], [3, 4, 5]]
    assert len(BatchSampler(range(6), 3, drop_last)) == 2
    assert list(BatchSampler([], 3, drop_last)) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: RandomSampler(range(3), num_samples=0),
            "RandomSampler: num_samples=0 must be a positive integer",
        ),
        (lambda: BatchSampler(range(3), 0), "BatchSampler: batch_size=0 must be a positive integer"),
        (lambda: BatchSampler(range(3), 2.0), "batch_size=2.0"),
        (lambda: WeightedRandomSampler([1.0], -1), "num_samples=-1"),
        (
            lambda: WeightedRandomSampler([1.0, -2.0], 1),
            r"weights\[1\] is -2: weights must be finite and >= 0",
        ),
        (lambda: WeightedRandomSampler([float("nan")], 1), r"weights\[0\] is nan"),
        (lambda: WeightedRandomSampler([0.0, 0.0], 1), "all weights are zero"),
        (lambda: WeightedRandomSampler([[1.0]], 1), r"weights have shape \(1, 1\)"),
        (
            lambda: WeightedRandomSampler([1.0, 0.0], 2, replacement=False),
            "num_samples=2 without replacement, but only 1 weights are above zero",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_sampler_must_say_what_it_gives():
    with pytest.raises(NotImplementedError, match=r"Sampler does not define __iter__\(\)"):
        iter(Sampler())
