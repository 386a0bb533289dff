"""A module without parameters between two layers: the gradients of these, sample by sample, in one backward pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.trees import flatten


def check_between_layers(module: Any, shape: Sequence[int], samples: int = 3) -> None:
    """Compare per-sample gradients with one pass a sample, and with each sample alone.

    Args:
        module: takes a tensor of shape (N, *shape); the first tensor that it returns goes on.
        shape: that of one sample.
        samples: how many there are.
    """
    first = nn.Linear(4, math.prod(shape)).double()
    x = tg.tensor(normal(samples, 4))
    scale = tg.tensor(normal(*shape, seed=5), requires_grad=True)

    def losses(rows: Any) -> Any:
        out, _ = flatten([module(first(rows).reshape((-1, *shape)) * scale)])
        return out[0].flatten(1).tanh().sum(1)

    leaves = [*first.parameters(), scale]
    check_open_sum(lambda: losses(x), leaves, alone=lambda m: losses(x[m : m + 1]))
