"""The three products of a dense layer, ours against np.dot and PyTorch: y = x @ w.T, dW = g.T @ x, dX = g @ w.

    python benchmarks/products.py

For layers and batch sizes of all kinds, in float32 and float64, with the result written to an existing array. Prints
geometric means and the worst product; --all prints every product. Goals: at most PyTorch's time in the geometric mean,
and never above 1.15 times np.dot's time if that is 8 µs or more: below, the call dominates, not the product.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

from tinygrad_edu.bench.timing import Clock, ratio, side_by_side
from tinygrad_edu.ops.blas import SMALL_KERNELS
from tinygrad_edu.ops.products import product

# Inputs and outputs of a layer: round, odd and prime, narrow and wide.
LAYERS = [
    (784, 256), (256, 10), (64, 64), (128, 512), (512, 512), (1024, 1024), (300, 100), (127, 509), (9216, 128),
    (256, 1024), (2048, 300), (4096, 64), (500, 300), (768, 3072), (401, 211), (200, 1000),
]  # fmt: skip
BATCHES = [1, 2, 4, 8, 13, 16, 32, 64, 128, 256]
LONG = 8e-6  # seconds of np.dot: from here on, the product dominates its call


def operands(batch: int, n_in: int, n_out: int, dtype: type) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The names and the operands of the products."""
    rng = np.random.default_rng([batch, n_in, n_out])
    x, w, g = (rng.normal(size=shape).astype(dtype) for shape in ((batch, n_in), (n_out, n_in), (batch, n_out)))
    yield "y", x, w.T
    yield "dW", g.T, x
    yield "dX", g, w


def measured(a: np.ndarray, b: np.ndarray, clock: Clock, rounds: int) -> tuple[float, float, float]:
    """Ours / np.dot, ours / PyTorch, and the seconds of np.dot."""
    shape = a.shape[0], b.shape[1]
    ours, plain, theirs = (np.empty(shape, a.dtype) for _ in range(3))
    left, right, result = (
        torch.from_numpy(a.copy(order="K")),
        torch.from_numpy(b.copy(order="K")),
        torch.from_numpy(theirs),
    )
    contenders = {
        "ours": lambda: product(a, b, ours),
        "np.dot": lambda: np.dot(a, b, plain),
        "torch": lambda: torch.mm(left, right, out=result),
    }
    for call in contenders.values():
        call()
    magnitudes = np.abs(a) @ np.abs(b)
    for other in (plain, theirs):
        error = np.abs(ours - other) / magnitudes
        assert error.max() < 100 * np.finfo(a.dtype).eps, (a.shape, b.shape)
    timings = side_by_side(contenders, clock=clock, rounds=rounds, turn=3e-4)
    own, numpy, pytorch = timings.values()
    return ratio(own, numpy), ratio(own, pytorch), numpy.median


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--all", action="store_true", help="print every product")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clock = Clock()
    print(f"One thread; kernels for small products: {'yes' if SMALL_KERNELS else 'no'}\n")
    for dtype in (np.float32, np.float64):
        found = defaultdict(list)
        for n_in, n_out in LAYERS:
            for batch in BATCHES:
                for name, a, b in operands(batch, n_in, n_out, dtype):
                    found[name].append((*measured(a, b, clock, options.rounds), (n_in, n_out), batch))
        report(dtype.__name__, found, everything=options.all)


def report(dtype: str, found: dict[str, list], *, everything: bool) -> None:
    """Geometric means over all products and by batch size, and the worst of the long ones."""
    for name, rows in found.items():
        long = [row for row in rows if row[2] >= LONG]
        print(f"{dtype} {name}")
        print(f"  ours / np.dot   {mean([row[0] for row in rows]):5.2f}", end="          by batch size:")
        for batch in BATCHES:
            print(f"  {batch}: {mean([row[0] for row in rows if row[4] == batch]):.2f}", end="")
        print(f"\n  ours / PyTorch  {against(mean([row[1] for row in rows]), 1.0)}", end="   by batch size:")
        for batch in BATCHES:
            print(f"  {batch}: {mean([row[1] for row in rows if row[4] == batch]):.2f}", end="")
        for index, other, goal in ((0, "np.dot", 1.15), (1, "PyTorch", None)):
            row = max(long, key=lambda row: row[index])
            worst = against(row[index], goal) if goal else f"{row[index]:5.2f}"
            print(
                f"\n  worst / {other:7} {worst}   layer {row[3]}, batch {row[4]}, np.dot {row[2] * 1e6:.0f} µs", end=""
            )
        print("\n")
        for to_dot, to_torch, seconds, layer, batch in rows if everything else ():
            print(f"    {layer!s:13} {batch:4}  {to_dot:5.2f}  {to_torch:5.2f}  np.dot {seconds * 1e6:7.1f} µs")


if __name__ == "__main__":
    main()
