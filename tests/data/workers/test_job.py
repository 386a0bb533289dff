"""A worker's job: tasks done with random numbers of their own, and errors that say where."""

import pickle
from dataclasses import dataclass

import pytest
from drawing_datasets import Noisy, NoisyStream, noisy_collate, plain

import tinygrad_edu as tg
from tinygrad_edu.data import Dataset, IterableDataset, default_collate, get_worker_info
from tinygrad_edu.data.workers.job import END, Job, Task


def hired(job, number=0, count=0, base_seed=7):
    worker = job.hire(number, count)
    worker.begin(base_seed)
    return worker


def test_random_numbers_belong_to_the_batch_whoever_reads_it_and_when():
    job = Job(Noisy(6), noisy_collate, batched=True)
    one, another = hired(job), hired(job)
    tasks = [Task(0, [0, 1]), Task(1, [0, 1]), Task(2, [2, 3])]
    read = [plain(one.run(task)) for task in tasks]
    tg.rand(3)
    assert [plain(another.run(task)) for task in reversed(tasks)] == read[::-1]
    assert read[0] != read[1]
    assert plain(hired(job, base_seed=8).run(tasks[0])) != read[0]


def test_the_default_generator_is_left_alone():
    before = tg.get_rng_state()
    hired(Job(Noisy(2), noisy_collate, batched=True)).run(Task(0, [0, 1]))
    worker = hired(Job(NoisyStream(4), default_collate, batched=True, iterable=True, batch_size=2))
    worker.run(Task(0))
    assert tg.get_rng_state() == before


def test_seeds_and_states_inside_are_those_of_the_batch():
    class Asking(Dataset):
        def __getitem__(self, i):
            seed, state = tg.initial_seed(), tg.get_rng_state()
            first = tg.rand(2).tolist()
            tg.set_rng_state(state)
            again = tg.rand(2, generator=tg.default_generator).tolist()
            tg.manual_seed(i)
            return seed, first, again, tg.rand(2).tolist()

    tg.manual_seed(5)
    worker = hired(Job(Asking(), None, batched=False))
    seed, first, again, seeded = worker.run(Task(3, 9))
    assert first == again
    assert seed not in (5, worker.run(Task(4, 9))[0])
    assert tg.initial_seed() == 5
    assert seeded == tg.rand(2, generator=tg.Generator().manual_seed(9)).tolist()


def test_a_stream_gives_batches_until_its_end():
    for drop_last, batches in ((False, [2, 2, 1]), (True, [2, 2])):
        job = Job(NoisyStream(5), default_collate, True, iterable=True, batch_size=2, drop_last=drop_last)
        worker = hired(job)
        results = [worker.run(Task(k)) for k in range(6)]
        assert [len(batch[0]) for batch in results if batch is not END] == batches
        assert results[len(batches) :] == [END] * (6 - len(batches))
        worker.begin(8)
        assert worker.run(Task(0)) is not END
    worker = hired(Job(NoisyStream(2), None, batched=False, iterable=True))
    assert [type(worker.run(Task(k))) for k in range(2)] == [tuple, tuple]
    assert worker.run(Task(2)) is END
    assert pickle.loads(pickle.dumps(END)) is END


def test_workers_are_introduced_once_and_know_who_they_are(monkeypatch):
    monkeypatch.setattr("tinygrad_edu.data.workers.info._here.info", None)
    calls = []
    job = Job(Noisy(3), None, batched=False, worker_init_fn=lambda i: calls.append((i, get_worker_info(), tg.rand(2))))
    hired(job)  # the main thread is no worker
    assert calls == []
    assert get_worker_info() is None
    worker = hired(job, 1, 3, base_seed=40)
    worker.begin(50)
    ((number, info, drawn),) = calls
    assert number == info.id == 1
    assert (info.num_workers, info.seed) == (3, 41)
    assert info.dataset is job.dataset
    assert get_worker_info().seed == 51
    hired(job, 1, 3, base_seed=40)
    assert tg.equal(calls[1][2], drawn)


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __getitem__(self, i):
        raise self.error


@pytest.mark.parametrize(
    ("task", "batched", "count", "note"),
    [
        (Task(4, [8, 9]), True, 0, "DataLoader: in batch 4, samples 8, 9"),
        (Task(4, [8, 9]), True, 2, "DataLoader: in batch 4, samples 8, 9, worker 1 of 2"),
        (
            Task(0, list(range(99))),
            True,
            0,
            "DataLoader: in batch 0, samples 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … (99 in all)",
        ),
        (Task(3, 7), False, 0, "DataLoader: in sample 7"),
    ],
)
def test_errors_say_in_which_batch(monkeypatch, task, batched, count, note):
    monkeypatch.setattr("tinygrad_edu.data.workers.info._here.info", None)
    error = OSError("no such picture")
    worker = hired(Job(Broken(error), default_collate if batched else None, batched), count and 1, count)
    with pytest.raises(OSError, match="no such picture") as raised:
        worker.run(task)
    assert raised.value is error
    assert error.__notes__ == [note]


def test_an_error_that_takes_no_note_is_raised_without():
    @dataclass(frozen=True)
    class Frozen(Exception):
        temperature: int

    with pytest.raises(Frozen):
        hired(Job(Broken(Frozen(-5)), None, batched=False)).run(Task(0, 3))


def test_stop_iteration_is_no_end():
    with pytest.raises(
        RuntimeError, match=r"StopIteration came out of the dataset, or a function .*in sample 3"
    ) as raised:
        hired(Job(Broken(StopIteration("odd")), None, batched=False)).run(Task(0, 3))
    assert isinstance(raised.value.__cause__, StopIteration)


def test_errors_of_a_stream_say_where():
    class Short(IterableDataset):
        def __iter__(self):
            yield 1
            raise EOFError("the file is cut off")

    worker = hired(Job(Short(), default_collate, batched=True, iterable=True, batch_size=1))
    worker.run(Task(0))
    with pytest.raises(EOFError) as raised:
        worker.run(Task(1))
    assert raised.value.__notes__ == ["DataLoader: in batch 1 of the stream"]
    with pytest.raises(NotImplementedError) as raised:
        hired(Job(IterableDataset(), None, batched=False, iterable=True))
    assert raised.value.__notes__ == ["DataLoader: at the start"]
