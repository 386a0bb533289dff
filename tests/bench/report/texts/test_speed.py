"""How fast steps are in words and tables."""

import math
import sys

import pytest
from bench.made_results import speed_result, speed_row, speed_without_rows

from tinygrad_edu.bench.latency.result import Control
from tinygrad_edu.bench.report.texts.speed import answer, tables
from tinygrad_edu.bench.timing.intervals import Interval
from tinygrad_edu.bench.timing.memory import Memory, memory_within


def test_the_highest_throughput_is_the_headline() -> None:
    found = answer(speed_result())
    assert found.headline == "Up to 1.88 M samples a second, with batches of 1024"
    knee, memory, control = found.reason
    assert "A step costs 105 µs and 0.43 µs more for each sample: overhead and arithmetic are equal at 244" in knee
    assert "half of the highest throughput is reached, 1.16 M samples a second" in knee
    assert "4.88 KiB more for each sample of a batch: up to 1.72 M should fit into 8 GiB" in memory
    assert "1.003 (0.996 to 1.011)" in control


def test_no_text_has_the_marks_of_another_format() -> None:
    assert "`" not in "".join(answer(speed_result()).reason)


def test_warnings_are_passed_on() -> None:
    assert answer(speed_result()).warnings == [
        "the reference varies by 12%: do not compare this run with another one",
    ]


def test_facts() -> None:
    assert answer(speed_result()).facts == {
        "a step costs, a": "105 µs",
        "each sample adds, b": "0.43 µs",
        "knee, a/b": "244",
        "memory per sample": "4.88 KiB",
        "largest that fits": "1.72 M",
    }


def test_what_is_not_known_is_said() -> None:
    memory = Memory([1], [1e6], 1e6, math.nan, math.nan, None, "no limit is known")
    found = answer(speed_result(memory=memory, norms_absent="the samples are coupled"))
    assert "The largest batch that fits is not known: no limit is known." in found.reason
    assert "were not timed: the samples are coupled" in found.reason[-1]


def test_without_psutil_the_way_out_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    limit, why = memory_within(None)
    found = answer(speed_result(memory=Memory([1], [1e6], 1e6, math.nan, limit, None, why)))
    assert (
        "The largest batch that fits is not known: finding the available memory needs psutil, which is not installed. "
        'Run: pip install psutil (in a checkout: pip install ".[bench]"), or pass memory_limit, in bytes (--mem-limit '
        "on the command line)."
    ) in found.reason


def test_nothing_timed() -> None:
    found = answer(speed_without_rows())
    assert found.headline == "No step was timed"
    assert tables(speed_without_rows()) == []


def test_tables_have_all_that_was_measured() -> None:
    steps, split, norms, memory = tables(speed_result())
    assert steps.rows[0] == ("1", "105 µs", "104 µs to 106 µs", "5 %", "9,485", "21")
    assert split.rows[0] == ("1", "15.8 µs", "26.4 µs", "42.2 µs", "21.1 µs")
    assert norms.rows[0][-1] == "1.500 (1.480 to 1.520) ×"
    assert memory.rows[0] == ("1", "981 KiB", "measured")
    assert memory.rows[-1] == ("1024", "5.84 MiB", "from the line")
    for table in (steps, split, norms, memory):
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_too_few_rounds_have_no_interval() -> None:
    row = speed_row(8)
    row.latency.low = row.latency.high = math.nan
    row.with_norms = row.norms_ratio = None
    row.loading = math.nan
    nan = math.nan
    found = tables(speed_result(rows=[row], control=Control(8, Interval(1.0, nan, nan))))
    assert [table.title for table in found] == ["Time of a step", "Peak memory"]
    assert found[0].rows[0][2] == "–"
    assert "nan" not in found[0].note
