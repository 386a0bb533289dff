"""vjp and jvp, and what each demands of its vectors."""

from __future__ import annotations

import numpy as np
import pytest
from curves import A, X, curved, curved_jacobian, same, t

import tinygrad_edu as tg


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
