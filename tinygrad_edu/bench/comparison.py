"""Compare two results of one benchmark on one machine: what has become slower?"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from .errors import BenchError
from .results import Result
from .timing.intervals import LEVEL, Interval, quotient_interval
from .timing.reference import REFERENCE
from .timing.rounds import Timing, ratio_interval

SAME = {
    "processor": "processor",
    "blas": "BLAS",
    "blas_version": "BLAS version",
    "blas_core": "BLAS core type",
    "threads": "number of threads",
    "clock": "clock",
}
IGNORED = 0.015  # of the time: how much the memory layout alone changes it from one process to the next
# The level of a control's interval, one standard error. With 95 %, of steps that became slower by 5 % and whose 101
# rounds vary by 3 %, fewer than 95 of 100 would be found.
SURE = 0.68
UNSTEADY = 0.2  # IQR over median; beyond it times fall into two groups, as with fresh and with reused memory
SECOND = " again"  # ends the name of a control: the same work, timed a second time in the run


@dataclasses.dataclass
class Change:
    """How one row has changed.

    Attributes:
        name: of the row, such as ``"step 32"``.
        ratio: the new time divided by the old one, both in units of the reference, with its interval.
        old: median seconds in the old result.
        new: median seconds in the new result; the machine may have been faster or slower then.
        spread: the larger interquartile range of the two, in units of the reference, as a share of the median.
        off: how far the control of either run may differ from 1.
    """

    name: str
    ratio: Interval
    old: float
    new: float
    spread: float
    off: float

    @property
    def verdict(self) -> str:
        """The verdict: "slower", "faster", "no difference", or "cannot tell" with the reason."""
        if math.isnan(self.ratio.low):
            return "cannot tell: too few rounds"
        if self.spread > UNSTEADY:
            return f"cannot tell: the rounds vary by {self.spread:.0%}"
        beyond = max(self.ratio.low, 1.0 / self.ratio.high) - 1.0
        if beyond <= IGNORED:
            return "no difference"
        if beyond <= self.off:
            return f"cannot tell: the control may be off by {self.off:.1%}"
        return "slower" if self.ratio.low > 1.0 else "faster"


@dataclasses.dataclass(repr=False)
class Comparison:
    """What changed between two results.

    Attributes:
        changes: one for each row that both results have.
        notes: what else differs.
    """

    changes: list[Change]
    notes: list[str]

    @property
    def regression(self) -> bool:
        """Whether something became slower beyond its interval."""
        return any(change.verdict == "slower" for change in self.changes)

    @property
    def undecided(self) -> bool:
        """Whether there are rows that cannot be judged."""
        return any(change.verdict.startswith("cannot tell") for change in self.changes)

    def __repr__(self) -> str:
        slower = [change.name for change in self.changes if change.verdict == "slower"]
        return f"Comparison({len(self.changes)} rows, slower: {', '.join(slower) or 'none'})"

    def __str__(self) -> str:
        width = max(len(change.name) for change in self.changes)
        lines = [f"{'':{width}}   new / old   interval"]
        for change in self.changes:
            ratio = change.ratio
            bounds = "" if math.isnan(ratio.low) else f"{ratio.low:.3f} to {ratio.high:.3f}"
            lines.append(f"{change.name:{width}}   {ratio.value:9.3f}   {bounds:<16}   {change.verdict}")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def compare(old: Result, new: Result) -> Comparison:
    """Compare two results whose rounds include the reference, such as those of `speed`.

    Each time is divided by that of the reference in the same round, so that a machine that is slower today does not
    matter. The intervals are wide enough that two runs of the same code show a difference in fewer than 5 of 100 pairs
    (Bonferroni). Two processes that run the same code also differ from each other, which the rounds of one run cannot
    show. So a difference counts only if the interval lies beyond 1 by more than 1.5 %, and by more than the controls
    may be off (the same training timed twice in a run). Rows whose rounds vary by more than 20 % are not judged.

    Args:
        old: the result to compare with.
        new: the result to judge.

    Raises:
        BenchError: if they differ in kind, processor, BLAS, number of threads, clock or dtype, or have no rows in
            common.

    >>> from tinygrad_edu import bench
    >>> old, new = bench.load("old/speed.json"), bench.load("new/speed.json")  # doctest: +SKIP
    >>> print(bench.compare(old, new))  # doctest: +SKIP
    """
    _check_same(old, new)
    before, after = _relative(old, "old"), _relative(new, "new")
    names = [name for name in before if name in after and not name.endswith(SECOND)]
    if not names:
        raise BenchError(
            f"the results have no rows in common: the old one has {', '.join(before)}, the new one {', '.join(after)}. "
            "Run both with the same batch sizes"
        )
    level = 1.0 - (1.0 - LEVEL) / len(names)
    off = max(_off(old), _off(new))
    changes = []
    for number, name in enumerate(names):
        found = quotient_interval(after[name], before[name], level=level, seed=number)
        spread = max(Timing(before[name]).spread, Timing(after[name]).spread)
        changes.append(Change(name, found, _median(old, name), _median(new, name), spread, off))
    return Comparison(changes, _differences(old, new, before, after))


def _check_same(old: Result, new: Result) -> None:
    for which, result in (("old", old), ("new", new)):
        if not _rounds(result):
            raise BenchError(
                f"the {which} result, of {result.kind!r}, has no timed rounds: give two results of `bench speed` "
                "that were not interrupted at the start"
            )
    if old.kind != new.kind:
        raise BenchError(f"results of {old.kind!r} and {new.kind!r} cannot be compared: give two of the same kind")
    facts = [(spoken, old.environment.get(key), new.environment.get(key)) for key, spoken in SAME.items()]
    facts.append(("dtype", old.problem.get("dtype"), new.problem.get("dtype")))
    # What is unknown is no difference: without threadpoolctl, the core type is.
    found = [f"{spoken} {a} and {b}" for spoken, a, b in facts if a is not None and b is not None and a != b]
    if found:
        raise BenchError(
            f"the results cannot be compared: {'; '.join(found)} (old and new). Run both on the same machine, with the "
            "same BLAS, threads and dtype"
        )


def _rounds(result: Result) -> dict[str, list[float]]:
    """Raw seconds by name; empty if the result has none."""
    rounds: dict[str, list[float]] = getattr(result, "rounds", {})
    return rounds


def _relative(result: Result, which: str) -> dict[str, list[float]]:
    """The rounds in units of the reference."""
    rounds = dict(_rounds(result))
    reference = rounds.pop(REFERENCE, None)
    if not reference or any(len(seconds) != len(reference) for seconds in rounds.values()):
        raise BenchError(f"the {which} result has no reference timed in the same rounds: run it again")
    return {name: [s / r for s, r in zip(seconds, reference, strict=True)] for name, seconds in rounds.items()}


def _median(result: Result, name: str) -> float:
    return Timing(_rounds(result)[name]).median


def _off(result: Result) -> float:
    """How far the control may differ from 1, according to its rounds; 0 without a control."""
    rounds = _rounds(result)
    pairs = [(name, name.removesuffix(SECOND)) for name in rounds if name.endswith(SECOND)]
    found = [
        ratio_interval(Timing(rounds[second]), Timing(rounds[first]), level=SURE)
        for second, first in pairs
        if first in rounds
    ]
    ends = [end for ratio in found for end in (ratio.value, ratio.low, ratio.high) if not math.isnan(end)]
    return max((max(end, 1.0 / end) - 1.0 for end in ends), default=0.0)


def _differences(old: Result, new: Result, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs without preventing the comparison."""
    found = []
    for a, b in ((old.problem, new.problem), (old.environment, new.environment)):
        found += [
            f"{key}: {a.get(key)} in the old result, {b.get(key)} in the new one"
            for key in sorted({*a, *b})
            if a.get(key) != b.get(key)
        ]
    for which, here, there in (("old", before, after), ("new", after, before)):
        alone = [name for name in here if name not in there and not name.endswith(SECOND)]
        if alone:
            found.append(f"only in the {which} result: {', '.join(alone)}")
    return found
