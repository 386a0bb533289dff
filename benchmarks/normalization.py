"""Normalization by channels against PyTorch: forward only, and forward and backward.

    python benchmarks/normalization.py

float32, without weights: over a batch in training, with given statistics in evaluation, and within groups. The goal is
at most PyTorch's time.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
from typing import Any

from _layers import Layer, table

SHAPES = [(32, 64, 32, 32), (32, 512, 7, 7), (64, 32, 14, 14), (8, 3, 224, 224), (128, 64)]


def in_training(f: Any, x: Any) -> Any:
    """With the statistics of the batch."""
    return f.batch_norm(x, None, None, training=True)


def in_evaluation(f: Any, x: Any) -> Any:
    """With given statistics: those of standard normal numbers."""
    mean = x.detach().reshape(-1)[: x.shape[1]] * 0
    return f.batch_norm(x, mean, mean + 1)


def in_groups(f: Any, x: Any) -> Any:
    """Within each sample, in groups of eight channels, or in one group if there are fewer."""
    return f.group_norm(x, max(1, x.shape[1] // 8))


if __name__ == "__main__":
    print("Normalization of float32 arrays; goal ≤ 1.00 of PyTorch's time\n")
    kinds: dict[str, Layer] = {"batch": in_training, "evaluation": in_evaluation, "groups": in_groups}
    table({f"{name} {shape}": (shape, layer) for shape in SHAPES for name, layer in kinds.items()})
