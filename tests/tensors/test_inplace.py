"""inplace.py: what is overwritten in memory, what is recorded, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg

# Constants: in memory


def test_a_constant_is_changed_in_its_memory() -> None:
    x = tg.zeros(2, 3)
    memory, alias = x.array, x
    x += 2
    x *= tg.tensor([1.0, 2.0, 3.0])
    x[0] = -1
    x[1, 1:] -= np.ones(2, np.float32)
    assert x is alias
    assert x.array is memory
    np.testing.assert_array_equal(memory, [[-1, -1, -1], [2, 3, 5]])


def test_a_change_is_seen_through_views_as_in_numpy() -> None:
    x = tg.zeros(4)
    x[:2].fill_(3)
    x.data[3] = 5
    assert x.tolist() == [3, 3, 0, 5]


OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (lambda x, y: x.__iadd__(y), np.add),
    "-": (lambda x, y: x.__isub__(y), np.subtract),
    "*": (lambda x, y: x.__imul__(y), np.multiply),
    "/": (lambda x, y: x.__itruediv__(y), np.divide),
    "//": (lambda x, y: x.__ifloordiv__(y), np.floor_divide),
    "%": (lambda x, y: x.__imod__(y), np.remainder),
    "**": (lambda x, y: x.__ipow__(y), np.power),
    "@": (lambda x, y: x.__imatmul__(y), np.matmul),
    "add_": (lambda x, y: x.add_(y, alpha=2), lambda x, y: x + 2 * y),
    "sub_": (lambda x, y: x.sub_(y, alpha=2), lambda x, y: x - 2 * y),
    "mul_": (lambda x, y: x.mul_(y), np.multiply),
    "div_": (lambda x, y: x.div_(y), np.divide),
    "pow_": (lambda x, y: x.pow_(y), np.power),
    "remainder_": (lambda x, y: x.remainder_(y), np.remainder),
    "addcmul_": (lambda x, y: x.addcmul_(y, y, value=0.5), lambda x, y: x + 0.5 * y * y),
    "addcdiv_": (lambda x, y: x.addcdiv_(y, y + 1, value=0.5), lambda x, y: x + 0.5 * y / (y + 1)),
    "lerp_": (lambda x, y: x.lerp_(y, 0.25), lambda x, y: x + 0.25 * (y - x)),
    "copy_": (lambda x, y: x.copy_(y), lambda x, y: y),
    "clamp_": (lambda x, y: x.clamp_(1.5, 2.5), lambda x, y: np.clip(x, 1.5, 2.5)),
    "clip_": (lambda x, y: x.clip_(max=2.5), lambda x, y: np.minimum(x, 2.5)),
    "exp_": (lambda x, y: x.exp_(), lambda x, y: np.exp(x)),
    "log_": (lambda x, y: x.log_(), lambda x, y: np.log(x)),
    "sqrt_": (lambda x, y: x.sqrt_(), lambda x, y: np.sqrt(x)),
    "square_": (lambda x, y: x.square_(), lambda x, y: x * x),
    "neg_": (lambda x, y: x.neg_(), lambda x, y: -x),
    "abs_": (lambda x, y: x.abs_(), lambda x, y: abs(x)),
    "tanh_": (lambda x, y: x.tanh_(), lambda x, y: np.tanh(x)),
    "sin_": (lambda x, y: x.sin_(), lambda x, y: np.sin(x)),
    "cos_": (lambda x, y: x.cos_(), lambda x, y: np.cos(x)),
    "reciprocal_": (lambda x, y: x.reciprocal_(), lambda x, y: 1 / x),
    "sigmoid_": (lambda x, y: x.sigmoid_(), lambda x, y: 1 / (1 + np.exp(-x))),
    "relu_": (lambda x, y: x.sub_(2.0).relu_(), lambda x, y: np.maximum(x - 2, 0)),
    "floor_": (lambda x, y: x.floor_(), lambda x, y: np.floor(x)),
    "ceil_": (lambda x, y: x.ceil_(), lambda x, y: np.ceil(x)),
    "round_": (lambda x, y: x.round_(), lambda x, y: np.round(x)),
    "sign_": (lambda x, y: x.sign_(), lambda x, y: np.sign(x)),
    "fill_": (lambda x, y: x.fill_(3.0), lambda x, y: 3.0 + 0 * x),
    "zero_": (lambda x, y: x.zero_(), lambda x, y: 0 * x),
    "masked_fill_": (lambda x, y: x.masked_fill_(x.array > 2, 9.0), lambda x, y: np.where(x > 2, 9.0, x)),
    "index_fill_": (lambda x, y: x.index_fill_(0, [1], 9.0), lambda x, y: np.stack([x[0], 9 + 0 * x[1]])),
    "index_add_": (lambda x, y: x.index_add_(0, [1, 1], y), lambda x, y: np.stack([x[0], x[1] + y[0] + y[1]])),
    "index_copy_": (lambda x, y: x.index_copy_(0, [1, 0], y), lambda x, y: y[::-1]),
    "scatter_": (
        lambda x, y: x.scatter_(1, np.array([[0], [1]]), y),
        lambda x, y: np.array([[y[0, 0], x[0, 1]], [x[1, 0], y[1, 0]]]),
    ),
    "scatter_add_": (
        lambda x, y: x.scatter_add_(1, np.array([[0], [1]]), y),
        lambda x, y: x + np.array([[y[0, 0], 0], [0, y[1, 0]]]),
    ),
}
VALUES = np.array([[1.25, 2.5], [3.75, 0.6]])
OTHERS = np.array([[2.0, 0.5], [1.5, 3.0]])


@pytest.mark.parametrize("name", OPERATORS)
def test_in_memory_and_recorded_the_numbers_are_the_same(name: str) -> None:
    change, expected = OPERATORS[name]
    wanted = expected(VALUES, OTHERS)
    x = tg.tensor(VALUES)
    memory = x.array
    assert change(x, tg.tensor(OTHERS)) is x
    assert x.array is memory
    np.testing.assert_allclose(x.array, wanted, rtol=1e-14)

    start = tg.tensor(VALUES, requires_grad=True)
    y = start * 1
    before = y.array
    assert change(y, tg.tensor(OTHERS)) is y
    assert y.requires_grad
    assert y.array is not before
    np.testing.assert_array_equal(before, VALUES)
    np.testing.assert_allclose(y.array, wanted, rtol=1e-14)
    y.backward()
    assert start.grad is not None


# Leaves


def test_a_leaf_that_requires_a_gradient_is_refused_while_recording() -> None:
    w = leaf(1.0, 2.0)
    for change in (lambda: w.add_(1), lambda: w.zero_(), lambda: w.__setitem__(0, 1.0), lambda: w.normal_()):
        with pytest.raises(tg.GraphError) as error:
            change()
        for word in ("leaf", "(2,)", "no_grad()", "clone()"):
            assert word in str(error.value)
    np.testing.assert_array_equal(w.array, [1, 2])


def test_a_leaf_may_be_changed_under_no_grad_and_stays_a_leaf() -> None:
    w = leaf(1.0, 2.0)
    (w * w).backward()
    memory = w.array
    with tg.no_grad():
        w -= 0.5 * w.grad
        w[1] = 7
        w.mul_(w)
    assert w.array is memory
    assert w.is_leaf
    assert w.requires_grad
    np.testing.assert_array_equal(w.array, [0, 49])


def test_data_and_grad_are_changed_from_outside() -> None:
    w = leaf(1.0, 2.0)
    (3 * w).backward()
    w.data -= 0.1 * w.grad
    w.data[...] = w.data * 2
    w.grad.zero_()
    w.grad += 1
    np.testing.assert_allclose(w.array, [1.4, 3.4])
    np.testing.assert_array_equal(w.grad.array, [1, 1])
    assert w.is_leaf


# Recorded


def test_earlier_consumers_keep_the_old_numbers_and_their_gradients() -> None:
    x = leaf(1.0, 2.0, 3.0)
    h = x * 2
    early = h * h
    h[1] = 10.0
    h += x
    late = h * h
    np.testing.assert_array_equal(early.array, [4, 16, 36])
    np.testing.assert_array_equal(h.array, [3, 12, 9])
    (early + late).backward()
    # early = 4 x², late = (3 x)² but for place 1, where it is (10 + x)²
    np.testing.assert_allclose(x.grad.array, 8 * x.array + np.array([18, 2 * 12, 18 * 3]))


def test_a_buffer_filled_row_by_row_from_the_graph() -> None:
    w = leaf(1.0, 2.0)
    out = tg.zeros(3, 2, dtype=tg.float64)
    before = out.array
    for i in range(3):
        out[i] = w * i
    (out * np.arange(6.0).reshape(3, 2)).sum().backward()
    np.testing.assert_array_equal(before, np.zeros((3, 2)))
    np.testing.assert_array_equal(w.grad.array, [0 * 0 + 1 * 2 + 2 * 4, 0 * 1 + 1 * 3 + 2 * 5])


def test_updating_part_of_a_result() -> None:
    x = leaf(1.0, 2.0, 3.0)
    h = x * 1
    h[:2] *= 5
    h[[0, 0]] = x[1:]  # the last write stays
    h.backward()
    np.testing.assert_array_equal(h.array, [3, 10, 3])
    np.testing.assert_array_equal(x.grad.array, [0, 5, 2])


def test_second_derivatives_through_a_change() -> None:
    x = leaf(1.0, 2.0)
    h = x**2
    h[0] = x[1] ** 3
    h *= x
    (first,) = tg.autograd.grad(h, x, create_graph=True)
    (second,) = tg.autograd.grad(first, x)
    # h = (x0 x1³, x1³)
    np.testing.assert_allclose(first.array, [8, 3 * 4 + 3 * 4])
    np.testing.assert_allclose(second.array, [3 * 4, 3 * 4 + 6 * 2 + 6 * 2])


def test_a_result_set_to_zero_has_the_gradient_zero() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    h.zero_()
    h.backward()
    np.testing.assert_array_equal(x.grad.array, [0, 0])


def test_a_constant_that_takes_in_a_gradient_becomes_a_result() -> None:
    w = leaf(1.0)
    total = tg.zeros(1, dtype=tg.float64)
    for i in range(3):
        total += i * w
    assert not total.is_leaf
    total.backward()
    assert w.grad.item() == 3


def test_a_result_changed_under_no_grad_changes_in_memory_and_backward_notices() -> None:
    x = leaf(1.0, 2.0)
    h = x.exp()
    with tg.no_grad():
        h += 1
    with pytest.raises(tg.GraphError, match="overwritten"):
        h.backward()
    assert x.grad is None


def test_a_saved_constant_that_was_overwritten_is_noticed_through_any_view() -> None:
    x, factor = leaf(1.0, 2.0), tg.tensor([3.0, 4.0], dtype=tg.float64)
    y = x * factor
    factor[:1].fill_(0)
    with pytest.raises(tg.GraphError, match=r"'mul' saved"):
        y.backward()


def test_an_overwritten_index_is_noticed_alone_and_inside_a_tuple() -> None:
    x, rows, columns = tg.tensor(VALUES, requires_grad=True), tg.tensor([0, 1]), tg.tensor([0, 1])
    alone, pair = x[rows], x[0, columns]
    rows.zero_()
    columns.zero_()
    for y in (alone, pair):
        with pytest.raises(tg.GraphError, match=r"'getitem' saved argument 1.*overwritten"):
            y.backward()
    assert x.grad is None


# Dtypes and shapes


def test_the_tensor_keeps_its_dtype() -> None:
    x = tg.zeros(2)
    x += np.ones(2)
    x[0] = np.float64(3.0)
    x.copy_(tg.tensor([1, 2]))
    assert x.dtype == tg.float32
    w = leaf(1.0, 2.0)
    h = w.float()
    h += w
    assert h.dtype == tg.float32
    h[0] = w[1]
    assert h.dtype == tg.float32
    h.backward()
    np.testing.assert_array_equal(w.grad.array, [0, 1 + 2])


@pytest.mark.parametrize(
    "change", [lambda x: x.__iadd__(0.5), lambda x: x.__itruediv__(2), lambda x: x.add_(tg.ones(2))]
)
def test_floats_do_not_fit_into_integers(change: Callable[[Any], Any]) -> None:
    x = tg.tensor([1, 2])
    with pytest.raises(tg.DtypeError) as error:
        change(x)
    for word in ("float", "int64", "x.to("):
        assert word in str(error.value)
    assert x.tolist() == [1, 2]


def test_assignment_converts_as_in_numpy_and_pytorch() -> None:
    x = tg.tensor([1, 2, 3])
    x[0] = 7.9
    x[1:].copy_(tg.tensor([8.9, 9.9]))
    assert x.tolist() == [7, 8, 9]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("change", "shapes"),
    [
        (lambda x: x.__iadd__(tg.ones(3).double()), ["(2, 2)", "(3,)"]),
        (lambda x: x.__iadd__(tg.ones(3, 2, 2).double()), ["(2, 2)", "(3, 2, 2)"]),
        (lambda x: x.__setitem__(0, np.ones(3)), ["(2,)", "(3,)"]),
        (lambda x: x.copy_(tg.ones(3)), ["(2, 2)", "(3,)"]),
        (lambda x: x.index_add_(0, [0], np.ones((2, 2))), ["(1, 2)", "(2, 2)"]),
    ],
)
def test_shapes_that_do_not_fit_change_nothing(change: Callable[[Any], Any], shapes: list[str], recorded: bool) -> None:
    x = tg.tensor(VALUES, requires_grad=recorded)
    x = x * 1 if recorded else x
    with pytest.raises(tg.ShapeError) as error:
        change(x)
    for shape in shapes:
        assert shape in str(error.value)
    np.testing.assert_array_equal(x.array, VALUES)


def test_a_wrong_index_changes_nothing() -> None:
    x = tg.tensor(VALUES)
    with pytest.raises(IndexError, match="5"):
        x[5] = 1.0
    np.testing.assert_array_equal(x.array, VALUES)


def test_memory_that_stands_for_many_places_is_refused() -> None:
    x = tg.zeros(1).expand(3)
    with pytest.raises(ValueError, match=r"expanded.*clone\(\)"):
        x += 1
    with pytest.raises(ValueError, match="expanded"):
        x[0] = 1


def test_setting_by_masks_and_tensors() -> None:
    x = tg.tensor(VALUES)
    x[x > 2] = 0
    x[tg.tensor([1]), tg.tensor([1])] = tg.tensor([5.0])
    x[0] = [8, tg.tensor(9.0)]
    np.testing.assert_array_equal(x.array, [[8, 9], [0, 5]])


def test_logic_in_place() -> None:
    x = tg.tensor([True, False])
    x |= tg.tensor([False, True])
    x &= np.array([True, False])
    x ^= True
    assert x.tolist() == [False, True]


# Random numbers


def test_random_fillings() -> None:
    x = tg.zeros(20000)
    np.testing.assert_allclose([x.normal_(3.0, 2.0).array.mean(), x.array.std()], [3, 2], atol=0.1)
    x.uniform_(-1, 3)
    assert -1 <= x.array.min() < -0.9
    assert 2.9 < x.array.max() <= 3
    np.testing.assert_allclose(x.bernoulli_(0.25).array.mean(), 0.25, atol=0.02)
    np.testing.assert_allclose(x.exponential_(2.0).array.mean(), 0.5, atol=0.02)
    assert set(x.random_(3).tolist()) == {0, 1, 2}
    assert x.dtype == tg.float32
    a, b = tg.zeros(3), tg.zeros(3)
    a.normal_(generator=tg.Generator().manual_seed(4))
    b.normal_(generator=tg.Generator().manual_seed(4))
    assert a.tolist() == b.tolist()
    with pytest.raises(ValueError, match=r"std=-1\.0"):
        x.normal_(0.0, -1.0)
    with pytest.raises(ValueError, match=r"from 1\.0 to 0\.0"):
        x.uniform_(1.0, 0.0)


def test_fill_diagonal() -> None:
    x = tg.zeros(2, 3)
    assert x.fill_diagonal_(4).tolist() == [[4, 0, 0], [0, 4, 0]]
    with pytest.raises(tg.ShapeError, match="matrix"):
        tg.zeros(3).fill_diagonal_(1)


def test_a_list_of_results_keeps_their_gradients() -> None:
    w = leaf(2.0, 3.0)
    x = tg.zeros(3, dtype=tg.float64)
    x[...] = [w[0] * w[0], 7.0, w[1]]
    assert x.tolist() == [4.0, 7.0, 3.0]
    x.backward()
    assert w.grad.tolist() == [4.0, 1.0]


@pytest.mark.parametrize(
    ("call", "slope"),
    [
        (lambda h, u, a: h.add_(u, alpha=a), 3.0),
        (lambda h, u, a: h.sub_(u, alpha=a), -3.0),
        (lambda h, u, a: h.index_add_(0, tg.tensor([1, 0]), u, alpha=a), 3.0),
        (lambda h, u, a: h.addcmul_(u, u, value=a), 5.0),
    ],
)
def test_a_factor_that_is_1_has_a_gradient(call: Callable[..., tg.Tensor], slope: float) -> None:
    alpha = tg.tensor(1.0, requires_grad=True)
    call(tg.ones(2), tg.tensor([1.0, 2.0]), alpha).sum().backward()
    assert alpha.grad.item() == slope  # type: ignore[union-attr]
