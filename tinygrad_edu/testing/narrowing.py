"""Where a function of float64 inputs computes in a narrower dtype, too coarse for differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from .subject import Subject, is_floating

_NARROW: dict[np.dtype[Any], float] = {
    np.dtype(np.float16): 2.0**-10,
    np.dtype(np.float32): 2.0**-23,
}  # and their last digits
_POINTS = (1.0, 1.0, 4.0, 0.25)  # multiples of the arguments at which to look for a cast inside: rounding
# in large numbers leaves few digits at some of them only
_WAY_OUT = "let it keep the dtype of its inputs"
SHARE: dict[np.dtype[Any], float] = {np.dtype(np.float16): 2e-2, np.dtype(np.float32): 2e-5}
"""By what share of the largest of them gradients may be off that are computed in a dtype."""


def narrowed(
    subject: Subject, arrays: Sequence[Any], cotangents: Sequence[Array], gradients: Sequence[Array | None]
) -> tuple[str, np.dtype[Any] | None]:
    """Which numbers are cast to which dtype, in words, and the dtype; nothing and None where all is float64.

    A dtype that can be seen is named: that of an output, or of a gradient. A cast inside is seen by what it does to the
    numbers: they have just the digits of that dtype, or stay the same where an input loses its further digits.

    Args:
        subject: the function.
        arrays: its arguments.
        cotangents: what comes in.
        gradients: what has come out.
    """
    for k, out in enumerate(subject.values(arrays)):
        if out.dtype in SHARE:
            return f"output {k} is {out.dtype} for inputs of float64: a cast (astype, dtype=)? {_WAY_OUT}", out.dtype
    for place, g in zip(subject.checked, gradients, strict=True):
        if g is not None and g.dtype in SHARE:
            name = subject.inputs[place].name
            return f"the gradient of input {name!r} is {g.dtype}: a cast (astype, dtype=)? {_WAY_OUT}", g.dtype
    rng = np.random.default_rng(0)
    points = [[_beside(a, times, rng) for a in arrays] for times in _POINTS]
    forward, backward = subject.values, lambda given: subject.full_gradients(given, cotangents)
    for what, compute in (("forward", forward), ("backward", backward)):
        for kind, digit in _NARROW.items():
            try:
                text = _cast(compute, points, kind, digit, subject)
            except Exception:  # it need not be defined nearby
                text = ""
            if text:
                return f"the {what} {text}: a cast to it inside? {_WAY_OUT}", kind
    return "", None


def _cast(
    compute: Callable[[list[Any]], Sequence[Array]],
    points: list[list[Any]],
    kind: np.dtype[Any],
    digit: float,
    subject: Subject,
) -> str:
    """What shows that results have the digits of a dtype, or that they do not use those of an input that it has not."""
    found = [_flat(compute(point)) for point in points]
    if all(_digits_of(f, kind, digit) for f in found):
        return f"gives numbers that have the digits of {kind} and no more"
    for place, value in enumerate(points[0]):
        if is_floating(value) and len({f.tobytes() for f in found}) == len(found):
            coarse = [[_rounded(a, kind) if i == place else a for i, a in enumerate(point)] for point in points]
            moved = [
                [_rounded(a * (1 + 4 * digit), kind) if i == place else a for i, a in enumerate(p)] for p in points
            ]
            same = all(_same(compute(c), f) for c, f in zip(coarse, found, strict=True))
            if same and all(_differs(_flat(compute(m)), f) for m, f in zip(moved, found, strict=True)):
                return f"uses only the digits of input {subject.inputs[place].name!r} that {kind} has"
    return ""


def _beside(value: Any, times: float, rng: np.random.Generator) -> Any:
    """About a given multiple of an argument, where it has digits to lose."""
    return np.asarray(value * times * (1 + 1e-2 * rng.random(value.shape))) if is_floating(value) else value


def _rounded(value: Array, kind: np.dtype[Any]) -> Array:
    return np.asarray(value.astype(kind).astype(np.float64))


def _flat(results: Sequence[Array]) -> Array:
    return np.concatenate([np.asarray(r, np.float64).reshape(-1) for r in results] or [np.zeros(0)])


def _digits_of(numbers: Array, kind: np.dtype[Any], digit: float) -> bool:
    """Whether all numbers are ones of a dtype, and most of them need nearly all of its digits."""
    some = numbers[np.isfinite(numbers) & (numbers != 0)]
    coarse = _rounded(some * 1.0, kind)
    last = np.ldexp(digit * 256, np.frexp(some)[1] - 1)  # a number of eight digits less is short by itself
    short = some == np.round(some / last) * last
    return bool(some.size and np.array_equal(coarse, some) and short.mean() < 0.5)


def _differs(moved: Array, flat: Array) -> bool:
    """Whether results have moved by much more than their last digit: else they hardly depend on what has moved."""
    return bool((np.abs(moved - flat) > 2.0**-44 * np.abs(flat).max(initial=0.0)).any())


def _same(results: Sequence[Array], flat: Array) -> bool:
    return np.array_equal(_flat(results), flat, equal_nan=True)
