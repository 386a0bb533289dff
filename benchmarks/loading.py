"""The time to draw a batch: an epoch of a DataLoader over 2,048 samples, in this process, against PyTorch.

    python benchmarks/loading.py

A sample is an image, float32 of shape (784,), and its label. A plain dataset computes `x[i], y[i]`: from tensors, from
NumPy arrays, or from an array with the label as a Python integer. `TensorDataset` holds the tensors themselves. Nothing
is shuffled, so both give the same batches. The goal is at most PyTorch's time.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

COUNT, WIDTH = 2048, 784
BATCH_SIZES = (1, 8, 64, 512)
IMAGES = np.random.default_rng(0).normal(size=(COUNT, WIDTH)).astype(np.float32)
LABELS = np.arange(COUNT) % 10


class Pairs:
    """A plain dataset: sample i is what `read` makes of the i-th image and label."""

    def __init__(self, images: Any, labels: Any, read: Callable[[Any, Any], Any]) -> None:
        self.images, self.labels, self.read = images, labels, read

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, i: int) -> Any:
        return self.read(self.images[i], self.labels[i])


def as_they_are(image: Any, label: Any) -> tuple[Any, Any]:
    return image, label


def with_an_integer(image: Any, label: Any) -> tuple[Any, int]:
    return image, int(label)


def table(library: Any, tensor: Callable[[Any], Any]) -> Any:
    return library.TensorDataset(tensor(IMAGES), tensor(LABELS))


# By name: the dataset of a library, whose function `tensor` converts an array.
DATASETS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "plain: tensors": lambda library, tensor: Pairs(tensor(IMAGES), tensor(LABELS), as_they_are),
    "plain: arrays": lambda library, tensor: Pairs(IMAGES, LABELS, as_they_are),
    "plain: array, integer": lambda library, tensor: Pairs(IMAGES, LABELS, with_an_integer),
    "TensorDataset": table,
    "Subset of it": lambda library, tensor: library.Subset(table(library, tensor), list(range(COUNT))),
    "two of them joined": lambda library, tensor: library.ConcatDataset([table(library, tensor)] * 2),
}


def a_pass(loader: Any) -> Step:
    """Draw all batches, one after another, and keep none."""
    return lambda: deque(loader, maxlen=0)


def require_equal(ours: Any, theirs: Any) -> None:
    """Raise an error unless two loaders give the same batches."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            assert a.numpy().dtype == b.numpy().dtype
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def main() -> None:
    torch.set_num_threads(1)
    print(f"Drawing a batch of images of {WIDTH} numbers, num_workers=0; goal ≤ 1.00 of PyTorch's time\n")
    print(f"{'dataset':22} {'batch':>5} {'tinygrad_edu':>14} {'torch':>12}   ratio (goal)   spread")
    for name, make in DATASETS.items():
        for size in BATCH_SIZES:
            ours = tg.data.DataLoader(make(tg.data, tg.tensor), batch_size=size)
            theirs = torch.utils.data.DataLoader(make(torch.utils.data, torch.tensor), batch_size=size)
            require_equal(ours, theirs)
            steps = {"ours": a_pass(ours), "torch": a_pass(theirs)}
            one, two = side_by_side(steps, clock=Clock.for_threads(1), rounds=15).values()
            micro = [timing.median / len(ours) * 1e6 for timing in (one, two)]
            print(
                f"{name:22} {size:5} {micro[0]:11.1f} µs {micro[1]:9.1f} µs   {against(ratio(one, two), 1.0)}"
                f"   {max(one.spread, two.spread):5.1%}"
            )


if __name__ == "__main__":
    main()
