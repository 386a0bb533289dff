"""Arithmetic and powers: what the operators mean, and the derivatives at the points where care is needed."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

NAN, INF = float("nan"), float("inf")


def gradient(f, *values):
    """The gradient of the sum of f at the given numbers or lists."""
    inputs = [tg.tensor(v, dtype=tg.float64, requires_grad=True) for v in values]
    f(*inputs).backward()
    grads = [t.grad.tolist() for t in inputs]
    return grads[0] if len(grads) == 1 else grads


OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: a**b,
]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("other", [3, 2.5, np.array([1.0, 2.0, 0.5], np.float32), [1.0, 2.0, 0.5]])
def test_operators_with_numbers_arrays_and_lists_on_either_side(operator, other):
    x = np.array([1.5, 0.5, 3.0], np.float32)
    plain = np.asarray(other, np.float32)
    for ours, expected in [
        (operator(tg.tensor(x), other), operator(x, plain)),
        (operator(other, tg.tensor(x)), operator(plain, x)),
    ]:
        assert isinstance(ours, tg.Tensor)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-6)


def test_division_of_integers_gives_the_default_dtype():
    assert (tg.tensor([1, 2]) / tg.tensor([2, 3])).dtype == tg.float32
    assert (tg.tensor([7, -7]) // 2).tolist() == [3, -4]
    assert (tg.tensor([7, -7]) % 2).tolist() == [1, 1]
    assert tg.fmod(tg.tensor([7, -7]), 2).tolist() == [1, -1]


def test_integers_and_numbers_do_not_widen():
    x = tg.tensor([1.0, 2.0])
    for result in (x + 1, x * np.float64(2), x + tg.tensor([1, 2]), 2.0 - x, x ** tg.tensor(2), x / np.int64(3)):
        assert result.dtype == tg.float32


def test_powers_at_the_edges():
    assert gradient(lambda x: x**0, [0.0, 2.0, -1.0]) == [0.0, 0.0, 0.0]
    assert gradient(lambda x: x**1, [0.0, 2.0]) == [1.0, 1.0]
    assert gradient(lambda x: x**2, [0.0, -3.0]) == [0.0, -6.0]
    assert gradient(lambda x: x**3, [-2.0]) == [12.0]
    assert gradient(lambda y: 0**y, [1.0, 0.0, 2.0]) == [0.0, 0.0, 0.0]
    assert gradient(lambda y: 1**y, [1.0, -2.0]) == [0.0, 0.0]
    by_base, by_exponent = gradient(lambda x, y: x**y, [0.0, 0.0, -2.0], [2.0, 0.0, 2.0])
    assert by_base == [0.0, 0.0, -4.0]
    assert by_exponent[:2] == [0.0, 0.0]
    assert np.isnan(by_exponent[2])
    with np.errstate(divide="ignore"):
        assert gradient(lambda y: 0**y, [-1.0, -0.5]) == [-np.inf, -np.inf]
        _, by_exponent = gradient(lambda x, y: x**y, [0.0, 0.0], [-1.0, 1.0])
        assert by_exponent == [-np.inf, 0.0]


def test_second_and_third_derivative_of_a_power_at_zero():
    x = tg.tensor([0.0], requires_grad=True)
    (first,) = tg.autograd.grad(x**3, x, create_graph=True)
    (second,) = tg.autograd.grad(first, x, create_graph=True)
    (third,) = tg.autograd.grad(second, x)
    assert (first.item(), second.item(), third.item()) == (0.0, 0.0, 6.0)


def test_negative_integer_powers_of_integers_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"pow\(int64\[2\].*[Nn]egative"):
        tg.tensor([1, 2]) ** -1
    assert (tg.tensor([1, 2]) ** -1.0).tolist() == [1.0, 0.5]


def test_the_derivative_of_abs_at_zero_is_zero():
    assert gradient(tg.abs, [-2.0, 0.0, 3.0]) == [-1.0, 0.0, 1.0]
    assert gradient(abs, [-2.0]) == [-1.0]


def test_remainders_differentiate_by_both():
    assert gradient(lambda x, y: x % y, [-3.5], [2.0]) == [[1.0], [2.0]]
    assert gradient(tg.fmod, [-3.5], [2.0]) == [[1.0], [1.0]]


def test_floor_division_has_a_gradient_of_zero():
    assert gradient(lambda x, y: x // y, [3.5], [2.0]) == [[0.0], [0.0]]


def test_broadcasting_is_undone():
    by_x, by_y = gradient(lambda x, y: x * y, [[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0])
    assert by_x == [[10.0, 20.0], [10.0, 20.0]]
    assert by_y == [4.0, 6.0]


def test_shapes_that_clash_are_named():
    with pytest.raises(tg.ShapeError, match=r"add\(.*axis -1 is 3 against 4"):
        tg.tensor(np.zeros((2, 3))) + np.zeros(4)


def test_numpy_functions_are_the_same_ops():
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    array = np.array([1.5, 2.5], np.float32)
    for function in (np.add, np.subtract, np.multiply, np.divide, np.power, np.remainder, np.fmod, np.floor_divide):
        for ours in (function(x, 2.0), function(array, x)):
            assert isinstance(ours, tg.Tensor)
            assert ours.requires_grad
    for function in (np.negative, np.square, np.sqrt, np.reciprocal, np.absolute, np.fabs, np.positive):
        np.testing.assert_allclose(function(x).detach().numpy(), function(array), rtol=1e-6)


def test_fused_products():
    x, a, b = tg.tensor([1.0]), tg.tensor([2.0]), tg.tensor([4.0])
    assert tg.addcmul(x, a, b, value=0.5).item() == 5.0
    assert tg.addcdiv(x, a, b).item() == 1.5
    assert tg.lerp(x, b, 0.5).item() == 2.5
    assert x.lerp(b, tg.tensor([1.0])).item() == 4.0


def test_names_of_the_same_op():
    assert tg.subtract is tg.sub
    assert tg.multiply is tg.mul
    assert tg.divide is tg.true_divide is tg.div
    assert tg.absolute is tg.abs
    assert tg.negative is tg.neg


def test_the_reciprocal_of_an_integer_is_real_and_numpys_is_not():
    x = tg.tensor([1, 2, 4])
    assert tg.reciprocal(x).tolist() == [1.0, 0.5, 0.25]
    assert x.reciprocal().dtype == np.float32
    assert np.reciprocal(x).tolist() == [1, 0, 0]
    assert np.reciprocal(x).dtype == np.int64
    assert np.reciprocal(x.float()).tolist() == [1.0, 0.5, 0.25]


def test_float_power_is_computed_in_float64():
    x = tg.tensor([2.0, 3.0], requires_grad=True)
    for result in (tg.float_power(x, 2), np.float_power(x, 2)):
        assert result.dtype == np.float64
        assert result.tolist() == [4.0, 9.0]
    tg.float_power(x, 2).backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [4.0, 6.0]
    assert tg.float_power(tg.tensor([2, 4]), -1).tolist() == [0.5, 0.25]
    assert tg.float_power(2, tg.tensor([-1, 3])).tolist() == [0.5, 8.0]


def test_slopes_that_fit_into_the_dtype_do_not_overflow_on_the_way():
    large, small = float(np.finfo(np.float32).max) * 0.75, 2.0**-85
    for call, value, slope in (
        (tg.square, large, large / 2),
        (lambda x: x**2, large, large / 2),
        (tg.rsqrt, small, -0.125 * small**-1.5),
    ):
        x = tg.tensor([value], requires_grad=True)
        with np.errstate(over="ignore"):  # of the square itself
            y = call(x)
        y.backward(tg.tensor([0.25]))
        np.testing.assert_allclose(x.grad.tolist(), [slope], rtol=1e-6)


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_a_factor_that_is_1_has_a_gradient(name):
    value = tg.tensor(1.0, requires_grad=True)
    getattr(tg, name)(tg.tensor([1.0]), tg.tensor([6.0]), tg.tensor([3.0]), value=value).backward()
    assert value.grad.item() == {"addcmul": 18.0, "addcdiv": 2.0}[name]
