"""The benefit and the cost of DataLoader workers, against PyTorch's worker processes.

    python benchmarks/loader_workers.py

Batches of 64 samples, two workers, no training in between: this is the highest throughput. Samples that take no time
show the cost of transport; samples that take time in Python show the gain from a second core. The start of workers is
timed from creating the loader's iterator to its first batch: for the first time, and for each later time.

The workers of a contender idle during the turns of the others. Times are wall-clock times, as several processes share
the work. Other programs on the machine can only make them longer, so each number is that of the fastest epoch.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from _worker_samples import Rows, Words

from tinygrad_edu.data import DataLoader

BATCH = 64
WORKERS = 2


def loaders(dataset: Any, *, persistent: bool = True) -> dict[str, Callable[[], Iterable[Any]]]:
    """Functions that make the loader of each contender."""
    ours = {"batch_size": BATCH}
    many = {"batch_size": BATCH, "num_workers": WORKERS, "persistent_workers": persistent}
    return {
        "no workers": lambda: DataLoader(dataset, **ours),
        "threads": lambda: DataLoader(dataset, **many),
        "processes": lambda: DataLoader(dataset, worker_type="process", **many),
        "torch, no workers": lambda: torch.utils.data.DataLoader(dataset, **ours),
        "torch, fork": lambda: torch.utils.data.DataLoader(dataset, multiprocessing_context="fork", **many),
        "torch, forkserver": lambda: torch.utils.data.DataLoader(dataset, multiprocessing_context="forkserver", **many),
    }


def throughput(dataset: Any, rounds: int) -> dict[str, float]:
    """Microseconds per batch of the fastest epoch."""
    contenders = {name: make() for name, make in loaders(dataset).items()}
    first = {name: [np.asarray(batch) for batch in loader] for name, loader in contenders.items()}  # starts workers
    for batches in first.values():
        for a, b in zip(batches, first["no workers"], strict=True):
            np.testing.assert_array_equal(a, b)
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, loader in contenders.items():
            begin = time.perf_counter()
            count = sum(1 for _ in loader)
            best[name] = min(best[name], (time.perf_counter() - begin) / count * 1e6)
    return best


def starts(dataset: Any, rounds: int = 4) -> dict[str, tuple[float, float]]:
    """Milliseconds to the first batch: the first time in this program, and the fastest later time."""
    times: dict[str, list[float]] = {}
    for name, make in loaders(dataset, persistent=False).items():
        for _ in range(rounds):
            begin = time.perf_counter()
            iterator = iter(make())
            next(iterator)
            times.setdefault(name, []).append((time.perf_counter() - begin) * 1e3)
            del iterator  # ends the workers
    return {name: (first, min(rest)) for name, (first, *rest) in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    begun = starts(Rows(2 * BATCH))
    cheap = throughput(Rows(60 * BATCH), rounds)
    dear = throughput(Words(16 * BATCH), rounds)
    print(f"Batches of {BATCH}, {WORKERS} workers; goal of processes: at most the time of torch, fork\n")
    print(f"{'':18} {'784 numbers':>12} {'words counted':>14} {'first start':>12} {'later starts':>13}")
    for name in begun:
        first, later = begun[name]
        print(f"{name:18} {cheap[name]:9.0f} µs {dear[name]:11.0f} µs {first:9.1f} ms {later:10.1f} ms")


if __name__ == "__main__":
    main()
