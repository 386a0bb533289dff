"""Data as users have them: read without a change to them, or refused with the way out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem.reading import read
from tinygrad_edu.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.array([0, 1, 2, 0, 1, 2])


class Augmented(Dataset[Any]):
    """Pairs with noise of its own generator."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)
        self.seen: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Any:
        self.seen.append(i)
        return X[i] + self.generator.normal(size=2).astype(np.float32), Y[i]


def arrays(data: Any) -> tuple[Any, Any]:
    dataset = read(data, "data")[0]
    assert type(dataset) is TensorDataset
    x, y = dataset.tensors
    return x.array, y.array


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X, Y],
        (tg.tensor(X), tg.tensor(Y)),
        (X.tolist(), Y.tolist()),
        (X, list(Y)),
        (X.tolist(), [*range(3), *range(3)]),
        ([tg.tensor(row) for row in X], Y),
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True),
        DataLoader(TensorDataset(X, Y), batch_size=None),
        Subset(TensorDataset(X[::-1], Y[::-1]), [5, 4, 3, 2, 1, 0]),
        Subset(Subset(TensorDataset(X, Y), np.arange(6)), range(6)),  # type: ignore[arg-type]
        ConcatDataset([TensorDataset(X[:2], Y[:2]), Subset(TensorDataset(X, Y), [2, 3, 4, 5])]),
        DataLoader(TensorDataset(X, Y), batch_sampler=BatchSampler(RandomSampler(Y), 2)),
        DataLoader(TensorDataset(X, Y), sampler=SubsetRandomSampler(range(6))),
    ],
)
def test_all_that_is_no_more_than_arrays_becomes_arrays(data: Any) -> None:
    x, y = arrays(data)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert x.dtype == np.float32
    assert y.dtype.kind == "i"


def test_arrays_are_not_copied_and_have_no_part_in_a_graph() -> None:
    assert arrays((X, Y))[0] is X
    x = tg.tensor(X, requires_grad=True)
    dataset = read(TensorDataset(x, Y), "data")[0]
    assert dataset.tensors[0].array is x.array
    assert not dataset.tensors[0].requires_grad


def test_a_memory_mapped_array_stays_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(arrays((mapped, Y))[0], mapped)

    class Mapped(Augmented):
        def __init__(self) -> None:
            super().__init__()
            self.x = mapped

    found = read(Mapped(), "data")[0]
    assert found.x is mapped
    assert found.generator is not None


def test_tables_of_pandas_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "class": Y}, index=list("uvwxyz"))
    x, y = arrays((table[["a", "b"]], table["class"]))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    with pytest.raises(BenchError, match=r"data is a pandas\.\S*DataFrame of shape \(6, 3\) alone: .*\(x, y\)"):
        read(table, "data")
    table["name"] = list("uvwxyz")
    with pytest.raises(BenchError, match=r"y has dtype \S+, but numbers are needed.*return_inverse"):
        read((table[["a"]], table["name"]), "data")
    with pytest.raises(BenchError, match=r"x has dtype object, but numbers are needed. .*x\.astype\(np\.float32\)"):
        read((table[["a", "name"]], table["class"]), "data")
    with pytest.raises(BenchError, match=r"y .*([Ff]ill them in|filled in first)"):
        read((table[["a"]], pandas.Series([1, 2, None] * 2, dtype="Int64")), "data")


def test_other_datasets_are_copied_so_that_theirs_do_not_change() -> None:
    mine = Augmented()
    before = mine.generator.bit_generator.state
    for data in (mine, Subset(mine, [0, 1]), ConcatDataset([mine, mine]), DataLoader(mine), [mine[0], mine[1]]):
        state, seen = mine.generator.bit_generator.state, list(mine.seen)
        dataset = read(data, "data")[0]
        dataset[0]
        assert mine.generator.bit_generator.state == state
        assert mine.seen == seen
    assert before != mine.generator.bit_generator.state


def test_a_dataset_that_cannot_be_copied_is_read_itself() -> None:
    class Locked(Augmented):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    mine = Locked()
    assert read(mine, "data")[0] is mine


def test_a_part_of_a_dataset_or_unequal_parts_are_read_one_by_one() -> None:
    wide = TensorDataset(np.zeros((2, 3), np.float32), np.zeros(2, int))
    assert type(read(ConcatDataset([TensorDataset(X, Y), wide]), "data")[0]) is ConcatDataset
    assert type(read(Subset(Augmented(), [1, 2]), "data")[0]) is Subset

    class Doubled(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            x, y = super().__getitem__(index)
            return 2 * x, y

    assert read(Doubled(X, Y), "data")[0][1][0].tolist() == [4.0, 6.0]


def test_a_loader_gives_its_collate_fn_and_workers_and_keeps_its_generator() -> None:
    class Padding:
        """A collate_fn with a state."""

        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, samples: list[Any]) -> Any:
            self.calls += 1
            return samples

    generator = tg.Generator().manual_seed(3)
    before = generator.get_state()
    mine = Padding()
    loader = DataLoader(Augmented(), 2, shuffle=True, num_workers=2, collate_fn=mine, generator=generator)
    dataset, collate, workers = read(loader, "data")
    assert collate is not None
    collate([dataset[0]])
    assert workers == 2
    assert mine.calls == 0
    assert generator.get_state() == before
    assert read(DataLoader(TensorDataset(X, Y)), "data")[1] is None


def test_a_loader_of_some_samples_is_these_samples() -> None:
    loader = DataLoader(TensorDataset(X, Y), 2, sampler=SubsetRandomSampler([4, 2]))
    assert arrays(loader)[1].tolist() == [1, 2]


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": WeightedRandomSampler(np.ones(6), 6)},
        {"sampler": [0, 1, 2]},
        {"batch_sampler": [[0, 1], [2, 3]]},
        {"batch_sampler": BatchSampler([0, 1, 2], 2)},
    ],
)
def test_a_loader_with_a_sampler_of_its_own_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=r"its own sampler \(\w+\), .*Give the dataset instead; .*Subset"):
        read(DataLoader(TensorDataset(X, Y), **options), "data")


def test_a_loader_without_batches_is_refused() -> None:
    with pytest.raises(BenchError, match="batch_size=None makes no batches"):
        read(DataLoader(TensorDataset(X, Y), batch_size=None, collate_fn=lambda sample: sample), "data")


NAMES = np.array(["cat", "dog", "cat", "dog", "cat", "dog"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((X, Y, Y), r"data is a tuple of 3 things: give \(x, y\)"),
        ((), r"data is a tuple of 0 things"),
        (
            (X, Y[:4]),
            r"x has shape \(6, 2\) and y \(4,\): axis 0 is that of the samples, and must have the same length",
        ),
        ((X.T, Y), r"x has shape \(2, 6\) and y \(6,\)"),
        ((np.float32(3), Y), r"x has shape \(\) and y \(6,\)"),
        ((3.0, 4.0), r"x has shape \(\) and y \(\)"),
        ((X, NAMES), r"y has dtype <U3, but numbers are needed. .*y = np\.unique\(names, return_inverse=True\)\[1\]"),
        ((X, NAMES.astype(bytes)), r"y has dtype \|S3, but numbers are needed. .*np\.unique"),
        ((X, NAMES.tolist()), r"y: .*<U3. Give an array of numbers\. .*y = np\.unique"),
        ((X.astype(object), Y), r"x has dtype object, but numbers are needed. .*x\.astype\(np\.float32\)"),
        ((X + 1j, Y), r"x has dtype complex64, .*np\.stack\(\[x\.real, x\.imag\], -1\)"),
        ((X.astype("M8[s]"), Y), r"x has dtype datetime64\[s\], .*\(x - x\.min\(\)\) / np\.timedelta64"),
        ((X, Y.astype("m8[s]")), r"y has dtype timedelta64\[s\], .*y / np\.timedelta64"),
        ((np.zeros(6, [("a", int)]), Y), r"structured_to_unstructured\(x\)"),
        ((np.ma.masked_array(X, X > 3), Y), r"x: a tensor has no mask.*a\.filled\(value\)"),
        ((X, np.ma.masked_array(Y, Y > 1)), r"y: a tensor has no mask"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "x: .*different lengths"),
        ((X, None), "y: .*real numbers or booleans.*Give an array of numbers"),
        (("a.npy", "b.npy"), "x: .*Give an array of numbers"),
        (
            DataLoader(TensorDataset(X, Y), sampler=SubsetRandomSampler([0, 6])),
            "the sampler returns numbers of samples that do not exist: .*it has 6 samples",
        ),
        (TensorDataset(X), "its samples have 1 parts: give it two tensors, x and y"),
        (TensorDataset(X, Y, Y), "its samples have 3 parts"),
        (TensorDataset, r"data is the class TensorDataset: make an instance, TensorDataset\(…\)"),
        (Augmented, r"the class Augmented: make an instance"),
        ({"x": X, "y": Y}, r"data is a dict of 'x', 'y': give two of its entries"),
        (X, r"data is a ndarray of shape \(6, 2\) alone: give inputs and targets, \(x, y\)"),
        (tg.tensor(X), r"data is a Tensor of shape \(6, 2\) alone"),
        ("data.npz", "data is 'data.npz': load it first"),
        (None, r"data is None: give \(x, y\), a dataset of such pairs or a DataLoader"),
        (iter([(X, Y)]), r"data is <list_iterator.*: give \(x, y\)"),
        (lambda: (X, Y), "Is it a function that makes data[?] Call it"),
        (ChainDataset([[(X[0], 0)]]), r"data is a stream, the IterableDataset ChainDataset, .*list\(stream\)"),
        (DataLoader(ChainDataset([[(X[0], 0)]])), "data is a stream"),
        (Dataset(), r"the number of its samples must be known: Dataset does not define __len__"),
        (
            (type("Tensor", (), {"__module__": "torch", "shape": (6, 2)})(), Y),
            "x is a tensor of torch .*convert it first",
        ),
        (type("DataLoader", (), {"__module__": "torch.utils.data"})(), "data is something of torch"),
    ],
)
def test_what_is_no_data_is_refused_with_the_way_out(data: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said) as caught:
        read(data, "data")
    assert str(caught.value).startswith("data")


def test_sparse_matrices_say_how_to_make_them_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.coo_matrix):
        with pytest.raises(BenchError, match=r"data: x is a sparse .*: x\.toarray\(\)"):
            read((kind(X), Y), "data")
        with pytest.raises(BenchError, match=r"of shape \(6, 2\) alone"):
            read(kind(X), "data")


@pytest.mark.parametrize("wrap", [lambda x, y: (x, y), TensorDataset, lambda x, y: DataLoader(TensorDataset(x, y))])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_name_the_row_and_the_fix(wrap: Any, bad: float) -> None:
    x = X.copy()
    x[4, 1] = bad
    with pytest.raises(BenchError, match=r"test_data: a row of x has NaN or infinity, the first is row 4. .*x\[keep\]"):
        read(wrap(x, Y), "test_data")
    y = X[:, :1].copy()
    y[[2, 5]] = bad
    with pytest.raises(BenchError, match="2 of 6 rows of y have NaN or infinity, the first is row 2"):
        read(wrap(X, y), "test_data")


def test_the_fix_for_nan_is_one() -> None:
    x, y = np.where(X == 5, np.nan, X), Y
    keep = np.isfinite(x).reshape(len(x), -1).all(1)
    assert len(arrays((x[keep], y[keep]))[0]) == 5
