"""The job of a worker: what it reads, task by task, and with which random numbers.

Two kinds of workers do it, with one interface, `Workers`: threads and processes. Whatever the kind, a worker hires
itself in its own thread with `job.hire(number, count)`, and then obeys: `begin(base_seed)` for each epoch,
`run(task)` for each batch.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from ...ops.generator import stand_in
from ..reading import reader
from .info import WorkerInfo, set_worker_info

SHOWN = 10  # so many sample numbers at most are named in a message


class Purpose(enum.IntEnum):
    """What the random numbers of a base seed are for: the second part of a recipe."""

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
        collate_fn: makes a batch from a list of samples; None, only without batching, leaves samples as they are.
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
    """One who does a job. It is made and used in the thread in which it reads, and is never pickled.

    Attributes:
        ended: whether its stream has said that it is at its end.
    """

    def __init__(self, job: Job, number: int, count: int) -> None:
        self._job = job
        self._number = number
        self._count = count
        self._met = False  # whether worker_init_fn has been called
        self.ended: bool = False
        self._base_seed = 0
        self._stream: Iterator[Any] = iter(())
        self._key: tuple[int, ...] = (Purpose.STREAM, number) if job.iterable else (Purpose.BATCH,)
        self._read = self._next if job.iterable else reader(job.dataset, job.collate_fn, job.batched)

    def begin(self, base_seed: int) -> None:
        """Start an epoch whose random numbers belong to this seed. A stream is started anew."""
        self._base_seed = base_seed
        self.ended = False
        job = self._job
        if self._count:
            set_worker_info(WorkerInfo(self._number, self._count, base_seed + self._number, job.dataset))
        outer, stand_in.generator = stand_in.generator, (base_seed, Purpose.START, self._number)
        try:
            if self._count and not self._met and job.worker_init_fn is not None:
                job.worker_init_fn(self._number)
            self._met = True
            if job.iterable:
                self._stream = iter(job.dataset)
        except Exception as error:
            self._explain(error, "at the start")
            raise
        finally:
            stand_in.generator = outer

    def run(self, task: Task) -> Any:
        """Read what the task says, with the random numbers that belong to it; `END` if a stream is at its end."""
        outer, stand_in.generator = stand_in.generator, (self._base_seed, *self._key, task.batch)
        try:
            return self._read(task.samples)
        except Exception as error:
            self._explain(error, f"in {_described(task)}")
            raise
        finally:
            stand_in.generator = outer

    def _next(self, _: None) -> Any:
        """The next batch of the stream."""
        job = self._job
        if self.ended:
            return END
        if not job.batched:
            for sample in self._stream:
                return sample if job.collate_fn is None else job.collate_fn(sample)
            self.ended = True
            return END
        samples = list(itertools.islice(self._stream, job.batch_size))
        self.ended = len(samples) != job.batch_size
        if not samples or (self.ended and job.drop_last):
            return END
        assert job.collate_fn is not None
        return job.collate_fn(samples)

    def _explain(self, error: Exception, where: str) -> None:
        """Note where the error happened."""
        if self._count:
            where += f", worker {self._number} of {self._count}"
        if isinstance(error, StopIteration):  # a loop over the loader would take it for the end of the data
            raise RuntimeError(
                f"StopIteration came out of the dataset, or a function of the loader, {where}"
            ) from error
        with contextlib.suppress(AttributeError):  # the exception may be a frozen dataclass
            error.add_note(f"DataLoader: {where}")


def _described(task: Task) -> str:
    """The batch and the numbers of its samples, the first ones if there are many."""
    if task.samples is None:
        return f"batch {task.batch} of the stream"
    if not isinstance(task.samples, list | tuple):
        return f"sample {task.samples}"
    shown = ", ".join(map(str, task.samples[:SHOWN]))
    more = f", … ({len(task.samples)} in all)" if len(task.samples) > SHOWN else ""
    return f"batch {task.batch}, samples {shown}{more}"
