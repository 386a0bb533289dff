"""Time against the length of a chain: forward, backward and dropping it, from 1,000 to 1,000,000 nodes.

    python benchmarks/long_chain.py

The time per node should stay the same. If it grows, the cause is Python's garbage collector, which scans the
growing graph: the last column is measured with the collector switched off.
"""

from __future__ import annotations

import argparse
import gc
import time

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import tinygrad_edu as tg


def seconds(length: int) -> tuple[float, float, float]:
    """The time to compute a chain, to walk it backwards, and to drop it without that."""
    x = tg.tensor(1.0, requires_grad=True)
    begin = time.perf_counter()
    h = x
    for _ in range(length):
        h = h + 1.0
    built = time.perf_counter()
    h.backward()
    walked = time.perf_counter()
    assert x.grad is not None
    assert x.grad.item() == 1.0
    h = x
    for _ in range(length):
        h = h + 1.0
    before = time.perf_counter()
    h = x
    return built - begin, walked - built, time.perf_counter() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--longest", type=int, default=1_000_000)
    longest = parser.parse_args().longest
    print(f"{'nodes':>9}   {'forward':>10} {'backward':>10} {'drop':>10}   per node   collector off")
    length = 1000
    while length <= longest:
        forward, back, drop = (min(column) for column in zip(*(seconds(length) for _ in range(3)), strict=True))
        gc.disable()
        quiet = sum(min(column) for column in zip(*(seconds(length) for _ in range(3)), strict=True))
        gc.enable()
        total = (forward + back + drop) / length * 1e6
        print(
            f"{length:9,}   {forward * 1e3:7.1f} ms {back * 1e3:7.1f} ms {drop * 1e3:7.1f} ms"
            f"   {total:5.2f} µs   {quiet / length * 1e6:5.2f} µs"
        )
        length *= 10


if __name__ == "__main__":
    main()
