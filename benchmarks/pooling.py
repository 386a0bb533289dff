"""Pooling and resampling against PyTorch: one layer, forward only, and forward and backward.

    python benchmarks/pooling.py

float32 images of shape (64, 32, 26, 26). The goal is at most PyTorch's time.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
from _layers import Layer, table

SHAPE = (64, 32, 26, 26)

LAYERS: dict[str, Layer] = {
    "max 2x2": lambda f, x: f.max_pool2d(x, 2),
    "max 3x3, stride 2, padding 1": lambda f, x: f.max_pool2d(x, 3, 2, 1),
    "avg 2x2": lambda f, x: f.avg_pool2d(x, 2),
    "adaptive avg to 1x1": lambda f, x: f.adaptive_avg_pool2d(x, 1),
    "adaptive avg to 7x7": lambda f, x: f.adaptive_avg_pool2d(x, 7),
    "nearest, twice as large": lambda f, x: f.interpolate(x, scale_factor=2),
    "bilinear, twice as large": lambda f, x: f.interpolate(x, scale_factor=2, mode="bilinear"),
    "bilinear, 1.3 times as large": lambda f, x: f.interpolate(x, scale_factor=1.3, mode="bilinear"),
    "reflection around": lambda f, x: f.pad(x, (1, 1, 1, 1), mode="reflect"),
}


if __name__ == "__main__":
    print(f"Layers on float32 {SHAPE}; goal ≤ 1.00 of PyTorch's time\n")
    table({name: (SHAPE, layer) for name, layer in LAYERS.items()})
