"""layer_norm and rms_norm: the rule of each against the composition of plain ops, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from in_ulps import worst_ulps

import tinygrad_edu as tg


def composed_layer_norm(x: Any, axes: tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:
    centred = x - x.mean(axes, keepdim=True)
    normal = centred / ((centred**2).mean(axes, keepdim=True) + eps) ** 0.5
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def composed_rms_norm(x: Any, axes: tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:
    normal = x / ((x**2).mean(axes, keepdim=True) + eps) ** 0.5
    return normal if weight is None else normal * weight


def fused(kind: str, x: Any, shape: tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:
    if kind == "layer_norm":
        return tg.layer_norm(x, shape, weight, bias, eps)
    return tg.rms_norm(x, shape, weight, eps)


@pytest.mark.parametrize("shape", [(4, 3, 5), (5,), (0, 5), (2, 5)])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
def test_fused_is_composed_to_the_second_derivative(
    kind: str, scaled: bool, count: int, shape: tuple[int, ...]
) -> None:
    if count > len(shape) or (count == 2 and 0 in shape):
        shape = (4, 3, 5)
    trailing, axes = shape[-count:], tuple(range(-count, 0))
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape), rng.normal(size=trailing), rng.normal(size=trailing)]
    direction, second = rng.normal(size=shape), rng.normal(size=shape)
    results = []
    for compute in (fused, None):
        x, w, b = (tg.tensor(a, requires_grad=True) for a in arrays)
        inputs = [x, w, b][: (3 if kind == "layer_norm" else 2) if scaled else 1]
        weight, bias = (w, b) if scaled else (None, None)
        composed = composed_layer_norm if kind == "layer_norm" else composed_rms_norm
        out = compute(kind, x, trailing, weight, bias, 1e-3) if compute else composed(x, axes, weight, bias, 1e-3)
        first = tg.autograd.grad(out, inputs, direction, create_graph=True)
        (again,) = tg.autograd.grad((first[0] * second).sum(), x)
        results.append([out.detach(), *(g.detach() for g in first), again])
    for mine, plain in zip(*results, strict=True):
        np.testing.assert_allclose(mine.array, plain.array, rtol=1e-9, atol=1e-10)


def test_numbers_far_from_zero_keep_their_precision() -> None:
    x = tg.tensor([[1e6 + 1, 1e6 + 2, 1e6 + 3]], dtype=tg.float64)
    np.testing.assert_allclose(tg.layer_norm(x, 3, eps=0.0).array, [[-np.sqrt(1.5), 0, np.sqrt(1.5)]], rtol=1e-9)


def test_float32_and_float16_keep_their_dtype() -> None:
    for dtype in (tg.float32, tg.float16):
        x = tg.ones(2, 3, dtype=dtype)
        assert tg.layer_norm(x, 3).dtype == dtype
        assert tg.rms_norm(x, 3).dtype == dtype


@pytest.mark.parametrize(
    ("x", "shape", "options", "kind", "message"),
    [
        (tg.zeros(2, 4), 3, {}, tg.ShapeError, r"layer_norm expects \(\*, 3\), got \(2, 4\): axis -1 is 4. Set normal"),
        (tg.zeros(4), (2, 4), {}, tg.ShapeError, r"layer_norm expects \(\*, 2, 4\), got \(4,\): there is no axis -2"),
        (tg.zeros(2, 4), (), {}, tg.ShapeError, r"normalized_shape=\(\) names no axis"),
        (tg.zeros(2, 0), 0, {}, tg.ShapeError, r"normalized_shape=\(0,\) has no element"),
        (tg.zeros(2, 4), 4, {"weight": tg.zeros(2)}, tg.ShapeError, r"weight has shape \(2,\), it needs normalized_sh"),
        (tg.zeros(2, 4), 4, {"bias": tg.zeros(1, 4)}, tg.ShapeError, r"bias has shape \(1, 4\), it needs normalized_"),
        (tg.tensor([[1, 2]]), 2, {}, tg.DtypeError, r"input has dtype int64, it must be floating-point"),
    ],
)
def test_misfits(x: Any, shape: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        tg.layer_norm(x, shape, **options)


@pytest.mark.parametrize("eps", [0.0, 1e-5])
@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize(
    ("dtype", "sizes"), [(np.float16, [1e-2, 1.0, 257.0, 2e4]), (np.float32, [1e-17, 1.0, 1e20, 1e37])]
)
def test_numbers_of_any_size_have_all_their_digits(kind: str, dtype: Any, sizes: list[float], eps: float) -> None:
    x = np.random.default_rng(0).uniform(-2, 2, (4, 8)) * np.array(sizes)[:, None]
    value, slope = worst_ulps(lambda t: fused(kind, t, (8,), None, None, eps), x, dtype=dtype)
    assert value <= 8
    assert slope <= 32


def test_the_eps_of_float16_is_that_of_the_float32_it_is_computed_in() -> None:
    x = tg.tensor([0.01, 0.02, -0.01, 0.03], dtype=tg.float16, requires_grad=True)
    exact = x.detach().double().requires_grad_()
    out, wanted = tg.rms_norm(x, 4), tg.rms_norm(exact, 4, eps=2.0**-23)
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), rtol=1e-3)
    assert out.dtype == tg.float16
    weights = [1.0, 2.0, 3.0, 5.0]
    out.backward(tg.tensor(weights, dtype=tg.float16))
    wanted.backward(tg.tensor(weights, dtype=tg.float64))
    largest = np.abs(exact.grad.numpy()).max()  # type: ignore[union-attr]
    np.testing.assert_allclose(x.grad.numpy(), exact.grad.numpy(), atol=1e-3 * largest)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_eps_has_no_gradient(name: str) -> None:
    with pytest.raises(tg.GraphError, match=f"{name}: eps is a constant here"):
        getattr(tg, name)(tg.ones(2, 3), 3, eps=tg.tensor(0.1, requires_grad=True))
