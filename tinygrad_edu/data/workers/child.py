"""The life of a worker process: it is hired, reads batches until its connection ends, and exits."""

from __future__ import annotations

import os
import pickle
import random
import runpy
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .failures import Failure
from .job import Job, Purpose, Task, Worker
from .orders import Hiring, Order
from .pickling import main_failed, not_found
from .shared_memory import Outbox, pack, receive_block, receive_through, unpack

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PATIENCE = 2.0
"""Seconds that a worker has for the batch that it is reading when it is no longer needed."""

MAIN_OF_WORKERS = "__mp_main__"
"""The name of the main module in a worker, as in `multiprocessing`: in the program it is another name of the same."""

importing_main: bool = False
"""Whether this is a worker that imports the program's main module, which must then not start workers itself."""


def work(connection: Connection) -> NoReturn:
    """Do what comes through the connection until that ends; then end the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which ends its workers
    code = 1
    try:
        hiring: Hiring = pickle.loads(connection.recv_bytes())
        sharing = hiring.block > 0
        if sharing:
            block = receive_block(connection, hiring.block, private=True)
            parts = block.views(hiring.sizes)
            block.close()
        else:
            parts = receive_through(connection, hiring.sizes)
        orders = _Orders(connection)
        _Hand(hiring, parts, Outbox(connection, sharing)).obey(orders)
        code = 0
    except (EOFError, ConnectionError):
        code = 0  # the program is gone, or needs the worker no longer
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


class _Orders:
    """The orders, read by a separate thread, so that the program never waits for a busy worker.

    Attributes:
        epoch: the epoch of the newest order; those of earlier ones need not be obeyed.
    """

    def __init__(self, connection: Connection) -> None:
        self.epoch = 0
        self._connection = connection
        self._queue: SimpleQueue[Order | None] = SimpleQueue()
        threading.Thread(target=self._listen, name="tinygrad_edu-orders", daemon=True).start()

    def next(self) -> Order | None:
        """The next order; None if there will be no more that count."""
        order = self._queue.get()
        return None if self.epoch < 0 else order

    def _listen(self) -> None:
        try:
            while True:
                order: Order = pickle.loads(self._connection.recv_bytes())
                self.epoch = order.epoch
                self._queue.put(order)
        except (EOFError, OSError):
            self.epoch = -1
            self._queue.put(None)
            time.sleep(PATIENCE)
            os._exit(1)  # for the program cannot end it, if it is gone


class _Hand:
    """The worker of this process. It raises nothing but that the connection has ended: errors are results."""

    def __init__(self, hiring: Hiring, parts: list[Any], outbox: Outbox) -> None:
        self._outbox = outbox
        self._number = hiring.number
        self._worker: Worker | None = None  # None if it could not be hired
        self._failure: Failure | None = None  # of the hiring, or of the start of this epoch
        try:
            hiring.surroundings.adopt()
            self._worker = _job(hiring, parts).hire(hiring.number, hiring.workers)
        except BaseException as error:
            self._failure = Failure(error)

    def obey(self, orders: _Orders) -> None:
        """Do what the orders say, until there are no more."""
        while (order := orders.next()) is not None:
            if order.epoch == orders.epoch:
                self._do(order)

    def _do(self, order: Order) -> None:
        if order.task is None:
            self._begin(order)
            return
        failure, parts = (self._failure, []) if self._failure is not None else self._read(order)
        if failure is not None:
            parts = pack(failure)
        self._outbox.send((order.epoch, failure is not None), parts, order.block)

    def _begin(self, order: Order) -> None:
        if self._worker is None:
            return
        self._failure = None
        try:
            order.state.adopt()
            _seed(order.base_seed, Purpose.START, self._number)
            self._worker.begin(order.base_seed)
        except BaseException as error:
            self._failure = Failure(error)

    def _read(self, order: Order) -> tuple[Failure | None, list[Any]]:
        """The parts of the batch, or what went wrong."""
        assert self._worker is not None
        assert order.task is not None
        try:
            task: Task = _put_together(pickle.loads, order.task)
            order.state.adopt()
            if task.samples is None:
                _seed(order.base_seed, Purpose.STREAM, self._number, task.batch)
            else:
                _seed(order.base_seed, Purpose.BATCH, task.batch)
            batch = self._worker.run(task)
        except BaseException as error:
            return Failure(error), []
        try:
            return None, pack(batch)
        except Exception as error:
            error.add_note(
                f"DataLoader: batch {task.batch} cannot be pickled, as it must be to come from another process: "
                "let collate_fn return tensors, arrays, numbers, strings, and dicts and lists of such, or use "
                'worker_type="thread"'
            )
            return Failure(error), []


def _seed(base_seed: int, *key: int) -> None:
    """Seed what draws neither from the library's default generator nor from one of the dataset's own."""
    random.seed(repr((base_seed, *map(int, key))))
    np.random.seed(random.getrandbits(32))  # noqa: NPY002


def _job(hiring: Hiring, parts: list[Any]) -> Job:
    """The job, made of its parts; the program's main module is imported before, if they need it."""
    global importing_main
    if hiring.main is not None and sys.modules["__main__"].__name__ != MAIN_OF_WORKERS:
        importing_main = True
        try:
            _import_main(*hiring.main)
        except BaseException as error:  # SystemExit, too
            raise main_failed(hiring.main[1], error) from error
        finally:
            importing_main = False
    job: Job = _put_together(unpack, parts)
    return job


def _put_together(unpickle: Callable[[Any], Any], pickled: Any) -> Any:
    try:
        return unpickle(pickled)
    except Exception as error:
        raise not_found(error) from error


def _import_main(kind: str, name: str) -> None:
    """Run the program's main module under another name, so that what it guards is not run, and put it in place."""
    run = runpy.run_module if kind == "module" else runpy.run_path
    main = types.ModuleType(MAIN_OF_WORKERS)
    main.__dict__.update(run(name, run_name=MAIN_OF_WORKERS))
    sys.modules["__main__"] = sys.modules[MAIN_OF_WORKERS] = main
