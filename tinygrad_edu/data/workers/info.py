"""Worker information: what a worker may know of itself, from inside a dataset."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "get_worker_info"]


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is.

    Attributes:
        id: its number, from 0.
        num_workers: the number of workers.
        seed: a number that differs between workers and epochs, to seed random numbers that do not come from this
            library's default generator, which is seeded already. ``seed - id`` is the same in all workers: use it for
            an order that they divide among themselves.
        dataset: what this worker reads: in a thread, the loader's dataset; in a process, a copy of it.

    >>> import tinygrad_edu as tg
    >>> class Numbers(tg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return i, tg.data.get_worker_info().id
    >>> list(tg.data.DataLoader(Numbers(), batch_size=None, num_workers=2))
    [(0, 0), (1, 1), (2, 0), (3, 1)]
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a loader is running this; None outside of workers, so also with ``num_workers=0``.

    >>> import tinygrad_edu as tg
    >>> tg.data.get_worker_info() is None
    True
    """
    return _here.info


def set_worker_info(info: WorkerInfo) -> None:
    """Say which worker the running thread is, from now on."""
    _here.info = info
