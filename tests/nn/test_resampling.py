"""interpolate, Upsample, PixelShuffle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from between_layers import check_between_layers
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module

MODULES = [
    (nn.Upsample(scale_factor=2), (2, 3)),
    (nn.Upsample(size=(5, 2)), (2, 3, 4)),
    (nn.Upsample(scale_factor=1.7, mode="nearest-exact"), (2, 3, 2)),
    (nn.Upsample(scale_factor=0.7, mode="linear"), (2, 5)),
    (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 2)),
    (nn.Upsample(size=3, mode="trilinear", align_corners=True), (1, 2, 3, 2)),
    (nn.Upsample(size=(2, 3), mode="area"), (2, 3, 4)),
    (nn.UpsamplingNearest2d(scale_factor=(1, 2)), (2, 2, 3)),
    (nn.UpsamplingBilinear2d(size=4), (2, 2, 3)),
    (nn.PixelShuffle(2), (4, 2, 3)),
    (nn.PixelUnshuffle(2), (2, 2, 4)),
]


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_gradients(module: Any, shape: tuple[int, ...]) -> None:
    x = normal(3, *shape)
    assert check_module(module, x, order=2).ok
    assert check_laws(module, x).ok


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_samples_stay_apart(module: Any, shape: tuple[int, ...]) -> None:
    check_between_layers(module, shape)


def test_whole_factors_repeat_every_element() -> None:
    x = normal(2, 3, 4, 5)
    for mode in ("nearest", "nearest-exact"):
        out = F.interpolate(tg.tensor(x), scale_factor=(2, 3), mode=mode)
        np.testing.assert_array_equal(out.array, x.repeat(2, axis=2).repeat(3, axis=3))


def test_the_scale_counts_where_the_size_was_rounded() -> None:
    x = tg.tensor([[[0.0, 1.0, 2.0]]], dtype=tg.float64)
    named = F.interpolate(x, scale_factor=1.5, mode="linear")
    recomputed = F.interpolate(x, scale_factor=1.5, mode="linear", recompute_scale_factor=True)
    np.testing.assert_allclose(named.array, [[[0, 0.5, 7 / 6, 11 / 6]]], atol=1e-15)
    np.testing.assert_allclose(recomputed.array, F.interpolate(x, size=4, mode="linear").array, atol=1e-15)


def test_a_size_that_stays_changes_nothing() -> None:
    x = tg.randn(1, 1, 4)
    for options in ({"mode": "nearest"}, {"mode": "linear"}):
        assert F.interpolate(x, scale_factor=1.1, **options).tolist() == x.tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "options", "kind", "said"),
    [
        ((1, 1, 4), {}, ValueError, r"pass size or scale_factor, got neither"),
        ((1, 1, 4), {"size": 2, "scale_factor": 2}, ValueError, "size=2 and scale_factor=2.* are two sizes: pass one"),
        ((1, 1, 4), {"size": 2, "mode": "cubic"}, ValueError, "unknown mode 'cubic': use 'nearest', 'nearest-exact'"),
        ((1, 1, 4), {"size": 2, "align_corners": False}, ValueError, "is for the linear modes, not for 'nearest'"),
        ((1, 1, 4, 4), {"size": 2, "mode": "linear"}, tg.ShapeError, r"mode='linear' takes N, C and 1 more axes, got"),
        ((4, 4), {"size": 2}, tg.ShapeError, r"takes \(N, C, L\), .*, got \(4, 4\)\. x\[None\] adds a leading axis"),
        ((1, 1, 4), {"size": (2, 2)}, ValueError, r"size=\(2, 2\) has 2 numbers for 1 axes"),
        ((1, 1, 4, 4), {"scale_factor": (2,)}, ValueError, r"scale_factor=\(2,\) has 1 numbers for 2 axes"),
        ((1, 1, 4), {"size": 0}, ValueError, "size must be at least 1, got 0"),
        ((1, 1, 4), {"size": 2.5}, TypeError, "size must be an integer"),
        ((1, 1, 4), {"scale_factor": 0.1}, tg.ShapeError, r"\(1, 1, 4\) to sizes \(0,\): each axis but the batch"),
        ((1, 1, 4), {"scale_factor": -1.0}, ValueError, "scale_factor=-1.0 must be positive and finite"),
        ((1, 1, 4), {"scale_factor": "twice"}, TypeError, "scale_factor must be numbers, got 'twice'"),
        ((1, 1, 4), {"size": 2, "antialias": True}, ValueError, "there is no antialias=True: use mode='area'"),
        ((1, 1, 4), {"size": 2, "recompute_scale_factor": True}, ValueError, "is for scale_factor, not for size"),
    ],
)
def test_misfits(shape: Any, options: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=f"interpolate: .*{said}"):
        F.interpolate(tg.ones(*shape), **options)


def test_integers_are_refused() -> None:
    with pytest.raises(tg.DtypeError, match="interpolate: input has dtype int64"):
        F.interpolate(tg.ones(1, 1, 4).long(), size=2)


def test_shuffled_pixels_come_back() -> None:
    x = tg.randn(2, 3, 4, 6)
    many = F.pixel_unshuffle(x, 2)
    assert many.shape == (2, 12, 2, 3)
    assert many.tolist()[1][7] == x.array[1, 1, 1::2, 1::2].tolist()
    assert F.pixel_shuffle(many, 2).tolist() == x.tolist()


@pytest.mark.parametrize("shuffle", [nn.PixelShuffle(1), nn.PixelShuffle(2), nn.PixelUnshuffle(1)])
def test_shuffled_pixels_are_a_tensor_of_their_own(shuffle: nn.Module) -> None:
    x = tg.zeros(1, 4, 1, 1)
    shuffle(x).add_(1.0)
    assert not x.any()


@pytest.mark.parametrize(
    ("name", "shape", "factor", "kind", "said"),
    [
        ("pixel_shuffle", (3, 2, 2), 2, tg.ShapeError, r"axis -3 of \(3, 2, 2\) is 3, .* upscale_factor² = 4"),
        ("pixel_shuffle", (2, 2), 2, tg.ShapeError, r"expects \(\*, C, H, W\), got \(2, 2\)"),
        ("pixel_shuffle", (4, 2, 2), 0, ValueError, "upscale_factor must be at least 1, got 0"),
        ("pixel_unshuffle", (1, 2, 3), 2, tg.ShapeError, r"axis -1 of \(1, 2, 3\) is 3, .* downscale_factor = 2"),
        ("pixel_unshuffle", (1, 2, 2), 1.5, TypeError, "downscale_factor must be an integer"),
    ],
)
def test_pixels_that_cannot_be_shared_out(name: str, shape: Any, factor: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=f"{name}.*{said}"):
        getattr(F, name)(tg.ones(*shape), factor)
