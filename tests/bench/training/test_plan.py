"""What is to be trained."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench import BenchError
from tinygrad_edu.bench.training.plan import Plan


@given(st.sets(st.integers(1, 500), min_size=1))
def test_the_order_begins_in_the_middle_and_goes_outwards(sizes: set[int]) -> None:
    plan = Plan.of(list(sizes), 500)
    assert sorted(plan.order) == list(plan.batch_sizes) == sorted(sizes)
    assert plan.order[0] == plan.middle
    places = [plan.batch_sizes.index(size) for size in plan.order]
    for k in range(1, len(places)):
        assert min(abs(places[k] - known) for known in places[:k]) <= 2  # never far from what is known
    half = places[: len(places) // 2]
    assert not half or max(half) - min(half) >= len(places) - 4  # the whole range at half the time


@given(st.integers(2, 1_000_000))
def test_the_usual_batch_sizes_fit_the_data(count: int) -> None:
    sizes = Plan.of(None, count).batch_sizes
    assert all(1 <= size <= min(count, 2048) and size & (size - 1) == 0 for size in sizes)
    assert sizes[-1] > min(count, 2048) / 2
    assert len(sizes) >= 3 or count < 4


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_rates_are_compared_on_other_seeds_than_those_reported(seed: int, seeds: int) -> None:
    plan = Plan((8,), 100, seed=seed, seeds=seeds)
    used = [s + offset for s in (*plan.run_seeds, *plan.tuning_seeds) for offset in range(3)]  # a run takes seed + 2
    assert len(set(used)) == len(used)
    assert plan.run_seeds[0] == seed


def test_steps_at_the_utmost() -> None:
    plan = Plan((8, 1000), 1000, max_epochs=10)
    assert plan.most(8) == 1250
    assert plan.most(1000) == 500  # not 10
    assert plan.short <= plan.most(1000)


@given(st.integers(10, 100_000), st.floats(1, 1000))
def test_what_a_short_training_reaches_is_within_reach_of_small_batches(count: int, epochs: float) -> None:
    plan = Plan.of(None, count, max_epochs=epochs)
    smallest = plan.batch_sizes[0]
    assert plan.most(smallest) >= min(500, plan.short * plan.middle / smallest / 2)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([], {}, "batch_sizes is empty"),
        ([0, 8], {}, "got 0"),
        ([8, 101], {}, "got 101, but there are 100 samples to train on"),
        ([8], {"rule": "cosine"}, "lr_rule='cosine': take one of 'tune', 'constant', 'sqrt', 'linear'"),
        ([8], {"seeds": 0}, "seeds=0"),
        ([8], {"seeds": 2.5}, "seeds=2.5"),
        ([8], {"max_epochs": 0}, "max_epochs=0"),
        ([8], {"max_epochs": float("inf")}, "max_epochs=inf"),
        ([8], {"target": float("nan")}, "target_loss=nan"),
    ],
)
def test_options_that_make_no_sense(sizes: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError) as caught:
        Plan.of(sizes, 100, **options)
    assert message in str(caught.value)
