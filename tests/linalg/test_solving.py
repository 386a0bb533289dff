"""Inverses and solutions: values, gradients, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import GENERIC, close, leaf

import tinygrad_edu as tg

rng = np.random.default_rng(2)


class TestInverse:
    def test_second_derivative(self):
        x = leaf([[2.0]])
        (d,) = tg.autograd.grad(tg.linalg.inv(x), x, create_graph=True)
        (dd,) = tg.autograd.grad(d, x)
        close(d, [[-0.25]])
        close(dd, [[0.25]])

    def test_singular(self):
        stack = np.stack([np.eye(2), np.ones((2, 2))])
        with pytest.raises(
            tg.LinAlgError, match=r"inv: the matrix is singular.*pinv.*batch element 1 of shape \(2, 2, 2\)"
        ):
            tg.linalg.inv(tg.tensor(stack))
        with pytest.raises(np.linalg.LinAlgError, match="inv"):
            tg.inverse(tg.ones((2, 2)))

    def test_not_square(self):
        for name in ("inv", "det", "cholesky", "eigh", "slogdet"):
            with pytest.raises(
                tg.ShapeError, match=rf"{name}: needs square matrices, got shape \(2, 3\): axis -2 is 2"
            ):
                getattr(tg.linalg, name)(tg.ones((2, 3)))
            with pytest.raises(tg.ShapeError, match=rf"{name}: needs a matrix"):
                getattr(tg.linalg, name)(tg.ones(3))


class TestSolve:
    @pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3), (2, 3, 4), (5, 1, 3, 2)])
    def test_right_sides(self, shape):
        a, b = leaf(GENERIC), leaf(rng.normal(size=shape))
        x = tg.linalg.solve(a, b)
        vector = shape in ((3,), (2, 3))
        back = (a @ x.unsqueeze(-1)).squeeze(-1) if vector else a @ x
        close(back, np.broadcast_to(b.detach().numpy(), back.shape))
        direct = tg.linalg.inv(a) @ (b.unsqueeze(-1) if vector else b)
        seed = tg.tensor(rng.normal(size=x.shape))
        expected = tg.autograd.grad(direct.squeeze(-1) if vector else direct, [a, b], seed)
        for actual, wanted in zip(tg.autograd.grad(x, [a, b], seed), expected, strict=True):
            close(actual, wanted.numpy())

    def test_from_the_right(self):
        b = rng.normal(size=(2, 4, 3))
        close(tg.linalg.solve(tg.tensor(GENERIC), tg.tensor(b), left=False) @ tg.tensor(GENERIC), b)

    def test_numpys_meaning(self):
        b = rng.normal(size=(3, 3))
        close(np.linalg.solve(tg.tensor(GENERIC), tg.tensor(b)), np.linalg.solve(GENERIC, b))

    def test_errors(self):
        with pytest.raises(tg.ShapeError, match=r"shapes \(3, 3\) and \(4, 2\) do not fit.*3 rows, axis -2 .* is 4"):
            tg.linalg.solve(tg.ones((3, 3)), tg.ones((4, 2)))
        with pytest.raises(tg.LinAlgError, match="solve: the matrix is singular"):
            tg.linalg.solve(tg.ones((2, 2)), tg.ones(2))
