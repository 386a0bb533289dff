"""grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_edu as tg


def t(*values):
    return tg.tensor(list(values), dtype=tg.float64)


def same(actual, expected, tolerance=1e-12):
    assert isinstance(actual, tg.Tensor)
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


A = np.array([[2.0, -1.0, 0.5], [0.3, 1.0, -2.0]])


def curved(x):
    """From three numbers to two, not linear."""
    return tg.sin(tg.tensor(A) @ x) * x[:2]


def curved_jacobian(x):
    inner = A @ x
    jacobian = np.cos(inner)[:, None] * A * x[:2, None]
    jacobian[[0, 1], [0, 1]] += np.sin(inner)
    return jacobian


X = np.array([0.3, -0.7, 1.1])


class TestGrad:
    def test_value_and_gradient(self):
        value, gradient = tg.value_and_grad(lambda x: (x**3).sum())(t(1.0, 2.0))
        assert value.item() == 9.0
        same(gradient, [3.0, 12.0])
        assert not value.requires_grad
        assert not gradient.requires_grad

    def test_losses_mean_their_sum(self):
        same(tg.grad(lambda w, x: (w * x - 1) ** 2)(2.0, t(1.0, 2.0, 3.0)), 44.0)

    @pytest.mark.parametrize("point", [np.array([1.0, 2.0]), tg.tensor(np.array([1.0, 2.0]))])
    def test_arrays_and_tensors(self, point):
        gradient = tg.grad(lambda x: x * x)(point)
        same(gradient, [2.0, 4.0])
        assert gradient.dtype == tg.float64

    def test_a_python_number_has_the_default_dtype(self):
        assert tg.grad(lambda x: x * x)(3.0).dtype == tg.float32

    def test_argnums(self):
        def f(x, y, z):
            return x * y * z

        same(tg.grad(f, 1)(2.0, 3.0, 5.0), 10.0)
        same(tg.grad(f, -1)(2.0, 3.0, 5.0), 6.0)
        by_z, by_x = tg.grad(f, (2, 0))(2.0, 3.0, 5.0)
        same(by_z, 6.0)
        same(by_x, 15.0)
        with pytest.raises(ValueError, match=r"argnums=3, but the function was called with 3 arguments"):
            tg.grad(f, 3)(2.0, 3.0, 5.0)

    def test_keywords_pass_through(self):
        same(tg.grad(lambda x, *, power: x**power)(3.0, power=2), 6.0)

    def test_nested_arguments(self):
        class Layer(NamedTuple):
            w: object
            b: object

        def f(p, x):
            return p["layers"][0].w * x + p["layers"][0].b + p["scale"][1]

        p = {"layers": [Layer(t(1.0, 2.0), 0.5)], "scale": (t(7.0), 2.0, None)}
        gradient = tg.grad(f)(p, t(3.0, 4.0))
        same(gradient["layers"][0].w, [3.0, 4.0])
        same(gradient["layers"][0].b, 2.0)
        same(gradient["scale"][0], [0.0])
        same(gradient["scale"][1], 2.0)
        assert gradient["scale"][2] is None
        assert isinstance(gradient["layers"][0], Layer)

    def test_has_aux(self):
        gradient, extra = tg.grad(lambda x: (x * x, {"twice": 2 * x, "text": "hi"}), has_aux=True)(3.0)
        same(gradient, 6.0)
        same(extra["twice"], 6.0)
        assert extra["text"] == "hi"
        assert not extra["twice"].requires_grad
        (value, extra), gradient = tg.value_and_grad(lambda x: (x * x, 1), has_aux=True)(3.0)
        assert (value.item(), extra, gradient.item()) == (9.0, 1, 6.0)
        with pytest.raises(TypeError, match="must return a pair"):
            tg.grad(lambda x: x, has_aux=True)(3.0)

    def test_ignored_argument_and_constant_function(self):
        by_x, by_y = tg.grad(lambda x, y: x * 2, (0, 1))(t(1.0, 2.0), t(3.0))
        same(by_x, [2.0, 2.0])
        same(by_y, [0.0])
        same(tg.grad(lambda x: tg.tensor(1.0))(t(1.0, 2.0)), [0.0, 0.0])
        same(tg.grad(lambda x: x)(t(1.0, 2.0)), [1.0, 1.0])

    def test_no_grad_attribute_changes(self):
        w = tg.tensor([2.0], requires_grad=True)
        x = tg.tensor([3.0], requires_grad=True)
        same(tg.grad(lambda x: x * w)(x), [2.0])
        assert w.grad is None
        assert x.grad is None

    def test_the_point_is_not_changed_and_not_shared(self):
        x = t(1.0, 2.0)
        gradient = tg.grad(lambda x: x)(x)
        gradient.array[...] = 7
        same(tg.grad(lambda x: x * 1)(x), [1.0, 1.0])
        assert not x.requires_grad

    def test_errors(self):
        with pytest.raises(tg.DtypeError, match=r"grad\(\): argument 0 has dtype int64.*Write 3.0"):
            tg.grad(lambda x: x * x)(3)
        with pytest.raises(tg.DtypeError, match="argument 1 has dtype int64"):
            tg.grad(lambda x, y: x, argnums=1)(1.0, tg.tensor([1, 2]))
        with pytest.raises(TypeError, match=r"must return tensors, it returned float.*\.item\(\)"):
            tg.grad(lambda x: x.item())(3.0)
        with pytest.raises(TypeError, match="must return one tensor, it returned a tuple"):
            tg.grad(lambda x: (x, x))(3.0)
        with pytest.raises(tg.DtypeError, match="returned dtype int64, which has no derivative"):
            tg.grad(lambda x: x.argmax())(t(1.0, 2.0))


class TestNesting:
    def test_grad_of_grad(self):
        f = lambda x: x**4
        for expected in (32.0, 48.0, 48.0, 24.0, 0.0):
            f = tg.grad(f)
            same(f(2.0), expected)

    def test_perturbations_are_not_confused(self):
        # d/dx of x · d/dy (x + y) is 1, not 2
        same(tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0), 1.0)
        same(tg.grad(lambda x: tg.grad(lambda y: x * y * y)(3.0))(5.0), 6.0)

    def test_under_no_grad(self):
        with tg.no_grad():
            gradient = tg.grad(lambda x: tg.grad(lambda y: y**3)(x))(2.0)
        same(gradient, 12.0)
        assert not gradient.requires_grad

    def test_gradient_penalty(self):
        """The gradient by the input is itself differentiated by a weight that the function reads."""
        w = tg.tensor([2.0, 3.0], dtype=tg.float64, requires_grad=True)
        gradient = tg.grad(lambda x: (w * x * x).sum())(t(1.0, 1.0))
        (gradient**2).backward()  # Σ 4 w² x²
        same(w.grad, [16.0, 24.0])
        with tg.no_grad():
            assert not tg.grad(lambda x: (w * x * x).sum())(t(1.0, 1.0)).requires_grad

    def test_through_the_point(self):
        x = tg.tensor([2.0], dtype=tg.float64, requires_grad=True)
        tg.grad(lambda x: x**3)(x * 2).backward()  # 3 (2x)² by x
        same(x.grad, [48.0])

    def test_the_callers_graph_is_not_freed(self):
        w = tg.tensor([2.0], requires_grad=True)
        h = w * w
        with tg.no_grad():
            tg.grad(lambda x: x * h)(3.0)
        h.backward()
        same(w.grad, [4.0])


class TestVjp:
    def test_value_and_pull_more_than_once(self):
        value, pull = tg.vjp(curved, X)
        same(value, np.sin(A @ X) * X[:2])
        assert not value.requires_grad
        for seed in ([1.0, 0.0], [0.3, -2.0]):
            (gradient,) = pull(tg.tensor(seed, dtype=tg.float64))
            same(gradient, np.array(seed) @ curved_jacobian(X))

    def test_several_arguments_and_results(self):
        value, pull = tg.vjp(lambda p, y: {"a": p["x"] * y, "b": (y * y,)}, {"x": t(2.0)}, t(3.0))
        same(value["a"], [6.0])
        by_p, by_y = pull({"a": t(1.0), "b": (t(10.0),)})
        same(by_p["x"], [3.0])
        same(by_y, [62.0])

    def test_errors(self):
        _, pull = tg.vjp(curved, X)
        with pytest.raises(tg.ShapeError, match=r"gradient 0 has shape \(3,\), it must have \(2,\)"):
            pull(np.ones(3))
        with pytest.raises(tg.ShapeError, match="gradient has 2 tensors where 1 are needed"):
            pull((np.ones(2), np.ones(2)))
        with pytest.raises(tg.DtypeError, match=r"vjp\(\): argument 0 has dtype int64"):
            tg.vjp(lambda x: x, 1)

    def test_pull_is_differentiable(self):
        same(tg.grad(lambda x: tg.vjp(lambda y: y**3, x)[1](t(1.0))[0])(t(2.0)), [12.0])
        same(tg.grad(lambda s: tg.vjp(lambda y: y**3, t(2.0))[1](s)[0])(t(1.0)), [12.0])


class TestJvp:
    def test_is_the_jacobian_times_the_vector(self):
        v = np.array([1.0, -2.0, 0.25])
        value, tangent = tg.jvp(curved, (X,), (v,))
        same(value, np.sin(A @ X) * X[:2])
        same(tangent, curved_jacobian(X) @ v)

    def test_several_arguments_and_results(self):
        (product, _), (d_product, d_total) = tg.jvp(
            lambda x, y: (x * y, x.sum()), (t(2.0, 3.0), t(5.0, 7.0)), (t(1.0, 0.0), t(0.0, 10.0))
        )
        same(product, [10.0, 21.0])
        same(d_product, [5.0, 30.0])
        same(d_total, 1.0)

    def test_constant_and_linear_results(self):
        (_, _), (constant, linear) = tg.jvp(lambda x: (tg.tensor(3.0), x * 2), (t(1.0),), (t(5.0),))
        same(constant, 0.0)
        same(linear, [10.0])

    def test_linear_in_the_tangent_and_differentiable(self):
        same(tg.grad(lambda x: tg.jvp(lambda y: y**3, (x,), (t(2.0),))[1])(t(3.0)), [36.0])
        same(tg.grad(lambda v: tg.jvp(lambda y: y**3, (t(3.0),), (v,))[1])(t(2.0)), [27.0])

    def test_errors(self):
        with pytest.raises(tg.ShapeError, match=r"jvp\(\): tangents 0 has shape \(2,\), it must have \(3,\)"):
            tg.jvp(curved, (X,), (np.ones(2),))

    def test_agrees_with_vjp(self):
        v, u = np.array([0.5, 1.0, -1.0]), np.array([2.0, -3.0])
        forwards = (tg.jvp(curved, (X,), (v,))[1] * tg.tensor(u)).sum()
        backwards = (tg.vjp(curved, X)[1](u)[0] * tg.tensor(v)).sum()
        same(forwards, backwards.item())


class TestJacobian:
    def test_of_a_vector(self):
        same(tg.jacobian(curved)(X), curved_jacobian(X))

    def test_shapes(self):
        jacobian = tg.jacobian(lambda x: tg.outer(x, x))(t(1.0, 2.0, 3.0))
        assert jacobian.shape == (3, 3, 3)
        eye = np.eye(3)
        x = np.array([1.0, 2.0, 3.0])
        same(jacobian, np.einsum("ik,j->ijk", eye, x) + np.einsum("i,jk->ijk", x, eye))
        assert tg.jacobian(lambda x: x[:0])(X).shape == (0, 3)
        same(tg.jacobian(lambda x: x * x)(3.0), 6.0)

    def test_structures(self):
        f = lambda x, y: {"sum": x + y, "product": x * y}
        result = tg.jacobian(f, (0, 1))(t(2.0), t(3.0))
        same(result["sum"][0], [[1.0]])
        same(result["product"][0], [[3.0]])
        same(result["product"][1], [[2.0]])

    def test_of_jacobian(self):
        second = tg.jacobian(tg.jacobian(lambda x: x**3))(t(1.0, 2.0))
        assert second.shape == (2, 2, 2)
        expected = np.zeros((2, 2, 2))
        expected[0, 0, 0], expected[1, 1, 1] = 6.0, 12.0
        same(second, expected)


class TestHessian:
    def quadratic(self, x):
        return x @ tg.tensor(self.matrix) @ x / 2 + (x**3).sum()

    matrix = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])
    expected = matrix + np.diag(6 * X)

    def test_hessian(self):
        same(tg.hessian(self.quadratic)(X), self.expected)

    def test_several_arguments(self):
        blocks = tg.hessian(lambda x, y: (x * x * y).sum(), (0, 1))(t(2.0), t(3.0))
        same(blocks[0][0], [[6.0]])
        same(blocks[0][1], [[4.0]])
        same(blocks[1][0], [[4.0]])
        same(blocks[1][1], [[0.0]])

    def test_hvp(self):
        v = np.array([1.0, -1.0, 2.0])
        value, (product,) = tg.hvp(self.quadratic, (X,), (v,))
        same(value, X @ self.matrix @ X / 2 + (X**3).sum())
        same(product, self.expected @ v)
        assert not product.requires_grad

    def test_hvp_of_several_arguments_and_losses(self):
        _, (by_x, by_p) = tg.hvp(lambda x, p: x * x * p["w"], (t(2.0, 1.0), {"w": 3.0}), (t(1.0, 0.0), {"w": 1.0}))
        same(by_x, [10.0, 2.0])  # 2w·1 + 2x·1, 2x·1
        same(by_p["w"], 4.0)  # Σ 2x·v

    def test_hvp_of_a_linear_function(self):
        _, (product,) = tg.hvp(lambda x: x.sum(), (X,), (np.ones(3),))
        same(product, np.zeros(3))

    def test_hvp_checks_the_vectors(self):
        with pytest.raises(tg.ShapeError, match=r"hvp\(\): vectors 0 has shape"):
            tg.hvp(self.quadratic, (X,), (np.ones(2),))


# Mistakes


def test_a_function_that_returns_nothing() -> None:
    def forgetful(x):
        (x * x).sum()

    x = tg.ones(3)
    for call in (
        lambda: tg.grad(forgetful)(x),
        lambda: tg.jacobian(forgetful)(x),
        lambda: tg.vjp(forgetful, x),
        lambda: tg.jvp(forgetful, (x,), (x,)),
        lambda: tg.hvp(forgetful, (x,), (x,)),
    ):
        with pytest.raises(TypeError, match=r"\(\): the function returned None: does it end without a return\?"):
            call()


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian"])
def test_a_value_or_a_point_where_only_the_function_belongs(name: str) -> None:
    w = tg.ones(3, requires_grad=True)
    transform = getattr(tg, name)
    with pytest.raises(TypeError, match=rf"{name}\(\): the first argument must be a function.*tg\.autograd\.grad"):
        transform((w * w).sum(), w)
    with pytest.raises(TypeError, match=rf"tg\.{name}\(f\) gives a function of the point: write tg\.{name}\(f\)\(x\)"):
        transform(lambda x: (x * x).sum(), w)


@pytest.mark.parametrize("name", ["hvp", "jvp"])
def test_a_tensor_where_a_tuple_of_them_belongs(name: str) -> None:
    transform, x = getattr(tg, name), tg.ones(3)
    with pytest.raises(TypeError, match=rf"{name}\(\): primals is float32\[3\].*{name}\(f, \(x,\), \(v,\)\)"):
        transform(lambda x: (x**3).sum(), x, x)
    with pytest.raises(TypeError, match=rf"{name}\(\): \w+ is float32\[3\], it must be a tuple"):
        transform(lambda x: (x**3).sum(), (x,), x)
    with pytest.raises(TypeError, match=r"the first argument must be a function, got \(tensor"):
        transform((x,), lambda x: (x**3).sum(), (x,))


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda f, x: tg.vjp(f, x, x), r"value, pull = tg\.vjp\(f, x\); pull\(v\)"),
        (lambda f, x: tg.jvp(f, (x, x), (x, x)), r"tg\.jvp\(f, \(x,\), \(v,\)\)"),
        (lambda f, x: tg.hvp(f, (x, x), (x, x)), r"tg\.hvp\(f, \(x,\), \(v,\)\)"),
        (lambda f, x: tg.grad(f)(x, x), "too many positional arguments"),
    ],
)
def test_a_function_that_does_not_take_so_many_arguments(call, way_out) -> None:
    with pytest.raises(TypeError, match=rf"\(\): the function was called with 2 arguments: .*{way_out}$"):
        call(lambda x: x * x, t(1.0, 2.0))


def test_an_error_inside_the_function_is_passed_on() -> None:
    def broken(x):
        return len(3)

    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)$"):
        tg.vjp(broken, t(1.0))
    with pytest.raises(TypeError, match="expected at least 2 arguments"):  # a function that tells no signature
        tg.vjp(getattr, t(1.0))


def test_a_hessian_goes_by_its_own_name() -> None:
    with pytest.raises(TypeError, match=r"^hessian\(\): the function returned None"):
        tg.hessian(lambda x: None)(t(1.0))
    with pytest.raises(ValueError, match=r"^hessian\(\): argnums=3"):
        tg.hessian(lambda x: x.sum(), 3)(t(1.0))
