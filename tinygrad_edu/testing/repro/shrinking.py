"""Smaller inputs that fail too: fewer indices along axes of the same size, of all inputs at once."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..report import Report
from ..subject import Subject, is_array

_SECONDS = 3.0  # how long to try
_SLOW = 1e-3  # seconds for one evaluation, above which no whole check is tried


def smaller(
    subject: Subject, report: Report, check: Callable[[Subject], Report], own: int, numbers: int
) -> Subject | None:
    """The subject at fewer numbers, if a check of it fails, too.

    Axes of equal size are taken to be the same one (a batch, for example), and are cut together, down to one,
    two or three indices: that of the worst element, and the first ones.

    Args:
        subject: what fails.
        report: how it fails.
        check: checks a subject in the same way.
        own: from which input on they may be cut; those before are a module's parameters.
        numbers: how many numbers it may have.

    Returns:
        The smaller subject; None if there is none with so few numbers.
    """
    start = time.perf_counter()
    if not any(f.wrong.any() for f in report.findings):
        return None
    values = [given.value for given in subject.inputs]
    fixed = {n for value in values[:own] if is_array(value) for n in value.shape}
    sizes = {n for value in values[own:] if is_array(value) for n in value.shape if n > 1}
    found = None
    for size in sorted(sizes, key=lambda n: (n in fixed, -n)):
        for count in (1, 2, 3):
            if count >= size or time.perf_counter() - start > _SECONDS:
                break
            kept = _kept(report, size, count)
            cut = [v if i < own else _cut(v, size, kept) for i, v in enumerate(values)]
            inputs = [replace(given, value=value) for given, value in zip(subject.inputs, cut, strict=True)]
            trial = copy.copy(subject)
            trial.inputs, trial.used = inputs, [0]
            if _fails(trial, check):
                values, found = cut, trial
                break
    total = sum([value.size for value in values[own:] if is_array(value)])
    return found if found is not None and total <= numbers else None


def _fails(subject: Subject, check: Callable[[Subject], Report]) -> bool:
    try:
        with np.errstate(all="ignore"):
            start = time.perf_counter()
            subject.values(subject.arrays())
            if time.perf_counter() - start > _SLOW:
                return False
            again = check(subject)
    except Exception:
        return False
    return any(f.wrong.any() for f in again.findings)


def _kept(report: Report, size: int, count: int) -> list[int]:
    """Which indices of an axis to keep: that of a wrong element, and the first others."""
    worst = [
        i for f in report.findings if f.wrong.any() for i, n in zip(f.worst, f.analytic.shape, strict=True) if n == size
    ]
    first = worst[:1] + [i for i in range(size) if i not in worst[:1]]
    return sorted(first[:count])


def _cut(value: Any, size: int, kept: Sequence[int]) -> Any:
    if not is_array(value):
        return value
    for axis, n in enumerate(value.shape):
        if n == size:
            value = np.take(value, kept, axis)
    return value
