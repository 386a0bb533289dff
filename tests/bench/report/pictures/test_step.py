"""The pictures of a step."""

import math

import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.pictures.step import Steps, latency, memory, points, throughput
from tinygrad_edu.bench.timing.memory import Memory

SIZES, MEDIANS = [1, 16, 256, 4096], [1e-4, 1.2e-4, 4e-4, 5e-3]
STEPS = Steps(SIZES, MEDIANS, [m * 0.95 for m in MEDIANS], [m * 1.1 for m in MEDIANS], 1e-4, 1e-6)
WITHOUT_LINE = Steps(SIZES, MEDIANS, MEDIANS, MEDIANS)


def test_the_knee_is_where_overhead_and_arithmetic_are_equal() -> None:
    assert STEPS.knee == pytest.approx(100.0)
    assert math.isnan(WITHOUT_LINE.knee)
    assert math.isnan(Steps(SIZES, MEDIANS, MEDIANS, MEDIANS, 0.0, 1e-6).knee)


def test_points_of_a_curve_go_from_end_to_end() -> None:
    found = points([1, 1024], 11)
    assert found[0] == 1.0
    assert found[-1] == pytest.approx(1024.0)
    assert found[5] == pytest.approx(32.0)


def test_latency_says_what_a_step_and_a_sample_cost() -> None:
    picture = latency(STEPS)
    assert "Below 100 samples" in picture.caption
    assert "at least 100 µs" in picture.caption
    assert "adds its 1 µs" in picture.caption
    assert "100 µs at 1, 120 µs at 16, 400 µs at 256, 5 ms at 4096" in picture.alternative
    assert "a/b = 100" in picture.svg()
    assert "middle half" in picture.svg()


def test_throughput_has_the_ideal_the_knee_and_the_ceiling() -> None:
    picture = throughput(STEPS)
    assert "10,000 at 1" in picture.alternative
    for words in ("linear", "knee 100", "at most 1 M", "measured"):
        assert words in picture.svg()
    assert "Up to about 100 samples, the knee" in picture.caption


@pytest.mark.parametrize("make", [latency, throughput])
def test_without_a_line_there_are_points_alone(make: object) -> None:
    assert callable(make)
    picture = make(WITHOUT_LINE)
    assert "a + b·B" not in picture.svg()
    assert "knee" not in picture.svg()
    assert "nan" not in (picture.svg() + picture.caption + picture.alternative).lower()


def test_memory_says_what_fits() -> None:
    picture = memory(Memory([1, 64], [2e6, 8e6], 1.9e6, 95e3, 8e9, 84000))
    assert "up to 84,000 samples should fit" in picture.caption
    assert "limit 7.45 GiB" in picture.svg()
    assert "7.63 MiB at 64" in picture.alternative


def test_memory_without_a_line_and_a_limit() -> None:
    nan = math.nan
    picture = memory(Memory([1, 64], [2e6, 8e6], nan, nan, nan, None))
    assert "nan" not in (picture.svg() + picture.caption).lower()
    assert "limit" not in picture.svg()
