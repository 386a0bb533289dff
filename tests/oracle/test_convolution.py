"""Convolution, transposed convolution, unfold and fold beside PyTorch's, over their whole argument ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from twins import Call, compare, numbers, twins  # noqa: E402

import tinygrad_edu as tg  # noqa: E402
from tinygrad_edu import nn  # noqa: E402
from tinygrad_edu.nn import functional as F  # noqa: E402

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning"),
]

TOLERANCE = 1e-9


def one_or_each(draw: Any, low: int, high: int, axes: int) -> Any:
    """An option: one number, or one for each axis."""
    if draw(st.booleans()):
        return draw(st.integers(low, high))
    return tuple(draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes)))


@st.composite
def layers(draw: Any, transposed: bool = False) -> tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]:
    """The name of a layer, its arguments, its options, and the shape of an input that it takes."""
    axes = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = [groups * draw(st.integers(1, 3 if groups == 1 else 2)) for _ in range(2)]
    kernel = one_or_each(draw, 1, 3, axes)
    options: dict[str, Any] = {
        "stride": one_or_each(draw, 1, 3, axes),
        "dilation": one_or_each(draw, 1, 2, axes),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    if transposed:
        spans = [d * (k - 1) + 1 for d, k in zip(spread(options["dilation"], axes), spread(kernel, axes), strict=True)]
        options["padding"] = tuple(draw(st.integers(0, min(2, (span + 1) // 2))) for span in spans)
        most = [max(s, d) - 1 for s, d in zip(*(spread(options[k], axes) for k in ("stride", "dilation")), strict=True)]
        options["output_padding"] = tuple(draw(st.integers(0, n)) for n in most)
        low = 3
    else:
        words = ["valid", "same"] if options["stride"] in (1, (1,) * axes) else ["valid"]
        options["padding"] = draw(st.sampled_from(words)) if draw(st.booleans()) else one_or_each(draw, 0, 3, axes)
        options["padding_mode"] = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
        low = 5
    sizes = draw(st.lists(st.integers(low, 7 if axes < 3 else 6), min_size=axes, max_size=axes))
    front = draw(st.sampled_from([(), (1,), (3,)]))
    name = f"Conv{'Transpose' if transposed else ''}{axes}d"
    return name, (*channels, kernel), options, (*front, channels[0], *sizes)


def spread(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else value


@given(layers())
def test_layers(case: Any) -> None:
    name, args, options, shape = case
    ours, theirs = twins(name, *args, **options)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, numbers(*shape), tolerance=TOLERANCE)


@given(layers(transposed=True))
def test_transposed_layers(case: Any) -> None:
    name, args, options, shape = case
    ours, theirs = twins(name, *args, **options)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, numbers(*shape), tolerance=TOLERANCE)


@pytest.mark.parametrize(("n", "shape", "weight"), [(1, (2, 4, 9), (6, 2, 3)), (2, (4, 5, 6), (2, 2, 3, 2))])
def test_functions(n: int, shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    for options in (
        {"groups": 2},
        {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
        {"padding": "same", "groups": 2},
    ):
        ours, theirs = (getattr(f, f"conv{n}d") for f in (F, torch.nn.functional))
        arrays = numbers(*shape), numbers(*weight, seed=1), numbers(weight[0], seed=2)
        compare(Call(ours, options), Call(theirs, options), *arrays, tolerance=TOLERANCE)
    bias = numbers(weight[1] * 2, seed=2)
    x = numbers(*(shape if n == 2 else (2, 6, 9)))
    w = numbers(*(weight if n == 1 else (4, 2, 3, 2)), seed=1)
    for options in ({"groups": 2}, {"stride": 3, "padding": 1, "output_padding": 2, "dilation": 1, "groups": 2}):
        ours, theirs = (getattr(f, f"conv_transpose{n}d") for f in (F, torch.nn.functional))
        compare(Call(ours, options), Call(theirs, options), x, w, bias, tolerance=TOLERANCE)


@pytest.mark.parametrize("size", [(11, 12), (2, 3, 12, 11)])
def test_output_size(size: tuple[int, ...]) -> None:
    ours, theirs = twins("ConvTranspose2d", 2, 3, 3, stride=2)
    x = numbers(2, 2, 5, 5)
    mine, other = ours(tg.tensor(x), output_size=size), theirs(torch.tensor(x), output_size=list(size))
    assert mine.shape == tuple(other.shape)
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
)
def test_states_are_exchanged_and_start_alike(name: str) -> None:
    ours, theirs = getattr(nn, name)(16, 32, 5, groups=4), getattr(torch.nn, name)(16, 32, 5, groups=4)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}, strict=True)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()}, strict=True)
    for key, bound in (("weight", theirs.weight), ("bias", theirs.bias)):
        theirs.reset_parameters()
        drawn, other = getattr(ours, key).detach().numpy(), bound.detach().numpy()
        limit = 1 / np.sqrt(np.prod(theirs.weight.shape[1:]))
        assert np.abs(drawn).max() <= limit
        assert np.abs(other).max() <= limit * (1 + 1e-6)
        if key == "weight":
            assert np.abs(drawn).max() > 0.95 * limit
            np.testing.assert_allclose(drawn.std(), other.std(), rtol=0.1)


@st.composite
def windows_over(draw: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    options = {
        "kernel_size": one_or_each(draw, 1, 3, 2),
        "dilation": one_or_each(draw, 1, 2, 2),
        "padding": one_or_each(draw, 0, 2, 2),
        "stride": one_or_each(draw, 1, 3, 2),
    }
    front = draw(st.sampled_from([(), (1,), (2,)]))
    return (*front, draw(st.integers(1, 3)), draw(st.integers(5, 7)), draw(st.integers(5, 7))), options


@given(windows_over())
def test_unfold_and_fold(case: Any) -> None:
    shape, options = case
    ours, theirs = nn.Unfold(**options), torch.nn.Unfold(**options)
    assert repr(ours) == repr(theirs)
    x = numbers(*shape)
    compare(ours, theirs, x, tolerance=TOLERANCE)
    columns = numbers(*ours(tg.tensor(x)).shape, seed=1)
    size = shape[-2:]
    assert repr(nn.Fold(size, **options)) == repr(torch.nn.Fold(size, **options))
    compare(nn.Fold(size, **options), torch.nn.Fold(size, **options), columns, tolerance=TOLERANCE)


def both_refuse(call: Any) -> None:
    """A call that takes our library or PyTorch raises in both."""
    for library in (torch, tg):
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
            call(library)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
        lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
        lambda t: t.nn.Conv2d(2, 2, 3, groups=0),
        lambda t: t.nn.Conv2d(2, 2, 3, padding="around"),
        lambda t: t.nn.Conv2d(2, 2, 3, padding="same", stride=2),
        lambda t: t.nn.Conv2d(2, 2, 3, padding_mode="mirror"),
        lambda t: t.nn.Conv2d(1, 1, (3, 3, 3))(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 0)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3, stride=0)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3, dilation=0)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3, padding=-1)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 0, 3)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3)(t.zeros(1, 1, 2, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3, padding=3)(t.zeros(1, 1, 0, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3)(t.zeros(5, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3)(t.zeros(1, 1, 1, 5, 5)),
        lambda t: t.nn.Conv2d(3, 1, 3)(t.zeros(1, 5, 5, 3)),
        lambda t: t.nn.Conv2d(1, 1, 3, padding=3, padding_mode="circular")(t.zeros(1, 1, 2, 5)),
        lambda t: t.nn.Conv2d(1, 1, 3, padding=3, padding_mode="reflect")(t.zeros(1, 1, 3, 5)),
        lambda t: t.nn.functional.conv2d(t.zeros(1, 1, 5, 5), t.zeros(1, 1, 3, 3), t.zeros(2)),
        lambda t: t.nn.functional.conv2d(t.zeros(1, 1, 5, 5), t.zeros(1, 1, 3)),
        lambda t: t.nn.functional.conv2d(t.zeros(1, 2, 5, 5), t.zeros(3, 1, 3, 3), groups=2),
        lambda t: t.nn.functional.conv2d(t.zeros(1, 1, 5, 5), t.zeros(1, 1, 3, 3), padding="same", stride=2),
        lambda t: t.nn.functional.conv2d(t.zeros(1, 1, 5, 5), t.zeros(1, 1, 3, 3), stride=(1, 1, 1)),
        lambda t: t.nn.functional.conv1d(t.zeros(1, 1, 5, 5), t.zeros(1, 1, 3)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, padding="same")(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, output_padding=1)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, padding=4)(t.zeros(1, 1, 5, 5)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.zeros(1, 1, 0, 5)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.zeros(1, 1, 5, 5), output_size=(13, 13)),
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.zeros(1, 5, 5), output_size=(12,)),
        lambda t: t.nn.functional.conv_transpose2d(t.zeros(1, 2, 5, 5), t.zeros(2, 1, 3, 3), t.zeros(1), groups=2),
        lambda t: t.nn.functional.unfold(t.zeros(5, 5), 3),
        lambda t: t.nn.functional.unfold(t.zeros(1, 1, 2, 2), 3),
        lambda t: t.nn.functional.unfold(t.zeros(1, 1, 5, 5), 3, padding=-1),
        lambda t: t.nn.functional.unfold(t.zeros(1, 0, 5, 5), 3),
        lambda t: t.nn.functional.unfold(t.zeros(1, 1, 0, 5), 3, padding=2),
        lambda t: t.nn.functional.fold(t.zeros(1, 9, 8), (5, 5), 3),
        lambda t: t.nn.functional.fold(t.zeros(1, 8, 9), (5, 5), 3),
        lambda t: t.nn.functional.fold(t.zeros(1, 4, 1), (1, 1), 2),
    ],
)  # fmt: skip
def test_both_refuse(call: Any) -> None:
    both_refuse(call)


@pytest.mark.parametrize("call", [
    lambda t: t.nn.Conv2d(2, 3, 3)(t.zeros(0, 2, 5, 5)),
    lambda t: t.nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1)(t.zeros(0, 2, 5, 5)),
    lambda t: t.nn.ConvTranspose1d(2, 3, 3, dilation=2, padding=1, output_padding=1)(t.zeros(2, 2, 5)),
    lambda t: t.nn.functional.unfold(t.zeros(0, 1, 5, 5), 3),
    lambda t: t.nn.functional.fold(t.zeros(0, 9, 9), 5, 3),
])  # fmt: skip
def test_shapes_of_edge_cases(call: Any) -> None:
    assert tuple(call(tg).shape) == tuple(call(torch).shape)
