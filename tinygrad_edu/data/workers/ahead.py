"""Reading ahead: workers are kept busy, and what they read comes in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import Any

from .job import END, Task, Workers


class Ahead:
    """Batches in order, some of which are being read by workers while others are used.

    The workers take turns. A worker whose stream is at its end is left out of the turns from then on.

    Args:
        workers: those who read; their epoch has begun.
        count: how many they are.
        tasks: who is to read what, in the order in which the batches are to come.
        prefetch: how many batches per worker are under way.
        timeout: how many seconds to wait for a batch; None for as long as it takes.
    """

    def __init__(
        self, workers: Workers, count: int, tasks: Iterator[tuple[int, Task]], prefetch: int, timeout: float | None
    ) -> None:
        self._workers = workers
        self._tasks = tasks
        self._timeout = timeout
        self._owner = os.getpid()
        self._waiting: deque[int] = deque()  # the worker of each batch that is under way, in order
        self._ended: set[int] = set()
        for _ in range(count * prefetch):
            self._hand_out()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._owner != os.getpid():
            raise RuntimeError(
                "DataLoader: this process is a fork of the one in which the loop began, and to which its workers "
                "belong: begin another loop here"
            )
        while self._waiting:
            worker = self._waiting.popleft()
            batch = self._workers.receive(worker, self._timeout)
            if batch is not END:
                self._hand_out()
                return batch
            self._ended.add(worker)
        raise StopIteration

    def _hand_out(self) -> None:
        """Give the next task to the worker whose turn it is."""
        for worker, task in self._tasks:
            if worker not in self._ended:
                self._workers.submit(worker, task)
                self._waiting.append(worker)
                return
