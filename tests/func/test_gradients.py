"""grad and value_and_grad: structures, constants, and gradients of gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from curves import same, t
from made import leaf

import tinygrad_edu as tg


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
        w = leaf(2.0, 3.0)
        gradient = tg.grad(lambda x: (w * x * x).sum())(t(1.0, 1.0))
        (gradient**2).backward()  # Σ 4 w² x²
        same(w.grad, [16.0, 24.0])
        with tg.no_grad():
            assert not tg.grad(lambda x: (w * x * x).sum())(t(1.0, 1.0)).requires_grad

    def test_through_the_point(self):
        x = leaf(2.0)
        tg.grad(lambda x: x**3)(x * 2).backward()  # 3 (2x)² by x
        same(x.grad, [48.0])

    def test_the_callers_graph_is_not_freed(self):
        w = tg.tensor([2.0], requires_grad=True)
        h = w * w
        with tg.no_grad():
            tg.grad(lambda x: x * h)(3.0)
        h.backward()
        same(w.grad, [4.0])
