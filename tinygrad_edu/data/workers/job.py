"""The job of a worker: what it reads, task by task, and with which random numbers.

Two kinds of workers do it, with one interface, `Workers`: threads and processes. Whatever the kind, a worker hires
itself in its own thread with `job.hire(number, count)`, and then obeys: `begin(base_seed)` for each epoch,
`run(task)` for each batch.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from ...ops.generator import Substitute
from ..reading import reader
from .info import WorkerInfo, set_worker_info

SHOWN = 10  # so many sample numbers at most are named in a message


class Purpose(enum.IntEnum):
    """What the random numbers of a base seed are for: the first part of the key of a `Substitute`."""

    ORDER = 0  # the sampler's numbers
    BATCH = 1  # the augmentation of a batch; then: its number
    START = 2  # worker_init_fn, and the start of a stream; then: the worker
    STREAM = 3  # a batch of a stream; then: the worker, and the batch's number


class _Sign(enum.Enum):
    END = "end"


END: Final = _Sign.END
"""What `run` gives in the place of a batch when a worker's stream is at its end. It stays itself when pickled."""


class Task(NamedTuple):
    """One batch to read.

    Attributes:
        batch: its number in the epoch, from 0; of a stream, its number among those of this worker.
        samples: the numbers of its samples (without batching, the number of its sample); None for the next ones of
            a stream.
    """

    batch: int
    samples: Any = None


class Workers(Protocol):
    """Those who do a job. `ThreadWorkers(job, count)` and `ProcessWorkers(job, count)` are such.

    One epoch is under way at a time. All methods are called from the thread that uses the loader.
    """

    def begin(self, base_seed: int) -> None:
        """Start an epoch: `Worker.begin` in each worker, before its first task of the epoch.

        Tasks and results of the epoch before that are still about are dropped. Nothing is waited for, and nothing
        is raised: an error in a worker (in `worker_init_fn`, say) is what its first `receive` raises.
        """

    def submit(self, worker: int, task: Task) -> None:
        """Hand a task to a worker, without waiting."""

    def receive(self, worker: int, timeout: float | None = None) -> Any:
        """The result of the oldest task of this worker that was not received yet: a batch, or `END`.

        Raises:
            TimeoutError: if there is none after `timeout` seconds; None waits as long as it takes.
            BaseException: what was raised in the worker, with the worker's traceback.
        """

    def close(self) -> None:
        """End the workers, and leave nothing behind.

        It may be called again, after any exception, from a finalizer, and when the interpreter exits.
        """


@dataclass(frozen=True)
class Job:
    """What there is to read. It can be pickled if its parts can.

    Attributes:
        dataset: samples by number, or a stream of them.
        collate_fn: makes a batch of a list of samples; None, only without batching, leaves samples as they are.
        batched: whether a task is a batch, or one sample.
        iterable: whether the dataset is a stream.
        batch_size: how many samples of a stream make a batch.
        drop_last: whether a last, smaller batch of a stream is left out.
        worker_init_fn: called once in each worker, with its number, before it reads anything.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any] | None
    batched: bool
    iterable: bool = False
    batch_size: int | None = None
    drop_last: bool = False
    worker_init_fn: Callable[[int], None] | None = None

    def hire(self, number: int = 0, count: int = 0) -> Worker:
        """One who does the job: number `number` of `count` workers, or the main thread itself if there are none."""
        return Worker(self, number, count)


class Worker:
    """One who does a job. It is made and used in the thread in which it reads, and is never pickled."""

    def __init__(self, job: Job, number: int, count: int) -> None:
        self._job = job
        self._number = number
        self._count = count
        self._met = False  # whether worker_init_fn has been called
        self._base_seed = 0
        self._read: Callable[[Any], Any]
        self._stream: Iterator[Any]
        if not job.iterable:
            self._read = reader(job.dataset, job.collate_fn, job.batched)

    def begin(self, base_seed: int) -> None:
        """Start an epoch whose random numbers belong to this seed. A stream is started anew."""
        self._base_seed = base_seed
        self._explaining(self._start, None)

    def run(self, task: Task) -> Any:
        """Read what the task says, with the random numbers that belong to it; `END` if a stream is at its end."""
        return self._explaining(self._do, task)

    def _start(self, _: None) -> None:
        job = self._job
        if self._count:
            set_worker_info(WorkerInfo(self._number, self._count, self._base_seed + self._number, job.dataset))
        with Substitute(self._base_seed, Purpose.START, self._number):
            if self._count and not self._met and job.worker_init_fn is not None:
                job.worker_init_fn(self._number)
            self._met = True
            if job.iterable:
                self._stream = iter(job.dataset)

    def _do(self, task: Task) -> Any:
        if self._job.iterable:
            with Substitute(self._base_seed, Purpose.STREAM, self._number, task.batch):
                return self._next()
        with Substitute(self._base_seed, Purpose.BATCH, task.batch):
            return self._read(task.samples)

    def _next(self) -> Any:
        """The next batch of the stream."""
        job = self._job
        if not job.batched:
            for sample in self._stream:
                return sample if job.collate_fn is None else job.collate_fn(sample)
            return END
        samples = list(itertools.islice(self._stream, job.batch_size))
        if not samples or (job.drop_last and len(samples) != job.batch_size):
            return END
        assert job.collate_fn is not None
        return job.collate_fn(samples)

    def _explaining(self, do: Callable[[Any], Any], task: Any) -> Any:
        """``do(task)``; what it raises gets a note that says where that was."""
        try:
            return do(task)
        except StopIteration as error:  # a loop over the loader would take it for the end of the data
            raise RuntimeError(f"StopIteration came out of the dataset or collate_fn, {self._where(task)}") from error
        except Exception as error:
            error.add_note(f"DataLoader: {self._where(task)}")
            raise

    def _where(self, task: Task | None) -> str:
        what = "at the start" if task is None else f"in {_described(task)}"
        return f"{what}, worker {self._number} of {self._count}" if self._count else what


def _described(task: Task) -> str:
    """The batch and the numbers of its samples, the first ones if there are many."""
    if task.samples is None:
        return f"batch {task.batch} of the stream"
    if not isinstance(task.samples, list | tuple):
        return f"sample {task.samples}"
    shown = ", ".join(map(str, task.samples[:SHOWN]))
    more = f", … ({len(task.samples)} in all)" if len(task.samples) > SHOWN else ""
    return f"batch {task.batch}, samples {shown}{more}"
