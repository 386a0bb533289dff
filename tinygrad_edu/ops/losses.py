"""Losses whose derivative needs a rule of its own, because its plain composition would divide 0 by 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..sample_rules.families import elementwise

__all__: list[str] = []  # the public functions are in nn.functional

_FLOOR = -100.0  # PyTorch's bound on a logarithm, so that one certain mistake does not cost infinity


def _log(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), _FLOOR)


def _log_of_rest(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(-p), _FLOOR)


@primitive(
    vjps=(
        lambda g, out, p, target: g * (p - target) / np.maximum(p * (1 - p), 1e-12),
        lambda g, out, p, target: g * (_log_of_rest(p) - _log(p)),
    ),
    saves=("p target", "p"),
    fresh=True,
    single=True,
    domain=(0.1, 0.9),
    samples=elementwise,
)
def binary_cross_entropy(p: Operand, target: Operand) -> Operand:
    """-target log(p) - (1 - target) log(1 - p), with logarithms of at least -100."""
    return -(target * _log(p) + (1 - target) * _log_of_rest(p))
