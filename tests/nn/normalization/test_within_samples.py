"""LayerNorm, RMSNorm and GroupNorm as modules; the functions are tested with the ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module


def test_layer_norm_makes_mean_0_and_variance_1() -> None:
    out = nn.LayerNorm((3, 4), eps=0.0)(tg.randn(5, 3, 4) * 7 + 3).array
    np.testing.assert_allclose(out.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(out.var(axis=(1, 2)), 1, rtol=1e-5)


def test_samples_do_not_mix() -> None:
    layer, x = nn.LayerNorm(6).double(), tg.randn(4, 6, dtype=tg.float64)
    np.testing.assert_allclose(layer(x).array[2], layer(x[2:3]).array[0], rtol=1e-14)


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        (nn.LayerNorm(3), ["weight", "bias"]),
        (nn.LayerNorm(3, bias=False), ["weight"]),
        (nn.LayerNorm(3, elementwise_affine=False), []),
        (nn.RMSNorm(3), ["weight"]),
        (nn.RMSNorm(3, elementwise_affine=False), []),
        (nn.GroupNorm(3, 6), ["weight", "bias"]),
        (nn.GroupNorm(3, 6, bias=False), ["weight"]),
        (nn.GroupNorm(3, 6, affine=False), []),
    ],
)
def test_parameters(module: nn.Module, parameters: list[str]) -> None:
    assert [name for name, _ in module.named_parameters()] == parameters


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (
            nn.LayerNorm(6),
            (2, 5),
            r"^LayerNorm '0' expects \(\*, 6\), got \(2, 5\): axis -1 is 5. Set normalized_shape=\(5,\)",
        ),
        (nn.RMSNorm((3, 6)), (2, 4, 6), r"^RMSNorm '0' expects \(\*, 3, 6\), got \(2, 4, 6\): axis -2 is 4."),
        (nn.LayerNorm((3, 6)), (6,), r"^LayerNorm '0' expects \(\*, 3, 6\), got \(6,\): there is no axis -2"),
        (
            nn.GroupNorm(2, 6),
            (3, 4),
            r"^GroupNorm '0' expects \(N, 6, \*\), got \(3, 4\): axis 1 is 4. Set num_channels=4",
        ),
        (nn.GroupNorm(2, 6), (3, 4, 6), r"^GroupNorm '0' .* axis 1 is 4. Channels are axis 1: use x.movedim\(-1, 1\)"),
        (nn.GroupNorm(2, 6), (6,), r"^GroupNorm '0' expects \(N, 6, \*\), got \(6,\): it has no axis 1"),
    ],
)
def test_misfits(module: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        nn.Sequential(module)(tg.zeros(*shape))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalized_shape": (3, 0)}, "LayerNorm: normalized_shape must be at least 1, got 0"),
        ({"normalized_shape": 3, "eps": -1.0}, "LayerNorm: eps must be 0 or more, got -1.0"),
        ({"normalized_shape": 3, "eps": float("nan")}, "LayerNorm: eps must be 0 or more, got nan"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.LayerNorm(**options)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((3, 4), "GroupNorm: num_channels=4 is not a multiple of num_groups=3"),
        ((0, 4), "GroupNorm: num_groups must be at least 1, got 0"),
        ((2, 4, -1.0), "GroupNorm: eps must be 0 or more, got -1.0"),
    ],
)
def test_groups_are_checked(args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.GroupNorm(*args)


@pytest.mark.parametrize("module", [nn.LayerNorm((4, 3)), nn.RMSNorm((4, 3)), nn.GroupNorm(2, 4), nn.GroupNorm(4, 4)])
def test_gradients_laws_and_samples(module: nn.Module) -> None:
    module, x = module.double(), normal(3, 4, 3)
    for i, parameter in enumerate(module.parameters()):
        parameter.array[...] = normal(*parameter.shape, seed=i)
    check_module(module, x)
    check_laws(module, x)
    check_open_sum(lambda: module(x).sin().sum((1, 2)), list(module.parameters()))


def test_normalize_of_zero_vectors_has_finite_gradients() -> None:
    x = tg.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    nn.functional.normalize(x).sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.array).all()
