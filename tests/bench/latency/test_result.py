from __future__ import annotations

import math
import sys

import pytest

from tinygrad_edu.bench.latency.result import Control, Latency, SpeedResult, SpeedRow, again, norms, spoken, step
from tinygrad_edu.bench.timing.intervals import Interval
from tinygrad_edu.bench.timing.memory import Memory, memory_within

NAN = math.nan
LATENCY = Latency(1.5e-3, 1.4e-3, 1.6e-3, 1.2e-3, 1.8e-3, 30)


def row(latency: Latency = LATENCY, memory: float = 3 * 2**20, measured: bool = True) -> SpeedRow:
    seconds = latency.median
    return SpeedRow(
        8, latency, 8 / seconds, 0.1 * seconds, 0.3 * seconds, 0.4 * seconds, 0.2 * seconds, LATENCY,
        Interval(1.25, 1.2, 1.3), memory, measured,
    )  # fmt: skip


def result(rows: list[SpeedRow], memory: Memory | None = None) -> SpeedResult:
    problem = {"model": "mlp", "optimizer": "SGD", "data": "digits", "samples": 1797, "dtype": "float32"}
    machine = {"threads": 1, "clock": "CPU", "processor": "Some CPU"}
    control = Control(8, Interval(1.001, 0.99, 1.01))
    return SpeedResult(
        problem, {}, machine, ["told"], True,
        rows=rows, control=control, reference=LATENCY, memory=memory, norms_absent="", warnings=["noisy"], rounds={},
    )  # fmt: skip


def test_the_text_has_a_line_for_each_batch_size() -> None:
    text = str(result([row()], Memory([1, 2], [1.0, 2.0], 2.0**20, 2.0**10, 2.0**30, 1_047_552)))
    lines = text.splitlines()
    assert lines[0] == "mlp with SGD on digits: 1,797 samples, float32; 1 thread, CPU time, Some CPU"
    line = " ".join(lines[2].split())
    assert line == "8 1.5 ms 1.4 ms to 1.6 ms 40% 5,333 10% 30% 40% 20% × 1.25 3 MiB"
    assert len(lines[1]) == len(lines[2])
    assert "a second training with batch size 8: 1.001 times (0.990 to 1.010)" in lines
    assert "into 1 GiB: 1,047,552 (1 MiB and 1 KiB for each sample)" in text
    assert lines[-2:] == ["warning: noisy", "note: told"]


def test_what_is_not_known_is_a_dash() -> None:
    latency = Latency(2.0, NAN, NAN, 2.0, 2.0, 1)
    bare = SpeedRow(8, latency, 4.0, NAN, NAN, NAN, NAN, None, None, NAN, False)
    line = " ".join(str(result([bare])).splitlines()[2].split())
    assert line == "8 2 s - 0% 4 - - - - - -"


def test_a_predicted_peak_is_marked() -> None:
    assert "~3 MiB" in str(result([row(measured=False)]))


def test_memory_that_is_not_known_says_why() -> None:
    assert "not known: nobody told" in str(result([], Memory([], [], NAN, NAN, NAN, None, "nobody told")))


def test_without_psutil_the_way_out_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    limit, why = memory_within(None)
    lines = str(result([], Memory([1], [1.0], 1.0, NAN, limit, None, why))).splitlines()
    assert lines[2:4] == [
        "a second training with batch size 8: 1.001 times (0.990 to 1.010)",
        "largest batch that fits: not known: finding the available memory needs psutil, which is not installed. Run: "
        'pip install psutil (in a checkout: pip install ".[bench]"), or pass memory_limit, in bytes (--mem-limit on '
        "the command line)",
    ]
    assert lines[4] == "warning: noisy"


def test_short_and_long() -> None:
    assert repr(result([row()])) == "SpeedResult(mlp, batch sizes 8)"
    assert repr(result([])) == "SpeedResult(mlp, batch sizes none)"


def test_names_of_rounds_differ() -> None:
    names = [name(size) for name in (step, norms, again) for size in (1, 11)]
    assert len(set(names)) == 6


def test_a_ratio_without_an_interval() -> None:
    assert spoken(Interval(1.0, NAN, NAN)) == "1.000 times (too few rounds for an interval)"
