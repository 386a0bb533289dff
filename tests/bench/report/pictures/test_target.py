"""The figures of training to a target."""

import math
import re

import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.advice.noise import Checkpoint
from tinygrad_edu.bench.report.pictures import target
from tinygrad_edu.bench.report.pictures.target import Tried

NAN = math.nan
SIZES = [8, 32, 128, 512, 2048]
STEPS = [1100.0, 350.0, 170.0, 120.0, 105.0]


def test_steps_and_samples_with_three_regimes() -> None:
    picture = target.to_target(SIZES, STEPS, 100.0, 80.0)
    assert picture is not None
    svg = picture.svg(wide=True)
    for words in ("steps", "samples", "perfect scaling", "plateau", "80"):
        assert f">{words}<" in svg
    assert "Far below 80 samples, twice the batch needs half the steps" in picture.caption
    assert "To the target: batches of 8: 1,100 steps, 8,800 samples" in picture.alternative
    assert "not reached" not in svg


def test_what_was_not_reached_is_marked_and_said() -> None:
    picture = target.to_target(SIZES, [*STEPS[:-1], NAN], NAN, NAN)
    assert picture is not None
    assert ">not reached<" in picture.svg()
    assert "not reached with 2048." in picture.alternative
    assert "perfect scaling" not in picture.svg()


def test_an_interval_may_be_open() -> None:
    for interval in ((0.0, math.inf), (60.0, math.inf), (0.0, 100.0), (60.0, 100.0)):
        picture = target.to_target(SIZES, STEPS, 100.0, 80.0, interval=interval)
        assert picture is not None
        assert "nan" not in picture.svg()


def test_nothing_reached_is_no_picture() -> None:
    assert target.to_target([8, 32], [NAN, NAN], NAN, NAN) is None
    assert target.to_target([], [], NAN, NAN) is None


def along(steps: list[int], smoothed: list[float], alone: list[float]) -> list[Checkpoint]:
    """Checkpoints with these noise scales."""
    found = [Checkpoint(step, 1.0, one, 1.0, mean) for step, mean, one in zip(steps, smoothed, alone, strict=True)]
    assert [mark.alone for mark in found] == pytest.approx(alone, nan_ok=True)
    return found


def test_noise_with_its_levels() -> None:
    steps, smoothed = [0, 10, 20, 30], [NAN, 20.0, 40.0, 90.0]
    picture = target.noise(along(steps, smoothed, [30.0, NAN, 35.0, 1e9]), 50.0, 128.0)
    assert picture is not None
    assert ">N = 50<" in picture.svg()
    assert ">batch size 128<" in picture.svg()
    assert "The batch size, 128, is larger than the noise scale, 50" in picture.caption
    assert "between 20 and 90 and ends at 90" in picture.alternative


@pytest.mark.parametrize(("size", "said"), [(8.0, "smaller than"), (45.0, "about as large as"), (500.0, "larger than")])
def test_noise_is_compared_with_the_batch_size(size: float, said: str) -> None:
    picture = target.noise(along([0, 10], [40.0, 60.0], [NAN, NAN]), 50.0, size)
    assert picture is not None
    assert said in picture.caption


def test_noise_that_was_never_usable_is_no_picture() -> None:
    assert target.noise(along([0, 10], [NAN, NAN], [3.0, 4.0]), 50.0, 128.0) is None
    assert target.noise([], NAN, NAN) is None


def test_rates_that_failed_are_marked() -> None:
    picture = target.rates([Tried(8, 0.01, {0.01: 900.0, 0.1: NAN}), Tried(128, 0.16, {0.16: 200.0, 0.08: 300.0})])
    assert picture is not None
    for words in ("best", "reached it", "failed or given up"):
        assert f">{words}<" in picture.svg()
    assert "from 0.01 at 8 samples to 0.16 at 128, about as B to the power of 1.0" in picture.caption
    assert "0.01 at 8, 0.16 at 128" in picture.alternative


def test_rates_that_are_the_same_claim_no_trend() -> None:
    picture = target.rates([Tried(32, 0.8, {0.8: 90.0}), Tried(64, 0.8, {0.8: 50.0})])
    assert picture is not None
    assert picture.caption == "The best rate is about the same from 32 samples, 0.8, to 64, 0.8."


def test_rates_of_one_size_or_of_none() -> None:
    picture = target.rates([Tried(8, 0.01, {0.01: 900.0}), Tried(32, NAN, {0.1: NAN})])
    assert picture is not None
    assert "Of the rates tried at 8 samples, 0.01" in picture.caption
    assert "nan" not in picture.svg()
    assert target.rates([Tried(8, NAN, {0.1: NAN})]) is None


def test_losses_have_a_dot_for_each_seed() -> None:
    train, held_out = [[0.1, 0.11], [0.1, 0.09]], [[0.2, 0.21], [0.3, NAN]]
    picture = target.losses([8, 64], train, held_out)
    assert picture is not None
    assert "0.1 at 8, 0.2 at 64" in picture.alternative
    assert target.losses([8], [[0.1]], [[NAN]]) is None
    assert target.losses([], [], []) is None


@pytest.mark.parametrize(
    ("last", "said"),
    [(0.3, "rises from 0.2 at 8 samples to 0.3 at 64"), (0.1, "falls from 0.2"), (0.201, "hardly changes from 0.2")],
)
def test_whether_larger_batches_test_worse_is_said(last: float, said: str) -> None:
    picture = target.losses([8, 64], [[0.1], [0.1]], [[0.2], [last]])
    assert picture is not None
    assert said in picture.caption


@pytest.mark.parametrize(
    ("last", "said"), [([0.26, 0.24, 0.25], "generalize worse here"), ([0.35, 0.2, 0.2], "seeds differ")]
)
def test_a_difference_within_that_of_the_seeds_says_nothing(last: list[float], said: str) -> None:
    picture = target.losses([8, 64], [[0.1] * 3, [0.1] * 3], [[0.2, 0.21, 0.19], last])
    assert picture is not None
    assert said in picture.caption


def test_levels_that_are_close_have_their_words_on_either_side() -> None:
    picture = target.noise(along([0, 10, 20, 30], [10.0, 20.0, 40.0, 60.0], [NAN] * 4), 50.0, 60.0)
    assert picture is not None
    heights = {
        words: float(y) for y, words in re.findall(r'y="([\d.]+)">(N = 50|batch size 60)<', picture.svg(wide=True))
    }
    assert heights["N = 50"] - heights["batch size 60"] > 14
