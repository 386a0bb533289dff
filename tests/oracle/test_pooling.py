"""Pooling against PyTorch's: values, indices, gradients by the inputs, what is refused, and what it looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import rng
from twins import Call, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

ERRORS = (ValueError, TypeError, RuntimeError, IndexError)


def functions(name: str) -> tuple[Any, Any]:
    return getattr(F, name), getattr(torch.nn.functional, name)


@st.composite
def inputs(draw: Any, axes: int, ties: bool = False) -> Any:
    """(N, C, *) or (C, *); with ties of many numbers, some of them NaN or infinite."""
    shape = [draw(st.integers(0, 2)), 2][draw(st.booleans()) :] + [draw(st.integers(1, 7)) for _ in range(axes)]
    random = rng(draw(st.integers(0, 10**6)))
    if not ties:
        return random.normal(size=shape)
    x = random.integers(-2, 3, shape).astype(float)
    for value in draw(st.sampled_from([(), (np.nan,), (-np.inf,), (np.inf, -np.inf)])):
        x[random.random(shape) < 0.2] = value
    return x


@st.composite
def windows(draw: Any, axes: int, dilated: bool = False) -> dict[str, Any]:
    """Options as one number or one for each axis; a stride or none."""

    def option(values: Any) -> Any:
        return draw(st.one_of(values, st.tuples(*[values] * axes)))

    kernel = option(st.integers(1, 4))
    least = min(kernel) if isinstance(kernel, tuple) else kernel
    found = {"kernel_size": kernel, "padding": option(st.integers(0, least // 2)), "ceil_mode": draw(st.booleans())}
    if draw(st.booleans()):
        found["stride"] = option(st.integers(1, 4))
    if dilated:
        found["dilation"] = option(st.integers(1, 3))
    return found


def compare_or_refuse(name: str, options: dict[str, Any], *arrays: Any) -> None:
    """Both give the same, or both refuse."""
    ours, theirs = functions(name)
    try:
        theirs(*[torch.tensor(x) for x in arrays], **options)
    except (RuntimeError, ValueError) as error:
        if "smaller than kernel size" in str(error):
            return  # PyTorch's avg_pool3d leaves padding out of account
        with pytest.raises(ERRORS):
            ours(*[tg.tensor(x) for x in arrays], **options)
        return
    compare(Call(ours, options), Call(theirs, options), *arrays)


def sees_nothing(x: Any, axes: int, options: dict[str, Any]) -> bool:
    """Whether a window may lie in padding alone, for which PyTorch's indices are out of range."""
    dilation, padding = options["dilation"], options["padding"]
    least = min(x.shape[-axes:])
    return bool(np.any(np.greater(dilation, least)) and np.any(padding))


@settings(deadline=None, max_examples=40)
@given(st.data())
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pool(axes: int, data: Any) -> None:
    options, x = data.draw(windows(axes, dilated=True)), data.draw(inputs(axes, ties=True))
    if not sees_nothing(x, axes, options):
        compare_or_refuse(f"max_pool{axes}d", options, x)
        compare_or_refuse(f"max_pool{axes}d", {**options, "return_indices": True}, x)


@settings(deadline=None, max_examples=40)
@given(st.data(), st.booleans(), st.sampled_from([None, None, 1, 3, -2]))
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_avg_pool(axes: int, data: Any, count_include_pad: bool, divisor: int | None) -> None:
    options = {**data.draw(windows(axes)), "count_include_pad": count_include_pad}
    if axes > 1:
        options["divisor_override"] = divisor
    compare_or_refuse(f"avg_pool{axes}d", options, data.draw(inputs(axes)))


@settings(deadline=None, max_examples=40)
@given(st.data())
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pool(kind: str, axes: int, data: Any) -> None:
    x = data.draw(inputs(axes, ties=True))
    sizes: Any = st.integers(1, 9) if axes == 1 else st.none() | st.integers(1, 9)
    options = {"output_size": data.draw(st.integers(1, 9) | st.tuples(*[sizes] * axes))}
    if kind == "max":
        compare_or_refuse(f"adaptive_max_pool{axes}d", {**options, "return_indices": True}, x)
    with np.errstate(invalid="ignore"):
        compare_or_refuse(f"adaptive_{kind}_pool{axes}d", options, x)


@settings(deadline=None, max_examples=40)
@given(st.data())
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_unpool(axes: int, data: Any) -> None:
    x = data.draw(inputs(axes))
    kernel = data.draw(st.integers(1, 2))
    stride = data.draw(st.none() | st.integers(kernel, 3))  # where windows overlap, PyTorch writes in any order
    options = {"kernel_size": kernel, "stride": stride}
    pool = getattr(torch.nn.functional, f"max_pool{axes}d")
    if not x.size or min(x.shape[-axes:]) < kernel:
        return
    values, indices = pool(torch.tensor(x), **options, return_indices=True)
    size = data.draw(st.sampled_from([x.shape[-axes:], x.shape]))
    compare_or_refuse(f"max_unpool{axes}d", {**options, "output_size": list(size)}, values.numpy(), indices.numpy())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MaxPool1d", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("MaxPool2d", {"kernel_size": (3, 2), "stride": (2, 1), "padding": (0, 1), "dilation": (1, 2)}),
        ("MaxPool3d", {"kernel_size": 2, "ceil_mode": True, "return_indices": True}),
        ("AvgPool1d", {"kernel_size": 2, "padding": 1}),
        ("AvgPool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "divisor_override": 2}),
        ("AvgPool3d", {"kernel_size": 2, "padding": 1, "count_include_pad": False}),
        ("AdaptiveAvgPool1d", {"output_size": 3}),
        ("AdaptiveAvgPool2d", {"output_size": (None, 2)}),
        ("AdaptiveAvgPool3d", {"output_size": (1, 2, 3)}),
        ("AdaptiveMaxPool1d", {"output_size": 3, "return_indices": True}),
        ("AdaptiveMaxPool2d", {"output_size": (None, 2)}),
        ("AdaptiveMaxPool3d", {"output_size": 2}),
    ],
)
def test_module(name: str, options: dict[str, Any]) -> None:
    ours, theirs = twins(name, **options)
    assert repr(ours) == repr(theirs)
    assert ours.state_dict() == {}
    axes = int(name[-2])
    for front in [(2, 3), (3,)]:
        compare(ours, theirs, numbers(*front, *[6, 5, 4][:axes]))
    positional = list(options.values())[:2]  # the order of the arguments
    assert repr(getattr(nn, name)(*positional)) == repr(getattr(torch.nn, name)(*positional))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpooling_module(axes: int) -> None:
    ours, theirs = twins(f"MaxUnpool{axes}d", 2, 3, 1)
    assert repr(ours) == repr(theirs)
    x = numbers(2, 3, *[6] * axes)
    values, indices = getattr(torch.nn.functional, f"max_pool{axes}d")(torch.tensor(x), 2, 3, 1, return_indices=True)
    compare(ours, theirs, values.numpy(), indices.numpy())


X = np.ones((2, 3, 6, 6))

REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("max_pool2d", (X, 3, 2, 2), {}),
    ("max_pool2d", (X, 3, 2, 2, 2), {}),
    ("avg_pool2d", (X, 3, 2, 2), {}),
    ("max_pool2d", (X, 7), {}),
    ("max_pool2d", (X[0, 0], 2), {}),
    ("max_pool2d", (X[None], 2), {}),
    ("avg_pool2d", (X[0, 0], 2), {}),
    ("max_pool1d", (X, 2), {}),
    ("avg_pool1d", (X, 2), {}),
    ("max_pool3d", (X[0], 2), {}),
    ("max_pool2d", (X[:, :0], 2), {}),
    ("max_pool2d", (X[:, :, :0], 2), {}),
    ("max_pool2d", (X[0, :0], 2), {}),
    ("max_pool2d", (X, 0), {}),
    ("max_pool2d", (X, 2, 0), {}),
    ("max_pool2d", (X, 2, 2, -1), {}),
    ("max_pool2d", (X, 2, 2, 0, 0), {}),
    ("max_pool2d", (X, (2, 2, 2)), {}),
    ("max_pool2d", (X, 2.0), {}),
    ("max_pool2d", (X > 0, 2), {}),
    ("avg_pool2d", (X, 2), {"divisor_override": 0}),
    ("avg_pool2d", (X, 2), {"divisor_override": 2.5}),
    ("adaptive_avg_pool2d", (X, -1), {}),
    ("adaptive_avg_pool2d", (X, (2,)), {}),
    ("adaptive_avg_pool2d", (X[0, 0], 2), {}),
    ("adaptive_avg_pool2d", (X[:, :, :0], 2), {}),
    ("adaptive_max_pool2d", (X[:, :, :0], 2), {}),
    ("adaptive_max_pool2d", (X, (2, 2, 2)), {}),
    ("adaptive_avg_pool1d", (X[0], None), {}),
    ("adaptive_avg_pool2d", (X.astype(int), 2), {}),
    ("adaptive_max_pool2d", (X.astype(int), 2), {}),
    ("max_unpool2d", (X, np.zeros((2, 3, 6, 5), int), 2), {}),
    ("max_unpool2d", (X, np.full((2, 3, 6, 6), 144), 2), {}),
    ("max_unpool2d", (X, np.full((2, 3, 6, 6), -1), 2), {}),
    ("max_unpool2d", (X, np.zeros((2, 3, 6, 6), np.int32), 2), {}),
    ("max_unpool2d", (X[0, 0], np.zeros((6, 6), int), 2), {}),
    ("max_unpool2d", (X, np.zeros((2, 3, 6, 6), int), 2), {"output_size": (14, 12)}),
    ("max_unpool2d", (X, np.zeros((2, 3, 6, 6), int), 2), {"output_size": (3, 12, 12)}),
]


@pytest.mark.parametrize(("name", "args", "options"), REFUSED)
def test_what_pytorch_refuses_is_refused(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    ours, theirs = functions(name)
    with pytest.raises(ERRORS):
        theirs(*[torch.tensor(v) if isinstance(v, np.ndarray) else v for v in args], **options)
    with pytest.raises((*ERRORS, tg.TinygradError)):
        ours(*[tg.tensor(v) if isinstance(v, np.ndarray) else v for v in args], **options)
