"""Fused ops equal the compositions they stand for: values, gradients, second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.errors import ShapeError


def compare(fused, composed, *arrays: np.ndarray) -> None:
    """Equal values, gradients, and gradients of a function of the gradients."""
    outcomes = []
    for f in (fused, composed):
        leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
        out = f(*leaves)
        weight = np.cos(np.arange(out.array.size)).reshape(out.shape)
        first = tg.autograd.grad(out, leaves, weight, create_graph=True)
        squares: tg.Tensor = sum(((g * g).sum() for g in first), start=tg.tensor(0.0, dtype=tg.float64))
        second = tg.autograd.grad(squares, leaves, allow_unused=True)
        second = [np.zeros_like(a) if g is None else g.array for g, a in zip(second, arrays, strict=True)]
        outcomes.append([out.detach().array, *(g.detach().array for g in first), *second])
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 5, 3), (0, 3), (1, 3)])
def test_linear(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=shape), rng.normal(size=(2, 3)), rng.normal(size=2)
    compare(lambda x, w, b: tg.linear(x, w, b), lambda x, w, b: x @ w.T + b, x, w, b)
    compare(lambda x, w: tg.linear(x, w), lambda x, w: x @ w.T, x, w)


def test_linear_names_what_does_not_fit() -> None:
    w = tg.ones(10, 128)
    with pytest.raises(
        ShapeError, match=r"weight of shape \(10, 128\) expects x of shape \(\*, 128\), got \(32, 64\): axis -1 is 64"
    ):
        tg.linear(tg.ones(32, 64), w)
    with pytest.raises(ShapeError, match="it has no axis"):
        tg.linear(tg.tensor(1.0), w)
    with pytest.raises(ShapeError, match=r"bias has shape \(3,\).*needs \(10,\)"):
        tg.linear(tg.ones(2, 128), w, tg.ones(3))
    with pytest.raises(ShapeError, match=r"weight has shape \(10,\)"):
        tg.linear(tg.ones(2, 10), tg.ones(10))


@given(st.integers(0, 50), st.integers(1, 20), st.integers(0, 1000))
def test_softmax_cross_entropy(rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, rows)

    def composed(z: tg.Tensor) -> tg.Tensor:
        shifted = z - z.amax(1, keepdim=True)
        return shifted.exp().sum(1).log() - shifted[np.arange(rows), targets]

    compare(lambda z: tg.softmax_cross_entropy(z, targets), composed, 3 * rng.normal(size=(rows, classes)))


@pytest.mark.parametrize("rows", [2, 40])
def test_softmax_cross_entropy_of_huge_logits(rows: int) -> None:
    logits = np.tile([[1000.0, -1000.0, 0.0]], (rows, 1))
    z = tg.tensor(logits, requires_grad=True)
    losses = tg.softmax_cross_entropy(z, np.arange(rows) % 2)
    np.testing.assert_array_equal(losses.detach().array[:2], [0.0, 2000.0])
    losses.backward()
    np.testing.assert_array_equal(z.grad.array[:2], [[0, 0, 0], [1, -1, 0]])


def test_a_target_of_probability_zero_costs_infinity_and_has_a_gradient() -> None:
    z = tg.tensor(np.array([[0.0, -np.inf, 1.0], [0.0, 0.0, 0.0]]), requires_grad=True)
    losses = tg.softmax_cross_entropy(z, np.array([1, 2]))
    np.testing.assert_allclose(losses.detach().array, [np.inf, np.log(3)])
    losses.backward()
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(z.grad.array, [[p, -1, 1 - p], [1 / 3, 1 / 3, -2 / 3]])


def test_cross_entropy_leaves_logits_of_any_layout_as_they_are() -> None:
    rng = np.random.default_rng(0)
    logits = (tg.tensor(rng.normal(size=(3, 8)), requires_grad=True) @ tg.tensor(rng.normal(size=(8, 40)))).T
    before = logits.array.copy()
    tg.softmax_cross_entropy(logits, np.zeros(40, int))
    np.testing.assert_array_equal(logits.array, before)


@pytest.mark.parametrize("shift", [0.0, 1e6, -1e6, 1e30])
@pytest.mark.parametrize("rows", [3, 40])
def test_the_gradient_of_a_class_does_not_depend_on_the_size_of_the_logits(rows: int, shift: float) -> None:
    steps = 4.0 if abs(shift) == 1e6 else 1.0
    small = np.random.default_rng(0).integers(-16, 17, (rows, 5)) / steps
    if shift == 1e30:
        small = small * 1e30
    targets = np.arange(rows) % 5
    logits = tg.tensor(small + shift * (shift != 1e30), dtype=tg.float32, requires_grad=True)
    tg.softmax_cross_entropy(logits, targets).sum().backward()
    exact = logits.detach().numpy().astype(np.float64)
    p = np.exp(exact - exact.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(rows), targets] -= 1
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), p, rtol=0, atol=4 * np.finfo(np.float32).eps)


def test_an_unlikely_target_takes_no_digits_from_the_other_classes() -> None:
    logits = tg.tensor([[-1000.0, 0.0, 1.0]], requires_grad=True)
    tg.softmax_cross_entropy(logits, np.array([0])).backward()
    e = np.exp(1.0)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), [[-1, 1 / (1 + e), e / (1 + e)]], rtol=4 * np.finfo(np.float32).eps)
