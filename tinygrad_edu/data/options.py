"""The options of a loader: which of them are compatible."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dataset import IterableDataset
from .sampler import is_count, require_count

DEFAULT_PREFETCH = 2


def check_dataset(dataset: Any) -> None:
    """Raise TypeError unless `dataset` has samples: by number, or in a stream."""
    if isinstance(dataset, type):
        raise TypeError(f"DataLoader: dataset is the class {dataset.__name__}: make one first, {dataset.__name__}(…)")
    if isinstance(dataset, tuple) and len({np.shape(part) for part in dataset}) > 1:
        raise TypeError(
            f"DataLoader: dataset is a tuple of {len(dataset)} things of different shapes, and each would be one "
            "sample: use TensorDataset(x, y), whose samples are pairs (x[i], y[i])"
        )
    if not isinstance(dataset, IterableDataset) and not hasattr(dataset, "__getitem__"):
        raise TypeError(
            f"DataLoader: type {type(dataset).__name__} has no samples: dataset[i] must give sample i. What gives "
            "samples one after the other has to be a subclass of data.IterableDataset"
        )


def check_order(dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any) -> None:
    """Raise ValueError if the options that say which samples come together, and when, contradict each other."""
    given = {"shuffle": shuffle, "sampler": sampler, "batch_sampler": batch_sampler}
    orders = [name for name, value in given.items() if value is not None and value is not False]
    if isinstance(dataset, IterableDataset) and orders:
        raise ValueError(
            f"DataLoader: an IterableDataset has its own order: drop {', '.join(orders)}, and let the dataset shuffle"
        )
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: shuffle=True with a sampler, which decides the order itself: drop one")
    if batch_sampler is not None:
        given = {"batch_size": batch_size != 1, "shuffle": shuffle, "sampler": sampler is not None}
        clashes = [name for name, value in {**given, "drop_last": drop_last}.items() if value]
        if clashes:
            raise ValueError(f"DataLoader: batch_sampler decides the batches itself: drop {', '.join(clashes)}")
    elif batch_size is not None:
        require_count("DataLoader", "batch_size", batch_size)
    elif drop_last:
        raise ValueError("DataLoader: drop_last=True with batch_size=None: there are no batches to drop")


def check_workers(
    num_workers: Any,
    worker_type: Any,
    timeout: Any,
    prefetch_factor: Any,
    persistent_workers: Any,
    multiprocessing_context: Any,
) -> None:
    """Raise ValueError if the options that say who reads contradict each other."""
    if not is_count(num_workers) or num_workers < 0:
        raise ValueError(f"DataLoader: num_workers={num_workers!r} must be an integer >= 0")
    if worker_type not in ("thread", "process"):
        raise ValueError(f"DataLoader: worker_type={worker_type!r}: must be 'thread' or 'process'")
    if not isinstance(timeout, int | float | np.number) or not 0 <= timeout < math.inf:
        raise ValueError(f"DataLoader: timeout={timeout!r}: must be a number of seconds, 0 for no limit")
    if prefetch_factor is not None:
        require_count("DataLoader", "prefetch_factor", prefetch_factor)
    # What only workers can do is not silently left undone.
    asked = {
        "prefetch_factor": prefetch_factor is not None,
        "timeout": timeout,
        "persistent_workers": persistent_workers,
        "multiprocessing_context": multiprocessing_context is not None,
    }
    idle = [name for name, value in asked.items() if value]
    if idle and num_workers == 0:
        raise ValueError(f"DataLoader: {', '.join(idle)} with num_workers=0: set num_workers > 0, or leave it out")
    _check_context(multiprocessing_context, worker_type)


def _check_context(context: Any, kind: str) -> None:
    if context is None:
        return
    if kind != "process":
        raise ValueError("DataLoader: multiprocessing_context is for worker_type='process', and workers are threads")
    method = context if isinstance(context, str) else getattr(context, "get_start_method", lambda: None)()
    if method == "fork":
        raise ValueError(
            "DataLoader: multiprocessing_context='fork': a fork of a process with threads, such as those of BLAS, can "
            "wait forever for a lock that none of its threads will open. Use 'forkserver' or 'spawn'"
        )
    if method not in ("forkserver", "spawn"):
        raise ValueError(f"DataLoader: multiprocessing_context={context!r}: must be 'forkserver' or 'spawn'")
