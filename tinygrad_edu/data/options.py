"""The options of a loader: which of them go together."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
            f"DataLoader: a {type(dataset).__name__} has no samples: dataset[i] must give sample i. What gives samples "
            "one after the other has to be a subclass of data.IterableDataset"
        )


def check_order(dataset: Any, given: Mapping[str, Any]) -> None:
    """Raise ValueError if the options that say which samples come together, and when, contradict each other.

    Args:
        dataset: what is read.
        given: `batch_size`, `shuffle`, `sampler`, `batch_sampler` and `drop_last`.
    """
    if isinstance(dataset, IterableDataset):
        clashes = [name for name in ("shuffle", "sampler", "batch_sampler") if given[name] not in (None, False)]
        if clashes:
            raise ValueError(
                f"DataLoader: the order of an IterableDataset is its own: drop {', '.join(clashes)}, and let the "
                "dataset shuffle"
            )
    if given["sampler"] is not None and given["shuffle"]:
        raise ValueError("DataLoader: shuffle=True with a sampler, which decides the order itself: drop one")
    if given["batch_sampler"] is not None:
        clashes = [name for name in ("shuffle", "sampler", "drop_last") if given[name] not in (None, False)]
        if given["batch_size"] != 1:
            clashes.insert(0, "batch_size")
        if clashes:
            raise ValueError(f"DataLoader: batch_sampler decides the batches itself: drop {', '.join(clashes)}")
    elif given["batch_size"] is None:
        if given["drop_last"]:
            raise ValueError("DataLoader: drop_last=True with batch_size=None: there are no batches to drop")
    else:
        require_count("DataLoader", "batch_size", given["batch_size"])


def check_workers(given: Mapping[str, Any]) -> None:
    """Raise ValueError if the options that say who reads contradict each other.

    Args:
        given: `num_workers`, `worker_type`, `timeout`, `prefetch_factor`, `persistent_workers` and
            `multiprocessing_context`.
    """
    count, kind, timeout = given["num_workers"], given["worker_type"], given["timeout"]
    if not is_count(count) or count < 0:
        raise ValueError(f"DataLoader: num_workers={count!r} must be an integer >= 0")
    if kind not in ("thread", "process"):
        raise ValueError(f"DataLoader: worker_type={kind!r}: must be 'thread' or 'process'")
    if not isinstance(timeout, int | float | np.number) or not 0 <= timeout < math.inf:
        raise ValueError(f"DataLoader: timeout={timeout!r}: must be a number of seconds, 0 for no limit")
    if given["prefetch_factor"] is not None:
        require_count("DataLoader", "prefetch_factor", given["prefetch_factor"])
    if count == 0:
        # What only workers could do; asked of none, it would be silently left undone.
        idle = ("prefetch_factor", "timeout", "persistent_workers", "multiprocessing_context")
        asked = [name for name in idle if given[name] not in (None, False, 0)]
        if asked:
            raise ValueError(f"DataLoader: {', '.join(asked)} with num_workers=0: set num_workers > 0, or leave it out")
    _check_context(given["multiprocessing_context"], kind)


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
