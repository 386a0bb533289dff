"""Peak memory of one training step of a 784-256-10 network at batch 2048, against PyTorch.

    python benchmarks/memory.py

Each contender runs in its own process. The result is the peak of its resident memory above the level after loading
libraries, data and parameters: the kernel's peak is reset just before the steps, and read after them. Linux only.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
from pathlib import Path

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np

STEPS = 5


def peak_in_a_process(name: str, batch: int) -> float:
    """Peak MiB of the steps of one contender, beyond the memory in use before."""
    command = [sys.executable, __file__, "--contender", name, "--batch-size", str(batch)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(name: str, batch: int) -> float:
    from mlp_step import initial, step_by_hand, step_in_tinygrad, step_in_torch

    makers = {"tinygrad_edu": step_in_tinygrad, "torch": step_in_torch, "by hand": step_by_hand}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 784)).astype(np.float32)
    y = rng.integers(0, 10, batch)
    start = initial(rng)
    tiny, _ = makers[name](start, x[:2], y[:2])
    tiny()  # what libraries load and allocate at their first step does not count
    step, _ = makers[name](start, x, y)
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    for _ in range(STEPS):
        step()
    return (_status("VmHWM") - before) / 1024


def _status(key: str) -> int:
    """A memory value of this process in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(measure(options.contender, options.batch_size))
        return
    if not Path("/proc/self/clear_refs").exists():
        print("This benchmark reads /proc, which only Linux has.")
        return
    print(f"Peak memory of a step of a 784-256-10 network, batch {options.batch_size}; goal: at most PyTorch's\n")
    peaks = {}
    for name in ("tinygrad_edu", "torch", "by hand"):
        runs = sorted(peak_in_a_process(name, options.batch_size) for _ in range(5))
        peaks[name] = runs[2]
        print(f"{name:13} {runs[2]:6.1f} MiB   ({runs[0]:.1f} to {runs[-1]:.1f})")
    share = peaks["tinygrad_edu"] / peaks["torch"]
    print(f"\nratio to torch {share:.2f} {'≤' if share <= 1 else '>'} 1.00")


if __name__ == "__main__":
    main()
