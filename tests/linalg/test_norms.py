"""Norms of vectors and matrices: NumPy's values, gradients, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import close, leaf

import tinygrad_edu as tg

rng = np.random.default_rng(2)


class TestNorms:
    a = rng.normal(size=(2, 3, 4))

    @pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
    @pytest.mark.parametrize("axes", [(0, 1), (1, 2), (2, 0), (-1, -2)])
    @pytest.mark.parametrize("keep", [True, False])
    def test_matrix_norms(self, ord, axes, keep):
        expected = np.linalg.norm(self.a, ord, axes, keep)
        x = tg.tensor(self.a)
        close(tg.linalg.matrix_norm(x, ord, axes, keepdim=keep), expected)
        close(tg.linalg.norm(x, ord, axis=axes, keepdims=keep), expected)
        close(np.linalg.norm(x, ord, axes, keep), expected)

    @pytest.mark.parametrize("ord", [0, 1, 2, 3.5, np.inf, -np.inf])
    def test_vector_norms(self, ord):
        x = tg.tensor(self.a)
        close(tg.linalg.vector_norm(x, ord, dim=1), np.linalg.norm(self.a, ord, 1))
        close(tg.linalg.norm(x, ord, 1), np.linalg.norm(self.a, ord, 1))
        close(tg.linalg.vector_norm(x, ord), np.linalg.norm(self.a.ravel(), ord))
        close(np.linalg.vector_norm(x, ord=ord, axis=2), np.linalg.norm(self.a, ord, 2))

    def test_default(self):
        close(tg.linalg.norm(tg.tensor(self.a)), np.linalg.norm(self.a))
        close(tg.linalg.norm(tg.tensor(self.a[0]), 1), np.linalg.norm(self.a[0], 1))

    def test_gradients(self):
        for ord, expected in [
            ("fro", [[0.6, 0.0], [0.0, 0.8]]),
            ("nuc", np.eye(2)),
            (2, np.diag([0.0, 1.0])),
            (1, np.diag([0.0, 1.0])),
        ]:
            x = leaf([[3.0, 0.0], [0.0, 4.0]])
            tg.linalg.matrix_norm(x, ord).backward()
            close(x.grad, expected)

    def test_errors(self):
        with pytest.raises(tg.ShapeError, match=r"norm: ord='nuc' needs a vector or a matrix, got 3 axes"):
            tg.linalg.norm(tg.tensor(self.a), "nuc")
        with pytest.raises(ValueError, match="matrix_norm: ord=3 is unknown"):
            tg.linalg.matrix_norm(tg.tensor(self.a), 3)
        with pytest.raises(tg.ShapeError, match="matrix_norm: a matrix has two axes"):
            tg.linalg.matrix_norm(tg.tensor(self.a), "fro", (1,))
