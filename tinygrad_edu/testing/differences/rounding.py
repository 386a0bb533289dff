"""How much rounding there is in gradients: two right ones differ by that, and nobody is to be accused of it.

It cannot be told from the size of a gradient: where much cancels, as in E[x²] - E[x]², all that is left may be
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ..subject import is_floating
from .numeric import scale_of
from .regression import PLACES, fit

_WAY = 1e-6  # how far to move numbers, relative to their size: rounding changes, and a kink is seldom met
_AHEAD = 2  # places from 1 to 3, and not from -1 to 1: where the arguments are at a kink it is left and not crossed


def rounding_of(
    compute: Callable[[list[Any], list[Array]], Sequence[Array]], arrays: Sequence[Any], cotangents: Sequence[Array]
) -> list[float]:
    """The standard deviation of the rounding errors in what is computed: for each result the largest of its elements.

    Results are computed at several places of a short line, on which they are a polynomial but for rounding. Once all
    numbers move along it, and once the cotangents alone: there may be no way to move the arguments.

    Args:
        compute: a function of arguments and cotangents; its results are arrays.
        arrays: the arguments; those that are real numbers can be moved.
        cotangents: what enters a backward pass.

    Returns:
        One number for each result; none at all if nothing can be computed near by.

    >>> import numpy as np
    >>> def gradient(arrays, cotangents):
    ...     x, g = arrays[0], cotangents[0]
    ...     return [g * 2 * (x - x.mean()), g * (2 * x) - g * 2 * x.mean()]
    >>> near, far = rounding_of(gradient, [np.full(3, 1e6)], [np.ones(())])
    >>> bool(near < 1e-9 < far < 1e-8)
    True
    """
    rng = np.random.default_rng(0)
    found: list[list[float]] = []
    for way in (0.0, _WAY):
        directions = [way * scale_of(a) * rng.normal(size=a.shape) if is_floating(a) else 0 for a in arrays]
        seeds = [_WAY * scale_of(c) * rng.normal(size=c.shape) for c in cotangents]
        try:
            rows = [
                compute(
                    [
                        np.asarray(a + step * d) if is_floating(a) else a
                        for a, d in zip(arrays, directions, strict=True)
                    ],
                    [np.asarray(c + step * d) for c, d in zip(cotangents, seeds, strict=True)],
                )
                for step in PLACES + _AHEAD
            ]
            found.append([_largest(fit(np.stack(parts)).noise) for parts in zip(*rows, strict=True)])
        except Exception:  # it need not take other numbers, or may return other shapes for them
            continue
    return [max(both) for both in zip(*found, strict=True)]


def _largest(noise: Array) -> float:
    return float(np.max(noise, where=np.isfinite(noise), initial=0.0))
