"""jacobian, hessian, and hvp beside it."""

from __future__ import annotations

import numpy as np
import pytest
from curves import X, curved, curved_jacobian, same, t

import tinygrad_edu as tg


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
