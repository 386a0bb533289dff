"""Loaders and samplers beside PyTorch's, where no random number is drawn."""

import inspect

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def plain(batch):
    """A batch as Python numbers, lists and dicts, with the dtypes."""
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return [type(batch).__name__, *(plain(part) for part in batch)]
    if hasattr(batch, "tolist"):
        return str(batch.dtype).removeprefix("torch."), tuple(batch.shape), batch.tolist()
    return batch


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 5, 11, 20])
def test_batches(batch_size, drop_last):
    x, y = np.random.default_rng(0).normal(size=(11, 2)), np.arange(11)
    mine = tg.data.DataLoader(tg.data.TensorDataset(x, y), batch_size, drop_last=drop_last)
    data = torch.utils.data
    dataset = data.TensorDataset(torch.tensor(x), torch.tensor(y))
    theirs = data.DataLoader(dataset, batch_size, drop_last=drop_last)
    assert len(mine) == len(theirs)
    assert [plain(b) for b in mine] == [plain(b) for b in theirs]


@pytest.mark.parametrize(
    "samples",
    [
        [1, 2],
        [True, False],
        [(1, True), (2, False)],
        [[1, 2], [3, 4]],
        [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}],
        [np.float32(1), np.float32(2)],
        [np.ones((2, 2)), np.zeros((2, 2))],
        [np.int64(3)],
        [[np.float32(1), 2], [np.float32(3), 4]],
        [(np.ones(2, np.float16), {"n": np.int64(i), "s": str(i)}) for i in range(3)],
        [np.zeros((0, 3)), np.zeros((0, 3))],
    ],
)
def test_collating(samples):
    assert plain(tg.data.default_collate(samples)) == plain(torch.utils.data.default_collate(samples))


@pytest.mark.parametrize("size", [10, 23, 99])
@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.7, 0.2, 0.1], [0.33, 0.33, 0.34], [1.0]])
def test_sizes_of_a_split(size, fractions):
    mine = tg.data.random_split(range(size), fractions)
    theirs = torch.utils.data.random_split(range(size), fractions)
    assert [len(part) for part in mine] == [len(part) for part in theirs]


def same(*datasets):
    """Of a pair of loaders or datasets, ours and PyTorch's: whether they give the same."""
    mine, theirs = ([plain(part) for part in dataset] for dataset in datasets)
    return mine == theirs and len(mine) > 0


ROWS, LABELS = np.arange(22.0).reshape(11, 2), np.arange(11)


def table(library, size=11):
    rows = torch.tensor if library is torch.utils.data else tg.tensor
    return library.TensorDataset(rows(ROWS[:size]), rows(LABELS[:size]))


class Plain:
    """Rows and labels, read one by one."""

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, i):
        return ROWS[i], int(LABELS[i])


class Many(Plain):
    """Shows by its rows that many were read in one call."""

    def __getitems__(self, numbers):
        return [(ROWS[i] + 100, int(LABELS[i])) for i in numbers]


DATASETS = {
    "tensors": table,
    "plain": lambda library: Plain(),
    "many": lambda library: Many(),
    "subset of tensors": lambda library: library.Subset(table(library), [7, 1, 1, 4, 10]),
    "subset of a subset": lambda library: library.Subset(library.Subset(table(library), [7, 1, 4]), [2, 0]),
    "subset of many": lambda library: library.Subset(Many(), [7, 1, 4]),
    "concat of tensors": lambda library: library.ConcatDataset([table(library, 3), table(library, 5)]),
    "concat of subsets": lambda library: library.ConcatDataset(
        [library.Subset(table(library), [9, 2]), table(library, 3)]
    ),
    "concat of plain ones": lambda library: library.ConcatDataset([Plain(), Plain()]),
    "stack": lambda library: library.StackDataset(table(library), Plain()),
    "stack by name": lambda library: library.StackDataset(a=table(library), b=Many()),
}


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(name):
    ours, theirs = (DATASETS[name](library) for library in (tg.data, torch.utils.data))
    assert len(ours) == len(theirs)
    assert same([ours[i] for i in range(len(ours))], [theirs[i] for i in range(len(theirs))])
    backwards = range(len(ours) - 1, -1, -1)
    loaders = [
        library.DataLoader(dataset, batch_size=4, sampler=backwards)
        for library, dataset in ((tg.data, ours), (torch.utils.data, theirs))
    ]
    assert same(*loaders)
    assert len(loaders[0]) == len(loaders[1])


@pytest.mark.parametrize("index", [0, -1, -8, 7, 3])
def test_concat_by_number(index):
    mine, theirs = (
        library.ConcatDataset([table(library, 3), table(library, 5)]) for library in (tg.data, torch.utils.data)
    )
    assert plain(mine[index]) == plain(theirs[index])


def test_chained_streams():
    streams = []
    for library in (tg.data, torch.utils.data):

        class Stream(library.IterableDataset):
            def __init__(self, count):
                self.count = count

            def __iter__(self):
                return iter(range(self.count))

            def __len__(self):
                return self.count

        streams.append([Stream(3) + Stream(2), library.ChainDataset([Stream(2), Stream(0), Stream(4)])])
    for mine, theirs in zip(*streams, strict=True):
        assert list(mine) == list(theirs)
        assert len(mine) == len(theirs)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("count", "size"), [(10, 3), (9, 3), (2, 5), (0, 4), (7, 1)])
def test_batch_sampler(count, size, drop_last):
    mine, theirs = (
        library.BatchSampler(library.SequentialSampler(range(count)), size, drop_last)
        for library in (tg.data, torch.utils.data)
    )
    assert (list(mine), len(mine)) == (list(theirs), len(theirs))


def test_weighted_sampling_where_nothing_is_left_to_chance():
    for weights, count, replacement in [([0, 2, 0], 5, True), ([0, 1, 0, 3, 2], 3, False)]:
        mine, theirs = (
            library.WeightedRandomSampler(weights, count, replacement) for library in (tg.data, torch.utils.data)
        )
        assert (sorted(mine), len(mine)) == (sorted(theirs), len(theirs))


def test_weighted_sampling_is_as_often():
    weights, count = [0.1, 0.0, 2.0, 1.0, 0.5], 20_000
    torch.manual_seed(0)
    mine = list(tg.data.WeightedRandomSampler(weights, count, generator=tg.Generator().manual_seed(0)))
    theirs = list(torch.utils.data.WeightedRandomSampler(weights, count))
    a, b = (np.bincount(drawn, minlength=5) for drawn in (mine, theirs))
    assert a[1] == b[1] == 0
    kept = [0, 2, 3, 4]
    assert ((a - b)[kept] ** 2 / (a + b)[kept]).sum() < 40  # chi-square of two samples, three degrees of freedom


def test_options_stand_where_they_do_there():
    def positional(loader):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        return {p.name: p.default for p in inspect.signature(loader).parameters.values() if p.kind in kinds}

    assert list(positional(tg.data.DataLoader).items()) == list(positional(torch.utils.data.DataLoader).items())


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"multiprocessing_context": "spawn"},
        {"num_workers": 1, "multiprocessing_context": "thread"},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
    ],
)
def test_what_does_not_go_together_there_does_not_here(options):
    for loader in (tg.data.DataLoader, torch.utils.data.DataLoader):
        with pytest.raises(ValueError, match=" "):
            loader(range(3), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_what_a_stream_cannot_have_there_it_cannot_have_here(options):
    for package in (tg.data, torch.utils.data):
        stream = type("Stream", (package.IterableDataset,), {"__iter__": lambda self: iter(range(5))})()
        with pytest.raises(ValueError, match="IterableDataset"):
            package.DataLoader(stream, **options)
        assert [batch.tolist() for batch in package.DataLoader(stream, 2)] == [[0, 1], [2, 3], [4]]
        assert [batch.tolist() for batch in package.DataLoader(stream, 2, drop_last=True)] == [[0, 1], [2, 3]]
        assert list(package.DataLoader(stream, None)) == [0, 1, 2, 3, 4]
