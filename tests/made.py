"""What tests compute with: leaves with given numbers, and numbers drawn from a seed; all in float64 unless said."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_edu as tg


def leaf(*numbers: float, dtype: Any = np.float64) -> tg.Tensor:
    """A tensor of these numbers that requires a gradient."""
    return tg.tensor(list(numbers), dtype=dtype, requires_grad=True)


def normal(*shape: int, seed: int = 0) -> Any:
    """An array of normally distributed numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def parameter(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    """A tensor of normally distributed numbers that requires a gradient."""
    return tg.tensor(np.asarray(normal(*shape, seed=seed), dtype), requires_grad=True)
