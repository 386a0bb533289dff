"""Workers that are threads of this process: they share its memory, and start at once."""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from ...engine.observing import mode
from .job import Job, Task, Worker

PATIENCE = 5.0
"""Seconds that closing waits for what is being read just then. A thread that takes longer ends by itself after it."""


class _Epoch:
    """One epoch of the threads.

    Attributes:
        base_seed: that of its random numbers.
        results: for each thread, pairs of a result and None, or None and the error.
        over: whether results are no longer needed; tasks are then dropped.
    """

    def __init__(self, base_seed: int, count: int) -> None:
        self.base_seed = base_seed
        self.results: list[SimpleQueue[tuple[Any, BaseException | None]]] = [SimpleQueue() for _ in range(count)]
        self.over = False


class _Order:
    """A task of an epoch (None: to begin it), and how things stood in the thread that gave it."""

    def __init__(self, epoch: _Epoch, task: Task | None) -> None:
        self.epoch = epoch
        self.task = task
        self.context = contextvars.copy_context()  # np.errstate is kept there
        self.recording = mode.recording


class _Crew:
    """What the threads and those who end them know of each other; nothing that keeps a `ThreadWorkers` alive."""

    def __init__(self, count: int) -> None:
        self.epoch = _Epoch(0, count)
        self.orders: list[SimpleQueue[_Order | None]] = [SimpleQueue() for _ in range(count)]
        self.threads: list[threading.Thread] = []
        self._deadline: float | None = None  # of the first end: at exit a finalizer asks for another

    def end(self) -> None:
        """Tell the threads to end, and wait for them; again, if need be, for what is left of that time."""
        self.epoch.over = True
        for orders in self.orders:
            orders.put(None)
        if self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE
        for thread in self.threads:
            if thread is not threading.current_thread():  # a finalizer runs in whichever thread it happens to
                thread.join(max(0.0, self._deadline - time.monotonic()))


class ThreadWorkers:
    """Threads that do a job: the kind of `Workers` for a dataset that waits for files, or computes in NumPy.

    In a thread it is recorded or not, and NumPy's errors are treated, as in the main thread when it gave the task.
    Observers belong to the thread that they watch, and do not follow.

    Args:
        job: what they do.
        count: how many they are.
    """

    def __init__(self, job: Job, count: int) -> None:
        self._crew = _Crew(count)
        # At exit the interpreter waits for threads before it runs finalizers; so these are daemons, and the finalizer
        # waits for them.
        weakref.finalize(self, self._crew.end)
        for number, orders in enumerate(self._crew.orders):
            name = f"tinygrad_edu-loader-{number}"
            thread = threading.Thread(target=_work, args=(job, number, count, orders), name=name, daemon=True)
            thread.start()
            self._crew.threads.append(thread)

    def begin(self, base_seed: int) -> None:
        """Start an epoch, and forget the one before."""
        self._crew.epoch.over = True
        self._crew.epoch = _Epoch(base_seed, len(self._crew.orders))
        for number in range(len(self._crew.orders)):
            self._give(number, None)

    def submit(self, worker: int, task: Task) -> None:
        """Hand a task to a thread."""
        self._give(worker, task)

    def receive(self, worker: int, timeout: float | None = None) -> Any:
        """The result of the thread's oldest task; or raise what was raised there, with its traceback."""
        try:
            result, error = self._crew.epoch.results[worker].get(timeout=timeout)
        except Empty:
            raise TimeoutError(f"worker {worker} returned nothing for {timeout} seconds") from None
        if error is None:
            return result
        try:
            raise error
        finally:
            del error  # else its traceback and this frame would keep each other alive

    def close(self) -> None:
        """End the threads: at once those that are idle, after the batch that is being read the others."""
        self._crew.end()  # not by the finalizer, which is still there should Ctrl-C come in between

    def _give(self, worker: int, task: Task | None) -> None:
        self._crew.orders[worker].put(_Order(self._crew.epoch, task))


def _work(job: Job, number: int, count: int, orders: SimpleQueue[_Order | None]) -> None:
    """The life of a thread."""
    hand = _Hand(job, number, count)
    while (order := orders.get()) is not None:
        order.context.run(hand.obey, order)
        del order  # while it waits for the next one, a thread keeps no results of an epoch


class _Hand:
    """The worker of a thread. It raises nothing: errors are results."""

    def __init__(self, job: Job, number: int, count: int) -> None:
        self._hire = partial(job.hire, number, count)
        self._number = number
        self._worker: Worker | None = None
        self._failure: BaseException | None = None  # of the start of this epoch

    def obey(self, order: _Order) -> None:
        """Do what the order says, unless its result is no longer needed."""
        if order.epoch.over:
            return
        mode.recording = order.recording
        if order.task is None:
            _, self._failure = _outcome(self._begin, order.epoch.base_seed)
            return
        result = (None, self._failure)
        if self._failure is None and self._worker is not None:
            result = _outcome(self._worker.run, order.task)
        order.epoch.results[self._number].put(result)

    def _begin(self, base_seed: int) -> None:
        if self._worker is None:
            self._worker = self._hire()
        self._worker.begin(base_seed)


def _outcome(do: Callable[[Any], Any], what: Any) -> tuple[Any, BaseException | None]:
    try:
        return do(what), None
    except BaseException as error:
        return None, error
