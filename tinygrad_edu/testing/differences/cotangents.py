"""The gradients that enter a backward pass under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import array_of


def cotangents_for(outputs: Sequence[Array], given: Any, rng: np.random.Generator) -> list[Array]:
    """One for each output: those given, or random ones of either sign that are nowhere near 0.

    Raises:
        ValueError: if those given do not have the shapes of the outputs.
    """
    if given is None:
        return [np.asarray(rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1.0, 1.0], o.shape)) for o in outputs]
    parts = list(given) if isinstance(given, tuple | list) else [given]
    arrays = [np.asarray(array_of(p), dtype=np.float64) for p in parts]
    if [a.shape for a in arrays] != [out.shape for out in outputs]:
        raise ValueError(
            f"cotangent: shapes {[a.shape for a in arrays]} for outputs of shapes {[out.shape for out in outputs]}"
        )
    return arrays
