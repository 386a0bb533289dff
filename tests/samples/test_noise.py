"""The noise scale: exact where it can be, unbiased, and honest where the noise hides the gradient."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from point_model import Point, of_gradients, opened

from tinygrad_edu.samples import GradientSum, NoiseScale

NUMBERS = st.floats(-10, 10).map(lambda x: round(x, 3))
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


@given(hnp.arrays(float, st.tuples(st.integers(2, 6), st.integers(1, 4)), elements=NUMBERS))
def test_it_is_the_sum_of_variances_and_the_rest_of_the_mean_s_length(g):
    estimate = of_gradients(g)
    trace = g.var(0, ddof=1).sum()
    np.testing.assert_allclose(estimate.trace, trace, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(estimate.signal, (g.mean(0) ** 2).sum() - trace / len(g), rtol=1e-11, atol=1e-10)
    assert estimate.trace >= 0
    assert estimate.samples == len(g)
    assert estimate.usable == (not estimate.reason) == math.isfinite(estimate.value)


def test_known_numbers():
    model = Point([3.0])
    estimate = opened(model, [[0.0], [7.0], [-2.0]]).noise_scale()  # gradients 3, -4, 5
    assert (estimate.trace, estimate.signal) == (50 / 2 - 16 / 6, (16 - 50) / 6)
    estimate = opened(model, [[0.0], [1.0], [-2.0]]).noise_scale()  # gradients 3, 2, 5
    np.testing.assert_allclose([estimate.trace, estimate.signal], [7 / 3, 31 / 3], **CLOSE)
    np.testing.assert_allclose(estimate.value, 7 / 31, **CLOSE)
    assert str(estimate) == "noise scale 0.226 (tr Σ = 2.33, |G|² = 10.3; 3 samples)"


@pytest.mark.parametrize("size", [2, 3])
def test_both_estimates_are_unbiased(size):
    # Over all batches that can be drawn from four points the means are exact, with no tolerance for chance.
    points = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0], [-1.0, 0.5]])
    model = Point([0.3, -0.7])
    batches = list(itertools.product(range(4), repeat=size))
    found = [opened(model, points[list(batch)]).noise_scale() for batch in batches]
    mean = points.mean(0)
    trace, signal = ((points - mean) ** 2).sum(1).mean(), ((model.theta.array - mean) ** 2).sum()
    np.testing.assert_allclose(np.mean([one.trace for one in found]), trace, **CLOSE)
    np.testing.assert_allclose(np.mean([one.signal for one in found]), signal, **CLOSE)


@pytest.mark.parametrize("weights", [[1.0, 2.0], [3.0, 0.5, 0.0], [0.1, 0.1, 7.0]])
def test_so_they_are_with_weights(weights):
    points = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0]])
    model = Point([0.3, -0.7])
    found = []
    for batch in itertools.product(range(3), repeat=len(weights)):
        opened(model, points[list(batch)], weights)
        found.append(GradientSum.of(model).noise_scale())
    mean = points.mean(0)
    trace, signal = ((points - mean) ** 2).sum(1).mean(), ((model.theta.array - mean) ** 2).sum()
    np.testing.assert_allclose(np.mean([one.trace for one in found]), trace, **CLOSE)
    np.testing.assert_allclose(np.mean([one.signal for one in found]), signal, **CLOSE)


@given(hnp.arrays(float, st.tuples(st.integers(2, 6), st.integers(1, 4)), elements=NUMBERS), st.floats(0.1, 10))
def test_equal_weights_change_nothing(g, w):
    plain = of_gradients(g)
    total = ((w * g).sum(0) ** 2).sum()
    other = NoiseScale.from_weighted_sums((w * g**2).sum(), total, w * len(g), w * w * len(g), len(g))
    np.testing.assert_allclose([other.trace, other.signal], [plain.trace, plain.signal], rtol=1e-11, atol=1e-10)


def test_a_signal_below_zero_is_not_usable():
    estimate = NoiseScale.from_sums(10.0, 4.0, 2)  # of the gradients 3 and -1
    assert (estimate.signal, estimate.usable) == (-3.0, False)
    assert math.isnan(estimate.value)
    assert estimate.reason == (
        "the estimate of |G|² is -3, not above 0: the noise of 2 samples hides the gradient. "
        "Take a larger batch, or put several steps together with tg.samples.noise_scale()"
    )
    assert str(estimate) == f"noise scale not usable: {estimate.reason}"
    assert not NoiseScale.from_sums(2.0, 2.0, 2).usable  # exactly 0


def test_no_noise_at_all():
    estimate = NoiseScale.from_sums(12.0, 36.0, 3)
    assert (estimate.trace, estimate.signal, estimate.value) == (0.0, 4.0, 0.0)
    assert NoiseScale.from_sums(12.0, 36.0 + 1e-13, 3).trace == 0.0  # where rounding would make it negative


def test_gradients_that_are_all_zero():
    estimate = NoiseScale.from_sums(0.0, 0.0, 4)
    assert estimate.reason == "all gradients are 0: there is neither signal nor noise"


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_gradients_that_are_not_finite(bad):
    estimate = NoiseScale.from_sums(bad, bad, 4)
    assert not estimate.usable
    assert math.isnan(estimate.value)
    assert estimate.reason.startswith("the gradients are not finite: look for the cause")


WAY_OUT = (
    "noise is how samples differ from one another. Take a larger batch, or put several together before zero_grad()"
)


def assert_too_few(estimate, why, samples):
    assert estimate.reason == f"it needs at least two samples, {why}: {WAY_OUT}"
    assert not estimate.usable
    assert all(math.isnan(number) for number in (estimate.trace, estimate.signal, estimate.value, *estimate.interval))
    assert (estimate.samples, estimate.steps) == (samples, 1)
    assert str(estimate) == f"noise scale not usable: {estimate.reason}"


@pytest.mark.parametrize("square", [4.0, 0.0, math.inf, math.nan])
def test_one_sample_is_too_few(square):
    assert_too_few(NoiseScale.from_sums(square, square, 1), "got 1", 1)


def test_so_is_none():
    assert_too_few(NoiseScale.from_sums(0.0, 0.0, 0), "got 0", 0)


@pytest.mark.parametrize("count", [0, 1])
def test_one_sample_is_too_few_for_a_model(count):
    grads = opened(Point([1.0, 2.0]), np.zeros((count, 2)))
    assert_too_few(grads.noise_scale(), f"got {count}", count)
    assert_too_few(GradientSum.of(grads).noise_scale(), f"got {count}", count)


def test_one_weight_above_zero_is_too_few():
    why = "of 3 at most one has a weight above 0"
    assert_too_few(NoiseScale.from_weighted_sums(10.0, 1.0, 0.1, 0.1**2, 3), why, 3)
    assert_too_few(NoiseScale.from_weighted_sums(0.0, 0.0, 0.0, 0.0, 3), why, 3)
    grads = opened(Point([1.0]), [[0.0], [3.0], [5.0]], [0.0, 2.0, 0.0])
    assert_too_few(grads.noise_scale(), why, 3)


@pytest.mark.parametrize("estimate", [NoiseScale.from_sums(14.0, 36.0, 3), NoiseScale(6.0, 2.0, 80, 10, 0.5)])
def test_as_a_number_it_is_its_value(estimate):
    assert float(estimate) == estimate.value > 0


@pytest.mark.parametrize("sums", [(10.0, 4.0, 2), (0.0, 0.0, 4), (4.0, 4.0, 1)])
def test_as_a_number_it_is_nan_where_it_is_not_usable(sums):
    assert math.isnan(float(NoiseScale.from_sums(*sums)))


@pytest.mark.parametrize(
    ("sums", "text"),
    [
        ((14.0, 50.0, 3), "‖Σ g‖² = 50 cannot be of gradients with Σ‖g‖² = 14: of 3 samples it is at most 42"),
        ((1.0, 2.0, 1), "‖Σ g‖² = 2 cannot be of gradients with Σ‖g‖² = 1: of 1 sample it is at most 1"),
        ((0.0, 2.0, 0), "‖Σ g‖² = 2 cannot be of gradients with Σ‖g‖² = 0: of 0 samples it is at most 0"),
    ],
)
def test_sums_that_do_not_belong_together(sums, text):
    with pytest.raises(ValueError, match=rf"{re.escape(text)}\..*\.grad may hold other terms"):
        NoiseScale.from_sums(*sums)


def test_a_penalty_in_grad_does_not_count():
    model = Point([3.0, 1.0])
    x = np.arange(8.0).reshape(4, 2)
    alone = opened(model, x).noise_scale()
    (100 * model.theta * model.theta).sum().backward()
    # repr, because a NaN need not be equal to itself
    assert repr(model.sample_grads().noise_scale()) == repr(alone)


# Drawn without replacement

POINTS = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0], [-1.0, 0.5], [1.0, 2.0]])
THETA = np.array([0.3, -0.7])
TRACE, SIGNAL = POINTS.var(0, ddof=1).sum(), ((THETA - POINTS.mean(0)) ** 2).sum()


def assert_mean(found, **tolerance):
    tolerance = {**CLOSE, **tolerance}
    np.testing.assert_allclose(np.mean([one.trace for one in found]), TRACE, **tolerance)
    np.testing.assert_allclose(np.mean([one.signal for one in found]), SIGNAL, **tolerance)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_over_all_batches_without_replacement_both_means_are_exact(size):
    model = Point(THETA)
    drawn = [opened(model, POINTS[list(batch)]) for batch in itertools.combinations(range(5), size)]
    found = [grads.noise_scale(population=5) for grads in drawn]
    assert_mean(found)
    assert {one.population for one in found} == {5}
    if size < 5:  # without it the signal is too small by a part of the noise
        uncorrected = np.mean([of_gradients(THETA - POINTS[list(batch)]).signal for batch in subsets(size)])
        np.testing.assert_allclose(uncorrected, SIGNAL - TRACE / 5, **CLOSE)


def subsets(size):
    return itertools.combinations(range(5), size)


@pytest.mark.parametrize(
    "weights", [[1.0, 2.0], [3.0, 0.5, 0.0], [0.1, 0.1, 7.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0], [2.0] * 5]
)
def test_so_they_are_with_fixed_weights(weights):
    w = np.array(weights)
    found = []
    for batch in itertools.permutations(range(5), len(w)):
        g = THETA - POINTS[list(batch)]
        sums = (w * (g**2).sum(1)).sum(), ((w @ g) ** 2).sum(), w.sum(), (w**2).sum(), len(w)
        found.append(NoiseScale.from_weighted_sums(*sums, population=5))
    assert_mean(found)
    if weights == [2.0] * 5:
        assert_mean(found[:1])


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5, 3.0, 0.0]])
@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 0, 3), (2, 3), (1, 1, 1, 1, 1)])
def test_so_they_are_of_merged_sums(sizes, weights):
    model, edges, found = Point(THETA), np.cumsum((0, *sizes)), []
    for batch in itertools.permutations(range(5), sum(sizes)):
        parts = []
        for lo, hi in itertools.pairwise(edges):
            opened(model, POINTS[list(batch[lo:hi])], None if weights is None else weights[lo:hi])
            parts.append(GradientSum.of(model))
        found.append(sum(parts).noise_scale(population=5))
    assert_mean(found)
    if weights is None and sum(sizes) == 5:
        assert_mean(found[:1])


@given(hnp.arrays(float, st.tuples(st.integers(2, 60), st.integers(1, 4)), elements=NUMBERS))
def test_of_the_whole_population_they_are_exact_and_never_negative(g):
    n = len(g)
    estimate = NoiseScale.from_sums((g**2).sum(), (g.sum(0) ** 2).sum(), n, population=n)
    np.testing.assert_allclose(estimate.trace, g.var(0, ddof=1).sum(), rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(estimate.signal, (g.mean(0) ** 2).sum(), rtol=1e-13)
    assert estimate.signal >= 0


def test_where_the_noise_of_a_sample_hides_the_gradient_all_samples_show_it():
    estimate = NoiseScale.from_sums(10.0, 4.0, 2, population=2)  # of the gradients 3 and -1
    assert (estimate.trace, estimate.signal, estimate.value) == (8.0, 1.0, 8.0)
    assert str(estimate) == "noise scale 8 (tr Σ = 8, |G|² = 1; 2 of 2 samples)"
    hidden = NoiseScale.from_sums(10.0, 4.0, 2, population=8)
    assert hidden.signal == -2.0
    assert "the noise of 2 of 8 samples hides the gradient. Take a larger batch" in hidden.reason


def test_at_a_minimum_there_is_no_larger_batch_to_take():
    estimate = NoiseScale.from_sums(2.0, 0.0, 2, population=2)  # of the gradients 1 and -1
    assert estimate.reason == (
        "the estimate of |G|² from all 2 samples is 0, not above 0: their mean gradient is 0, or nearly so, and all "
        "that is left is noise"
    )


def test_a_large_population_is_as_good_as_none():
    one = NoiseScale.from_sums(14.0, 36.0, 3, population=10**15)
    two = NoiseScale.from_sums(14.0, 36.0, 3)
    np.testing.assert_allclose([one.trace, one.signal], [two.trace, two.signal], rtol=1e-13)


@pytest.mark.parametrize("ask", [
    lambda n: NoiseScale.from_sums(14.0, 36.0, 3, population=n),
    lambda n: NoiseScale.from_weighted_sums(28.0, 144.0, 6.0, 12.0, 3, population=n),
    lambda n: opened(Point([1.0]), [[0.0], [3.0], [5.0]]).noise_scale(population=n),
    lambda n: GradientSum.of(opened(Point([1.0]), [[0.0], [3.0], [5.0]])).noise_scale(population=n),
])  # fmt: skip
def test_a_population_that_cannot_be(ask):
    assert ask(np.int64(3)).population == 3
    with pytest.raises(ValueError, match=r"3 samples cannot be drawn without replacement from population=2\. .* None"):
        ask(2)
    with pytest.raises(ValueError, match="population=0 is not a number of samples: it must be at least 1, or None"):
        ask(0)
    for wrong in (4.0, "4"):
        with pytest.raises(
            TypeError, match=rf"population={wrong!r} is not a number of samples: .* an integer, or None"
        ):
            ask(wrong)


def test_one_sample_of_a_population_is_too_few_still():
    for n in (1, 7):
        estimate = NoiseScale.from_sums(4.0, 4.0, 1, population=n)
        assert_too_few(estimate, "got 1", 1)
        assert estimate.population == n
