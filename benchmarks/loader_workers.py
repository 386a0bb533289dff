"""What workers of a loader bring, and what they cost, against PyTorch's worker processes.

    python benchmarks/loader_workers.py

Batches of 64 samples, two workers, no training in between: so much can be read at most. Of samples that cost nothing,
the transport is seen; of samples that cost Python's time, what a second processor brings. Then, from making the
loader's iterator to its first batch: what it takes to start workers for the first time, and each time after.

The workers of a contender idle while another has its turn. Time is that of the wall clock, as many processes share the
work: other programs on the machine can only make it longer, so each figure is the fastest epoch of its contender.
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
from _loading import Rows, Words

from tinygrad_edu.data import DataLoader

BATCH = 64
WORKERS = 2


def loaders(dataset: Any, *, persistent: bool = True) -> dict[str, Callable[[], Iterable[Any]]]:
    """What makes each contender's loader."""
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
    """Microseconds a batch of the fastest epoch."""
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
    """Milliseconds to the first batch: the first time in this program, and the fastest time after."""
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
