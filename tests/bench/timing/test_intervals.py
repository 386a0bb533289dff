from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_edu.bench.timing.intervals import Interval, _medians, median_interval, quotient_interval

RUNS = 600


def covered(count: int, draw: str, seed: int) -> float:
    """How often the interval holds the true median, 1."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(RUNS):
        if draw == "log-normal":
            sample = np.exp(0.05 * rng.standard_normal(count))
        else:  # never faster than a bound, sometimes much slower
            sample = 1.0 + 0.1 * (rng.exponential(size=count) - math.log(2.0))
        hits += not median_interval(sample.tolist(), seed=int(rng.integers(1000))).excludes(1.0)
    return hits / RUNS


@pytest.mark.parametrize("draw", ["log-normal", "skewed"])
@pytest.mark.parametrize("count", [15, 21, 40])
def test_the_interval_holds_the_true_median_in_about_95_of_100_runs(count: int, draw: str) -> None:
    assert 0.92 <= covered(count, draw, seed=count) <= 0.985


def test_the_interval_of_a_quotient_holds_the_true_one() -> None:
    rng = np.random.default_rng(0)
    hits, widths = 0, []
    for run in range(RUNS):
        new, old = 1.2 * np.exp(0.05 * rng.standard_normal((2, 30)))
        old /= 1.2
        found = quotient_interval(new.tolist(), old.tolist(), seed=run)
        hits += not found.excludes(1.2)
        widths.append(found.width)
    assert 0.92 <= hits / RUNS <= 0.985
    # four standard errors: 1.25 σ/√n for a median, √2 times that for a quotient
    assert 0.8 < np.median(widths) / (4 * 1.2 * 1.25 * 0.05 * math.sqrt(2 / 30)) < 1.3


@pytest.mark.parametrize("count", [7, 8, 21, 40])
def test_medians_are_those_of_samples_drawn_with_replacement(count: int) -> None:
    rng = np.random.default_rng(0)
    sample = rng.lognormal(size=count)
    ours = np.sort(_medians(sample, rng))
    plain = np.sort(np.median(sample[rng.integers(count, size=(len(ours), count))], axis=1))
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):  # which may lie between two entries of the sample: so in ranks
        value = np.quantile(plain, level)
        for below in (np.less, np.less_equal):
            assert below(ours, value).mean() == pytest.approx(below(plain, value).mean(), abs=0.03)


def test_a_higher_level_gives_a_wider_interval() -> None:
    sample = np.random.default_rng(0).lognormal(size=40).tolist()
    ninety, most = median_interval(sample, level=0.9), median_interval(sample, level=0.999)
    assert most.low < ninety.low < ninety.value < ninety.high < most.high
    assert ninety.value == most.value == np.median(sample)


def test_the_seed_decides() -> None:
    sample = np.random.default_rng(0).lognormal(size=20).tolist()
    assert median_interval(sample, seed=1) == median_interval(sample, seed=1)
    assert quotient_interval(sample, sample[::2], seed=1) == quotient_interval(sample, sample[::2], seed=1)


def test_the_scale_of_the_numbers_does_not_matter() -> None:
    sample = np.random.default_rng(0).lognormal(size=20)
    one, thousand = median_interval(sample.tolist()), median_interval((sample * 1024.0).tolist())
    assert (one.value * 1024.0, one.low * 1024.0, one.high * 1024.0) == (thousand.value, thousand.low, thousand.high)


@pytest.mark.parametrize(("count", "level", "enough"), [(5, 0.95, False), (6, 0.95, True), (8, 0.995, False)])
def test_too_few_rounds_give_no_bounds(count: int, level: float, enough: bool) -> None:
    sample = [float(i + 1) for i in range(count)]
    found = median_interval(sample, level=level)
    assert found.value == np.median(sample)
    assert (not math.isnan(found.low), not math.isnan(found.high)) == (enough, enough)
    other = quotient_interval(sample, [1.0] * 30, level=level)
    assert math.isnan(other.low) is not enough


def test_no_rounds_at_all() -> None:
    assert math.isnan(median_interval([]).value)
    assert math.isnan(quotient_interval([], [1.0]).value)


def test_nothing_is_excluded_without_bounds() -> None:
    assert not Interval(3.0, math.nan, math.nan).excludes(1.0)
