"""Checks of the numbers and containers that an optimizer is given."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.graph import array_of
from ..errors import describe, type_name


def plain(value: Any) -> Any:
    """The array of a tensor, of this library or another one; anything else as it is."""
    value = array_of(value)
    return np.asarray(value) if hasattr(value, "__array__") and not isinstance(value, np.generic) else value


def number(value: Any) -> float:
    """The value as a Python number; NaN for anything that is not one.

    >>> import numpy as np
    >>> number(np.float32(0.5)), number("0.5")
    (0.5, nan)
    """
    if type(value) is int or type(value) is float:  # nearly always
        return float(value)
    value = plain(value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return float(value) if isinstance(value, numbers.Real) else math.nan


def require_between(owner: str, options: Mapping[str, Any], key: str, high: float = math.inf) -> None:
    """Raise ValueError unless option `key` is a number >= 0 and below `high`."""
    if not 0.0 <= number(options[key]) < high:
        what = "the learning rate " if key == "lr" else ""
        below = "" if high == math.inf else f" and < {high:g}"
        raise ValueError(f"{owner}: {key}={options[key]!r}: {what}must be a finite number >= 0{below}")


def require_betas(owner: str, options: Mapping[str, Any]) -> None:
    """Raise ValueError unless "betas" are two numbers >= 0 and below 1."""
    betas = options["betas"]
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"{owner}: betas={betas!r} must be two numbers, such as (0.9, 0.999)")
    for index, beta in enumerate(betas):
        if not 0.0 <= number(beta) < 1.0:
            raise ValueError(f"{owner}: betas={betas!r}: betas[{index}] must be >= 0 and < 1")


def require_count(owner: str, options: Mapping[str, Any], key: str) -> None:
    """Raise ValueError unless option `key` is a whole number >= 1."""
    value = options[key]
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{owner}: {key}={value!r}: must be a whole number >= 1")


def require_order(owner: str, params: Any) -> None:
    """Raise TypeError for a set, in whose order the state could not be saved."""
    if isinstance(params, set | frozenset):
        raise TypeError(f"{owner}: params is a set, whose order changes from run to run: pass a list")


def sample_count(owner: str, samples: Any) -> float:
    """The number of samples that a step divides by."""
    count = number(samples)
    if math.isnan(count) and hasattr(samples, "__len__") and not isinstance(samples, str):
        raise ValueError(
            f"{owner}.step(samples={describe(samples)}): samples is the number of samples that the gradients are sums "
            "over, not the samples themselves: write samples=len(x)"
        )
    boolean = isinstance(samples, bool) or getattr(samples, "dtype", None) == np.bool_
    if 0.0 < count < math.inf and not boolean:
        return count
    reason = "be positive. An empty batch has no mean: skip the step" if count == 0.0 else "be positive"
    if boolean or not math.isfinite(count):
        reason = f"be a finite number, got {'a bool' if boolean else _kind(samples)}. Write samples=len(x)"
    raise ValueError(
        f"{owner}.step(samples={describe(samples)}): the number of samples that the gradients are sums over must "
        f"{reason}"
    )


def _kind(samples: Any) -> str:
    return repr(samples) if isinstance(samples, float) else f"a {type_name(samples)}"
