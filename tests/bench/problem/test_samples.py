"""Samples: batches, streams, dtypes, and a fifth held out with its share of every class."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import samples as module
from tinygrad_edu.bench.problem.samples import Samples
from tinygrad_edu.data import DataLoader, Dataset, TensorDataset

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


class Pairs(Dataset[Any]):
    """Samples that are read one by one; counts how many."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y
        self.read = 0

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        self.read += 1
        return self.x[i], self.y[i]


def targets(samples: Samples) -> list[Any]:
    found: list[Any] = samples.batch(np.arange(len(samples)))[1].numpy().tolist()
    return found


@pytest.mark.parametrize("data", [(X, Y), Pairs(X, Y), DataLoader(Pairs(X, Y), num_workers=2)])
def test_batches_are_the_samples_of_these_numbers(data: Any) -> None:
    samples = Samples.of(data)
    x, y = samples.batch([7, 2, 2])
    np.testing.assert_array_equal(x.numpy(), X[[7, 2, 2]])
    assert y.numpy().tolist() == [7, 2, 2]
    part = samples.take(np.array([5, 3, 1])).take(np.array([2, 0]))
    assert len(part) == 2
    assert part.batch([1, 0])[1].numpy().tolist() == [5, 1]
    assert part.numbers.tolist() == [1, 5]


@pytest.mark.parametrize("data", [(X, Y), Pairs(X, Y), DataLoader(Pairs(X, Y), num_workers=2)])
def test_a_stream_gives_each_sample_once_in_a_pass_in_an_order_of_its_seed(data: Any) -> None:
    samples = Samples.of(data).take(np.arange(1, 10))
    drawn = [y.numpy().tolist() for _, y in itertools.islice(samples.stream(4, seed=3), 6)]
    assert [len(batch) for batch in drawn] == [4, 4, 1, 4, 4, 1]
    first, second = [*itertools.chain(*drawn[:3])], [*itertools.chain(*drawn[3:])]
    assert sorted(first) == sorted(second) == list(range(1, 10))
    assert first != second
    again = [y.numpy().tolist() for _, y in itertools.islice(samples.stream(4, seed=3), 6)]
    other = [y.numpy().tolist() for _, y in itertools.islice(samples.stream(4, seed=4), 6)]
    assert again == drawn
    assert other != drawn


def test_streams_may_leave_out_what_is_left_over_and_give_no_more_than_there_is() -> None:
    samples = Samples.of((X, Y))
    assert [len(y) for _, y in itertools.islice(samples.stream(4, 0, even=True), 5)] == [4] * 5
    assert [len(y) for _, y in itertools.islice(samples.stream(99, 0), 2)] == [10, 10]


def test_streams_and_splits_use_no_generator_but_their_own() -> None:
    loader = DataLoader(TensorDataset(X, Y), shuffle=True, generator=tg.Generator().manual_seed(1))
    states = [tg.get_rng_state(), np.random.get_state()[1].tolist(), loader.generator.get_state()]  # noqa: NPY002
    samples = Samples.of(loader)
    samples.hold_out(5)
    list(itertools.islice(samples.stream(3, 5), 4))
    assert states == [tg.get_rng_state(), np.random.get_state()[1].tolist(), loader.generator.get_state()]  # noqa: NPY002


@given(st.lists(st.integers(-3, 6), min_size=5, max_size=80), st.integers(-5, 5))
def test_each_class_has_its_share_of_what_is_held_out(labels: list[int], seed: int) -> None:
    y = np.array(labels)
    samples = Samples.of((np.zeros((len(y), 1)), y))
    train, test = samples.hold_out(seed)
    assert test is not None
    assert sorted([*train.numbers, *test.numbers]) == list(range(len(y)))
    assert len(test) >= 1
    if len(set(labels)) == len(labels):  # no classes
        return
    for label in set(labels):
        held, of = np.sum(y[test.numbers] == label), np.sum(y == label)
        assert abs(held - of / 5) < 1
        assert held < of
    train_again, test_again = samples.hold_out(seed)
    assert test_again is not None
    assert train_again.numbers.tolist() == train.numbers.tolist()
    assert test_again.numbers.tolist() == test.numbers.tolist()


@given(st.integers(5, 300), st.integers(0, 10))
def test_a_fifth_is_held_out(count: int, seed: int) -> None:
    x = np.linspace(0, 1, count)
    for y in (x, np.zeros(count, int), np.arange(count)):
        test = Samples.of((x, y)).hold_out(seed)[1]
        assert test is not None
        assert abs(len(test) - count / 5) < 1


def test_other_seeds_hold_out_others_within_a_class() -> None:
    samples = Samples.of((np.zeros((100, 1)), np.repeat([0, 1], 50)))
    held = [samples.hold_out(seed)[1] for seed in range(3)]
    assert len({tuple(part.numbers) for part in held if part}) == 3


def test_sorted_data_are_shared_out_evenly() -> None:
    samples = Samples.of((np.zeros((500, 1)), np.repeat(np.arange(10), 50)))
    test = samples.hold_out(0)[1]
    assert test is not None
    assert np.bincount(targets(test)).tolist() == [10] * 10


def test_the_rare_are_left_to_learn_from() -> None:
    y = np.array([0] * 20 + [1] + [2] * 2)
    for seed in range(20):
        train = Samples.of((np.zeros((23, 1)), y)).hold_out(seed)[0]
        assert set(targets(train)) == {0, 1, 2}


def test_fewer_than_five_samples_hold_nothing_out() -> None:
    train, test = Samples.of((X[:4], Y[:4])).hold_out(0)
    assert (len(train), test) == (4, None)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([True, False, True], [1, 0, 1]),
        ([[0], [1], [1]], [0, 1, 1]),
        ([0.0, 1.0, 1.0], [0, 1, 1]),
        ([0.5, 1.0, 1.0], None),
        ([[0, 1], [1, 0], [1, 0]], None),
    ],
)
@pytest.mark.parametrize("wrap", [lambda x, y: (x, y), Pairs])
def test_labels_are_whole_numbers_one_for_each_sample(wrap: Any, y: Any, labels: Any) -> None:
    found = Samples.of(wrap(np.zeros((3, 1)), np.array(y))).labels()
    assert found is None if labels is None else (found is not None and found.tolist() == labels)


def test_few_samples_are_read_for_their_classes_once_and_many_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.repeat([0, 1], 20)
    samples = Samples.of(Pairs(np.zeros((40, 1)), y))
    test = samples.hold_out(0)[1]
    assert test is not None
    assert samples.dataset.read == 40
    assert np.bincount(y[test.numbers]).tolist() == [4, 4]
    monkeypatch.setattr(module, "READ", 39)
    samples = Samples.of(Pairs(np.zeros((40, 1)), y))
    assert samples.unread
    assert samples.hold_out(0)[1] is not None
    assert samples.dataset.read == 0
    assert not Samples.of((np.zeros((40, 1)), y)).unread


@pytest.mark.parametrize("make", [list, np.asarray, tg.tensor])
def test_a_dataset_may_have_its_targets_at_hand(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ", 0)
    mine = Pairs(np.zeros((40, 1)), np.repeat([0, 1], 20))
    mine.targets = make(mine.y)  # type: ignore[attr-defined]
    samples = Samples.of(mine)
    test = samples.hold_out(0)[1]
    assert test is not None
    assert samples.dataset.read == 0
    assert not samples.unread
    assert sum(test.numbers < 20) == 4
    mine.targets = make(mine.y)[:7]  # type: ignore[attr-defined]
    assert Samples.of(mine).unread


def test_samples_that_cannot_be_read_alone_have_no_labels() -> None:
    samples = Samples.of(
        DataLoader([{"x": 1.0, "y": 0}] * 6, collate_fn=lambda many: (tg.zeros(len(many), 1), tg.zeros(len(many))))
    )
    assert samples.labels() is None
    assert samples.hold_out(0)[1] is not None


@pytest.mark.parametrize("wrap", [lambda x, y: (x, y), Pairs])
def test_floating_numbers_are_cast_and_others_stay(wrap: Any) -> None:
    x, whole = X.astype(np.float64), np.arange(20).reshape(10, 2)
    samples = Samples.of(wrap(x, X[:, 0]))
    assert samples.floats() == {np.dtype("float64"), np.dtype("float32")}
    cast = samples.cast(np.dtype("float32"))
    assert [part.dtype for part in cast.batch([0, 1])] == [np.float32, np.float32]
    assert [part.dtype for part in next(cast.stream(2, 0))] == [np.float32, np.float32]
    assert samples.batch([0])[0].dtype == np.float64
    assert x.dtype == np.float64
    tokens = Samples.of(wrap(whole, Y)).cast(np.dtype("float32"))
    assert [part.dtype for part in tokens.batch([0, 1])] == [np.int64, np.int64]


def test_inputs_in_containers_and_arrays_are_cast_too() -> None:
    def collate(many: list[Any]) -> Any:
        return {
            "image": tg.zeros(len(many), 2, dtype=tg.float64),
            "token": tg.zeros(len(many), dtype=tg.int64),
        }, np.zeros(len(many))

    samples = Samples.of(DataLoader(Pairs(X, Y), collate_fn=collate))
    assert samples.floats() == {np.dtype("float64")}
    x, y = samples.cast(np.dtype("float32")).batch([1, 2])
    assert (x["image"].dtype, x["token"].dtype, y.dtype) == (np.float32, np.int64, np.float32)


def test_numbers_of_another_byte_order_become_the_machines() -> None:
    samples = Samples.of((X.astype(X.dtype.newbyteorder()), Y)).cast(np.dtype("float32"))
    assert samples.batch([3])[0].dtype.isnative
    assert samples.batch([3])[0].numpy().tolist() == [X[3].tolist()]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([1.0, 2.0, 3.0], r"data: a batch is float32\[2\], but must be a pair"),
        ([(1.0, 2, 3)] * 3, "data: a batch is a list of 3, but must be a pair of inputs and targets. Let dataset"),
        ([{"x": 1.0, "y": 2}] * 3, r"data: a batch is \{.*make one in the collate_fn"),
        ([(np.zeros(2), 0), (np.zeros(3), 1)], r"data: default_collate: sample 0 has shape \(2,\), sample 1 .*\(3,\)"),
        ([(1.0, None)] * 3, "data: default_collate: a sample holds a NoneType"),
        ([({"a": 1.0}, 0), ({"b": 1.0}, 0)], "default_collate: sample 1 of the batch has no 'a'"),
        ([(1.0, "cat")] * 3, "data: the targets of a batch are .'cat', 'cat'.*, but must be a tensor"),
    ],
)
def test_what_makes_no_batch_of_pairs_is_refused(samples: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Samples.of(samples).batch([0, 1])


def test_an_error_of_the_users_dataset_is_the_users() -> None:
    class Broken(Pairs):
        def __getitem__(self, i: int) -> Any:
            raise KeyError("no such file")

    samples = Samples.of(Broken(X, Y))
    assert samples.labels() is None
    with pytest.raises(KeyError, match="no such file") as caught:
        samples.batch([0])
    assert not isinstance(caught.value, BenchError)


@pytest.mark.parametrize(("count", "said"), [(0, "has no samples: choosing"), (1, "has 1 sample: choosing")])
@pytest.mark.parametrize("wrap", [lambda x, y: (x, y), Pairs])
def test_too_few_samples_are_refused(wrap: Any, count: int, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Samples.of(wrap(X[:count], Y[:count]))
    if count:
        assert len(Samples.of(wrap(X[:1], Y[:1]), least=1)) == 1
    else:
        with pytest.raises(BenchError, match="test_data has no samples: give some, or leave it out"):
            Samples.of(wrap(X[:0], Y[:0]), "test_data", least=1)


def test_numbers_too_large_for_the_dtype_are_refused() -> None:
    large = X.astype(np.float64)
    large[3] = 1e300
    with pytest.raises(
        BenchError, match="x has numbers too large for float32, the dtype of the parameters: scale them"
    ):
        Samples.of((large, Y)).cast(np.dtype("float32"))
    read = Samples.of(Pairs(large, Y)).cast(np.dtype("float32"))
    assert np.isinf(read.batch([3])[0].numpy()).all()
