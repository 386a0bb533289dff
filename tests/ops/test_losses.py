"""Losses as ops: they equal the compositions, and certain answers cost much, but nothing infinite."""

from __future__ import annotations

import numpy as np
import pytest
from compositions import compare
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.ops.losses import binary_cross_entropy


def test_logarithms_are_bounded() -> None:
    p = tg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    losses = binary_cross_entropy(p, tg.tensor([0.0, 1.0, 1.0, 0.0]))
    assert losses.tolist() == [0.0, 0.0, 100.0, 100.0]
    losses.backward()
    assert p.grad is not None
    assert np.isfinite(p.grad.array).all()
    assert (np.sign(p.grad.array) == [0, 0, -1, 1]).all()


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
