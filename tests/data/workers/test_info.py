"""What a worker knows of itself."""

import pytest
from drawing_datasets import NoisyStream

from tinygrad_edu.data import DataLoader, Dataset, get_worker_info


class Who(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        info = get_worker_info()
        return info and (i, info.id, info.num_workers, info.seed, info.dataset is self)


def test_the_main_thread_is_no_worker():
    assert get_worker_info() is None
    assert list(DataLoader(Who(), batch_size=None)) == [None] * 6


def test_workers_take_turns_and_have_seeds_of_their_own():
    loader = DataLoader(Who(), batch_size=None, num_workers=3)
    first, second = list(loader), list(loader)
    assert [(i, number, count, own) for i, number, count, _, own in first] == [(i, i % 3, 3, True) for i in range(6)]
    assert [seed - first[0][3] for _, _, _, seed, _ in first] == [0, 1, 2, 0, 1, 2]
    assert first[0][3] != second[0][3]
    assert get_worker_info() is None


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_stream_is_shared_out(count):
    loader = DataLoader(NoisyStream(11), batch_size=2, num_workers=count)
    assert sorted(i for numbers, _ in loader for i in numbers.tolist()) == list(range(11))
