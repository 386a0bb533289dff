"""Determinants: values, gradients, also where the matrix is singular, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import DEFINITE, GENERIC, close, leaf

import tinygrad_edu as tg


class TestDeterminant:
    def test_gradient_of_a_singular_matrix_is_its_cofactors(self):
        a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]])
        for array in (np.ones((2, 2)), a - np.diag([0, 0, 1.0]), np.zeros((2, 2)), np.zeros((1, 1))):
            x = leaf(array)
            tg.det(x).backward()
            n = len(array)
            minors = [
                [np.linalg.det(np.delete(np.delete(array, i, 0), j, 1)) * (-1) ** (i + j) for j in range(n)]
                for i in range(n)
            ]
            close(x.grad, minors, 1e-9)

    def test_second_derivative_at_a_singular_matrix_says_so(self):
        x = leaf(np.ones((2, 2)))
        (d,) = tg.autograd.grad(tg.det(x), x, create_graph=True)
        with pytest.raises(tg.LinAlgError, match="second derivative at a singular matrix"):
            d.backward()

    def test_slogdet(self):
        x = leaf(-GENERIC)
        sign, logabs = tg.slogdet(x)
        expected = np.linalg.slogdet(-GENERIC)
        close(sign, expected.sign)
        close(logabs, expected.logabsdet)
        logabs.backward()
        close(x.grad, np.linalg.inv(-GENERIC).swapaxes(-1, -2))
        result = np.linalg.slogdet(tg.tensor(GENERIC))
        close(result.logabsdet, np.linalg.slogdet(GENERIC).logabsdet)
        close(tg.logdet(tg.tensor(DEFINITE)), np.log(np.linalg.det(DEFINITE)))
        assert np.isnan(tg.logdet(tg.tensor([[-1.0]])).item())

    def test_slogdet_of_a_singular_matrix(self):
        x = leaf(np.ones((2, 2)))
        sign, logabs = tg.linalg.slogdet(x)
        assert (sign.item(), logabs.item()) == (0.0, -np.inf)
        with pytest.raises(tg.LinAlgError, match="slogdet: a singular matrix has no gradient"):
            logabs.backward()
