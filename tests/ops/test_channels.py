"""Normalisation by channels: the rules against compositions of plain ops, digits, samples, and what is refused."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from made import normal, parameter
from per_sample import check_open_sum, check_second_derivatives

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.ops.channels import moments, normalize_batch, standardize


def composed(x: Any, weight: Any, bias: Any, groups: int, across: bool, eps: float) -> Any:
    n, channels = x.shape[:2]
    rows = x.reshape(n, groups, -1)
    axes = (0, 2) if across else (2,)
    centred = rows - rows.mean(axes, keepdim=True)
    rows = centred / ((centred**2).mean(axes, keepdim=True) + eps) ** 0.5
    each = (channels, *[1] * (len(x.shape) - 2))
    out = rows.reshape(x.shape)
    out = out if weight is None else out * weight.reshape(each)
    return out if bias is None else out + bias.reshape(each)


def fused(x: Any, weight: Any, bias: Any, groups: int, across: bool, eps: float) -> Any:
    if across:
        return normalize_batch(x, weight, bias, eps)[0]
    return tg.group_norm(x, groups, weight, bias, eps)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 5), (2, 4, 3, 2), (2, 4, 70), (2, 2, 1100)])
@pytest.mark.parametrize("kind", ["batch", "one group", "two groups", "each channel"])
@pytest.mark.parametrize("scaled", [True, False])
def test_fused_is_composed_to_the_second_derivative(scaled: bool, kind: str, shape: tuple[int, ...]) -> None:
    channels = shape[1]
    groups = {"batch": channels, "one group": 1, "two groups": 2, "each channel": channels}[kind]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape), rng.normal(size=channels), rng.normal(size=channels)]
    direction, second = rng.normal(size=shape), rng.normal(size=shape)
    results = []
    for compute in (fused, composed):
        x, w, b = (tg.tensor(a, requires_grad=True) for a in arrays)
        inputs = [x, w, b] if scaled else [x]
        out = compute(x, *([w, b] if scaled else [None, None]), groups, kind == "batch", 1e-1)
        first = tg.autograd.grad(out, inputs, direction, create_graph=True)
        (again,) = tg.autograd.grad((first[0] * second).sum(), x)
        results.append([out.detach(), *(g.detach() for g in first), again])
        plain = tg.autograd.grad(compute(x, w, b, groups, kind == "batch", 1e-1), [x, w, b], direction)
        results[-1] += plain
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine.array, other.array, rtol=1e-9, atol=1e-10)


def test_mean_and_variance_of_a_batch_are_results_with_gradients_of_their_own() -> None:
    x = parameter(4, 3, 2)
    _, mean, variance = normalize_batch(x, None, None, 0.1)
    np.testing.assert_allclose(mean.detach().numpy(), x.detach().numpy().mean((0, 2)), rtol=1e-13)
    np.testing.assert_allclose(variance.detach().numpy(), x.detach().numpy().var((0, 2)), rtol=1e-13)
    (mine,) = tg.autograd.grad((mean**2).sum() + variance.sin().sum(), x)
    (plain,) = tg.autograd.grad((x.mean((0, 2)) ** 2).sum() + x.var((0, 2), correction=0).sin().sum(), x)
    np.testing.assert_allclose(mine.array, plain.array, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "across"),
    [((6, 3), True), ((4, 3, 5), True), ((4, 3, 5), False), ((2, 3, 2500), True), ((2, 3, 2500), False)],
)
def test_a_small_variance_around_a_large_mean_keeps_its_digits(shape: tuple[int, ...], across: bool) -> None:
    rng = np.random.default_rng(1)
    x = (1000 + rng.normal(size=shape) / 64).astype(np.float32)
    axes = tuple(i for i in range(len(shape)) if i != 1 and (across or i))
    exact = x.astype(np.float64)
    mean, variance = moments(x, across)
    assert mean.dtype == variance.dtype == np.float32
    np.testing.assert_allclose(mean, exact.mean(axes), rtol=2e-7)
    np.testing.assert_allclose(variance, exact.var(axes), rtol=1e-5)
    wanted = (exact - exact.mean(axes, keepdims=True)) / np.sqrt(exact.var(axes, keepdims=True) + 1e-12)
    out = fused(tg.tensor(x), None, None, 3, across, 1e-12)
    np.testing.assert_allclose(out.numpy(), wanted, atol=2e-5)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("size", [1e-15, 1.0, 1e15, 1e25])
def test_numbers_of_any_size_have_their_digits(size: float, across: bool) -> None:
    rng = np.random.default_rng(2)
    array, direction = rng.normal(size=(4, 3, 70)) * size, rng.normal(size=(4, 3, 70))
    found = []
    for dtype in (np.float32, np.float64):
        x = tg.tensor(array.astype(np.float32).astype(dtype), requires_grad=True)
        w, b = (tg.ones(3, dtype=dtype, requires_grad=True) for _ in range(2))
        out = fused(x, w, b, 3, across, 1e-5)
        out.backward(tg.tensor(direction, dtype=dtype))
        assert out.dtype == dtype
        found.append([out.detach().numpy(), *(t.grad.numpy() for t in (x, w, b))])  # type: ignore[union-attr]
    for mine, exact in zip(*found, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, exact, rtol=1e-4, atol=3e-6 * np.abs(exact).max())


def test_float16_is_computed_in_float32() -> None:
    x = (tg.rand(2, 4, 30) * 300).half()
    out = tg.group_norm(x, 2)
    assert out.dtype == tg.float16
    np.testing.assert_allclose(out.numpy(), tg.group_norm(x.double(), 2).numpy(), atol=2e-3)


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_a_weight_of_another_dtype_gives_the_wider_one(dtype: Any) -> None:
    x, w = tg.rand(3, 2, 4, dtype=dtype), tg.rand(2, dtype=tg.float64)
    for out in (fused(x, w, w, 2, True, 0.1), fused(x, w, w, 2, False, 0.1)):
        assert out.dtype == tg.float64


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4), (2, 4, 2, 3)])
def test_samples_of_groups_are_opened(shape: tuple[int, ...], groups: int) -> None:
    x, first = normal(*shape, seed=3), parameter(*shape[1:], seed=1)
    weight, bias = parameter(shape[1], seed=2), parameter(shape[1], seed=5)

    def losses() -> Any:
        return tg.group_norm(x * first, groups, weight, bias, 0.1).sin().sum(tuple(range(1, len(shape))))

    check_open_sum(losses, [first, weight, bias])
    assert weight.sample_grads.cost().seeded == ""
    check_second_derivatives(losses, [first, weight, bias])


@pytest.mark.parametrize("groups", [1, 2])
def test_positions_may_be_samples_of_weight_and_bias(groups: int) -> None:
    x, weight, bias = normal(2, 4, 3), parameter(4, seed=2), parameter(4, seed=5)

    def losses() -> Any:
        return tg.group_norm(x, groups, weight, bias, 0.1).sin().sum((0, 1))

    check_open_sum(losses, [weight, bias])


def test_samples_of_given_statistics_are_opened() -> None:
    x, first, weight, bias = normal(3, 2, 4), parameter(2, 4), parameter(2, seed=2), parameter(2, seed=5)
    mean, scale = np.array([0.2, -0.1]), np.array([2.0, 0.5])

    def losses() -> Any:
        return standardize(x * first, weight, bias, mean, scale).sin().sum((1, 2))

    check_open_sum(losses, [first, weight, bias])
    assert weight.sample_grads.cost().seeded == ""
    check_second_derivatives(losses, [first, weight, bias])


def test_a_batch_couples_its_samples_and_the_error_says_what_to_do() -> None:
    x, first, weight, bias = normal(4, 3), parameter(3, 2), parameter(2, seed=2), parameter(2, seed=5)

    def losses() -> Any:
        return normalize_batch(x @ first, weight, bias, 0.1)[0].sin().sum(1)

    with pytest.raises(tg.SampleCouplingError, match="coupled by 'batch_norm'") as caught:
        losses().backward(per_sample=True)
    for way in ("eval()", "GroupNorm or LayerNorm in its place", "coupled=True"):
        assert way in str(caught.value)
    assert "normalize_batch(x @ first" in str(caught.value)
    assert first.grad is None
    check_open_sum(losses, [first, weight, bias], coupled=True)


def test_a_batch_of_data_couples_its_samples_too() -> None:
    x, weight, bias = normal(4, 2), parameter(2, seed=2), parameter(2, seed=5)

    def losses() -> Any:
        return normalize_batch(x, weight, bias, 0.1)[0].sin().sum(1)

    with pytest.raises(tg.SampleCouplingError, match=r"(?s)'batch_norm': it uses data, of shape \(4, 2\).*eval\(\)"):
        losses().backward(per_sample=True)
    assert weight.grad is None
    check_open_sum(losses, [weight, bias], coupled=True)


def test_samples_that_are_channels_stay_apart_in_data() -> None:
    x, bias = normal(5, 3), parameter(3)
    check_open_sum(lambda: normalize_batch(x, None, bias, 0.1)[0].sin().sum(0), [bias])


@pytest.mark.parametrize(
    ("x", "options", "kind", "message"),
    [
        (
            tg.zeros(2, 5),
            {"num_groups": 2},
            tg.ShapeError,
            r"the channels, is 5 \(its shape is \(2, 5\)\), which is no",
        ),
        (tg.zeros(2, 4), {"num_groups": 0}, tg.ShapeError, r"not a multiple of num_groups=0"),
        (
            tg.zeros(4),
            {"num_groups": 2},
            tg.ShapeError,
            r"group_norm expects \(N, C, \*\), got \(4,\): there is no axis",
        ),
        (tg.zeros(2, 4), {"num_groups": 2, "weight": tg.ones(2)}, tg.ShapeError, r"weight has shape \(2,\), .* is 4"),
        (tg.zeros(2, 4), {"num_groups": 2, "bias": tg.ones(1, 4)}, tg.ShapeError, r"bias has shape \(1, 4\)"),
        (tg.ones(2, 4, dtype=tg.int64), {"num_groups": 2}, tg.DtypeError, r"dtype int64, it must be floating-point"),
    ],
)
def test_misfits(x: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        tg.group_norm(x, **options)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, partial(nn.InstanceNorm1d, affine=True, track_running_stats=True)])
def test_there_may_be_no_channels(kind: Any) -> None:
    x, layer = tg.zeros(2, 0, 3, requires_grad=True), kind(0)
    out = layer(x)
    out.sum().backward()
    assert out.shape == x.grad.shape == (2, 0, 3)
    assert layer.weight.grad.shape == layer.running_var.shape == (0,)


def test_what_is_constant_gives_zeros() -> None:
    x = tg.tensor(np.full((3, 2, 7), 0.1, np.float32), requires_grad=True)
    out = fused(x, None, None, 2, True, 1e-5)
    np.testing.assert_allclose(out.detach().numpy(), 0, atol=1e-5)
    out.backward(np.arange(42.0).reshape(3, 2, 7).astype(np.float32))
    assert x.grad is not None
    assert math.isfinite(float(x.grad.sum()))
