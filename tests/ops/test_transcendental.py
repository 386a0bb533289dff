"""Elementary functions: values, every spelling, dtypes, and the points where a naive formula fails."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg

INF = float("inf")
PAIRS = [
    (tg.exp, np.exp), (tg.exp2, np.exp2), (tg.expm1, np.expm1), (tg.log, np.log), (tg.log2, np.log2),
    (tg.log10, np.log10), (tg.log1p, np.log1p), (tg.sin, np.sin), (tg.cos, np.cos), (tg.tan, np.tan),
    (tg.asin, np.arcsin), (tg.acos, np.arccos), (tg.atan, np.arctan), (tg.sinh, np.sinh), (tg.cosh, np.cosh),
    (tg.tanh, np.tanh), (tg.asinh, np.arcsinh), (tg.atanh, np.arctanh),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "numpys"), PAIRS)
def test_numpys_function_on_a_tensor_is_the_op(ours, numpys):
    array = np.array([0.25, 0.5, 0.75], np.float32)
    x = tg.tensor(array, requires_grad=True)
    assert numpys(x).dtype == tg.float32
    assert numpys(x).requires_grad
    np.testing.assert_array_equal(ours(x).detach().numpy(), numpys(array))


@pytest.mark.parametrize(("ours", "numpys"), PAIRS)
def test_integers_give_the_default_dtype(ours, numpys):
    one = {np.arctanh: 0}.get(numpys, 1)
    assert ours(tg.tensor([one])).dtype == tg.float32
    tg.set_default_dtype(tg.float64)
    try:
        assert ours(tg.tensor([one])).dtype == tg.float64
    finally:
        tg.set_default_dtype(tg.float32)


def test_small_numbers_keep_their_precision():
    x = tg.tensor([1e-18], dtype=tg.float64)
    assert tg.expm1(x).item() == 1e-18
    assert tg.log1p(x).item() == 1e-18


def test_xlogy_at_zero():
    x = tg.tensor([0.0, 0.0, 2.0], requires_grad=True)
    out = tg.xlogy(x, tg.tensor([0.0, 3.0, 3.0]))
    assert out.tolist() == pytest.approx([0.0, 0.0, 2 * math.log(3)])
    out.backward()
    assert x.grad.tolist() == pytest.approx([0.0, math.log(3), math.log(3)])


def test_hypot_at_the_origin_has_gradient_zero():
    x, y = tg.tensor([0.0, 3.0], requires_grad=True), tg.tensor([0.0, 4.0], requires_grad=True)
    out = tg.hypot(x, y)
    assert out.tolist() == [0.0, 5.0]
    out.backward()
    assert x.grad.tolist() == pytest.approx([0.0, 0.6])
    assert tg.hypot(tg.tensor([1e30]), tg.tensor([1e30])).isfinite().all()


def test_atan2_takes_y_first():
    y, x = tg.tensor([1.0, 0.0], requires_grad=True), tg.tensor([0.0, -1.0])
    assert tg.atan2(y, x).tolist() == pytest.approx([math.pi / 2, math.pi])
    assert np.arctan2(y, x).tolist() == pytest.approx([math.pi / 2, math.pi])


def test_both_names_of_the_inverse_functions():
    for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
        assert getattr(tg, "a" + name) is getattr(tg, "arc" + name)
    assert tg.atan2 is tg.arctan2


def test_atan2_at_the_origin_has_the_gradient_zero_as_in_pytorch():
    y, x = (tg.tensor([0.0, 1.0], requires_grad=True) for _ in range(2))
    tg.atan2(y, x).backward()
    assert y.grad.tolist() == [0.0, 0.5]
    assert x.grad.tolist() == [0.0, -0.5]


def test_logaddexp_is_stable_and_its_gradient_finite():
    x = leaf(1000.0, -1000.0, -math.inf, -math.inf)
    y = leaf(1000.0, -1000.0, 1.0, -math.inf)
    out = tg.logaddexp(x, y)
    assert out.tolist() == [1000.0 + math.log(2), -1000.0 + math.log(2), 1.0, -math.inf]
    out.backward()
    assert x.grad.tolist() == pytest.approx([0.5, 0.5, 0.0, 0.0])
    assert y.grad.tolist() == pytest.approx([0.5, 0.5, 1.0, 0.0])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e7), (np.float32, 3000.0), (np.float16, 100.0)])
def test_the_gradient_of_logaddexp_keeps_the_digits_of_a_difference(dtype, size, order):
    x = np.array([size, size, size, -size])
    y = np.array([size + 1, size, -size, 1 - size])

    def slope(a, b):
        (by_a,) = tg.autograd.grad(tg.logaddexp(a, b).sum(), a, create_graph=order == 2)
        return by_a.sum() if order == 2 else by_a

    def derivative(kind):
        a, b = (tg.tensor(part.astype(dtype).astype(kind), requires_grad=True) for part in (x, y))
        result = slope(a, b)
        return result.numpy() if order == 1 else tg.autograd.grad(result, a)[0].numpy()

    got, exact = derivative(dtype), derivative(np.float64)
    assert got.dtype == dtype
    assert exact[0] == pytest.approx(0.2689414213699951 if order == 1 else 0.19661193324148185)
    assert (np.abs(got - exact) <= 2 * np.finfo(dtype).eps * np.abs(exact) + np.finfo(dtype).tiny).all()
