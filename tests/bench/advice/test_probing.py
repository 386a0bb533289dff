"""The first training: steps timed, a rate found, the noise measured along the way."""

from __future__ import annotations

import math

import pytest
from bench.advice.simulated import World

from tinygrad_edu import ShapeError
from tinygrad_edu.bench.advice.probing import first_rate, probe_training, step_cost


def test_overhead_and_arithmetic_are_found_within_five_percent():
    for seed in range(5):
        world = World(1e-4, 1e-6, jitter=0.05, seed=seed)
        cost = step_cost(world.lab())
        assert cost.overhead == pytest.approx(1e-4, rel=0.05)
        assert cost.per_sample == pytest.approx(1e-6, rel=0.05)
        assert cost.sizes == [2**k for k in range(11)]


def test_slow_steps_are_timed_at_fewer_sizes():
    world = World(0.05, 0.01)
    lab = world.lab()
    cost = step_cost(lab)
    assert 3 <= len(cost.sizes) < 8
    assert world.now < 15


def test_a_model_that_takes_two_samples_at_the_least_is_timed_with_them():
    class Pairs(World):
        def start(self, batch_size, rate, seed):
            run = super().start(batch_size, rate, seed)
            sized = run.sized

            def checked(size):
                other = sized(size)
                if size < 2:
                    other.step = lambda: (_ for _ in ()).throw(ShapeError("two samples are needed"))
                return other

            run.sized = checked
            return run

    assert step_cost(Pairs().lab()).sizes[:2] == [2, 4]


def test_more_sizes_can_be_timed_later():
    lab = World(1e-4, 1e-6).lab()
    cost = step_cost(lab, [4096], step_cost(lab))
    assert cost.sizes[-2:] == [1024, 4096]


@pytest.mark.parametrize("rate", [1e-4, 0.02, 3.0, 100.0])
def test_the_first_rate_is_near_the_best(rate):
    world = World(rate=rate)
    lab = world.lab()
    climb, first = first_rate(lab, step_cost(lab))
    u = climb.best * (1 + world.noise / 32) / rate
    assert 2 * u - u * u > 0.7
    assert first == pytest.approx(2.0)


def test_the_noise_is_taken_at_some_45_moments():
    world = World(noise=80.0)
    lab = world.lab()
    found = probe_training(lab, step_cost(lab), 0.02, None)
    assert 40 <= len(found.checkpoints) <= 50
    assert found.noise == pytest.approx(80, rel=0.1)
    assert found.reached.taken == 1000
    assert found.last_loss < found.first_loss == pytest.approx(2.0)


def test_a_training_that_diverges_is_begun_anew_with_half_the_rate():
    world = World(noise=80.0)
    lab = world.lab()
    best = world.rate / (1 + 80 / 32)
    found = probe_training(lab, step_cost(lab), 6 * best, None)
    assert found.rate == pytest.approx(1.5 * best)
    assert not math.isnan(found.noise)


def test_with_a_target_it_ends_there():
    lab = World().lab()
    found = probe_training(lab, step_cost(lab), 0.04, 1.0)
    assert found.reached.finished
    assert found.reached.taken < 1000


def test_coupled_samples_are_noted_and_nothing_is_measured():
    world = World()
    world.coupled = True
    lab = world.lab()
    found = probe_training(lab, step_cost(lab), 0.04, None)
    assert found.checkpoints == []
    assert math.isnan(found.noise)
    assert found.coupled == "They meet in 'norm' (Centre): 'mean' takes samples together"
    assert found.reached.taken == 1000
