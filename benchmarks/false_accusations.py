"""Which right gradients are rejected, and which wrong habits are caught? Over many seeds, check by check.

    python benchmarks/false_accusations.py
    python benchmarks/false_accusations.py --seeds 20 --only "softmax" --verbose

The right gradients are those of functions with large rounding errors (tests/testing/noisy.py, noisy_arrays.py), written
by hand, and also computed by the library's ops where possible. The wrong ones are wrong habits in gradients written by
hand (tests/testing/habits.py and the files beside it), each with its right counterpart. A habit is caught if it is
rejected with each of its seeds. Last come properties of right functions with the default numbers of strategies: none
should fail.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent / part) for part in ("tests", "")]

from testing.habits_of_arrays import HABITS
from testing.handwritten import CHECKS, Case, by_laws, by_library, by_vjp, run_property, unexplained, verdict
from testing.noisy_arrays import NOISY
from testing.usual import PROPERTIES

SAYS = ("right", "inconclusive", "wrong")


def count(check: Callable[..., None], case: Case, seeds: int, verbose: bool) -> Counter[str]:
    """How often a check gives each answer."""
    found: Counter[str] = Counter()
    for seed in range(seeds):
        says, words = verdict(check, case, seed)
        if says == "wrong" and not found["wrong"] and verbose:
            print(f"    seed {seed}: {words}")
        found[says] += 1
    return found


def right_ones(title: str, check: Callable[..., None], cases: Sequence[Case], seeds: int, verbose: bool) -> None:
    """A table of right gradients, none of which should be rejected."""
    print(
        f"\n{title}, {seeds} seeds each\n\n| function | accepted | inconclusive | accused |\n| --- | --- | --- | --- |"
    )
    total: Counter[str] = Counter()
    begin, accused = time.perf_counter(), 0
    for case in cases:
        found = count(check, case, seeds, verbose)
        total += found
        accused += bool(found["wrong"])
        print(f"| {case.name} | {' | '.join(str(found[says]) for says in SAYS)} |", flush=True)
    print(f"| all {len(cases)} | {' | '.join(str(total[says]) for says in SAYS)} |")
    print(f"\n{accused} of {len(cases)} functions are accused at some seed; {time.perf_counter() - begin:.0f} seconds")


def habits(seeds: int, only: str, verbose: bool) -> None:
    """How many wrong habits each check catches, and how many right counterparts it rejects."""
    chosen = [habit for habit in HABITS.values() if only in habit.name]
    rights = list({habit.right.name: habit.right for habit in chosen}.values())
    caught = {name: {h.name for h in chosen if all_wrong(check, h, seeds)} for name, check in CHECKS.items()}
    accused = {
        name: [c.name for c in rights if count(check, c, seeds, verbose)["wrong"]] for name, check in CHECKS.items()
    }
    print(f"\nWrong habits, {seeds} seeds each\n")
    print(f"| check | of {len(chosen)} caught | of {len(rights)} right ones accused |")
    print("| --- | --- | --- |")
    for name in CHECKS:
        print(f"| {name} | {len(caught[name])} | {len(accused[name])} |")
    some = set().union(*caught.values())
    print(f"| any of them | {len(some)} | {len({n for names in accused.values() for n in names})} |")
    for habit in chosen:
        if habit.name not in some:
            print(f"missed: {habit.name}")
    for name, names in accused.items():
        print(*[f"accused by {name}: {one}" for one in names], sep="\n")


def properties(seeds: int, only: str, verbose: bool) -> None:
    """How often a property of a right function fails, with the default numbers of strategies."""
    begin, accused, count = time.perf_counter(), 0, 0
    print(f"\nProperties of right functions, {seeds} seeds each\n\n| function | failed | of these for the laws |")
    print("| --- | --- | --- |")
    for name, (function, given) in PROPERTIES.items():
        if only not in name:
            continue
        found: Counter[str] = Counter()
        for seed in range(seeds):
            try:
                with unexplained():
                    run_property(function, given, seed)
            except Exception as error:
                found["laws" if getattr(getattr(error, "report", None), "violated", None) else "other"] += 1
                if verbose:
                    print(f"    seed {seed}: {error}\n    {getattr(error, '__notes__', '')}")
        accused += found.total()
        count += 1
        print(f"| {name} | {found.total()} | {found['laws']} |", flush=True)
    print(f"\n{accused} of {count * seeds} properties failed; {time.perf_counter() - begin:.0f} seconds")


def all_wrong(check: Callable[..., None], case: object, seeds: int) -> bool:
    """Whether a check rejects it with all seeds."""
    return all(verdict(check, case, seed)[0] == "wrong" for seed in range(seeds))  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="for each right function; 0 for none of them")
    parser.add_argument("--habit-seeds", type=int, default=5, help="for each wrong habit; 0 for none of them")
    parser.add_argument("--only", default="", help="only those whose names contain this")
    parser.add_argument("--verbose", action="store_true", help="print the first accusation of each")
    parser.add_argument("--property-seeds", type=int, default=20, help="for each property; 0 for none of them")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = [case for case in NOISY.values() if options.only in case.name]
    made = [case for case in cases if case.library]
    if options.seeds:
        right_ones("Right gradients written by hand, gradcheck_vjp", by_vjp, cases, options.seeds, options.verbose)
        right_ones("Right gradients of the library's ops, gradcheck", by_library, made, options.seeds, options.verbose)
        right_ones("Right gradients written by hand, check_laws", by_laws, cases, options.seeds, options.verbose)
    if options.habit_seeds:
        habits(options.habit_seeds, options.only, options.verbose)
    if options.property_seeds:
        properties(options.property_seeds, options.only, options.verbose)


if __name__ == "__main__":
    main()
