"""Check that results that are reported together are of one problem and from one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..comparison import SAME
from ..results import Result

# The number of samples is not one of them: what is held out depends on the kind of result.
PROBLEM = {name: name for name in ("model", "data", "loss", "optimizer", "dtype", "parameters")}
MACHINE = {key: spoken for key, spoken in SAME.items() if key != "clock"}


def differences(results: Sequence[Result]) -> list[str]:
    """Warnings for a report of several results, as sentences without a full stop; empty if all agree.

    What only some of them record is no difference.

    Args:
        results: one of each kind.
    """
    problems = _named(PROBLEM, [(result.kind, result.problem) for result in results])
    machines = _named(MACHINE, [(result.kind, result.environment) for result in results])
    found = []
    if problems:
        found.append(f"these results are of different problems, so their numbers cannot be compared: {problems}")
    if machines:
        found.append(
            "these results were measured on different machines or with different settings, so their times cannot be "
            f"compared: {machines}"
        )
    return found


def _named(names: Mapping[str, str], facts: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Each name with several values, with these values and the kinds of results that have them."""
    found = []
    for name, spoken in names.items():
        kinds: dict[str, list[str]] = {}
        for kind, entries in facts:
            if entries.get(name) is not None:
                kinds.setdefault(str(entries[name]), []).append(kind)
        if len(kinds) > 1:
            values = ", ".join(f"{value} in {' and '.join(having)}" for value, having in kinds.items())
            found.append(f"{spoken} {values}")
    return "; ".join(found)
