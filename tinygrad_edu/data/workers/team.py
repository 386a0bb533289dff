"""A loader's team: who reads its batches, from epoch to epoch."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from .ahead import Ahead
from .job import Job, Task, Workers


class Reading(NamedTuple):
    """An epoch that is being read.

    Attributes:
        batches: what is read; `END` may come after it.
        release: to be called when no more is wanted, with whether all went well.
        ended: tells whether the main thread has seen the end of a stream.
    """

    batches: Iterator[Any]
    release: Callable[[bool], None]
    ended: Callable[[], bool]


class Team:
    """Those who read for a loader: workers, or the main thread itself if there are none.

    Args:
        job: what they read.
        count: how many workers there are; 0 for none.
        hire: makes `count` workers.
        persistent: whether workers are kept for the next epoch.
        prefetch: how many batches each worker reads ahead.
        timeout: how many seconds to wait for a worker's batch; 0 for no limit.
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
        self._idle: dict[int, Workers] = {}  # by process: those of this program are of no use in a fork of it

    def read(self, base_seed: int, tasks: Iterator[Task]) -> Reading:
        """Read the tasks: batch k by worker k % count."""
        turns = ((task.batch % self._count, task) for task in tasks)
        return self._read_ahead(base_seed, turns) if self._count else self._read_here(base_seed, tasks)

    def read_stream(self, base_seed: int, first: int = 0) -> Reading:
        """Read a stream, each worker its own. `first` is the number of its next batch, if the main thread reads it."""
        if not self._count:
            return self._read_here(base_seed, map(Task, itertools.count(first)))
        turns = ((worker, Task(turn)) for turn in itertools.count() for worker in range(self._count))
        return self._read_ahead(base_seed, turns)

    def dismiss(self) -> None:
        """End the workers that are kept."""
        while self._idle:
            _, workers = self._idle.popitem()
            workers.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_idle": {}}  # a copy hires its own

    def _read_here(self, base_seed: int, tasks: Iterator[Task]) -> Reading:
        worker = self._job.hire()
        worker.begin(base_seed)
        return Reading(map(worker.run, tasks), _go_on, lambda: worker.ended)

    def _read_ahead(self, base_seed: int, turns: Iterator[tuple[int, Task]]) -> Reading:
        owner = os.getpid()
        workers = self._idle.pop(owner, None) or self._hire()
        try:
            workers.begin(base_seed)
            ahead = Ahead(workers, self._count, turns, self._prefetch, self._timeout)
        except BaseException:
            workers.close()
            raise
        return Reading(ahead, partial(self._take_back, workers, owner), lambda: False)

    def _take_back(self, workers: Workers, owner: int, healthy: bool) -> None:
        """Keep the workers for the next epoch if they are to be kept, and all went well; else end them."""
        if self._persistent and healthy and owner == os.getpid() and owner not in self._idle:
            self._idle[owner] = workers
        else:
            workers.close()


def _go_on(_: bool) -> None:
    """The main thread has no end."""


NOTHING: Final = Reading(iter(()), _go_on, lambda: True)
"""An epoch of which nothing is left."""
