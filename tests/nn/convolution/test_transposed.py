"""ConvTranspose1d to ConvTranspose3d: the derivative of a convolution, as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal
from per_sample import check_open_sum, check_second_derivatives

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module, gradgradcheck

KINDS = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]


def test_each_number_is_spread_out_by_the_weight() -> None:
    x, weight = tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[1.0, 10.0, 100.0]]])
    assert F.conv_transpose1d(x, weight).tolist() == [[[1.0, 12.0, 120.0, 200.0]]]
    assert F.conv_transpose1d(x, weight, stride=3).tolist() == [[[1.0, 10.0, 100.0, 2.0, 20.0, 200.0]]]
    assert F.conv_transpose1d(x, weight, padding=1).tolist() == [[[12.0, 120.0]]]


@pytest.mark.parametrize(
    ("padding", "dilation", "more", "expected"),
    [
        (0, 2, 1, [1.0, 2.0, 10.0, 20.0, 0.0]),
        (1, 2, 1, [2.0, 10.0, 20.0]),
        (1, 3, 2, [2.0, 0.0, 10.0, 20.0, 0.0]),
    ],
)
def test_longer_by_what_was_padding_and_then_by_zeros(
    padding: int, dilation: int, more: int, expected: list[float]
) -> None:
    x, weight = tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[1.0, 10.0]]])
    options = {"padding": padding, "dilation": dilation, "output_padding": more}
    assert F.conv_transpose1d(x, weight, **options).tolist() == [[expected]]  # type: ignore[arg-type]
    plus_bias = [[[v + 1 for v in expected]]]
    assert F.conv_transpose1d(x, weight, tg.ones(1), **options).tolist() == plus_bias  # type: ignore[arg-type]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_gradient_of_the_convolution_by_its_input(axes: int, stride: int) -> None:
    x = tg.tensor(normal(2, 4, *[7, 6, 5][:axes]), requires_grad=True)
    weight = normal(6, 2, *[3, 2, 1][:axes])
    forth, back = getattr(F, f"conv{axes}d"), getattr(F, f"conv_transpose{axes}d")
    out = forth(x, weight, stride=stride, padding=1, groups=2)
    g = normal(*out.shape, seed=1)
    out.backward(g)
    spans = (a + 2 - k for a, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    more = tuple([span % stride for span in spans])
    found = back(g, weight, stride=stride, padding=1, output_padding=more, groups=2)
    np.testing.assert_allclose(found, x.grad.array, rtol=1e-12, atol=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, {"dilation": 2, "bias": False}]
)
def test_modules_are_right_by_differences_and_laws(kind: Any, options: dict[str, Any]) -> None:
    layer = kind(2, 4, 2, **options).double()
    x = normal(3, 2, *[3, 2, 2][: layer._axes])
    check_module(layer, x)
    check_laws(layer, x)


def test_derivatives_of_any_order() -> None:
    x, weight = normal(2, 2, 3, 2), normal(2, 1, 2, 2, seed=1)
    gradgradcheck(lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, groups=2).tanh(), (x, weight))


@given(st.data())
def test_gradients_of_samples_are_those_of_one_pass_for_each(data: st.DataObject) -> None:
    axes, groups = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 2, 3]))
    stride, kernel = data.draw(st.integers(1, 2)), data.draw(st.integers(2, 3))
    layer: Any = KINDS[axes - 1](
        groups * data.draw(st.integers(1, 2)),
        groups * data.draw(st.integers(1, 2)),
        kernel,
        stride,
        data.draw(st.integers(0, 1)),
        data.draw(st.integers(0, stride - 1)),
        groups,
        dilation=data.draw(st.integers(1, 2)),
    ).double()
    shape = (data.draw(st.integers(0, 4)), layer.in_channels, *[data.draw(st.integers(2, 4)) for _ in range(axes)])
    x = tg.tensor(normal(*shape), requires_grad=True)
    check_open_sum(lambda: layer(x).sin().sum(tuple(range(1, axes + 2))), [x, layer.weight, layer.bias])
    assert layer.weight.sample_grads.cost().seeded == ""


def test_gradients_of_samples_can_be_differentiated() -> None:
    layer = nn.ConvTranspose1d(2, 2, 2, stride=2, groups=2).double()
    x = normal(3, 2, 2)
    check_second_derivatives(lambda: layer(x).tanh().sum((1, 2)), [layer.weight, layer.bias])


def test_output_size_in_place_of_output_padding() -> None:
    layer = nn.ConvTranspose2d(1, 2, 3, stride=2)
    x = tg.ones(1, 1, 5, 5)
    assert layer(x).shape == (1, 2, 11, 11)
    assert layer(x, output_size=(11, 12)).shape == layer(x, output_size=(1, 2, 11, 12)).shape == (1, 2, 11, 12)
    assert layer(x[0], output_size=[12, 12]).shape == (2, 12, 12)
    with pytest.raises(ValueError, match=r"output_size=\(13, 11\) is not possible: .* gives \(11, 11\) to \(12, 12\)"):
        layer(x, output_size=(13, 11))
    with pytest.raises(ValueError, match=r"output_size=\(12,\) has 1 numbers, an input of shape .* needs 2, or 4"):
        layer(x, output_size=(12,))


@pytest.mark.parametrize(
    ("make", "shape", "said"),
    [
        (
            lambda: nn.ConvTranspose2d(3, 8, 3),
            (8, 9, 9, 3),
            r"ConvTranspose2d expects \(N, 3, H, W\), got \(8, 9, 9, 3\): axis 1 is 9, in_channels is 3\. Channels",
        ),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3, padding=2),
            (1, 1, 1),
            r"sizes \(1,\) gives sizes \(-1,\), with kernel \(3,\)",
        ),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3, output_padding=1),
            (1, 1, 4),
            r"output_padding=\(1,\) must be smaller than",
        ),
        (lambda: nn.ConvTranspose1d(1, 1, 3, padding_mode="reflect"), (), "padding_mode='reflect' is not possible"),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3, padding="same"),
            (),
            "ConvTranspose1d: padding must be an integer, or 1 of",
        ),
    ],
)
def test_what_does_not_fit_is_named(make: Any, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        make()(tg.zeros(*shape))


def test_functions_name_what_does_not_fit() -> None:
    with pytest.raises(tg.ShapeError, match=r"bias has shape \(1,\), a weight of shape \(2, 1, 3\) needs \(2,\)"):
        F.conv_transpose1d(tg.zeros(1, 2, 5), tg.zeros(2, 1, 3), tg.zeros(1), groups=2)
    with pytest.raises(tg.ShapeError, match=r"axis 1 is 3, and the weight of shape \(2, 1, 3\) takes 2"):
        F.conv_transpose1d(tg.zeros(1, 3, 5), tg.zeros(2, 1, 3))
    with pytest.raises(
        tg.ShapeError, match=r"weight has shape \(2, 3\), not \(in_channels, out_channels / groups, L\)"
    ):
        F.conv_transpose1d(tg.zeros(1, 3, 5), tg.zeros(2, 3))
