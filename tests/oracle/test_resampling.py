"""Resampling against PyTorch's: values, gradients by the inputs, what is refused, and what it looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import normal
from twins import Call, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
ERRORS = (ValueError, TypeError, RuntimeError, NotImplementedError)


@st.composite
def calls(draw: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The sizes of an input, and options of `interpolate`."""
    axes = draw(st.integers(1, 3))
    sizes = tuple(draw(st.integers(1, 9)) for _ in range(axes))
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "area", LINEAR[axes], LINEAR[axes]]))
    options: dict[str, Any] = {"mode": mode}
    if mode == LINEAR[axes]:
        options["align_corners"] = draw(st.sampled_from([None, False, True]))
    if draw(st.booleans()):
        size = st.integers(1, 15)
        options["size"] = draw(size | st.tuples(*[size] * axes))
    else:
        scale = st.floats(0.3, 3.0) | st.sampled_from([0.5, 1 / 3, 1.0, 1.5, 2.0, 3.0])
        options["scale_factor"] = draw(scale | st.tuples(*[scale] * axes))
        options["recompute_scale_factor"] = draw(st.sampled_from([None, False, True]))
    return sizes, options


def inconsistent(sizes: tuple[int, ...], out: Any, options: dict[str, Any]) -> bool:
    """Where PyTorch's gradient is not that of its values: scales that are not the ratio of sizes equal or doubled."""
    named = options["mode"] == "nearest" and "scale_factor" in options and not options["recompute_scale_factor"]
    return named and len(sizes) != 2 and any(m in (n, 2 * n) for n, m in zip(sizes, out.shape[2:], strict=True))


@settings(deadline=None, max_examples=120)
@given(calls())
def test_interpolate(case: tuple[tuple[int, ...], dict[str, Any]]) -> None:
    sizes, options = case
    x = normal(2, 3, *sizes)
    theirs = torch.nn.functional.interpolate
    try:
        expected = theirs(torch.tensor(x), **options)
    except RuntimeError:  # a size of 0
        with pytest.raises(tg.ShapeError):
            F.interpolate(tg.tensor(x), **options)
        return
    if 0 not in expected.shape and not inconsistent(sizes, expected, options):
        compare(Call(F.interpolate, options), Call(theirs, options), x)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 2), st.integers(1, 12), st.integers(1, 12), st.data())
def test_borders_of_nearest_elements_are_rounded_alike(axes: int, size: int, count: int, data: Any) -> None:
    mode = data.draw(st.sampled_from(["nearest", "nearest-exact"]))
    x = np.broadcast_to(np.arange(float(size)), (1, 1, *[2] * (axes - 1), size)).copy()
    options = {"size": (*[2] * (axes - 1), count), "mode": mode}
    compare(Call(F.interpolate, options), Call(torch.nn.functional.interpolate, options), x)


def test_large_images_in_blocks() -> None:
    for options in ({"size": (100, 150), "mode": "bilinear"}, {"size": (31, 17), "mode": "area"}):
        x = normal(1, 2, 70, 45)
        compare(Call(F.interpolate, options), Call(torch.nn.functional.interpolate, options), x)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("Upsample", {"scale_factor": 2}, (2, 3, 4)),
        ("Upsample", {"size": (5, 6)}, (2, 3, 4, 3)),
        ("Upsample", {"scale_factor": (2, 1.5), "mode": "bilinear"}, (2, 3, 4, 3)),
        ("Upsample", {"size": 7, "mode": "trilinear", "align_corners": True}, (1, 2, 3, 4, 2)),
        ("UpsamplingNearest2d", {"scale_factor": 2}, (2, 3, 4, 3)),
        ("UpsamplingBilinear2d", {"size": (5, 6)}, (2, 3, 4, 3)),
        ("UpsamplingBilinear2d", {"scale_factor": 1.5}, (2, 3, 4, 3)),
        ("PixelShuffle", {"upscale_factor": 3}, (2, 18, 4, 2)),
        ("PixelShuffle", {"upscale_factor": 2}, (8, 4, 2)),
        ("PixelUnshuffle", {"downscale_factor": 2}, (2, 3, 4, 6)),
        ("PixelUnshuffle", {"downscale_factor": 2}, (1, 2, 3, 4, 6)),
    ],
)
def test_module(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = twins(name, **options)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, numbers(*shape))


X = np.ones((2, 3, 6, 6))


@pytest.mark.parametrize(
    ("name", "x", "options"),
    [
        ("interpolate", X, {}),
        ("interpolate", X, {"size": 4, "scale_factor": 2}),
        ("interpolate", X, {"size": 4, "mode": "cubic"}),
        ("interpolate", X, {"size": 4, "align_corners": True}),
        ("interpolate", X, {"size": 4, "align_corners": False, "mode": "area"}),
        ("interpolate", X, {"size": 4, "mode": "linear"}),
        ("interpolate", X, {"size": 4, "mode": "trilinear"}),
        ("interpolate", X[0], {"size": 4, "mode": "bilinear"}),
        ("interpolate", X, {"size": 0}),
        ("interpolate", X, {"size": 2.0}),
        ("interpolate", X, {"size": (2, 2, 2)}),
        ("interpolate", X, {"size": (2,)}),
        ("interpolate", X, {"scale_factor": (2.0,)}),
        ("interpolate", X, {"scale_factor": 0.1}),
        ("interpolate", X, {"scale_factor": -1.0}),
        ("interpolate", X, {"size": 3, "recompute_scale_factor": True}),
        ("interpolate", X[0, 0], {"size": 3}),
        ("interpolate", X[None, None], {"size": 3}),
        ("interpolate", X[:, :0], {"size": 3}),
        ("interpolate", X[:, :, :0], {"size": 3}),
        ("interpolate", X.astype(int), {"size": 3}),
        ("pixel_shuffle", X, {"upscale_factor": 2}),
        ("pixel_shuffle", X, {"upscale_factor": 0}),
        ("pixel_shuffle", X[0, 0], {"upscale_factor": 1}),
        ("pixel_unshuffle", X, {"downscale_factor": 4}),
        ("pixel_unshuffle", X, {"downscale_factor": -2}),
        ("pixel_unshuffle", X[0, 0], {"downscale_factor": 2}),
    ],
)
def test_what_pytorch_refuses_is_refused(name: str, x: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ERRORS):
        getattr(torch.nn.functional, name)(torch.tensor(x), **options)
    with pytest.raises((*ERRORS, tg.TinygradError)):
        getattr(F, name)(tg.tensor(x), **options)
