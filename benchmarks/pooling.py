"""What pooling and resampling cost: one layer, forward alone and forward and backward, against PyTorch.

    python benchmarks/pooling.py

float32 images of shape (64, 32, 26, 26). The goal is at most PyTorch's time.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

SHAPE = (64, 32, 26, 26)

LAYERS: dict[str, Callable[[Any, Any], Any]] = {
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


def contender(library: Any, tensor: Callable[[Any], Any], layer: Callable[[Any, Any], Any]) -> dict[str, Step]:
    """Both kinds of steps, in one library."""
    functional, x = library.nn.functional, tensor(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    seed = tensor(np.random.default_rng(1).normal(size=tuple(layer(functional, x).shape)).astype(np.float32))
    leaf = tensor(x.numpy()).requires_grad_()

    def forward() -> Any:
        return layer(functional, x)

    def both() -> Any:
        leaf.grad = None
        layer(functional, leaf).backward(seed)
        return leaf.grad

    return {"forward": forward, "forward and backward": both}


def main() -> None:
    torch.set_num_threads(1)
    print(f"Layers on float32 {SHAPE}; goal ≤ 1.00 of PyTorch's time\n")
    print(f"{'layer':30} {'step':21} {'tinygrad_edu':>13} {'torch':>9}   ratio (goal)")
    for name, layer in LAYERS.items():
        ours, theirs = contender(tg, tg.tensor, layer), contender(torch, torch.tensor, layer)
        for kind in ours:
            mine, other = ours[kind]().numpy(), theirs[kind]().numpy()
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
            timings = side_by_side({"ours": ours[kind], "torch": theirs[kind]}, clock=Clock.for_threads(1), rounds=15)
            one, two = timings.values()
            print(
                f"{name:30} {kind:21} {one.median * 1e3:10.2f} ms {two.median * 1e3:6.2f} ms"
                f"   {against(ratio(one, two), 1.0)}"
            )


if __name__ == "__main__":
    main()
