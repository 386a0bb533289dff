"""InstanceNorm: single samples, the statistics that it may keep, and what it says of inputs that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module

LAYERS = [(nn.InstanceNorm1d, (4, 3, 2)), (nn.InstanceNorm2d, (3, 2, 2, 3)), (nn.InstanceNorm3d, (2, 2, 2, 1, 2))]


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
@pytest.mark.parametrize("options", [{}, {"affine": True}, {"affine": True, "track_running_stats": True}])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_and_laws(training: bool, options: dict[str, Any], kind: Any, shape: tuple[int, ...]) -> None:
    layer = kind(shape[1], eps=0.1, **options).double().train(training)
    check_module(layer, normal(*shape))
    check_laws(layer, normal(*shape))


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_samples_are_apart(training: bool, kind: Any, shape: tuple[int, ...]) -> None:
    layer, x = kind(shape[1], affine=True, track_running_stats=True).double().train(training), normal(*shape)
    axes = tuple(range(1, len(shape)))
    check_open_sum(lambda: layer(x).sin().sum(axes), list(layer.parameters()))


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
def test_a_single_sample_is_a_batch_of_one(kind: Any, shape: tuple[int, ...]) -> None:
    layer, x = kind(shape[1], affine=True), tg.rand(*shape[1:])
    np.testing.assert_array_equal(layer(x).detach().numpy(), layer(x.unsqueeze(0)).detach().numpy()[0])


def test_running_statistics_are_averages_of_the_samples_ones() -> None:
    layer, x = nn.InstanceNorm1d(3, momentum=0.25, track_running_stats=True, dtype=tg.float64), normal(4, 3, 5)
    layer(tg.tensor(x))
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * x.var(2, ddof=1).mean(0), rtol=1e-12)
    assert int(layer.num_batches_tracked) == 0
    mean = layer.running_mean.numpy().copy()
    layer.eval()(tg.tensor(x))
    np.testing.assert_array_equal(layer.running_mean.numpy(), mean)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (
            nn.InstanceNorm1d(3, affine=True),
            (4, 5, 2),
            r"^InstanceNorm1d '0' expects \(N, 3, L\), .* Set num_features=5\?",
        ),
        (nn.InstanceNorm1d(3, affine=True), (5, 2), r"^InstanceNorm1d '0' expects \(3, L\), got \(5, 2\): axis 0 is 5"),
        (nn.InstanceNorm1d(3), (3,), r"expects \(N, C, L\) or \(C, L\), got \(3,\): it has 1 axis. Use x.unsqueeze"),
        (nn.InstanceNorm2d(3), (4, 3), r"it has 2 axes. Use InstanceNorm1d"),
        (
            nn.InstanceNorm1d(3),
            (4, 3, 1),
            r"^InstanceNorm1d '0' needs more than one number for each sample and channel",
        ),
    ],
)
def test_misfits(module: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        nn.Sequential(module)(tg.zeros(*shape))


def test_a_number_of_channels_without_effect_gets_a_warning() -> None:
    with pytest.warns(UserWarning, match="num_features has no effect"):
        assert nn.InstanceNorm1d(3)(tg.rand(2, 5, 4)).shape == (2, 5, 4)


def test_the_function_refuses() -> None:
    with pytest.raises(ValueError, match="instance_norm: running_mean and running_var are needed"):
        F.instance_norm(tg.rand(2, 3, 4), use_input_stats=False)
    with pytest.raises(tg.ShapeError, match=r"instance_norm: running_mean has shape \(2,\)"):
        F.instance_norm(tg.rand(2, 3, 4), tg.zeros(2), tg.ones(3))


def test_no_samples_at_all() -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True)
    assert layer(tg.zeros(0, 3, 2)).shape == (0, 3, 2)
    np.testing.assert_array_equal(layer.running_var.numpy(), 1)
