"""The fit of the trade-off between steps and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.training.tradeoff import DIMINISHING, PERFECT, PLATEAU, TradeOff, fit_tradeoff

pytest.importorskip("scipy")

SIZES = [8 * 2**k for k in range(9)]


def simulated(smin: float, critical: float, seed: int, *, seeds: int = 3, noise: float = 0.1) -> dict[int, list[float]]:
    rng = np.random.default_rng(seed)
    return {b: list(smin * (1 + critical / b) * np.exp(noise * rng.standard_normal(seeds))) for b in SIZES}


def within(interval: tuple[float, float | None], value: float) -> bool:
    low, high = interval
    return low <= value and (high is None or value <= high)


@pytest.mark.parametrize(
    ("smin", "critical", "seeds"),
    [(50, 30, 3), (200, 120, 5), (1000, 500, 3), (20, 60, 4), (300, 16, 5), (100, 1500, 3)],
)
def test_the_truth_is_recovered_with_its_uncertainty(smin: float, critical: float, seeds: int) -> None:
    found = [fit_tradeoff(simulated(smin, critical, seed, seeds=seeds)) for seed in range(100)]
    assert 90 <= sum(within(fit.critical_interval, critical) for fit in found) <= 99
    assert 90 <= sum(within(fit.smin_interval, smin) for fit in found) <= 99
    assert 90 <= sum(within(fit.emin_interval, smin * critical) for fit in found) <= 99
    widths = [high / low for low, high in (fit.critical_interval for fit in found) if high is not None and low > 0]
    assert len(widths) == 100
    assert np.median(widths) <= 3
    assert np.median([fit.critical for fit in found]) == pytest.approx(critical, rel=0.1)


def test_a_batch_size_that_was_tuned_badly_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    covered, plain = 0, 0
    for seed in range(100):
        steps = simulated(200, 120, seed, noise=0.02)
        plain += fit_tradeoff(steps).critical_interval[0] > 0
        off = np.exp(0.15 * rng.standard_normal(len(SIZES)))
        found = fit_tradeoff({b: [s * o for s in runs] for (b, runs), o in zip(steps.items(), off)})
        covered += within(found.critical_interval, 120)
        assert "scatter around the curve" in found.reason
    assert 90 <= covered <= 99
    assert plain == 100


@given(
    smin=st.floats(1, 1e5),
    critical=st.floats(4, 4096),
    sizes=st.sets(st.integers(1, 8192), min_size=4, max_size=9),
)
def test_steps_without_noise_give_the_curve_itself(smin: float, critical: float, sizes: set[int]) -> None:
    found = fit_tradeoff({b: [smin * (1 + critical / b)] * 2 for b in sizes})
    if found.usable and found.critical_interval[1] is not None and found.critical_interval[0] > 0:
        assert within(found.critical_interval, critical)
        assert found.smin_interval[0] <= smin * (1 + 1e-9)
        for b in sizes:
            assert found.steps(b) == pytest.approx(smin * (1 + critical / b), rel=1e-3)


@given(st.floats(0.01, 100), st.integers(1, 50), st.integers(0, 20))
def test_other_units_of_steps_and_samples(factor: float, parts: int, seed: int) -> None:
    steps = simulated(200, 120, seed)
    found = fit_tradeoff(steps)
    scaled = fit_tradeoff({b * parts: [factor * s for s in runs] for b, runs in steps.items()})
    assert scaled.smin == pytest.approx(factor * found.smin, rel=1e-4)
    assert scaled.critical == pytest.approx(parts * found.critical, rel=1e-4)
    assert scaled.critical_interval == pytest.approx([parts * (end or 0) for end in found.critical_interval], rel=1e-4)


def test_the_curve_is_the_hyperbola() -> None:
    found = fit_tradeoff(simulated(100, 64, 0))
    assert found.emin == pytest.approx(found.smin * found.critical)
    for b in SIZES:
        steps = found.steps(b)
        assert (steps / found.smin - 1) * (b * steps / found.emin - 1) == pytest.approx(1)


def test_runs_that_did_not_finish_are_left_out_and_said() -> None:
    steps = simulated(200, 120, 1)
    broken = {b: [math.nan, *runs] for b, runs in steps.items()}
    found, whole = fit_tradeoff(broken), fit_tradeoff(steps)
    assert (found.smin, found.critical_interval) == (whole.smin, whole.critical_interval)
    assert found.left_out == 9
    assert "9 of 36 runs did not finish" in found.reason
    assert whole.reason == ""


@pytest.mark.parametrize("steps", [{}, {8: [100.0, 90.0]}, {8: [100.0], 16: [60.0], 32: [math.nan]}])
def test_too_few_batch_sizes_give_no_fit_but_a_reason(steps: dict[int, list[float]]) -> None:
    found = fit_tradeoff(steps)
    assert not found.usable
    assert found.reason.startswith("no fit: it needs 3 batch sizes")
    assert found.critical_interval == (0.0, None)
    assert math.isnan(found.steps(8))
    assert found.regime(8) == ""


def test_perfect_scaling_everywhere_leaves_the_critical_batch_size_open_above() -> None:
    found = fit_tradeoff(simulated(1e-3, 1e8, 2))
    low, high = found.critical_interval
    assert low > 2048
    assert high is None
    assert found.smin_interval[0] == 0
    assert found.emin == pytest.approx(1e5, rel=0.1)
    assert "not bounded above: use larger" in found.reason
    assert found.regime(8) == PERFECT


def test_a_plateau_everywhere_leaves_it_open_below() -> None:
    found = fit_tradeoff(simulated(500, 1e-4, 3))
    low, high = found.critical_interval
    assert low == 0
    assert high is not None
    assert high < 8
    assert found.smin == pytest.approx(500, rel=0.1)
    assert "not bounded below: use smaller" in found.reason
    assert found.regime(2048) == PLATEAU


def test_noise_alone_leaves_both_sides_open() -> None:
    rng = np.random.default_rng(1)
    found = fit_tradeoff({b: list(np.exp(3 * rng.standard_normal(2))) for b in (8, 16, 32)})
    assert found.critical_interval == (0.0, None)
    assert "not known" in found.reason


def test_regimes_by_the_critical_batch_size() -> None:
    found = fit_tradeoff({b: [100 * (1 + 64 / b)] for b in SIZES})
    named = [found.regime(b) for b in (1, 16, 17, 64, 255, 256, 10_000)]
    assert named == [PERFECT, PERFECT, DIMINISHING, DIMINISHING, DIMINISHING, PLATEAU, PLATEAU]


def test_one_seed_has_no_scatter_between_seeds() -> None:
    found = fit_tradeoff({b: runs[:1] for b, runs in simulated(200, 120, 4).items()})
    assert isinstance(found, TradeOff)
    assert math.isnan(found.scatter)
    assert within(found.critical_interval, 120)
    assert fit_tradeoff(simulated(200, 120, 4, seeds=5)).scatter == pytest.approx(0.1, rel=0.3)
