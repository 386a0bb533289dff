"""Loaders and samplers beside PyTorch's, where no random number is drawn."""

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
