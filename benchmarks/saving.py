"""The time of saving and loading, and the size of the file, beside NumPy and PyTorch.

    python benchmarks/saving.py

One large array, a hundred of medium size and a thousand small ones, all float32, in a folder for temporary files, which
`TMPDIR` sets. CPU time of one thread: `save`, alone of the three, also waits until all is on the disk. There is no
goal.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import os
import tempfile
from pathlib import Path

import numpy as np
import torch

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, side_by_side

SIZES = {"1 × 100 MB": (1, 25_000_000), "100 × 40 kB": (100, 10_000), "1000 × 400 B": (1000, 100)}


def steps(folder: Path, arrays: dict[str, np.ndarray]) -> tuple[dict[str, Step], dict[str, Step]]:
    """Saving and loading, by library."""
    ours = {name: tg.tensor(array) for name, array in arrays.items()}
    theirs = {name: torch.tensor(array) for name, array in arrays.items()}
    saving: dict[str, Step] = {
        "tinygrad_edu": lambda: tg.save(ours, folder / "tinygrad_edu"),
        "numpy": lambda: np.savez(folder / "numpy.npz", **arrays),
        "torch": lambda: torch.save(theirs, folder / "torch"),
    }
    loading: dict[str, Step] = {
        "tinygrad_edu": lambda: tg.load(folder / "tinygrad_edu"),
        "numpy": lambda: dict(np.load(folder / "numpy.npz")),
        "torch": lambda: torch.load(folder / "torch"),
    }
    return saving, loading


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"{'arrays, CPU time':16} {'':13} {'save':>10} {'load':>10} {'file':>13}")
    for label, (count, size) in SIZES.items():
        rng = np.random.default_rng(0)
        arrays = {f"array_{i}": rng.random(size, np.float32) for i in range(count)}
        with tempfile.TemporaryDirectory() as name:
            saving, loading = steps(Path(name), arrays)
            saved = side_by_side(saving, clock=Clock.for_threads(1), rounds=9)
            loaded = side_by_side(loading, clock=Clock.for_threads(1), rounds=9)
            for library in saving:
                weight = os.path.getsize(Path(name) / (library if library != "numpy" else "numpy.npz"))
                times = [f"{timing[library].median * 1e3:7.1f} ms" for timing in (saved, loaded)]
                print(f"{label:16} {library:13} {times[0]} {times[1]} {weight / 1000:10.1f} kB")
