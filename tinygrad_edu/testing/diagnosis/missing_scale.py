"""Naming the factor by which a gradient is off: a number with a meaning, or something that was forgotten."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...dtypes import Array
from ..subject import broadcasts_to
from .clues import Case

_CONSTANTS = {
    "log(2)": math.log(2),
    "log(10)": math.log(10),
    "pi": math.pi,
    "2 pi": 2 * math.pi,
    "pi/180": math.pi / 180,
    "sqrt(2)": math.sqrt(2),
    "sqrt(pi)": math.sqrt(math.pi),
    "sqrt(2 pi)": math.sqrt(2 * math.pi),
    "2/sqrt(pi)": 2 / math.sqrt(math.pi),
    "sqrt(2/pi)": math.sqrt(2 / math.pi),
    "e": math.e,
}


def number_in_words(k: float) -> str:
    """A number in its usual form: an integer, a fraction, a short decimal, a known constant; else empty.

    >>> number_in_words(1 / 3 + 1e-12), number_in_words(-1.6), number_in_words(0.6931471805599), number_in_words(0.7364)
    ('1/3', '-8/5', 'log(2)', '')
    """
    if not k or not math.isfinite(k):
        return ""
    for q in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16):
        p = round(k * q)
        if p and _near(k, p / q) and abs(p) <= (10_000 if q == 1 else 25):
            return str(p) if q == 1 else f"{p}/{q}"
    sign = "-" * (k < 0)
    if 1e-4 < abs(k) < 1 and _near(1 / k, round(1 / k)):
        return f"{sign}1/{abs(round(1 / k))}"
    for name, value in _CONSTANTS.items():
        if _near(abs(k), value):
            return sign + name
        if _near(abs(k), 1 / value):
            return f"{sign}1/({name})" if "/" in name or " " in name else f"{sign}1/{name}"
    short = float(f"{k:.3g}")
    return f"{short:g}" if _near(k, short) else ""


def factor_in_words(
    k: float,
    sizes: Sequence[tuple[str, int]],
    uses: int,
    *,
    several: bool,
    batch: int = 0,
    columns: int = 0,
    times: int = 0,
) -> str:
    """What it may mean that a gradient is `k` times what it should be; empty if unknown.

    Args:
        k: the factor.
        sizes: what a number may be the size of.
        uses: how often the input is used.
        several: whether enough elements share the factor for any number to be worth a word.
        batch: how many samples the batch has; 0 if that is not known.
        columns: how many it has if they are columns; 0 if that cannot be.
        times: the number of samples that the gradient was multiplied by; 0 if it was not.
    """
    if times > 1 and _near(k, times):
        return f"it is right without batch_mean, which multiplied it by {times}"
    if _near(k, -1):
        return "the sign is wrong"
    text = number_in_words(k)
    text = text or (f"{k:.6g}" if several else "")
    if not text:
        return ""
    start = f"it is {text} {'of' if '/' in text and 0 < k < 2 else 'times'} the numeric derivative"
    sign = " and the sign is wrong" if k < 0 else ""
    size = abs(k)
    if uses > 1 and _near(size, 1 / uses):
        return f"{start}: it is used {uses} times, but counted once?{sign}"
    if uses > 1 and _near(size, uses):
        return f"{start}: it is used {uses} times, and each use counted {uses} times?{sign}"
    if times > 1 and columns > 1 and _near(k, times / columns):
        return f"{start}: batch_mean multiplied it by {times}: if its samples are columns, give batch_mean={columns}"
    if not times and batch > 2 and _near(k, 1 / batch):
        way = f"multiply by {batch}, or take the mean in the loss"
        return f"{start}: the mean over the batch: {way} (batch_mean=True accepts it)"
    for words, n in sizes:
        named = f"{n}, {words}"
        if n < 3:  # a 2, or a half, has too many other reasons
            continue
        if _near(size, 1 / n):
            accepted = f" Or, if its samples are columns, batch_mean={n} accepts it" if k > 0 and n == columns else ""
            return f"{start}: an extra division by {named} (a mean in place of a sum)?{sign}{accepted}"
        if _near(size, n):
            return f"{start}: a missing division by {named} (a sum in place of a mean)?{sign}"
        if n > 3 and (_near(size, (n - 1) / n) or _near(size, n / (n - 1))):
            return f"{start}: n and n - 1 mixed up, where n is {named}?{sign}"
    base = ": a logarithm of another base?" if "log(" in text else ""
    degrees = ": degrees and radians?" if "180" in text else ""
    return start + base + degrees


def derived(arrays: Sequence[tuple[str, Array]], shape: tuple[int, ...]) -> list[tuple[str, Array]]:
    """Arrays that can be broadcast to a shape, and then what rules often have of them."""
    found = [(name, np.broadcast_to(array, shape)) for name, array in arrays if broadcasts_to(array.shape, shape)]
    for name, array in list(found):
        found += [(f"{name} squared", array * array), (f"1 - {name}", 1 - array)]
        found += [(f"1 - {name} squared", 1 - array * array), (f"exp of {name}", np.exp(array))]
    return found


def missing_factor(case: Case) -> str:
    """An array that the gradient was not multiplied by, or once too often: perhaps squared, perhaps times a number."""
    if case.wrong.sum() < 3:
        return ""
    best = ""
    for words, v in derived(case.clues.arrays, case.analytic.shape):
        if np.isfinite(v).all() and float(np.ptp(v[case.wrong])) > 0:
            found = _times(case, v, words)
            if found and (not best or len(found) < len(best)):
                best = found
    return best and ("where it is wrong, " if case.partly else "") + best


def _times(case: Case, v: Array, words: str) -> str:
    """Whether the gradient times `v`, or divided by it, is the numeric derivative but for a number."""
    a, n, e = case.analytic, case.numeric, case.error
    for made, wanted, error, missing in ((a * v, n, e, True), (n * v, a, e * np.abs(v), False)):
        size = np.where(case.wrong & np.isfinite(made), np.abs(made), -1.0)
        at = np.unravel_index(int(np.argmax(size)), size.shape)
        if size[at] <= 0:
            continue
        k = float(wanted[at] / made[at])
        text = number_in_words(k)
        slack = error if missing else error * abs(k)
        if text and case.alike(k * made, wanted, case.wrong, slack):
            times = "" if text == "1" else f"{text} times "
            return f"a factor is missing: {times}{words}" if missing else f"an extra factor: {times}{words}"
    return ""


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * abs(other)
