"""Decompositions of symmetric matrices: values, gradients where they exist, and errors where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import DEFINITE, close, leaf

import tinygrad_edu as tg


class TestCholesky:
    def test_upper_and_the_triangle_that_is_read(self):
        lower = np.linalg.cholesky(DEFINITE)
        close(tg.linalg.cholesky(tg.tensor(np.tril(DEFINITE))), lower)
        close(tg.linalg.cholesky(tg.tensor(DEFINITE), upper=True), lower.swapaxes(-1, -2))
        close(np.linalg.cholesky(tg.tensor(np.triu(DEFINITE)), upper=True), lower.swapaxes(-1, -2))

    def test_gradient_is_symmetric_and_that_of_the_log_determinant(self):
        x = leaf(DEFINITE)
        factor = tg.linalg.cholesky(x)
        (2 * tg.log(np.diagonal(factor, axis1=-2, axis2=-1))).backward()
        close(x.grad, np.linalg.inv(DEFINITE))

    def test_not_positive_definite(self):
        stack = np.stack([np.eye(2), np.eye(2), -np.eye(2)])
        with pytest.raises(tg.LinAlgError, match=r"cholesky: the matrix is not positive definite.*batch element 2"):
            tg.cholesky(tg.tensor(stack))


class TestEigenvalues:
    def test_parts_rebuild_the_matrix(self):
        values, vectors = tg.linalg.eigh(tg.tensor(DEFINITE))
        close(vectors * values.unsqueeze(-2) @ vectors.mT, DEFINITE)
        named = tg.linalg.eigh(tg.tensor(np.triu(DEFINITE)), UPLO="U")
        close(named.eigenvalues, np.linalg.eigvalsh(DEFINITE))
        close(np.linalg.eigh(tg.tensor(DEFINITE)).eigenvalues, np.linalg.eigvalsh(DEFINITE))

    def test_gradient_of_a_function_of_the_matrix(self):
        """The trace of the matrix cubed, by way of its eigenvalues and vectors: 3 x²."""
        x = leaf(DEFINITE)
        values, vectors = tg.linalg.eigh(x)
        np.trace(vectors * (values**3).unsqueeze(-2) @ vectors.mT, axis1=-2, axis2=-1).backward()
        close(x.grad, 3 * DEFINITE @ DEFINITE, 1e-8)

    def test_equal_eigenvalues(self):
        x = leaf(np.eye(3))
        tg.linalg.eigvalsh(x).backward()
        close(x.grad, np.eye(3))
        with pytest.raises(tg.LinAlgError, match="eigh: two eigenvalues are equal"):
            tg.linalg.eigh(x).eigenvectors.backward()

    def test_errors(self):
        with pytest.raises(ValueError, match="eigh: UPLO='X'"):
            tg.linalg.eigh(tg.ones((2, 2)), "X")
