"""The noise scale of a training: McCandlish's mean, unbiased where some moments say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_edu.bench.advice.noise import Checkpoint, weighted_noise


def test_the_noise_scale_of_a_moment_alone() -> None:
    assert Checkpoint(0, 1.0, 6.0, 2.0).alone == 3.0
    assert math.isnan(Checkpoint(0, 1.0, 6.0, 0.0).alone)
    assert math.isnan(Checkpoint(0, 1.0, 6.0, -1.0).alone)


def test_it_is_the_weighted_mean_of_what_the_checkpoints_say():
    far = [Checkpoint(step, 1.0, 1.0, 1 / 10) for step in range(40)]
    late = [Checkpoint(step, 0.1, 1.0, 1 / 1000) for step in range(40, 80)]
    # Away from where the two halves meet, N is 10 and 1000; at B = 100 the weights are 1/1.1 and 1/11.
    expected = (10 / 1.1 + 1000 / 11) / (1 / 1.1 + 1 / 11)
    assert weighted_noise(far + late, 100) == pytest.approx(expected, rel=0.12)
    assert far[5].smoothed == pytest.approx(10)
    assert late[-5].smoothed == pytest.approx(1000)


def test_checkpoints_whose_noise_hides_the_gradient_do_not_lower_it():
    rng = np.random.default_rng(0)
    # The error of |G|² is 2.3 times its size: it often comes out negative.
    noisy = [Checkpoint(step, 1.0, 1.0, 1 / 300 + rng.normal() / 128) for step in range(400)]
    assert sum(c.signal < 0 for c in noisy) > 100
    found = weighted_noise(noisy, 64)
    usable = [c for c in noisy if c.signal > 0]
    naive = sum(1 / (c.signal + 1 / 64) for c in usable) / sum(c.signal / (c.signal + 1 / 64) for c in usable)
    assert 200 < found < 450
    assert naive < 180


def test_the_size_of_the_gradients_does_not_matter():
    scales = np.geomspace(1, 1e-8, 45)
    checkpoints = [Checkpoint(i, s, 50 * s, s) for i, s in enumerate(scales)]
    assert weighted_noise(checkpoints, 32) == pytest.approx(50)


def test_what_is_not_finite_or_has_no_noise_is_left_out():
    good = [Checkpoint(i, 1.0, 6.0, 2.0) for i in range(5)]
    bad = [Checkpoint(9, 1.0, math.nan, 1.0), Checkpoint(10, 1.0, 1.0, math.inf), Checkpoint(11, 0.0, 0.0, 0.0)]
    assert weighted_noise(good + bad, 32) == pytest.approx(3.0)
    assert math.isnan(bad[0].smoothed)
    assert math.isnan(weighted_noise(bad, 32))
    assert math.isnan(weighted_noise([], 32))
    assert math.isnan(weighted_noise([Checkpoint(0, 1.0, 1.0, -1.0)], 32))
