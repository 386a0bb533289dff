"""The meter of the noise scale: unbiased over steps of any size, and with the error that it has."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from point_model import Point, of_gradients, opened

import tinygrad_edu as tg
from tinygrad_edu.samples import GradientSum, NoiseScaleMeter, noise_scale

CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def step_of(signal, n, trace=1.0):
    """A step of n samples with these estimates, as a sum over one parameter; |G|² may not be below -trace/n."""
    square_norms = n * (signal + trace)
    total = n * n * signal + n * trace
    return GradientSum({"w": tg.tensor([math.sqrt(total)], dtype="float64")}, n, n, n, square_norms)


def batches(rng, sizes, spread=1.0):
    """Gradients with the mean (1, 0, 0, 0) and the covariance spread² in each direction."""
    for size in sizes:
        yield np.array([1.0, 0, 0, 0]) + spread * rng.normal(size=(size, 4))


@pytest.mark.parametrize("sizes", [[4] * 1500, [2, 3, 5, 8] * 375])
def test_the_ratio_of_means_is_right_where_the_mean_of_ratios_is_useless(sizes):
    truth = 4 * 2.0**2  # tr Σ / |G|²
    model, meter, ratios = Point(np.zeros(4)), noise_scale(decay=1), []
    for g in batches(np.random.default_rng(7), sizes, 2.0):
        grads = opened(model, -g)
        one = grads.noise_scale()
        ratios.append(one.trace / one.signal)
        meter.update(grads)
    estimate = meter.estimate
    assert estimate.usable
    assert abs(meter.value / truth - 1) < 0.15
    low, high = estimate.interval
    assert low < truth < high
    assert abs(np.mean(ratios) / truth - 1) > 0.5
    assert (estimate.steps, estimate.samples) == (len(sizes), sum(sizes))


def test_both_means_are_unbiased_over_simulated_steps():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        meter = noise_scale(decay=0.9)
        for g in batches(rng, [2, 5, 3]):
            estimate = meter.update(summed(g))
        found.append((estimate.trace, estimate.signal))
    mean, error = np.mean(found, 0), np.std(found, 0, ddof=1) / 20
    assert (np.abs(mean - [4.0, 1.0]) < 4 * error).all()
    assert (error < 0.1).all()


def summed(g):
    n = len(g)
    return GradientSum({"w": tg.from_numpy(g.sum(0))}, n, n, n, (g**2).sum())


@given(st.lists(st.integers(2, 6), min_size=1, max_size=6), st.sampled_from([0.0, 0.5, 0.95, 1.0]), st.integers(0, 99))
def test_degrees_of_freedom_and_pairs_are_what_counts(sizes, decay, seed):
    meter, parts = noise_scale(decay), []
    for g in batches(np.random.default_rng(seed), sizes):
        meter.update(summed(g))
        parts.append(of_gradients(g))
    n, age = np.array(sizes), decay ** np.arange(len(sizes))[::-1]
    trace = np.average([part.trace for part in parts], weights=age * (n - 1))
    signal = np.average([part.signal for part in parts], weights=age * n * (n - 1))
    np.testing.assert_allclose([meter.estimate.trace, meter.estimate.signal], [trace, signal], **CLOSE)


def test_with_all_steps_alike_the_trace_is_the_pooled_variance_and_the_signal_the_mean_over_pairs():
    meter, dots, squares, freedom = noise_scale(decay=1), [], 0.0, 0
    for g in batches(np.random.default_rng(2), [5, 2, 7]):
        meter.update(summed(g))
        gram = g @ g.T
        dots += list(gram[~np.eye(len(g), dtype=bool)])
        squares += ((g - g.mean(0)) ** 2).sum()
        freedom += len(g) - 1
    np.testing.assert_allclose(meter.estimate.signal, np.mean(dots), **CLOSE)
    np.testing.assert_allclose(meter.estimate.trace, squares / freedom, **CLOSE)


def test_the_first_step_is_not_drawn_to_zero():
    meter = noise_scale(decay=0.99)
    for _ in range(3):
        estimate = meter.update(step_of(2.0, 4))
        np.testing.assert_allclose([estimate.trace, estimate.signal], [1.0, 2.0], **CLOSE)


def test_older_steps_fade():
    meter = noise_scale(decay=0.5)
    for _ in range(5):
        meter.update(step_of(1.0, 4))
    for _ in range(50):
        estimate = meter.update(step_of(3.0, 4))
    np.testing.assert_allclose(estimate.signal, 3.0, rtol=1e-11)
    np.testing.assert_allclose(estimate.signal_error, 0.0, atol=1e-6)


def test_the_standard_error_of_equal_steps_is_the_usual_one():
    signals = [2.0, 3.0, 7.0, 4.5]
    meter = noise_scale(decay=1)
    assert math.isnan(meter.update(step_of(signals[0], 5)).signal_error)
    for signal in signals[1:]:
        meter.update(step_of(signal, 5))
    expected = np.std(signals, ddof=1) / 2
    np.testing.assert_allclose(meter.estimate.signal_error, expected, **CLOSE)


@pytest.mark.parametrize("decay", [0.95, 1.0])
@pytest.mark.parametrize("worth", [lambda n: n * (n - 1), lambda n: n], ids=["noise rules", "signal rules"])
def test_the_standard_error_is_right_for_uneven_steps(worth, decay):
    # Where noise is all there is, the precision of a step's signal grows like n(n - 1), where there is little, like n.
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        meter = noise_scale(decay)
        for n in [2, 9, 4, 12, 9, 3, 5, 10] * 5:
            estimate = meter.update(step_of(1 + rng.normal() / math.sqrt(worth(n)), n, trace=40.0))
        found.append((estimate.signal, estimate.signal_error))
    signals, errors = np.array(found).T
    assert abs(signals.std() / np.sqrt((errors**2).mean()) - 1) < 0.1
    assert 0.9 < (np.abs(signals - 1) < 2 * errors).mean() < 0.99


def test_a_signal_that_is_not_clearly_positive_is_not_usable():
    meter = noise_scale(decay=1)
    for signal in [3.0, -0.2, -0.1, 2.0]:
        estimate = meter.update(step_of(signal, 4))
    assert 0 < estimate.signal < 2 * estimate.signal_error
    assert not meter.usable
    assert math.isnan(meter.value)
    assert math.isnan(float(meter))
    assert estimate.reason == (
        "|G|² is known as 1.17 ± 0.792 after 4 steps, too close to 0 for a ratio. Feed more batches, or larger ones"
    )
    assert estimate.interval[1] == math.inf
    for _ in range(20):
        meter.update(step_of(1.0, 4))
    assert meter.usable
    assert float(meter) == meter.value
    low, high = meter.estimate.interval
    assert low < meter.value < high < math.inf
    assert " ± " in str(meter.estimate)
    assert "96 samples in 24 steps" in repr(meter)


def test_a_smoothed_signal_below_zero():
    meter = noise_scale()
    for _ in range(2):
        meter.update(step_of(-0.125, 4))
    assert meter.estimate.reason.endswith(
        "the noise of 8 samples in 2 steps hides the gradient. Feed more batches, or larger ones"
    )
    assert meter.estimate.interval == (math.inf, math.inf)


def test_steps_of_one_sample_or_none_change_nothing():
    model, meter = Point([1.0, 2.0]), noise_scale()
    assert meter.update(opened(model, [[0.0, 1.0]])).steps == 0
    assert meter.estimate.reason.startswith("there was no batch of two or more samples yet: call update()")
    meter.update(opened(model, np.arange(8.0).reshape(4, 2)))
    before = meter.state_dict()
    meter.update(opened(model, [[0.0, 1.0]]))
    meter.update(model.theta.sample_grads)
    meter.update(GradientSum.of(model))
    meter.update(GradientSum())
    meter.update(opened(model, np.zeros((0, 2))))
    meter.update(opened(model, np.ones((3, 2)), [0.0, 2.0, 0.0]))
    assert meter.state_dict() == before


@pytest.mark.parametrize("sizes", [(2, 3), (3, 2), (2, 2, 1), (5,)])
def test_over_all_epochs_both_means_are_exact(sizes):
    # The batches of an epoch are drawn without replacement, and of uneven sizes.
    points = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0], [-1.0, 0.5], [1.0, 2.0]])
    found = []
    for order in itertools.permutations(range(5)):
        meter = noise_scale(decay=1, population=5)
        for batch in np.split(points[list(order)], np.cumsum(sizes)[:-1]):
            estimate = meter.update(summed(batch))
        found.append((estimate.trace, estimate.signal))
        assert estimate.population == 5
    truth = points.var(0, ddof=1).sum(), (points.mean(0) ** 2).sum()
    np.testing.assert_allclose(np.mean(found, 0), truth, **CLOSE)
    if sizes == (5,):
        np.testing.assert_allclose(found, np.tile(truth, (120, 1)), **CLOSE)


def test_more_samples_than_there_are():
    meter = noise_scale(population=5)
    meter.update(step_of(1.0, 4))
    before = meter.state_dict()
    with pytest.raises(ValueError, match="6 samples cannot be drawn without replacement from population=5"):
        meter.update(step_of(1.0, 6))
    assert meter.state_dict() == before


@pytest.mark.parametrize("population", [None, 50])
def test_model_parameter_and_sum_say_the_same(population):
    model = Point([1.0, 2.0])
    meters = [noise_scale(population=population) for _ in range(3)]
    for g in batches(np.random.default_rng(4), [3, 5]):
        grads = opened(model, g[:, :2])
        for meter, fed in zip(meters, (grads, model.theta.sample_grads, GradientSum.of(model))):
            meter.update(fed)
    first, *others = [meter.estimate for meter in meters]
    for other in others:
        np.testing.assert_allclose([other.trace, other.signal], [first.trace, first.signal], **CLOSE)
        assert (other.steps, other.samples) == (2, 8)


def test_micro_batches_before_zero_grad_are_one_step():
    x = np.random.default_rng(5).normal(size=(7, 2))
    model = Point([1.0, 2.0])
    whole = opened(model, x).noise_scale()
    model.zero_grad()
    for part in np.split(x, [2, 3]):
        model(part).backward(per_sample=True)
    parts = noise_scale().update(model.sample_grads())
    np.testing.assert_allclose([parts.trace, parts.signal], [whole.trace, whole.signal], **CLOSE)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_step_that_is_not_finite_is_refused():
    model, meter = Point([1.0]), noise_scale()
    meter.update(opened(model, [[0.0], [3.0]]))
    before = meter.state_dict()
    with pytest.raises(ValueError, match=r"gradients of this step are not finite.*Nothing was changed"):
        meter.update(opened(model, [[0.0], [math.inf]]))
    assert meter.state_dict() == before


def test_what_is_no_gradient_is_refused():
    with pytest.raises(TypeError, match=r"needs model\.sample_grads\(\).* got a Linear"):
        noise_scale().update(tg.nn.Linear(2, 1))


@pytest.mark.parametrize("decay", [-0.1, 1.1, math.nan])
def test_the_decay_is_checked(decay):
    with pytest.raises(ValueError, match=f"decay={decay}, from 0 .* to 1"):
        noise_scale(decay)


@pytest.mark.parametrize(("population", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError)])
def test_the_population_is_checked(population, error):
    with pytest.raises(error, match=rf"population={population} is not a number of samples"):
        noise_scale(population=population)


def test_the_text_names_what_it_was_made_with():
    assert repr(noise_scale(0.5)).startswith("NoiseScaleMeter(decay=0.5): noise scale not usable")
    assert repr(noise_scale(1, 569)).startswith("NoiseScaleMeter(decay=1, population=569): noise scale not usable")


@pytest.mark.parametrize("population", [None, 9])
def test_saving_and_loading_goes_on_where_it_was(population):
    meter = noise_scale(decay=0.8, population=population)
    for signal in [1.0, 2.0, 0.5]:
        meter.update(step_of(signal, 4))
    twin, pickled = noise_scale(), pickle.loads(pickle.dumps(meter))
    twin.load_state_dict(meter.state_dict())
    expected = meter.update(step_of(1.5, 6))
    assert twin.update(step_of(1.5, 6)) == pickled.update(step_of(1.5, 6)) == expected
    meter.reset()
    assert meter.estimate.steps == 0
    assert (meter.decay, twin.estimate) == (0.8, expected)
    assert meter.population == twin.population == population


def test_a_state_that_does_not_fit():
    meter = NoiseScaleMeter()
    meter.update(step_of(1.0, 4))
    before = meter.state_dict()
    with pytest.raises(tg.StateError, match=r"missing or unknown: both\.x, what\. Nothing was loaded"):
        meter.load_state_dict({key: value for key, value in before.items() if key != "both.x"} | {"what": 1.0})
    with pytest.raises(tg.StateError, match=r"missing or unknown: population\. Nothing was loaded"):
        meter.load_state_dict({key: value for key, value in before.items() if key != "population"})
    with pytest.raises(ValueError, match="decay=2"):
        meter.load_state_dict({**before, "decay": 2.0})
    with pytest.raises(ValueError, match="population=0"):
        meter.load_state_dict({**before, "population": 0, "decay": 0.1})
    assert meter.state_dict() == before
