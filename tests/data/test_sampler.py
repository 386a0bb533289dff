"""Samplers: which numbers they give, how often, and in what order."""

import numpy as np
import pytest
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


def test_weighted_draws_in_proportion():
    sampler = WeightedRandomSampler(tg.tensor([0.0, 3.0, 1.0]), num_samples=4000, generator=rng())
    counts = np.bincount(list(sampler), minlength=3)
    assert counts[0] == 0
    assert counts[1] / counts[2] == pytest.approx(3.0, rel=0.15)
    assert len(sampler) == 4000


def test_weighted_without_replacement_gives_each_number_once():
    drawn = list(WeightedRandomSampler([1, 0, 2, 3], 3, replacement=False, generator=rng()))
    assert sorted(drawn) == [0, 2, 3]


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
