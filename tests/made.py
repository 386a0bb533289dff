"""What tests compute with: leaves with given numbers, their gradients, and numbers drawn from a seed.

All in float64 unless said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_edu as tg


def leaf(*numbers: float, dtype: Any = np.float64) -> tg.Tensor:
    """A tensor of these numbers that requires a gradient."""
    return tg.tensor(list(numbers), dtype=dtype, requires_grad=True)


def normal(*shape: int, seed: int = 0) -> Any:
    """An array of normally distributed numbers."""
    return rng(seed).normal(size=shape)


def parameter(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    """A tensor of normally distributed numbers that requires a gradient."""
    return tg.tensor(np.asarray(normal(*shape, seed=seed), dtype), requires_grad=True)


def rng(seed: int = 0) -> np.random.Generator:
    """What draws random numbers."""
    return np.random.default_rng(seed)


def uniform(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Any:
    """An array of numbers that are uniform from `low` to `high`."""
    return rng(seed).uniform(low, high, shape)


def gradient(f: Callable[[Any], Any], values: Any) -> Any:
    """The derivative of the sum of f with respect to these numbers, in the default dtype, as a list."""
    x = tg.tensor(values, requires_grad=True)
    f(x).backward()
    return x.grad.tolist()
