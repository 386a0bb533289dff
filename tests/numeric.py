"""Derivatives by differences, for tests: Richardson extrapolation with an estimate of its own error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def directional(f: Callable[[float], float], scale: float) -> tuple[float, float]:
    """The derivative of f at 0 and an estimate of its error, from central differences at three steps."""
    h = 1e-3 * scale
    d0, d1, d2 = ((f(step) - f(-step)) / (2 * step) for step in (h, h / 2, h / 4))
    first, second = (4 * d1 - d0) / 3, (4 * d2 - d1) / 3
    best = (16 * second - first) / 15
    noise = 1e-15 * (abs(f(0.0)) + 1e-3) / h
    return best, abs(best - second) + 100 * noise


def numeric_gradient(
    f: Callable[..., Any], args: list[Any], index: int, cotangent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of sum(f(*args) * cotangent) by args[index], element by element, and its error estimate."""
    x = args[index]
    gradient, error = np.zeros_like(x), np.zeros_like(x)
    for position in np.ndindex(x.shape):

        def along(step: float, position: Any = position) -> float:
            moved = x.copy()
            moved[position] += step
            return float(np.sum(f(*args[:index], moved, *args[index + 1 :]) * cotangent))

        gradient[position], error[position] = directional(along, max(1e-2, abs(float(x[position]))))
    return gradient, error


def assert_gradients_close(actual: np.ndarray, numeric: np.ndarray, error: np.ndarray, what: str) -> None:
    """Equality within 1e-9 of the gradient's size and ten times the numeric derivative's own error."""
    assert actual.shape == numeric.shape, f"{what}: shape {actual.shape}, expected {numeric.shape}"
    scale = max(1.0, float(np.max(np.abs(numeric), initial=0.0)))
    assert np.all(np.isfinite(actual)), f"{what}: not finite: {actual}"
    assert np.max(error, initial=0.0) < 1e-6 * scale, f"{what}: the numeric derivative is not usable here: {error}"
    wrong = np.abs(actual - numeric) > 1e-9 * scale + 10 * error
    assert not wrong.any(), f"{what}: {wrong.sum()} of {wrong.size} wrong\nrule    {actual}\nnumeric {numeric}"
