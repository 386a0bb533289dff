"""The loader: which samples come together, in which order, as what."""

import threading

import numpy as np
import pytest
from drawing_datasets import Lazy, Noisy, NoisyStream, noisy_collate, plain
from made import rng

import tinygrad_edu as tg
from tinygrad_edu.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    random_split,
)


def pairs(size):
    return TensorDataset(np.arange(size, dtype="float32").reshape(size, 1) * 10, np.arange(size))


class Slow(Dataset):
    """The same samples as `pairs`, one by one."""

    def __init__(self, size):
        self.inner = pairs(size)
        self.readers = set()

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        self.readers.add(threading.current_thread().name)
        return self.inner[i]


def numbers(loader):
    return [y.tolist() for _, y in loader]


def test_the_uneven_last_batch_is_kept_unless_it_is_dropped():
    loader = DataLoader(pairs(7), batch_size=3)
    assert numbers(loader) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(loader) == 3
    dropping = DataLoader(pairs(7), batch_size=3, drop_last=True)
    assert numbers(dropping) == [[0, 1, 2], [3, 4, 5]]
    assert len(dropping) == 2
    assert numbers(DataLoader(pairs(3))) == [[0], [1], [2]]
    assert numbers(DataLoader(pairs(2), batch_size=5)) == [[0, 1]]
    assert numbers(DataLoader(pairs(0), batch_size=5)) == []
    assert numbers(DataLoader(pairs(0), batch_size=5, shuffle=True)) == []


def test_a_batch_is_a_list_of_tensors_of_the_right_dtype_and_a_copy():
    dataset = pairs(4)
    (x, y), _ = DataLoader(dataset, batch_size=2)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((2, 1), np.float32, (2,), np.int64)
    x.array[...] = -1
    assert dataset.tensors[0].array.min() == 0


@pytest.mark.parametrize("arguments", [{"batch_size": 4}, {"batch_size": 1}, {"batch_size": 4, "drop_last": True}])
def test_reading_at_once_gives_what_reading_one_by_one_does(arguments):
    fast, slow = DataLoader(pairs(10), **arguments), DataLoader(Slow(10), **arguments)
    for (a, b), (c, d) in zip(fast, slow, strict=True):
        assert (a.dtype, b.dtype) == (c.dtype, d.dtype)
        assert (a.tolist(), b.tolist()) == (c.tolist(), d.tolist())


def test_subsets_are_read_at_once_too(monkeypatch):
    calls = []
    read = TensorDataset.__getitem__

    def counting(self, index):
        calls.append(index)
        return read(self, index)

    monkeypatch.setattr(TensorDataset, "__getitem__", counting)
    part = Subset(Subset(pairs(10), [8, 6, 4, 2, 0]), [4, 3, 2])
    assert numbers(DataLoader(part, batch_size=2)) == [[0, 2], [4]]
    assert len(calls) == 2


def test_a_subclass_that_changes_the_samples_is_obeyed():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x * 2, y

    (x, _), *_ = DataLoader(Doubled(np.array([[1.0], [2.0]]), np.array([0, 1])), batch_size=2)
    assert x.tolist() == [[2.0], [4.0]]


def test_shuffling_gives_each_sample_once_in_another_order_each_time():
    loader = DataLoader(pairs(20), batch_size=6, shuffle=True, generator=rng())
    first, second = ([i for batch in numbers(loader) for i in batch] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    for x, y in loader:
        assert (x.array[:, 0] == 10 * y.array).all()


def test_the_same_seed_gives_the_same_batches():
    runs = []
    for seed in (1, 1, 2):
        loader = DataLoader(pairs(20), batch_size=6, shuffle=True, generator=tg.Generator().manual_seed(seed))
        runs.append([numbers(loader), numbers(loader)])
    assert runs[0] == runs[1] != runs[2]
    tg.manual_seed(1)
    first = numbers(DataLoader(pairs(20), batch_size=6, shuffle=True))
    tg.manual_seed(1)
    assert numbers(DataLoader(pairs(20), batch_size=6, shuffle=True)) == first


def test_sample_numbers_may_come_as_tensors_and_arrays():
    assert numbers(DataLoader(pairs(9), batch_size=2, sampler=tg.tensor([5, 1, 8]))) == [[5, 1], [8]]
    for indices in (tg.tensor([5, 1, 8]), np.array([5, 1, 8])):
        for part in (Subset(pairs(9), indices), Subset(Slow(9), indices)):
            assert numbers(DataLoader(part, batch_size=2)) == [[5, 1], [8]]


def test_a_sample_number_out_of_range():
    with pytest.raises(IndexError, match="it has 9 samples"):
        list(DataLoader(pairs(9), batch_size=2, sampler=[9]))


def test_samplers():
    assert numbers(DataLoader(pairs(9), batch_size=2, sampler=[5, 1, 8])) == [[5, 1], [8]]
    loader = DataLoader(pairs(9), batch_size=2, sampler=SubsetRandomSampler([5, 1, 8]))
    assert sorted(i for batch in numbers(loader) for i in batch) == [1, 5, 8]
    assert len(loader) == 2
    assert numbers(DataLoader(pairs(9), batch_sampler=[[1], [2, 3, 4]])) == [[1], [2, 3, 4]]
    loader = DataLoader(pairs(9), batch_sampler=BatchSampler(range(9), 4))
    assert numbers(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert len(loader) == 3


def test_without_batches_the_samples_come_as_they_are():
    loader = DataLoader(pairs(3), batch_size=None)
    assert [y.shape for _, y in loader] == [(), (), ()]
    assert len(loader) == 3
    assert list(DataLoader("abc", batch_size=None, collate_fn=str.upper)) == ["A", "B", "C"]


def test_collate_fn_gets_a_list_of_samples():
    loader = DataLoader("abcde", batch_size=2, collate_fn="".join)
    assert list(loader) == ["ab", "cd", "e"]
    seen = []
    list(DataLoader(pairs(3), batch_size=2, collate_fn=seen.append))
    assert [[y.item() for _, y in batch] for batch in seen] == [[0, 1], [2]]


@pytest.mark.parametrize("options", [{}, {"num_workers": 2}, {"num_workers": 3, "worker_type": "process"}])
def test_what_a_dataset_draws_belongs_to_the_seed_whoever_reads(options):
    """Augmentation in the dataset and in collate_fn, while the training draws as well."""

    def run(seed, **options):
        tg.manual_seed(seed)
        loader = DataLoader(Noisy(9), 2, shuffle=True, collate_fn=noisy_collate, **options)
        return [(plain(batch), tg.rand(3).tolist()) for _ in range(2) for batch in loader]

    expected = run(3)
    assert run(3, **options) == expected
    assert run(4, **options) != expected
    assert len({repr(batch) for batch, _ in expected}) == len(expected)


def test_a_loop_takes_one_number_from_the_default_generator():
    """However the samples are drawn, and whether it is finished or not."""
    for options in ({}, {"shuffle": True}, {"sampler": Lazy(9)}, {"num_workers": 2}):
        tg.manual_seed(1)
        for _ in DataLoader(Noisy(9), 2, **options):
            break
        left = tg.rand(3).tolist()
        tg.manual_seed(1)
        list(DataLoader(Noisy(9), 2))
        assert tg.rand(3).tolist() == left


def test_the_order_does_not_depend_on_what_the_model_draws():
    def run(draws):
        tg.manual_seed(2)
        order = []
        for i, _, *_ in DataLoader(Noisy(9), 2, sampler=Lazy(30)):
            order.append(i.tolist())
            tg.rand(draws)
        return order

    assert run(0) == run(5)


def test_its_own_generator_decides_all_and_the_default_one_is_left_alone():
    def run():
        loader = DataLoader(Noisy(9), 2, shuffle=True, generator=tg.Generator().manual_seed(3))
        return [plain(batch) for batch in loader]

    before = tg.get_rng_state()
    first = run()
    assert tg.get_rng_state() == before
    tg.manual_seed(99)
    assert run() == first


def stream(size, *arguments, **options):
    return [i.tolist() for i, _ in DataLoader(NoisyStream(size), *arguments, **options)]


def test_batches_of_a_stream():
    whole = stream(7, 10)
    order = stream(7, 3)
    assert sorted(whole[0]) == sorted(i for batch in order for i in batch) == list(range(7))
    assert list(map(len, order)) == [3, 3, 1]
    assert list(map(len, stream(7, 3, drop_last=True))) == [3, 3]
    assert list(map(len, stream(7, 2, num_workers=2))) == [2, 2, 2, 1]  # of 4 and 3 samples
    assert list(map(len, stream(7, 2, num_workers=2, drop_last=True))) == [2, 2, 2]
    assert stream(0, 2) == stream(0, 2, num_workers=2) == []
    samples = list(DataLoader(NoisyStream(3), batch_size=None, collate_fn=lambda sample: sample[0]))
    assert sorted(samples) == [0, 1, 2]


def test_the_length_of_a_stream_is_what_it_says():
    assert len(DataLoader(NoisyStream(7), 3)) == 3
    assert len(DataLoader(NoisyStream(7), 3, drop_last=True)) == 2
    assert len(DataLoader(NoisyStream(7), None)) == 7
    with pytest.raises(TypeError, match="IterableDataset does not define __len__"):
        len(DataLoader(IterableDataset(), 3))


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_read_ahead_in_threads_and_keep_the_order(workers):
    dataset = Slow(25)
    loader = DataLoader(dataset, batch_size=2, shuffle=True, generator=rng(), num_workers=workers)
    assert numbers(loader) == numbers(DataLoader(pairs(25), batch_size=2, shuffle=True, generator=rng()))
    assert threading.current_thread().name not in dataset.readers


def test_an_error_in_a_worker_arrives_and_leaving_early_ends_the_threads():
    class Broken(Slow):
        def __getitem__(self, i):
            if i == 7:
                raise RuntimeError("sample 7 is broken")
            return super().__getitem__(i)

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="sample 7 is broken"):
        list(DataLoader(Broken(10), batch_size=2, num_workers=2))
    batches = iter(DataLoader(Slow(100), num_workers=2))
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_summed_gradients_over_uneven_batches_give_the_full_mean():
    x, y = rng().normal(size=(10, 3)), rng(1).normal(size=10)
    full, parts = (tg.tensor(np.zeros(3), requires_grad=True) for _ in range(2))
    (((tg.tensor(x) * full).sum(1) - tg.tensor(y)) ** 2).backward()
    for a, b in DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True):
        (((a * parts).sum(1) - b) ** 2).backward()
    tg.optim.SGD([full], lr=0.1).step(samples=10)
    tg.optim.SGD([parts], lr=0.1).step(samples=10)
    np.testing.assert_allclose(parts.array, full.array, rtol=1e-12)


def test_parts_of_a_split_can_be_loaded():
    train, test = random_split(pairs(10), [0.8, 0.2], generator=rng())
    seen = [i for part in (train, test) for batch in numbers(DataLoader(part, batch_size=3)) for i in batch]
    assert sorted(seen) == list(range(10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "DataLoader: batch_size=0 must be a positive integer"),
        ({"batch_size": -1}, "batch_size=-1 must be"),
        ({"batch_size": 2.5}, "batch_size=2.5 must be"),
        ({"batch_size": True}, "batch_size=True must be"),
        ({"shuffle": True, "sampler": [0]}, "shuffle=True with a sampler, which decides the order itself"),
        (
            {"batch_sampler": [[0]], "drop_last": True},
            "batch_sampler decides the batches itself: drop drop_last",
        ),
        ({"batch_sampler": [[0]], "batch_size": 2, "shuffle": True}, "drop batch_size, shuffle"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "drop sampler"),
        ({"batch_size": None, "drop_last": True}, "drop_last=True with batch_size=None"),
        ({"num_workers": -1}, "num_workers=-1 must be an integer >= 0"),
    ],
)
def test_options_that_exclude_each_other(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(pairs(4), **arguments)


def test_a_dataset_without_samples_by_number():
    with pytest.raises(TypeError, match=r"type generator has no samples: dataset\[i\]"):
        DataLoader(i for i in range(3))


@pytest.mark.parametrize("wrong", [0, 7, "seed", np.random])
def test_a_seed_is_no_generator(wrong):
    said = r"generator: got .*must be a Generator: write generator=tg\.Generator\(\)\.manual_seed\(\d\)"
    for shuffle in (True, False):
        with pytest.raises(TypeError, match=said):
            DataLoader(pairs(4), shuffle=shuffle, generator=wrong)
    with pytest.raises(TypeError, match=said):
        random_split(pairs(4), [2, 2], generator=wrong)


def test_a_class_and_a_pair_of_arrays_are_no_datasets():
    with pytest.raises(TypeError, match=r"dataset is the class TensorDataset: make one first, TensorDataset\(…\)"):
        DataLoader(TensorDataset)
    with pytest.raises(TypeError, match=r"a tuple of 2 things of different shapes.*use TensorDataset\(x, y\)"):
        DataLoader((tg.ones(4, 3), tg.ones(4)))
    assert len(DataLoader((tg.ones(3), tg.ones(3)))) == 2
