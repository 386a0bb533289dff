"""Datasets: what a sample is, and how datasets are taken apart and put together."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
)
from tinygrad_edu.data.dataset import reads_many, samples_of


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


@pytest.mark.parametrize(
    ("index", "error", "said"),
    [
        (3, IndexError, r"TensorDataset\[3\]: it has 3 samples"),
        (-4, IndexError, r"TensorDataset\[-4\]: it has 3 samples"),
        (np.int64(3), IndexError, r"TensorDataset\[3\]: it has 3 samples"),
        ([0, 5, -1], IndexError, r"TensorDataset\[5\]: it has 3 samples"),
        (np.array([2, -7]), IndexError, r"TensorDataset\[-7\]: it has 3 samples"),
        (np.array([True, False]), IndexError, "TensorDataset: .*boolean"),
        (1.0, TypeError, r"TensorDataset\[1.0\]: the number of a sample is an integer"),
        ("1", TypeError, r"TensorDataset\['1'\]: the number of a sample is an integer"),
        (None, TypeError, r"TensorDataset\[None\]: the number"),
        ((0, 1), TypeError, r"TensorDataset\[\(0, 1\)\]: the number"),
        (np.array(0.5), TypeError, r"TensorDataset\[float64\[\]\]: the number"),
        ([0.5, 1.0], TypeError, r"TensorDataset: the numbers of samples are integers, got float64\[2\]"),
        (tg.tensor([1.0]), TypeError, "TensorDataset: the numbers of samples are integers"),
    ],
)
def test_what_is_no_number_of_a_sample(index, error, said):
    for x in (tg.zeros(3), tg.zeros(3, requires_grad=True)):
        with pytest.raises(error, match=said):
            TensorDataset(x)[index]


def test_all_ways_to_count():
    dataset = TensorDataset(np.arange(5))
    for index in (-2, np.int64(3), np.array(-2), tg.tensor(3)):
        assert [t.item() for t in dataset[index]] == [3]
    assert dataset[[]][0].shape == (0,)
    assert dataset[range(1, 4)][0].tolist() == [1, 2, 3]
    assert dataset[np.array([True, False, False, True, False])][0].tolist() == [0, 3]


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
    for indices in (np.array([4, -5, 2]), tg.tensor([4, -5, 2]), (4, -5, 2)):
        assert list(Subset("abcde", indices)) == ["e", "a", "c"]
    assert list(Subset("abcde", range(1, 5, 2))) == ["b", "d"]
    assert list(Subset("abcde", [])) == list(Subset("abcde", range(0))) == []


@pytest.mark.parametrize("index", [slice(None), slice(1), slice(None, None, -2), slice(5, 9)])
def test_a_slice_of_a_subset_is_read_at_once(index):
    subset = Subset(Subset(TensorDataset(np.arange(5)), range(4, -1, -1)), [0, 4, 2])
    (rows,) = subset[index]
    assert rows.tolist() == [4, 0, 2][index]


@pytest.mark.parametrize(
    ("indices", "error", "said"),
    [
        ([0, 5], IndexError, r"Subset: dataset\[5\]: it has 5 samples"),
        ([-6], IndexError, r"Subset: dataset\[-6\]: it has 5 samples"),
        (range(2, 7), IndexError, r"Subset: dataset\[6\]: it has 5 samples"),
        ([0.0, 1.0], TypeError, r"Subset: the numbers of samples are integers, got float64\[2\]"),
        (["a"], TypeError, "Subset: the numbers of samples are integers"),
        (np.arange(5) > 2, TypeError, r"Subset: a mask of booleans .*np\.flatnonzero\(mask\)"),
        ([[0, 1]], tg.ShapeError, r"Subset: indices have shape \(1, 2\)"),
    ],
)
def test_a_subset_of_samples_that_there_are_not(indices, error, said):
    with pytest.raises(error, match=said):
        Subset(Squares(5), indices)


def test_a_subset_of_a_dataset_that_does_not_say_how_large_it_is():
    class Endless(Dataset):
        def __getitem__(self, i):
            return i

    assert list(Subset(Endless(), [10**6])) == [10**6]


@pytest.mark.parametrize("make", [lambda: Subset("abcde", [4, 0, 2]), lambda: ConcatDataset(["ab", "c"])])
def test_wrong_numbers_of_what_is_made_of_others(make):
    dataset = make()
    name = type(dataset).__name__
    for index in (3, -4):
        with pytest.raises(IndexError, match=rf"{name}\[{index}\]: it has 3 samples"):
            dataset[index]
        with pytest.raises(IndexError, match=rf"{name}\[{index}\]: it has 3 samples"):
            dataset.__getitems__([0, index])
    for index in (1.0, None, "a"):
        with pytest.raises(TypeError, match=rf"{name}\[.*\]: the number of a sample is an integer"):
            dataset[index]


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


class Counted(Squares):
    """Says with which numbers it is asked for many samples."""

    def __init__(self, size):
        super().__init__(size)
        self.asked = []

    def __getitems__(self, numbers):
        self.asked.append(list(numbers))
        return [self[i] for i in numbers]


def test_many_samples_are_read_in_one_call():
    inner = Counted(10)
    assert samples_of(inner, [3, 1]) == [9, 1]
    subset = Subset(Subset(inner, [9, 8, 7]), [2, 0])
    assert samples_of(subset, [1, 0, -1]) == [81, 49, 81]
    other = Counted(5)
    joined = ConcatDataset([inner, Squares(3), other])
    assert samples_of(joined, [17, 0, 11, 9, 14, -18]) == [16, 0, 1, 81, 1, 0]
    assert inner.asked == [[3, 1], [9, 7, 9], [0, 9, 0]]
    assert other.asked == [[4, 1]]
    assert samples_of(joined, []) == []


def test_a_subclass_that_changes_what_a_sample_is_is_obeyed_when_many_are_read():
    class Negative(Counted):
        def __getitem__(self, i):
            return -super().__getitem__(i)

    class Last(Subset):
        def __getitem__(self, i):
            return "last" if i == len(self) - 1 else super().__getitem__(i)

    class Off(Counted):
        __getitems__ = None

    assert [reads_many(d) for d in (Counted(2), Negative(2), Off(2), Squares(2), "ab")] == [True] + [False] * 4
    for dataset in (Negative(4), Subset(Negative(4), range(4))):
        assert samples_of(dataset, [2, 3]) == [-4, -9]
    assert samples_of(Last(Counted(4), range(4)), [2, 3]) == [4, "last"]
    assert samples_of(Off(4), [2]) == [4]


@pytest.mark.parametrize(("given", "said"), [([1], "1 samples for 2"), ({"x": 1, "y": 2}, "a dict for 2 numbers")])
def test_a_wrong_number_of_samples_is_named(given, said):
    class Wrong(Squares):
        def __getitems__(self, numbers):
            return given

    with pytest.raises(ValueError, match=rf"Wrong\.__getitems__ returned {said}"):
        Subset(Wrong(5), range(5)).__getitems__([0, 1])


def test_stacked():
    pairs = StackDataset(Squares(3), "abc")
    assert (len(pairs), list(pairs)) == (3, [(0, "a"), (1, "b"), (4, "c")])
    inner = Counted(3)
    named = StackDataset(x=inner, y="abc")
    assert named[-1 + 3] == {"x": 4, "y": "c"}
    assert samples_of(named, [2, 0]) == [{"x": 4, "y": "c"}, {"x": 0, "y": "a"}]
    assert inner.asked == [[2, 0]]
    with pytest.raises(ValueError, match="the datasets have 3, 2 samples"):
        StackDataset("abc", "ab")
    for make in (StackDataset, lambda: StackDataset("a", y="b")):
        with pytest.raises(ValueError, match="give datasets without names"):
            make()


class Lines(IterableDataset):
    def __init__(self, lines):
        self.lines = lines

    def __iter__(self):
        return iter(self.lines)


def test_streams_follow_one_another_and_start_anew():
    chained = Lines("ab") + Lines("") + Lines("c")
    assert isinstance(chained, ChainDataset)
    assert isinstance(chained, IterableDataset)
    assert list(chained) == list(chained) == ["a", "b", "c"]
    first, second = iter(chained), iter(chained)
    assert (next(first), next(first), next(second)) == ("a", "b", "a")
    assert list(ChainDataset(Lines(text) for text in ("ab", "c"))) == ["a", "b", "c"]
    assert list(ChainDataset([Lines("ab"), [1, 2]])) == ["a", "b", 1, 2]


def test_streams_are_opened_when_it_is_their_turn():
    opened = []

    class File(Lines):
        def __iter__(self):
            opened.append(self.lines)
            yield from self.lines

    samples = iter(File("ab") + File("cd"))
    assert (next(samples), opened) == ("a", ["ab"])
    assert [next(samples), next(samples)] == ["b", "c"]
    assert opened == ["ab", "cd"]


def test_the_length_of_a_chain_is_known_if_all_are():
    assert len(ChainDataset(["ab", "cde"])) == 5
    with pytest.raises(TypeError, match=r"Lines does not define __len__\(\)"):
        len(ChainDataset(["ab", Lines("c")]))


def test_a_stream_has_no_samples_by_number():
    with pytest.raises(TypeError, match=r"Lines\[0\]: the samples of a stream have no numbers"):
        Lines("ab")[0]
    with pytest.raises(NotImplementedError, match=r"IterableDataset does not define __iter__\(\)"):
        iter(IterableDataset())
    for make in (
        lambda: Subset(Lines("ab"), [0]),
        lambda: ConcatDataset([Squares(2), Lines("ab")]),
        lambda: Squares(2) + Lines("ab"),
        lambda: StackDataset(Lines("ab")),
    ):
        with pytest.raises(TypeError, match="a Lines is a stream, whose samples have no numbers: "):
            make()


def test_what_cannot_be_chained():
    with pytest.raises(ValueError, match="there is no dataset"):
        ChainDataset([])
    with pytest.raises(TypeError, match=r"a Squares is not a stream: .*ConcatDataset"):
        Lines("ab") + Squares(2)
    with pytest.raises(TypeError, match="a generator can be read only once: make it an IterableDataset"):
        ChainDataset([Lines("ab"), (c for c in "cd")])
