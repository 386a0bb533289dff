"""The gradients that enter a backward pass under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import array_of


def cotangents_for(outputs: Sequence[Array], given: Any, rng: np.random.Generator) -> list[Array]:
    """One for each output: those given, or random ones that are nowhere near 0; of both signs, if there are two.

    Raises:
        ValueError: if those given do not have the shapes of the outputs.
    """
    if given is None:
        drawn = [np.asarray(rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1.0, 1.0], o.shape)) for o in outputs]
        return _of_both_signs(drawn)
    parts = list(given) if isinstance(given, tuple | list) else [given]
    arrays = [np.asarray(array_of(p), dtype=np.float64) for p in parts]
    if [a.shape for a in arrays] != [out.shape for out in outputs]:
        raise ValueError(
            f"cotangent: shapes {[a.shape for a in arrays]} for outputs of shapes {[out.shape for out in outputs]}"
        )
    return arrays


def _of_both_signs(drawn: list[Array]) -> list[Array]:
    """The same numbers, but if there are two or more, one at least is above 0 and one below."""
    signs = np.concatenate([np.sign(c).reshape(-1) for c in drawn] or [np.zeros(0)])
    if signs.size > 1 and abs(signs.sum()) == signs.size:
        last = next(c for c in reversed(drawn) if c.size)
        last.reshape(-1)[-1] *= -1
    return drawn
