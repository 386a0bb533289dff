"""For benchmarks of layers: a table of one layer here and in PyTorch, forward only, and forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

Layer = Callable[[Any, Any], Any]
"""Made from the functions of a library, and from an input."""


def contender(library: Any, tensor: Callable[[Any], Any], shape: tuple[int, ...], layer: Layer) -> dict[str, Step]:
    """The two kinds of steps in one library."""
    functional, x = library.nn.functional, tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    seed = tensor(np.random.default_rng(1).normal(size=tuple(layer(functional, x).shape)).astype(np.float32))
    leaf = tensor(x.numpy()).requires_grad_()

    def forward() -> Any:
        return layer(functional, x)

    def both() -> Any:
        leaf.grad = None
        layer(functional, leaf).backward(seed)
        return leaf.grad

    return {"forward": forward, "forward and backward": both}


def table(layers: dict[str, tuple[tuple[int, ...], Layer]]) -> None:
    """Compare the results of the layers, then print their times; `layers` has input shape and layer by name."""
    torch.set_num_threads(1)
    print(f"{'layer':38} {'step':21} {'tinygrad_edu':>13} {'torch':>9}   ratio (goal)")
    for name, (shape, layer) in layers.items():
        ours, theirs = contender(tg, tg.tensor, shape, layer), contender(torch, torch.tensor, shape, layer)
        for kind in ours:
            mine, other = ours[kind]().numpy(), theirs[kind]().numpy()
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
            timings = side_by_side({"ours": ours[kind], "torch": theirs[kind]}, clock=Clock.for_threads(1), rounds=15)
            one, two = timings.values()
            print(
                f"{name:38} {kind:21} {one.median * 1e3:10.2f} ms {two.median * 1e3:6.2f} ms"
                f"   {against(ratio(one, two), 1.0)}"
            )
