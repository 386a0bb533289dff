"""Workers that are processes: for datasets that spend their time in Python, of which one thread runs at a time."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import child
from .child import PATIENCE
from .forking import Forked
from .job import Job, Task
from .orders import Hiring, Order, State, Surroundings
from .pickling import pack_job
from .shared_memory import SHARING, Block, Inbox, send_block, send_through, unpack
from .spawning import Spawned


class ProcessWorkers:
    """Processes that do a job: the kind of `Workers` for a dataset that computes in Python.

    The dataset and the functions are pickled, once for all. Each process has a copy of the dataset; but the memory of
    the arrays in it is shared, as long as nobody writes to them. Batches come back through shared memory too, as
    ordinary arrays of the program.

    On Linux the first workers of a program take about as long to start as `import tinygrad_edu` does, later ones some
    10 ms; elsewhere, and with ``context="spawn"``, all take that long. Each computes with one BLAS thread. For each
    batch `random` and `np.random` are seeded as the library's default generator is: from the base seed and the number
    of the batch. Workers ignore Ctrl-C, and end when the program does, however that happens.

    Args:
        job: what they do.
        count: how many they are.
        context: "forkserver": forked from a process that was started anew; "spawn": each is started anew; or a context
            of `multiprocessing` of that kind. Default: the first where it is safe.

    Raises:
        TypeError: if part of the job cannot be pickled, or is defined where no process finds it: with its name.
        RuntimeError: in a worker that is about to import the program's main module, if that module starts workers
            itself because it has no ``if __name__ == "__main__":``.
    """

    def __init__(self, job: Job, count: int, context: Any = None) -> None:
        if child.importing_main:
            raise RuntimeError("a worker process must not start workers while it imports the main module")
        parts, main = pack_job(job)
        start = _way_to_start(context)
        self._crew: list[_Hand] = []
        self._epoch = 0
        self._base_seed = 0
        self._end = weakref.finalize(self, _dismiss, self._crew, os.getpid())
        with self._whole():
            for number in range(count):
                self._crew.append(_Hand(number, start()))
            self._hire(parts, main)

    def _hire(self, parts: list[Any], main: tuple[str, str] | None) -> None:
        """Send the job to all workers, who come to see the same memory."""
        sizes = [part.nbytes for part in parts]
        block = Block.of(sizes) if SHARING else None
        try:
            if block is not None:
                block.write(parts)
            size = 0 if block is None else block.size
            for hand in self._crew:
                hand.hire(Hiring(hand.number, len(self._crew), Surroundings.here(), main, sizes, size), parts, block)
        finally:
            if block is not None:
                block.close()

    def begin(self, base_seed: int) -> None:
        """Start an epoch, and forget the one before."""
        with self._whole():
            self._epoch += 1
            self._base_seed = base_seed
            for hand in self._crew:
                hand.forget()
                hand.send(Order(self._epoch, base_seed, State.here(), None))

    def submit(self, worker: int, task: Task) -> None:
        """Hand a task to a process."""
        with self._whole():
            hand = self._crew[worker]
            pickled = pickle.dumps(task, protocol=5)
            hand.send(Order(self._epoch, self._base_seed, State.here(), pickled, hand.place(task)))

    def receive(self, worker: int, timeout: float | None = None) -> Any:
        """The result of the process's oldest task; or raise what was raised there, or how it ended.

        Raises:
            TimeoutError: if there is none after `timeout` seconds.
            RuntimeError: if the process has ended; the message says how. All are closed then.
        """
        with self._whole():
            failed, parts = self._crew[worker].result(self._epoch, timeout)
        result = unpack(parts)
        if not failed:
            return result
        try:
            raise result.exception()
        finally:
            del result  # else the exception, its traceback and this frame would keep each other alive

    def close(self) -> None:
        """End the processes: those that do not end by themselves after `PATIENCE` are killed."""
        self._end()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Close all if an exception, such as Ctrl-C, may have torn a message to pieces."""
        if not self._end.alive:
            raise RuntimeError("these workers are closed")
        try:
            yield
        except TimeoutError:  # nothing has been read
            raise
        except BaseException:
            self.close()
            raise


class _Hand:
    """A worker process, seen from the program.

    Attributes:
        number: which worker it is.
        process: how it is reached.
    """

    def __init__(self, number: int, process: Forked | Spawned) -> None:
        self.number = number
        self.process = process
        self._inbox = Inbox(self.process.connection)
        self._tasks: deque[tuple[Task, int]] = deque()  # without a result yet, and by which block that will come
        self._free: deque[int] = deque()  # blocks that no result is in
        self._blocks = 0  # how many there are in all

    def hire(self, hiring: Hiring, parts: list[Any], block: Block | None) -> None:
        """Send the first message, and the job."""
        self.send(hiring)
        try:
            if block is not None:
                send_block(self.process.connection, block)
            else:
                send_through(self.process.connection, parts)
        except OSError:
            pass

    def send(self, message: Any) -> None:
        """Send a message. If the process has ended, reading its results says so."""
        try:
            self.process.connection.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:
            pass

    def place(self, task: Task) -> int:
        """Note a task that is about to be sent; by which block its result shall come."""
        if not self._free:
            self._free.append(self._blocks)
            self._blocks += 1
        self._tasks.append((task, self._free.popleft()))
        return self._tasks[-1][1]

    def forget(self) -> None:
        """Forget all tasks: results that still arrive in a block come before those of new tasks."""
        self._free.extend(block for _, block in self._tasks)
        self._tasks.clear()

    def result(self, epoch: int, timeout: float | None) -> tuple[bool, list[Any]]:
        """Whether the oldest task has failed, and the parts of its result; those of other epochs are left out."""
        while True:
            try:
                if timeout is not None and not self.process.connection.poll(timeout):
                    raise TimeoutError(f"worker {self.number} returned nothing for {timeout} seconds")
                (of_epoch, failed), parts = self._inbox.receive()
            except TimeoutError:
                raise
            except (EOFError, OSError):
                raise RuntimeError(self._obituary()) from None
            if of_epoch == epoch:
                self._free.append(self._tasks.popleft()[1])
                return failed, parts

    def close(self) -> None:
        """Let go of the descriptors and the memory."""
        self._inbox.close()
        self.process.close()

    def _obituary(self) -> str:
        """How the process ended, which has closed its end of the connection."""
        if not self.process.join(PATIENCE):
            self.process.kill()
        if self.process.pid is None:
            return f"DataLoader: worker {self.number} could not be started: see what was printed before this"
        batch = f" while it read batch {self._tasks[0][0].batch}" if self._tasks else ""
        return f"DataLoader: worker {self.number}, process {self.process.pid}, {_how(self.process.exit_code())}{batch}"


def _way_to_start(context: Any) -> type[Forked] | type[Spawned]:
    """How the context starts processes."""
    method = context if context is None or isinstance(context, str) else context.get_start_method()
    if method is None:
        method = "forkserver" if sys.platform == "linux" else "spawn"  # libraries of macOS may not survive a fork
    return Forked if method == "forkserver" else Spawned


def _how(code: int | None) -> str:
    """What an exit code says."""
    if code is None:
        return "ended, like the process that it was forked from,"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hints = {
        "SIGKILL": " (the system does that when memory runs out)",
        "SIGSEGV": " (compiled code that it called crashed)",
    }
    return f"was killed by {name}{hints.get(name, '')}"


def _dismiss(crew: list[_Hand], owner: int) -> None:
    """End all workers. In a fork of the program, which they do not belong to, only let go of them."""
    try:
        if os.getpid() == owner:
            for hand in crew:
                hand.process.hang_up()  # which they see, and end
            _wait_for(crew)
    finally:
        for hand in crew:
            hand.close()
        crew.clear()


def _wait_for(crew: list[_Hand]) -> None:
    """Wait until all have ended; kill those that do not, or all when this is interrupted."""
    deadline = time.monotonic() + PATIENCE
    try:
        for hand in crew:
            hand.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for hand in crew:
            hand.process.kill()
        for hand in crew:
            hand.process.exit_code()
