"""The figures of training with many batch sizes."""

import math
from xml.etree import ElementTree

import pytest
from bench.made_results import at_batch_size, trade_off, train_result, train_without_answer

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.pictures.train import pictures, time_to_target
from tinygrad_edu.bench.training.result import Predicted, TrainResult


def names(result: TrainResult) -> list[str]:
    return [picture.name for picture in pictures(result)]


def with_late(late: int) -> TrainResult:
    """One whose largest size was too late for some of five seeds."""
    return train_result(sizes=[*train_result().sizes[:-1], at_batch_size(1024, late)])


def test_the_time_to_the_target_is_first() -> None:
    assert names(train_result()) == ["seconds", "throughput", "latency", "noise", "steps", "losses", "rates"]


def test_every_picture_can_be_drawn_and_says_what_to_read() -> None:
    for picture in pictures(train_result()):
        ElementTree.fromstring(picture.file())
        assert picture.caption.endswith(".")
        assert picture.alternative.endswith(".")


def test_time_has_seeds_medians_the_fit_and_the_fastest() -> None:
    picture = time_to_target(train_result())
    assert picture is not None
    for words in ("fitted", "a seed", "median", "B* = 135", "fastest 128"):
        assert f">{words}<" in picture.svg()
    assert picture.caption.startswith("Batches of 128 reached a loss of 0.1 first; the fits")
    assert "103 ms at 128" in picture.alternative


def test_a_size_that_most_seeds_did_not_finish_is_marked() -> None:
    picture = time_to_target(with_late(4))
    assert picture is not None
    assert ">not reached<" in picture.svg()
    assert "Not reached by most seeds with 1024." in picture.alternative
    for each in pictures(with_late(4)):
        assert "nan" not in (each.svg() + each.alternative + each.caption).lower()


def test_a_size_that_was_not_run_is_not_one_that_did_not_get_there() -> None:
    row = at_batch_size(1024, 5)
    row.runs = []
    for picture in pictures(train_result(sizes=[*train_result().sizes[:-1], row])):
        assert "not reached" not in (picture.svg() + picture.alternative).lower()


def test_a_size_that_most_seeds_finished_has_its_median() -> None:
    picture = time_to_target(with_late(1))
    assert picture is not None
    assert "not reached" not in (picture.svg() + picture.alternative).lower()


def test_without_fits_there_are_points_alone() -> None:
    nan, none = math.nan, (0.0, None)
    fit = trade_off(smin=nan, emin=nan, critical=nan, smin_interval=none, emin_interval=none, critical_interval=none)
    result = train_result(fit=fit, step_cost=None, predicted=Predicted(nan, nan, 128))
    for picture in pictures(result):
        assert "nan" not in (picture.svg() + picture.alternative + picture.caption).lower()
    picture = time_to_target(result)
    assert picture is not None
    assert ">fitted<" not in picture.svg()
    assert picture.caption == "Batches of 128 reached a loss of 0.1 first."


@pytest.mark.parametrize("interval", [(0.0, 91.0), (62.0, None), (0.0, None)])
def test_the_interval_of_the_critical_size_may_be_open(interval: tuple[float, float | None]) -> None:
    result = train_result(fit=trade_off(critical_interval=interval))
    (picture,) = (picture for picture in pictures(result) if picture.name == "steps")
    assert "nan" not in picture.svg()
    assert "inf" not in picture.svg()


def test_losses_have_a_dot_for_each_seed() -> None:
    (picture,) = (picture for picture in pictures(train_result()) if picture.name == "losses")
    dots = picture.svg().count("<use")
    assert dots >= 2 * 5 * 8


def test_one_round_of_timing_has_no_quartiles_to_show() -> None:
    assert "latency" in names(train_result(timings={8: [1e-4], 64: [2e-4], 128: []}))


def test_nothing_run_is_no_picture() -> None:
    assert pictures(train_without_answer()) == []
    assert pictures(train_result(sizes=[at_batch_size(8, 5)], timings={}, predicted=Predicted(1.0, 1.0, None)))
