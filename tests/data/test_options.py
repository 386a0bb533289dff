"""The options of a loader: what goes together, and what is said of what does not."""

import multiprocessing

import pytest
from drawing_datasets import Noisy, NoisyStream

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader, IterableDataset


def test_they_stand_where_they_do_in_pytorch():
    collate, init = list, print
    generator = tg.Generator()
    arguments = [4, False, None, None, 2, collate, True, True, 3.5, init, None, generator]
    loader = DataLoader(Noisy(9), *arguments, prefetch_factor=5, persistent_workers=True, pin_memory_device="cpu")
    names = ["batch_size", "num_workers", "collate_fn", "pin_memory", "drop_last", "timeout", "worker_init_fn"]
    assert [getattr(loader, name) for name in names] == [4, 2, collate, True, True, 3.5, init]
    assert loader.generator is generator
    assert loader.multiprocessing_context is None
    assert (loader.prefetch_factor, loader.persistent_workers, loader.pin_memory_device) == (5, True, "cpu")
    assert loader.worker_type == "thread"
    assert DataLoader(Noisy(9)).prefetch_factor is None
    assert DataLoader(Noisy(9), num_workers=1).prefetch_factor == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_workers": 1.0}, "num_workers=1.0 must be an integer >= 0"),
        ({"worker_type": "fiber"}, "worker_type='fiber': must be 'thread' or 'process'"),
        ({"timeout": -1, "num_workers": 1}, "timeout=-1: must be a number of seconds, 0 for no limit"),
        ({"timeout": float("inf"), "num_workers": 1}, "timeout=inf"),
        ({"timeout": "5 s", "num_workers": 1}, "timeout='5 s'"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor=0 must be a positive integer"),
        ({"prefetch_factor": 2}, "prefetch_factor with num_workers=0: set num_workers > 0, or leave it out"),
        ({"timeout": 2, "persistent_workers": True}, "timeout, persistent_workers with num_workers=0"),
        ({"multiprocessing_context": "spawn", "worker_type": "process"}, "multiprocessing_context with num_workers=0"),
        (
            {"multiprocessing_context": "spawn", "num_workers": 1},
            "is for worker_type='process', and workers are threads",
        ),
        (
            {"multiprocessing_context": "fork", "num_workers": 1, "worker_type": "process"},
            "'fork': a fork of a process with threads, .* Use 'forkserver' or 'spawn'",
        ),
        (
            {"multiprocessing_context": "thread", "num_workers": 1, "worker_type": "process"},
            "multiprocessing_context='thread': must be 'forkserver' or 'spawn'",
        ),
    ],
)
def test_workers_that_cannot_be(options, said):
    with pytest.raises(ValueError, match=f"DataLoader: .*{said}"):
        DataLoader(Noisy(9), **options)


def test_a_context_is_judged_by_its_way_to_start():
    options = {"num_workers": 1, "worker_type": "process"}
    DataLoader(Noisy(9), multiprocessing_context=multiprocessing.get_context("spawn"), **options)
    if "fork" in multiprocessing.get_all_start_methods():
        with pytest.raises(ValueError, match="a fork of a process with threads"):
            DataLoader(Noisy(9), multiprocessing_context=multiprocessing.get_context("fork"), **options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"shuffle": True}, "shuffle"),
        ({"sampler": [1, 2]}, "sampler"),
        ({"batch_sampler": [[1, 2]]}, "batch_sampler"),
        ({"shuffle": True, "sampler": [1, 2]}, "shuffle, sampler"),
    ],
)
def test_a_stream_has_an_order_of_its_own(options, named):
    with pytest.raises(ValueError, match=f"an IterableDataset has its own order: drop {named}, and let"):
        DataLoader(NoisyStream(3), **options)
    DataLoader(NoisyStream(3), shuffle=False)


def test_an_iterator_is_no_stream():
    with pytest.raises(TypeError, match=r"type list_iterator has no samples: dataset\[i\].*of data\.IterableDataset"):
        DataLoader(iter([1]))
    with pytest.raises(TypeError, match="dataset is the class IterableDataset: make one first"):
        DataLoader(IterableDataset)
