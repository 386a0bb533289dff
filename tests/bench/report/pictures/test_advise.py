"""The figures of an advice."""

import math
from xml.etree import ElementTree

import pytest
from bench.made_results import NOISE, OVERHEAD, PER_SAMPLE, SIZES, advice, lane, step_cost, without_answer

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.advice.advice import Advice
from tinygrad_edu.bench.advice.race import Lane
from tinygrad_edu.bench.report.pictures.advise import _curve, pictures, time_to_target


def names(result: Advice) -> list[str]:
    return [picture.name for picture in pictures(result)]


def test_the_time_to_the_target_is_first() -> None:
    assert names(advice()) == ["time", "throughput", "latency", "noise", "steps", "rates", "losses"]


def test_every_picture_can_be_drawn_and_says_what_to_read() -> None:
    for picture in pictures(advice()):
        ElementTree.fromstring(picture.file())
        assert picture.caption.endswith(".")
        assert picture.alternative.endswith(".")


def test_the_picture_names_best_size_and_range() -> None:
    picture = time_to_target(advice())
    assert picture is not None
    for words in ("B* = 135", "take 128", "predicted", "measured", "within 10 %", "time to a loss of 0.1"):
        assert f">{words}<" in picture.svg()
    assert "least time near 135 samples" in picture.caption
    assert "from 71 to 259" in picture.caption
    assert "at 512" in picture.alternative
    assert "Recommended: 128." in picture.alternative


def test_the_curve_is_the_formula_scaled_to_the_race() -> None:
    curve = _curve(advice())
    assert curve is not None
    x, y, unit = curve
    assert unit == "seconds"
    shape = [(OVERHEAD + PER_SAMPLE * size) * (1 + NOISE / size) for size in x]
    ratios = [value / one for value, one in zip(y, shape, strict=True)]
    assert max(ratios) == pytest.approx(min(ratios), rel=1e-9)
    assert ratios[0] == pytest.approx(400.0, rel=0.1)  # the steps of the largest batches
    assert x[0] == pytest.approx(SIZES[0])
    assert x[-1] == pytest.approx(SIZES[-1])


def test_without_a_race_the_curve_is_in_multiples_of_the_least() -> None:
    result = advice(race=[], noise_from_race=None, target_loss=None)
    curve = _curve(result)
    assert curve is not None
    assert min(curve[1]) == pytest.approx(1.0)
    picture = time_to_target(result)
    assert picture is not None
    assert "least = 1" in picture.svg()
    assert "2×" in picture.svg()
    assert ">measured<" not in picture.svg()
    assert names(result) == ["time", "throughput", "latency", "noise"]


def test_a_size_that_did_not_reach_the_target_is_marked() -> None:
    failed = lane(2048, 0.1)
    failed.steps = failed.seconds = failed.rate = math.nan
    failed.rates = {0.1: math.nan, 0.2: math.nan}
    result = advice(race=[*advice().race, failed])
    for picture in pictures(result):
        assert "nan" not in (picture.svg() + picture.alternative + picture.caption).lower()
    picture = time_to_target(result)
    assert picture is not None
    assert ">not reached<" in picture.svg()
    assert "Not reached with 2048." in picture.alternative


def unfinished(size: int) -> Lane:
    return Lane(size, rates={0.1: math.nan, 0.2: math.nan})


@pytest.mark.parametrize("race", [[lane(32, 0.8)], [lane(32, 0.8), unfinished(128)], [unfinished(32), unfinished(128)]])
def test_a_trend_takes_two_sizes_that_were_run_to_the_target(race: list[Lane]) -> None:
    found = names(advice(race=race, batch_size=64, learning_rate=0.8, rates={}))
    assert not {"steps", "losses", "rates"} & set(found)


def test_one_size_that_was_run_twice_is_no_trend() -> None:
    result = advice(race=[lane(128, 0.05), lane(128, 0.05)], noise_from_race=None)
    assert not {"steps", "losses", "rates"} & set(names(result))


def rates(result: Advice) -> str:
    (picture,) = (picture for picture in pictures(result) if picture.name == "rates")
    return picture.alternative


def test_a_rate_that_nothing_was_trained_with_is_not_drawn_as_the_best() -> None:
    race = [lane(8, 0.01), lane(32, 0.03)]
    assert "0.05" not in rates(advice(race=race, rates={}))
    assert "0.05" not in rates(advice(race=race, rates={0.05: math.nan}))
    assert "0.05" not in rates(advice(race=[*race, unfinished(128)], rates={}))
    assert "0.05 at 128" in rates(advice(race=race, rates={0.05: 634.0}))
    assert "0.05 at 128" in rates(advice(race=[*race, lane(128, 0.05)], rates={0.05: math.nan}))


def test_a_race_alone_has_its_points() -> None:
    picture = time_to_target(advice(step_cost=None))
    assert picture is not None
    assert ">measured<" in picture.svg()
    assert ">predicted<" not in picture.svg()


def test_no_answer_may_have_no_picture() -> None:
    assert pictures(without_answer()) == []


def test_a_step_cost_that_is_flat_or_free() -> None:
    for overhead, per_sample in ((0.0, 1e-6), (1e-4, 0.0), (0.0, 0.0)):
        cost = step_cost()
        cost.overhead, cost.per_sample = overhead, per_sample
        for picture in pictures(advice(step_cost=cost)):
            assert "nan" not in picture.svg()


def test_an_answer_beyond_what_was_timed() -> None:
    picture = time_to_target(advice(batch_size=4096, low=2000, high=8000, optimum=4100.0))
    assert picture is not None
    assert "take 4096" in picture.svg()
