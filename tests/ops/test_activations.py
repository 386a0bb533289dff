"""Activation functions: stable at any size, kinks as documented, light on memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import gradient

import tinygrad_edu as tg

NAMES = [
    "relu",
    "relu6",
    "hardtanh",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "sigmoid",
    "logsigmoid",
    "softplus",
    "gelu",
    "silu",
    "mish",
    "hardsigmoid",
    "hardswish",
    "softsign",
    "tanhshrink",
    "hardshrink",
    "softshrink",
]
FUNCTIONS = [*(getattr(tg, name) for name in NAMES), lambda x: tg.gelu(x, approximate="tanh")]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", FUNCTIONS, ids=[*NAMES, "gelu_tanh"])
def test_finite_in_value_and_gradient_at_any_size(f, dtype):
    x = tg.tensor([-1000.0, -100.0, -1.0, 0.0, 1.0, 100.0, 1000.0], dtype=dtype, requires_grad=True)
    out = f(x)
    assert out.dtype == dtype
    assert np.isfinite(out.detach().numpy()).all()
    out.backward()
    assert x.grad.dtype == dtype
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("f", FUNCTIONS, ids=[*NAMES, "gelu_tanh"])
def test_nan_is_passed_on(f):
    assert np.isnan(f(tg.tensor([float("nan")])).item())


def test_kinks():
    assert gradient(tg.relu, [-1.0, 0.0, 1.0]) == [0.0, 0.0, 1.0]
    assert gradient(tg.relu6, [0.0, 3.0, 6.0, 7.0]) == [0.0, 1.0, 0.0, 0.0]
    assert gradient(tg.hardtanh, [-1.0, 0.0, 1.0]) == [0.0, 1.0, 0.0]
    assert gradient(tg.leaky_relu, [-1.0, 0.0, 1.0]) == pytest.approx([0.01, 0.01, 1.0])
    assert gradient(tg.elu, [0.0, 1.0]) == [1.0, 1.0]
    assert gradient(tg.hardsigmoid, [-3.0, 3.0]) == [0.0, 0.0]
    assert gradient(tg.hardswish, [-3.0, 3.0]) == [0.0, 1.0]
    assert gradient(lambda x: tg.threshold(x, 1.0, 5.0), [1.0, 2.0]) == [0.0, 1.0]
    assert gradient(tg.hardshrink, [0.5, 0.6]) == [0.0, 1.0]
    assert gradient(tg.softshrink, [0.5, 0.6]) == [0.0, 1.0]


def test_relu_keeps_only_its_result():
    x = tg.tensor(np.ones((3, 4)), requires_grad=True)
    out = tg.relu(x)
    node = out.grad_fn
    assert node.out is out.array
    assert all(not isinstance(arg, np.ndarray) for arg in node.args)


def test_values():
    x = tg.tensor([-2.0, 0.5], dtype=tg.float64)
    assert tg.sigmoid(x).tolist() == pytest.approx([1 / (1 + math.exp(2)), 1 / (1 + math.exp(-0.5))], rel=1e-15)
    assert tg.sigmoid(tg.tensor([-700.0], dtype=tg.float64)).item() == pytest.approx(math.exp(-700), rel=1e-14)
    assert tg.softplus(x, beta=2).tolist() == pytest.approx([math.log1p(math.exp(-4)) / 2, math.log1p(math.e) / 2])
    assert tg.softplus(tg.tensor([3.0]), threshold=2.0).item() == 3.0
    assert tg.gelu(x).tolist() == pytest.approx([-2 * 0.5 * math.erfc(math.sqrt(2)), 0.25 * (1 + math.erf(0.5**1.5))])
    assert tg.silu(x).tolist() == pytest.approx([-2 / (1 + math.exp(2)), 0.5 / (1 + math.exp(-0.5))])
    assert tg.leaky_relu(x, negative_slope=0.5).tolist() == [-1.0, 0.5]
    assert tg.hardtanh(x, min_val=-0.25, max_val=0.25).tolist() == [-0.25, 0.25]
    assert tg.logit(tg.sigmoid(x)).tolist() == pytest.approx(x.tolist())


def test_gelu_keeps_relative_precision_for_negative_numbers():
    x = tg.tensor([-10.0], dtype=tg.float64)
    assert tg.gelu(x).item() == pytest.approx(-5 * math.erfc(10 / math.sqrt(2)), rel=1e-13)


def test_an_unknown_approximation_is_named():
    with pytest.raises(ValueError, match="approximate='fast' is unknown: use 'none' or 'tanh'"):
        tg.gelu(tg.tensor([1.0]), approximate="fast")


def test_no_activation_hides_a_nan():
    x = tg.tensor([math.nan], requires_grad=True)
    threshold = tg.threshold(x, 0.0, 7.0)
    assert math.isnan(threshold.item())
    threshold.backward()
    assert x.grad.tolist() == [1.0]
    names = (
        "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
        "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanhshrink",
    )  # fmt: skip
    for name in names:
        assert math.isnan(getattr(tg, name)(x).item()), name


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_slopes_far_below_zero_are_small_and_not_zero(name, dtype):
    x = tg.tensor([-6.0, -3.0], dtype=dtype, requires_grad=True)
    getattr(tg, name)(x).backward()
    factor = 1.0507009873554805 * 1.6732632423543772 if name == "selu" else 1.0
    np.testing.assert_allclose(x.grad.numpy(), factor * np.exp([-6.0, -3.0]), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_no_activation_overflows_on_the_way(dtype):
    large = float(np.finfo(dtype).max) / 2
    for call in (tg.hardswish, lambda x: tg.gelu(x, "tanh"), tg.gelu, tg.silu, tg.mish):
        x = tg.tensor([large, -large], dtype=dtype, requires_grad=True)
        y = call(x)
        y.backward()
        assert y.tolist() == [large, 0.0]
        assert x.grad.tolist() == [1.0, 0.0]


OPTIONS = {
    "celu": (tg.celu, "alpha"),
    "elu": (tg.elu, "alpha"),
    "hardshrink": (tg.hardshrink, "lambd"),
    "hardtanh": (lambda x, a: tg.hardtanh(x, a, 2.0), "min_val"),
    "leaky_relu": (tg.leaky_relu, "negative_slope"),
    "softplus": (tg.softplus, "beta"),
    "softshrink": (tg.softshrink, "lambd"),
    "threshold": (lambda x, a: tg.threshold(x, a, 0.0), "threshold"),
    "value": (lambda x, a: tg.threshold(x, 0.5, a), "value"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_with_a_gradient_is_an_error(name):
    call, option = OPTIONS[name]
    x, a = tg.tensor([-1.0, 2.0]), tg.tensor(0.5, requires_grad=True)
    for tensor in (x, x.clone().requires_grad_()):
        with pytest.raises(tg.GraphError, match=f": {option} is a constant here"):
            call(tensor, a)
        assert np.isfinite(call(tensor, a.detach()).detach().numpy()).all()
