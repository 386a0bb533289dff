from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest

from tinygrad_edu.bench.comparison import compare
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.results import Result

NOISE = 0.03  # standard deviation of the logarithm of a time, for steps and reference alike
DRIFT = 0.2  # likewise of what a run is slower or faster by as a whole
WANDER = 0.1  # and of how far it drifts from beginning to end
PAIRS = 200
STEPS = {"step 1": 1e-4, "step 8": 1.1e-4, "step 64": 2e-4, "step 512": 1e-3, "step 512 with norms": 1.5e-3}
ROUNDS = 101


@dataclasses.dataclass
class Timed(Result):
    """A result with rounds and nothing else."""

    kind: ClassVar[str] = "timed for a test"

    rounds: dict[str, list[float]]


MACHINE = {
    "processor": "P",
    "blas": "openblas",
    "blas_version": "1",
    "blas_core": "Zen",
    "threads": 1,
    "clock": "CPU",
    "python": "3.13",
}


def timed(rounds: dict[str, list[float]], dtype: str = "float32", **machine: Any) -> Timed:
    return Timed({"model": "m", "dtype": dtype}, {}, {**MACHINE, **machine}, [], True, rounds)


def run(rng: np.random.Generator, slower: dict[str, float] | None = None, rounds: int = ROUNDS) -> Timed:
    """A simulated run, which drifts as a whole."""
    wander = np.cumsum(rng.normal(0.0, WANDER / np.sqrt(rounds), rounds))
    speed = np.exp(rng.normal(0.0, DRIFT) + wander)
    times = {
        name: (
            seconds
            * (slower or {}).get(name.removesuffix(" again"), 1.0)
            * speed
            * np.exp(rng.normal(0.0, NOISE, rounds))
        ).tolist()
        for name, seconds in {**STEPS, "step 8 again": STEPS["step 8"], "reference": 1e-3}.items()
    }
    return timed(times)


def test_two_runs_of_the_same_code_are_flagged_in_at_most_5_of_100() -> None:
    rng = np.random.default_rng(0)
    flagged = 0
    for _ in range(PAIRS):
        found = compare(run(rng), run(rng))
        flagged += any(change.ratio.excludes(1.0) for change in found.changes)
        assert found.regression <= any(change.ratio.excludes(1.0) for change in found.changes)
    assert 0 < flagged <= 0.05 * PAIRS


@pytest.mark.parametrize("slow", [["step 64"], list(STEPS)])
def test_five_per_cent_are_found_in_95_of_100(slow: list[str]) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(PAIRS):
        found = compare(run(rng), run(rng, dict.fromkeys(slow, 1.05)))
        hits += found.regression
        assert all(change.name in slow for change in found.changes if change.verdict == "slower")
    assert hits >= 0.95 * PAIRS


def test_what_became_faster_is_no_regression() -> None:
    rng = np.random.default_rng(2)
    found = compare(run(rng), run(rng, {"step 64": 0.8}))
    assert not found.regression
    assert {c.name: c.verdict for c in found.changes if c.verdict != "no difference"} == {"step 64": "faster"}
    assert "faster" in str(found)


def test_the_drift_of_a_machine_is_no_change() -> None:
    rounds = {"step 8": [1e-3 * (1 + i / 50) for i in range(20)], "reference": [2e-3 * (1 + i / 50) for i in range(20)]}
    slow = {name: [3.0 * seconds for seconds in times] for name, times in rounds.items()}
    change = compare(timed(rounds), timed(slow)).changes[0]
    assert change.ratio.value == pytest.approx(1.0)
    assert change.verdict == "no difference"
    assert change.new == pytest.approx(3.0 * change.old)


def test_the_control_of_a_run_is_not_compared() -> None:
    rng = np.random.default_rng(0)
    found = compare(run(rng), run(rng))
    assert [change.name for change in found.changes] == list(STEPS)
    assert found.notes == []


def test_small_changes_do_not_count_however_sure() -> None:
    steady = {"step 8": [1e-3] * 30, "reference": [1e-3] * 30}
    for factor, verdict in ((1.01, "no difference"), (1.02, "slower"), (0.99, "no difference"), (0.98, "faster")):
        other = {"step 8": [factor * 1e-3] * 30, "reference": [1e-3] * 30}
        assert compare(timed(steady), timed(other)).changes[0].verdict == verdict


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (1e-3, "slower"),
        (1.04e-3, "slower"),
        (1.06e-3, "cannot tell: the control may be off by 6.0%"),
        (0.94e-3, "cannot tell: the control may be off by 6.4%"),
    ],
)
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_change_must_be_larger_than_the_controls_are_off(second: float, verdict: str, which: str) -> None:
    old = {"step 8": [1e-3] * 30, "reference": [1e-3] * 30}
    new = {"step 8": [1.05e-3] * 30, "reference": [1e-3] * 30}
    control = {"step 8 again": [second * (1.0 if which == "old" else 1.05)] * 30}
    if which == "old":
        found = compare(timed({**old, **control}), timed(new))
    else:
        found = compare(timed(old), timed({**new, **control}))
    assert found.changes[0].verdict == verdict
    assert len(found.changes) == 1


def test_what_the_rounds_of_a_control_leave_open_counts() -> None:
    steady = {"step 8": [1e-3] * 30, "reference": [1e-3] * 30}
    slower = {**steady, "step 8": [1.05e-3] * 30}
    for width, verdict in ((0.01, "slower"), (0.12, "cannot tell")):
        control = [(0.96 + width * (k / 29 - 0.5)) * 1e-3 for k in range(30)]  # off by 4.2 % in the middle
        found = compare(timed({**steady, "step 8 again": control}), timed(slower))
        assert found.changes[0].verdict.startswith(verdict)
        assert found.changes[0].off >= 1 / 0.96 - 1


def test_a_control_of_a_single_round_counts_as_it_is() -> None:
    short = {"step 8": [1e-3], "step 8 again": [1.1e-3], "reference": [1e-3]}
    assert compare(timed(short), timed(short)).changes[0].off == pytest.approx(0.1)


def test_too_few_rounds_cannot_tell() -> None:
    short = {"step 8": [1e-3] * 5, "reference": [1e-3] * 5}
    found = compare(timed(short), timed({"step 8": [2e-3] * 5, "reference": [1e-3] * 5}))
    assert (found.regression, found.undecided) == (False, True)
    assert found.changes[0].ratio.value == pytest.approx(2.0)
    assert "cannot tell: too few rounds" in str(found)


def test_times_of_two_kinds_cannot_tell() -> None:
    steady = {"step 8": [1e-3] * 30, "reference": [1e-3] * 30}
    two = {"step 8": [1.5e-3, 2e-3] * 15, "reference": [1e-3] * 30}
    for old, new in ((steady, two), (two, steady)):
        found = compare(timed(old), timed(new))
        assert (found.regression, found.undecided) == (False, True)
        assert "the rounds vary by" in found.changes[0].verdict


def test_a_row_for_each_name_in_the_text() -> None:
    rng = np.random.default_rng(3)
    found = compare(run(rng), run(rng, {"step 1": 1.3}))
    assert found.regression
    lines = str(found).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == list(STEPS)
    assert lines[1].endswith("slower")
    assert repr(found) == "Comparison(5 rows, slower: step 1)"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("processor", "Q", "processor P and Q"),
        ("blas", "mkl", "BLAS openblas and mkl"),
        ("blas_version", "2", "BLAS version 1 and 2"),
        ("blas_core", "Haswell", "BLAS core type Zen and Haswell"),
        ("threads", 2, "number of threads 1 and 2"),
        ("clock", "wall", "clock CPU and wall"),
        ("dtype", "float64", "dtype float32 and float64"),
    ],
)
def test_what_cannot_be_compared(key: str, value: Any, says: str) -> None:
    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    with pytest.raises(BenchError) as caught:
        compare(timed(rounds), timed(rounds, **{key: value}))
    assert says in str(caught.value)


def test_all_that_differs_is_named() -> None:
    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    with pytest.raises(BenchError, match=r"processor P and Q; number of threads 1 and 4; dtype"):
        compare(timed(rounds), timed(rounds, dtype="float16", processor="Q", threads=4))


def test_what_may_differ_is_noted() -> None:
    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    new = timed({**rounds, "step 16": [1e-3] * 10}, python="3.14", blas_core=None)
    found = compare(timed(rounds), new)
    assert "python: 3.13 in the old result, 3.14 in the new one" in found.notes
    assert "only in the new result: step 16" in found.notes
    assert "note: python" in str(found)


def test_results_without_rounds() -> None:
    @dataclasses.dataclass
    class Bare(Result):
        kind: ClassVar[str] = "bare for a test"

    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    bare = Bare({}, {}, {}, [], True)
    with pytest.raises(BenchError, match="the new result, of 'bare for a test', has no timed rounds"):
        compare(timed(rounds), bare)
    with pytest.raises(BenchError, match="the old result"):
        compare(timed({}), timed(rounds))


def test_results_of_two_kinds() -> None:
    @dataclasses.dataclass
    class Other(Timed):
        kind: ClassVar[str] = "unlike for a test"

    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    with pytest.raises(BenchError, match="'timed for a test' and 'unlike for a test'"):
        compare(timed(rounds), Other({}, {}, {}, [], True, rounds))


def test_nothing_in_common() -> None:
    reference = [1e-3] * 10
    with pytest.raises(BenchError, match="no rows in common: the old one has step 8, the new one step 16"):
        compare(
            timed({"step 8": reference, "reference": reference}), timed({"step 16": reference, "reference": reference})
        )


def test_a_reference_of_other_rounds() -> None:
    rounds = {"step 8": [1e-3] * 10, "reference": [1e-3] * 10}
    with pytest.raises(BenchError, match="the new result has no reference"):
        compare(timed(rounds), timed({"step 8": [1e-3] * 10, "reference": [1e-3] * 9}))
