"""What belongs to a kind of result."""

import pytest
from bench.made_results import advice, speed_result, train_result

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.kinds import KINDS, ORDER, THOROUGH, by_kind, pictures_of, tables_of


def test_every_picture_has_its_place() -> None:
    assert {picture.name for picture in pictures_of([advice(), speed_result(), train_result()])} == set(ORDER)


def test_a_picture_is_shown_once() -> None:
    names = [picture.name for picture in pictures_of([advice(), train_result()])]
    assert names[:4] == ["time", "seconds", "throughput", "latency"]
    assert len(names) == len(set(names))


def test_of_two_pictures_of_one_name_that_of_the_trainings_is_shown() -> None:
    (steps,) = (picture for picture in pictures_of([advice(), train_result()]) if picture.name == "steps")
    assert "batches of 1024" in steps.alternative  # the race went up to 512


def test_the_throughput_is_that_of_the_measurement_of_speed() -> None:
    results = [speed_result(), train_result(), advice()]
    (throughput,) = (picture for picture in pictures_of(results) if picture.name == "throughput")
    assert "at 1," in throughput.alternative  # trainings began at 8
    titles = [table.title for table in tables_of(results)]
    assert len(titles) == len(set(titles))
    assert tables_of(results)[0].headings[2] == "95 % interval"


def test_every_kind_has_its_place() -> None:
    assert set(THOROUGH) == set(KINDS)


def test_the_advice_is_first() -> None:
    assert next(iter(KINDS)) == "advise"
    assert by_kind([train_result(), advice(), speed_result()])[0].kind == "advise"
