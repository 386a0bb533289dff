"""Probes that need more backward passes: whether a gradient is linear, and which results it misses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dtypes import Array
from ..whereabouts import index_text, where_in_words
from .clues import Case


def not_linear(case: Case) -> str:
    """Whether the gradient differs between passes, or is not linear in the incoming gradient."""
    if case.clues.passes is None:
        return ""
    once, again, twice, some, others = case.clues.passes()
    size = 1e-9 * max(float(np.abs(once).max(initial=0.0)), 1e-300)
    if not np.isfinite(once).all():
        return ""
    if not (np.abs(once - case.analytic) <= size).all() or not (np.abs(once - again) <= size).all():
        return "a different gradient in each pass: a rule that changes what was kept for it, or draws random numbers?"
    if (np.abs(twice - 2 * once) <= size).all() and (np.abs(some + others - once) <= size).all():
        return ""
    return "not linear in the incoming gradient: a rule that uses it twice, adds to it, or depends on its sign?"


def wrong_terms(case: Case) -> str:
    """Through which elements of the results the worst element goes wrong."""
    column = case.clues.column
    at = case.finding.worst
    parts = column(at) if column is not None and bool(case.wrong[at]) else None
    if not parts:
        return ""
    ours, theirs, error = [np.concatenate([p[i].reshape(-1) for p in parts]) for i in range(3)]
    if not all(np.isfinite(v).all() for v in (ours, theirs, error)):
        return ""
    size = float(np.abs(np.concatenate([ours, theirs])).max(initial=0.0))
    there = np.abs(theirs) > 20 * error + 1e-10 * size
    bad = np.abs(ours - theirs) > 1e-6 * np.maximum(np.abs(theirs), 1e-3 * size) + 20 * error
    missing = bad & there & (np.abs(ours) < 1e-10 * size)
    if not bad.any():
        return ""
    element, extra = f"{case.name}{index_text(at)}", bad & ~there
    count, depend = int(bad.sum()), f"{there.sum()} elements of the result that depend on {case.name}{index_text(at)}"
    where = _among(bad, there | bad, parts)
    if np.array_equal(bad, missing) and (there & ~bad).any():
        return (
            f"of the {depend}, {count} do{'es' * (count == 1)} not count{where}: "
            "is a sum over repeated uses (broadcasting, a repeated index) missing?"
        )
    if np.array_equal(bad, extra):
        return f"{count} element{'s' * (count > 1)} of the result count for {element}, but do not depend on it{where}"
    if extra.any() and missing.any() and np.array_equal(bad, extra | missing):
        return (
            f"of the {depend}, {missing.sum()} do not count{_among(missing, there, parts)}, but {extra.sum()} others do"
            f"{_among(extra, extra | ~there, parts)}: another axis, or another order?"
        )
    right = (there & ~bad).any() and not extra.any()
    return f"of the {depend}, {count} ha{'s' if count == 1 else 've'} a wrong derivative{where}" if right else ""


def _among(mask: Array, among: Array, parts: Sequence[tuple[Array, ...]]) -> str:
    """Where elements of the result lie, if it is one."""
    shape = parts[0][0].shape
    if len(parts) > 1:
        return ""
    if mask.sum() == 1:
        return f", {index_text(tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), shape)))}".rstrip(", ")
    where = where_in_words(mask.reshape(shape), among.reshape(shape))
    return "" if where == ", all of them" else where
