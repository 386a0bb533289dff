"""Reading: many samples at once where that is possible, and always what reading one by one gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import rng

import tinygrad_edu as tg
from tinygrad_edu.data import ConcatDataset, Dataset, StackDataset, Subset, TensorDataset, default_collate
from tinygrad_edu.data.reading import columns_reader, reader


def table(size, first=0, dtype=np.float32, width=2):
    """Rows that say their numbers, from `first` on."""
    numbers = np.arange(first, first + size)
    return TensorDataset(np.repeat(numbers[:, None], width, axis=1).astype(dtype), numbers)


def one_by_one(dataset, numbers):
    return default_collate([dataset[i] for i in numbers])


def assert_same(ours, theirs):
    assert type(ours) is type(theirs) is list
    assert [(type(t), t.dtype, t.shape, t.tolist()) for t in ours] == [
        (type(t), t.dtype, t.shape, t.tolist()) for t in theirs
    ]


@st.composite
def made_of_tensors(draw, depth=3):
    """Datasets of tensors, parts of them and several after another, in any nesting."""
    kind = draw(st.sampled_from(["tensors", "subset", "concat"])) if depth else "tensors"
    if kind == "tensors":
        return table(draw(st.integers(0, 4)), first=draw(st.integers(0, 99)))
    if kind == "subset":
        inner = draw(made_of_tensors(depth=depth - 1))
        size = len(inner)
        return Subset(inner, draw(st.lists(st.integers(-size, size - 1), max_size=6)) if size else [])
    return ConcatDataset(draw(st.lists(made_of_tensors(depth=depth - 1), min_size=1, max_size=3)))


@given(st.data())
def test_at_once_is_as_one_by_one(data):
    dataset = data.draw(made_of_tensors())
    size = len(dataset)
    read = columns_reader(dataset)
    assert read is not None
    if not size:
        assert [t.shape for t in read(np.array([], np.intp))] == [(0, 2), (0,)]
        return
    numbers = data.draw(st.lists(st.integers(-size, size - 1), min_size=1, max_size=20))
    assert_same(reader(dataset, default_collate, True)(numbers), one_by_one(dataset, numbers))


def test_parts_and_joints_of_tensors_are_read_by_one_indexing_for_each_dataset(monkeypatch):
    asked = []
    get = TensorDataset.__getitem__

    def counting(self, index):
        asked.append(np.asarray(index).tolist())
        return get(self, index)

    joined = ConcatDataset([table(9), Subset(table(9), [8, 6, 4, 2, 0]), table(5)])
    read = reader(joined, default_collate, True)
    monkeypatch.setattr(TensorDataset, "__getitem__", counting)
    _, y = read([16, 0, 9, 1, 10, 14, 2, 11, 15, 3, 12, 17])
    assert y.tolist() == [2, 0, 8, 1, 6, 0, 2, 4, 1, 3, 2, 3]
    assert sorted(asked) == [[0, 1, 2, 3], [2, 0, 1, 3], [8, 6, 4, 2]]


@pytest.mark.parametrize(
    "other", [table(3, dtype=np.float64), table(3, width=3), TensorDataset(np.zeros((3, 2), np.float32))]
)
def test_datasets_of_other_forms_are_read_one_by_one(other):
    joined = ConcatDataset([table(3), other])
    assert columns_reader(joined) is None
    read = reader(joined, default_collate, True)
    assert_same(read([2, 0]), one_by_one(joined, [2, 0]))
    assert_same(read([4, 5]), one_by_one(joined, [4, 5]))
    if other.tensors[0].dtype == np.float64:
        assert_same(read([0, 5]), one_by_one(joined, [0, 5]))
    else:
        with pytest.raises(tg.ShapeError, match="sample 0 has"):
            read([0, 5])


@pytest.mark.parametrize(("numbers", "of_0", "of_4"), [([4, 0, 4], 2, 4), ([0, 4, 4, 0, 0, 4, 0, 4], 17, 19)])
def test_gradients_go_to_the_tensors_that_were_read(numbers, of_0, of_4):
    x, y = (tg.tensor(rng(seed).normal(size=(3, 2)), requires_grad=True) for seed in (0, 1))
    (batch,) = reader(ConcatDataset([TensorDataset(x), TensorDataset(y)]), default_collate, True)(numbers)
    (batch * tg.arange(1.0, len(numbers) + 1)[:, None]).backward()
    assert x.grad.tolist() == [[of_0, of_0], [0, 0], [0, 0]]
    assert y.grad.tolist() == [[0, 0], [of_4, of_4], [0, 0]]


def test_subclasses_are_obeyed():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x, 2 * y

    class Many(TensorDataset):
        def __getitems__(self, numbers):
            return [(x, y + 100) for x, y in (self[i] for i in numbers)]

    class Backwards(Subset):
        def __getitem__(self, index):
            return super().__getitem__(len(self) - 1 - index)

    class Shifted(ConcatDataset):
        def __getitem__(self, index):
            return super().__getitem__((index + 1) % len(self))

    x, y = np.zeros((4, 1)), np.arange(4)
    for dataset, seen in [
        (Doubled(x, y), [2, 6]),
        (Subset(Doubled(x, y), range(4)), [2, 6]),
        (Many(x, y), [101, 103]),
        (Subset(Many(x, y), range(4)), [101, 103]),
        (ConcatDataset([TensorDataset(x, y), Many(x, y)]), [1, 3]),
        (Backwards(TensorDataset(x, y), range(4)), [2, 0]),
        (Shifted([TensorDataset(x, y)]), [2, 0]),
    ]:
        assert reader(dataset, default_collate, True)([1, 3])[1].tolist() == seen


class Many(Dataset):
    """Reads many samples in one call, and says which."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 10

    def __getitem__(self, i):
        raise AssertionError("read one by one")

    def __getitems__(self, numbers):
        self.asked.append(numbers)
        return [(float(i), i) for i in numbers]


@pytest.mark.parametrize("numbers", [[3, 1], (3, 1), np.array([3, 1])])
def test_a_dataset_that_reads_many_is_called_once_for_a_batch(numbers):
    for make in (lambda d: d, lambda d: Subset(d, range(10)), lambda d: ConcatDataset([d, d])):
        inner = Many()
        x, y = reader(make(inner), default_collate, True)(numbers)
        assert (x.tolist(), y.tolist()) == ([3.0, 1.0], [3, 1])
        assert [list(asked) for asked in inner.asked] == [[3, 1]]
        assert type(inner.asked[0]) is list
    assert reader(StackDataset(Many(), Many()), list, True)(numbers) == [((3.0, 3), (3.0, 3)), ((1.0, 1), (1.0, 1))]


def test_what_many_are_is_between_a_dataset_and_its_collate_fn():
    class Whole(Many):
        def __getitems__(self, numbers):
            return {"rows": np.asarray(numbers)}

    batch = reader(Whole(), lambda rows: rows, True)([1, 2])
    assert batch["rows"].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"Whole\.__getitems__ returned a dict for 2 numbers"):
        reader(Whole(), default_collate, True)([1, 2])


def test_a_collate_fn_gets_a_list_of_samples():
    for dataset in (table(4), Subset(table(4), range(4)), ConcatDataset([table(4)])):
        samples = reader(dataset, lambda samples: samples, True)([2, 0])
        assert type(samples) is list
        assert [y.item() for _, y in samples] == [2, 0]


def test_without_batches_one_sample_is_read():
    assert reader("abc", None, False)(1) == "b"
    assert reader("abc", str.upper, False)(1) == "B"


@pytest.mark.parametrize(
    ("numbers", "error", "said"),
    [
        ([0, 7], IndexError, r"\[7\]: it has 3 samples"),
        ([0, -4], IndexError, r"\[-4\]: it has 3 samples"),
        ([0.0, 1.5], TypeError, r"DataLoader: the numbers of samples are integers, got float64\[2\]"),
        ([True, False], TypeError, "DataLoader: a mask of booleans"),
    ],
)
@pytest.mark.parametrize(
    "dataset",
    [table(3), Subset(table(9), [1, 2, 3]), ConcatDataset([table(1), table(2)])],
    ids=lambda d: type(d).__name__,
)
def test_wrong_numbers(dataset, numbers, error, said):
    name = "DataLoader" if error is TypeError else type(dataset).__name__
    with pytest.raises(error, match=said) as caught:
        reader(dataset, default_collate, True)(numbers)
    assert str(caught.value).startswith(name)
