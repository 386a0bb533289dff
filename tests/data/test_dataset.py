"""Datasets: what a sample is, and how datasets are taken apart and put together."""

import numpy as np
import pytest
from made import rng

import tinygrad_edu as tg
from tinygrad_edu.data import ConcatDataset, Dataset, Subset, TensorDataset, random_split


class Squares(Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        if not 0 <= i < self.size:
            raise IndexError(i)
        return i * i


def test_tensor_dataset_gives_tuples_of_rows():
    x, y = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([7, 8, 9])
    dataset = TensorDataset(x, y)
    assert len(dataset) == 3
    row, target = dataset[-1]
    assert row.tolist() == [5.0, 6.0]
    assert (target.shape, target.dtype, target.item()) == ((), np.int64, 9)
    assert [t.item() for _, t in dataset] == [7, 8, 9]
    assert dataset.tensors[0] is x
    assert dataset.tensors[1].array is y


@pytest.mark.parametrize("index", [[2, 0], np.array([2, 0]), tg.tensor([2, 0]), slice(2, None, -2)])
def test_tensor_dataset_takes_many_at_once(index):
    x, y = TensorDataset(tg.tensor([1.0, 2.0, 3.0]), np.array([7, 8, 9]))[index]
    assert (x.tolist(), y.tolist()) == ([3.0, 1.0], [9, 7])


def test_tensor_dataset_of_a_tensor_that_wants_a_gradient():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (row,) = TensorDataset(x)[1]
    (row * row).backward()
    assert x.grad.tolist() == [0.0, 4.0, 0.0]


def test_tensor_dataset_names_the_sizes_that_differ():
    with pytest.raises(tg.ShapeError, match=r"shapes \(3, 2\), \(4,\) have first sizes 3, 4: axis 0"):
        TensorDataset(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(tg.ShapeError, match=r"shapes \(3,\), \(\): a 0-d tensor has no axis"):
        TensorDataset(np.zeros(3), np.zeros(()))
    with pytest.raises(ValueError, match="at least one tensor"):
        TensorDataset()


def test_tensor_dataset_index_out_of_range():
    with pytest.raises(IndexError, match=r"TensorDataset\[3\]: it has 3 samples"):
        TensorDataset(np.zeros(3))[3]


def test_a_dataset_must_say_what_a_sample_is():
    with pytest.raises(NotImplementedError, match=r"Dataset does not define __getitem__\(i\)"):
        Dataset()[0]
    with pytest.raises(TypeError, match=r"Dataset does not define __len__\(\)"):
        len(Dataset())


def test_subset():
    subset = Subset(Squares(5), [4, 0, 2])
    assert (len(subset), list(subset), subset[-1]) == (3, [16, 0, 4], 4)
    nested = Subset(subset, [2, 0])
    assert list(nested) == [4, 16]
    (rows,) = Subset(TensorDataset(np.arange(5)), [4, 0, 2])[[0, 2]]
    assert rows.tolist() == [4, 2]


def test_concat():
    joined = Squares(2) + Squares(0) + Squares(3)
    assert isinstance(joined, ConcatDataset)
    assert list(joined) == [0, 1, 0, 1, 4]
    assert (joined[-1], joined[-5]) == (4, 0)
    for index in (5, -6):
        with pytest.raises(IndexError, match=rf"ConcatDataset\[{index}\]: it has 5 samples"):
            joined[index]
    with pytest.raises(ValueError, match="there is no dataset"):
        ConcatDataset([])


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
    parts = random_split(Squares(size), lengths, generator=rng())
    assert [len(part) for part in parts] == sizes
    assert sorted(s for part in parts for s in part) == [i * i for i in range(size)]


def test_random_split_is_random_and_repeatable():
    splits = [random_split(Squares(50), [25, 25], generator=rng(seed))[0].indices for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert splits[0] != sorted(splits[0])


def test_random_split_follows_the_global_seed():
    halves = []
    for _ in range(2):
        tg.manual_seed(3)
        halves.append(random_split(Squares(50), [0.5, 0.5])[0].indices)
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
        random_split(Squares(10), lengths)
