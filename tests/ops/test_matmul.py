"""Products of matrices and vectors."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

rng = np.random.default_rng(0)

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((6, 2, 3), (1, 3, 4)),
    ((7, 5, 2, 3), (3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (3, 4)),
    ((5, 2, 3), (3, 0)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_value_and_gradient_of_every_shape(left, right):
    a, b = rng.normal(size=left), rng.normal(size=right)
    x, y = tg.tensor(a, requires_grad=True), tg.tensor(b, requires_grad=True)
    out = x @ y
    np.testing.assert_allclose(out.detach().numpy(), a @ b, rtol=1e-13, atol=1e-13)
    seed = rng.normal(size=out.shape)
    out.backward(tg.tensor(seed))
    # The product is linear in each operand: its derivative is found exactly by unit vectors.
    by_x = np.array([np.sum(seed * (unit.reshape(left) @ b)) for unit in np.eye(a.size)]).reshape(left)
    by_y = np.array([np.sum(seed * (a @ unit.reshape(right))) for unit in np.eye(b.size)]).reshape(right)
    np.testing.assert_allclose(x.grad.numpy(), by_x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(y.grad.numpy(), by_y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("left", [np.float32, np.float64])
def test_dtype_is_kept(left):
    x = tg.tensor(np.ones((2, 3, 4), left), requires_grad=True)
    out = x @ tg.tensor(np.ones((4, 2), left))
    out.backward()
    assert out.dtype == left
    assert x.grad.dtype == left
    assert (tg.ones((2, 2)) @ tg.tensor([[1, 2], [3, 4]])).dtype == tg.float32
    assert (tg.tensor([[1, 2]]) @ tg.tensor([[1], [2]])).tolist() == [[5]]


def test_arrays_and_lists_on_either_side():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    for product in (a @ x, np.matmul(a, x), np.dot(a, x), a.tolist() @ x):
        assert isinstance(product, tg.Tensor)
        assert product.dtype == tg.float32
        np.testing.assert_array_equal(product.detach().numpy(), [[3.0, 4.0], [1.0, 2.0]])
    (x @ [1.0, 10.0]).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1.0, 10.0], [1.0, 10.0]])


def test_a_0d_result_is_a_0d_tensor():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert (x @ x).shape == ()
    (x @ x).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (
            (32, 64),
            (128, 10),
            r"matmul: shapes \(32, 64\) and \(128, 10\) do not fit: axis -1 of the first is 64, "
            r"axis -2 of the second is 128. Transpose one\?",
        ),
        ((3,), (4,), "axis -1 of the first is 3, axis -1 of the second is 4"),
        ((5, 2, 3), (4, 2), "axis -1 of the first is 3, axis -2 of the second is 4"),
        (
            (5, 2, 3),
            (6, 3, 2),
            r"leading axes, shapes \(5,\) and \(6,\) do not broadcast: axis -1 is 5 against 6",
        ),
        ((), (2, 2), r"the first is a 0-d tensor; multiply by a number with \*"),
    ],
)
def test_shapes_that_do_not_fit(left, right, message):
    with pytest.raises(tg.ShapeError, match=message) as caught:
        tg.ones(left) @ tg.ones(right)
    assert "gufunc" not in str(caught.value)
    with pytest.raises(tg.ShapeError, match=message):
        np.ones(left) @ tg.ones(right)


def test_strict_relatives():
    a, b = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 3, 5))
    np.testing.assert_allclose(tg.bmm(tg.tensor(a), tg.tensor(b)).numpy(), a @ b)
    np.testing.assert_allclose(tg.tensor(a[0]).mm(tg.tensor(b[0])).numpy(), a[0] @ b[0])
    np.testing.assert_allclose(tg.tensor(a[0]).mv(tg.tensor(b[0, :, 0])).numpy(), a[0] @ b[0, :, 0])
    for call, message in [
        (
            lambda: tg.mm(tg.ones((2, 3, 3)), tg.ones((3, 3))),
            r"mm: operand 0 must have 2 axes, got shape \(2, 3, 3\)",
        ),
        (lambda: tg.bmm(tg.ones((1, 3, 3)), tg.ones((2, 3, 3))), "bmm.*axis 0 must be of one size"),
        (lambda: tg.mv(tg.ones((2, 3)), tg.ones((3, 1))), "mv: operand 1 must have 1 axes"),
        (lambda: tg.dot(tg.ones((2, 3)), tg.ones(3)), "dot: operand 0 must have 1 axes"),
        (lambda: tg.outer(tg.ones((2, 3)), tg.ones(3)), "outer: operand 0"),
    ]:
        with pytest.raises(tg.ShapeError, match=message):
            call()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((), (2,)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((4, 2, 3), (3,)),
        ((4, 2, 3), (5, 3, 2)),
        ((2, 3), (5, 3, 2)),
    ],
)
def test_np_dot(left, right):
    a, b = rng.normal(size=left), rng.normal(size=right)
    np.testing.assert_allclose(np.dot(tg.tensor(a), tg.tensor(b)).numpy(), np.dot(a, b), rtol=1e-13)


def test_inner_outer_vdot_kron_in_both_libraries_terms():
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    x, y = tg.tensor(a), tg.tensor(b)
    np.testing.assert_allclose(np.inner(x, y).numpy(), np.inner(a, b))
    np.testing.assert_allclose(tg.inner(x, tg.tensor(2.0)).numpy(), a * 2)
    np.testing.assert_allclose(np.outer(x, y).numpy(), np.outer(a, b))
    np.testing.assert_allclose(np.vdot(x, x).numpy(), np.vdot(a, a))
    np.testing.assert_allclose(np.kron(x, y).numpy(), np.kron(a, b))
    np.testing.assert_allclose(tg.kron(x, tg.tensor(b[0])).numpy(), np.kron(a, b[0]))
    with pytest.raises(tg.ShapeError, match=r"tensordot.*axis 1 of the first is 3, axis 0 of the second is 2"):
        tg.inner(x, tg.tensor([1.0, 2.0]))


def test_addmm():
    c, a, b = rng.normal(size=4), rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    t = tg.tensor(c, requires_grad=True)
    out = tg.addmm(t, tg.tensor(a), tg.tensor(b), beta=0.5, alpha=2)
    np.testing.assert_allclose(out.detach().numpy(), 0.5 * c + 2 * a @ b)
    out.backward()
    np.testing.assert_array_equal(t.grad.numpy(), [1.0] * 4)
    ignored = tg.baddbmm(tg.tensor(np.nan), tg.tensor(a[None]), tg.tensor(b[None]), beta=0)
    np.testing.assert_allclose(ignored.numpy(), a[None] @ b[None])


def test_what_is_not_read_is_not_kept():
    x, w = tg.ones((4, 3), requires_grad=True), tg.ones((3, 2))
    node = (x @ w).grad_fn
    assert not any(value is x.array for value in node.args)
    assert any(value is w.array for value in node.args)


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_factors_that_are_0_or_1_have_gradients(beta):
    alpha, beta = tg.tensor(1.0, requires_grad=True), tg.tensor(beta, requires_grad=True)
    x, m = tg.tensor([[2.0]]), tg.tensor([[3.0]])
    tg.addmm(x, m, m, alpha=alpha, beta=beta).backward()
    assert (alpha.grad.item(), beta.grad.item()) == (9.0, 2.0)
