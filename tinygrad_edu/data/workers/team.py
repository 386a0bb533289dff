"""A loader's team: who reads its batches, from epoch to epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .ahead import Ahead
from .job import END, Job, Task, Workers

Release = Callable[[bool], None]


class Team:
    """Those who read for a loader: workers, or the main thread itself if there are none.

    Args:
        job: what they read.
        count: how many workers there are; 0 for none.
        hire: makes `count` workers.
        persistent: whether workers are kept for the next epoch.
        prefetch: how many batches each worker reads ahead.
        timeout: for how many seconds to wait for a worker's batch; 0 for as long as it takes.
    """

    def __init__(
        self,
        job: Job,
        count: int,
        hire: Callable[[], Workers],
        *,
        persistent: bool = False,
        prefetch: int = 2,
        timeout: float = 0,
    ) -> None:
        self._job = job
        self._count = count
        self._hire = hire
        self._persistent = persistent
        self._prefetch = prefetch
        self._timeout = timeout or None
        self._idle: list[Workers] = []

    def read(self, base_seed: int, tasks: Iterator[Task]) -> tuple[Iterator[Any], Release]:
        """The batches of the tasks, and what is to be called after them, with whether all went well.

        Batch k is read by worker k % count.
        """
        turns = ((task.batch % self._count, task) for task in tasks)
        return self._read_ahead(base_seed, turns) if self._count else self._read_here(base_seed, tasks)

    def read_stream(self, base_seed: int, first: int = 0) -> tuple[Iterator[Any], Release]:
        """The batches of a stream, from number `first` on.

        Those before are read and dropped, unless the main thread reads: then the stream goes on from there by itself.
        """
        if not self._count:
            return self._read_here(base_seed, map(Task, itertools.count(first)))
        turns = ((worker, Task(turn)) for turn in itertools.count() for worker in range(self._count))
        return self._read_ahead(base_seed, turns)

    def dismiss(self) -> None:
        """End the workers that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _read_here(self, base_seed: int, tasks: Iterator[Task]) -> tuple[Iterator[Any], Release]:
        worker = self._job.hire()
        worker.begin(base_seed)
        results = map(worker.run, tasks)
        return itertools.takewhile(_is_batch, results) if self._job.iterable else results, _nothing_to_release

    def _read_ahead(self, base_seed: int, turns: Iterator[tuple[int, Task]]) -> tuple[Iterator[Any], Release]:
        workers = self._idle.pop() if self._idle else self._hire()
        try:
            workers.begin(base_seed)
            return Ahead(workers, self._count, turns, self._prefetch, self._timeout), partial(self._take_back, workers)
        except BaseException:
            workers.close()
            raise

    def _take_back(self, workers: Workers, healthy: bool) -> None:
        """Keep the workers for the next epoch if they are to be kept, and all went well; else end them."""
        if self._persistent and healthy and not self._idle:
            self._idle.append(workers)
        else:
            workers.close()


def _is_batch(result: Any) -> bool:
    return result is not END


def _nothing_to_release(_: bool) -> None:
    """The main thread goes on."""
