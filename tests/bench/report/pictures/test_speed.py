"""The figures of the speed of steps."""

import math
import re
from xml.etree import ElementTree

import pytest
from bench.made_results import OVERHEAD, PER_SAMPLE, SIZES, speed_result, speed_row, speed_without_rows

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.latency.result import SpeedResult, step
from tinygrad_edu.bench.report.picture import Picture
from tinygrad_edu.bench.report.pictures.speed import pictures, steps_of
from tinygrad_edu.bench.timing.memory import Memory


def named(result: SpeedResult, name: str) -> Picture:
    (found,) = (picture for picture in pictures(result) if picture.name == name)
    return found


def test_there_is_throughput_latency_split_and_memory() -> None:
    assert [picture.name for picture in pictures(speed_result())] == ["throughput", "latency", "split", "memory"]


def test_every_picture_can_be_drawn_and_says_what_to_read() -> None:
    for picture in pictures(speed_result()):
        ElementTree.fromstring(picture.file())
        assert picture.caption.endswith(".")
        assert picture.alternative.endswith(".")
        assert "nan" not in (picture.svg() + picture.caption + picture.alternative).lower()


def test_the_line_is_that_of_the_rounds() -> None:
    steps = steps_of(speed_result())
    assert steps.overhead == pytest.approx(OVERHEAD, rel=1e-6)
    assert steps.per_sample == pytest.approx(PER_SAMPLE, rel=1e-6)
    assert steps.sizes == SIZES


def test_one_batch_size_has_no_line() -> None:
    result = speed_result(rows=[speed_row(8)], rounds={step(8): [1e-4, 1.1e-4]})
    assert not steps_of(result).has_line
    for picture in pictures(result):
        assert "nan" not in picture.svg()


def test_the_split_is_in_shares_of_a_step() -> None:
    picture = named(speed_result(), "split")
    assert "by batch size. 1: loading 15 %, forward 25 %, backward 40 %, optimizer 20 %" in picture.alternative
    assert (
        picture.caption
        == "The largest part of a step is the backward pass; drawing the batch takes at most 15 % of it."
    )
    for words in ("loading", "forward", "backward", "optimizer", "100%"):
        assert f">{words}<" in picture.svg()


def test_a_slow_loader_is_named() -> None:
    row = speed_row(64)
    row.loading = 0.7 * row.latency.median
    assert "Drawing the batch takes up to 70 % of a step" in named(speed_result(rows=[row]), "split").caption


def test_a_split_that_is_not_known_is_left_out() -> None:
    row = speed_row(64)
    row.loading = row.forward = row.backward = row.optimizer = math.nan
    assert "split" not in [picture.name for picture in pictures(speed_result(rows=[row]))]


def test_memory_says_what_fits() -> None:
    picture = named(speed_result(), "memory")
    assert "up to 1.72 M samples should fit" in picture.caption
    assert len(re.findall(r">\d+ [KMG]iB<", picture.svg())) >= 3  # powers of two, so without a point
    assert not re.search(r">\d+\.\d+ [KMG]iB<", picture.svg())


@pytest.mark.parametrize("limit", [math.nan, 1e3])
def test_memory_of_which_nothing_fits_or_nothing_is_known(limit: float) -> None:
    memory = Memory([1, 2], [1e6, 1.1e6], 9e5, 1e5, limit, None if math.isnan(limit) else 0, "no limit is known")
    picture = named(speed_result(memory=memory), "memory")
    assert "fit" not in picture.caption
    assert "nan" not in picture.svg()


def test_nothing_timed_is_no_picture() -> None:
    assert pictures(speed_without_rows()) == []
    assert pictures(speed_without_rows(memory=Memory([], [], math.nan, math.nan, math.nan, None, "why"))) == []
