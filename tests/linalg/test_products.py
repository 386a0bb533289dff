"""Powers of a matrix, and products of several."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import GENERIC, close, leaf

import tinygrad_edu as tg

rng = np.random.default_rng(2)


class TestPowers:
    @pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5, 8])
    def test_matrix_power(self, n):
        x = leaf(GENERIC)
        out = tg.linalg.matrix_power(x, n)
        close(out, np.linalg.matrix_power(GENERIC, n), 1e-9)
        close(np.linalg.matrix_power(tg.tensor(GENERIC), n), np.linalg.matrix_power(GENERIC, n), 1e-9)
        assert not np.shares_memory(out.array, x.array)
        out.sum().backward()
        step = 1e-6 * np.ones((3, 3))
        moved = np.linalg.matrix_power(GENERIC + step, n) - np.linalg.matrix_power(GENERIC - step, n)
        np.testing.assert_allclose(x.grad.numpy().sum(), moved.sum() / 2e-6, rtol=1e-6, atol=1e-8)

    def test_exponent(self):
        with pytest.raises(TypeError, match=r"matrix_power: the exponent is an integer, got 0.5"):
            tg.matrix_power(tg.ones((2, 2)), 0.5)

    def test_multi_dot(self):
        arrays = [rng.normal(size=shape) for shape in [(3,), (3, 4), (4, 2), (2,)]]
        close(tg.linalg.multi_dot([tg.tensor(a) for a in arrays]), np.linalg.multi_dot(arrays))
        close(np.linalg.multi_dot([tg.tensor(a) for a in arrays[1:3]]), arrays[1] @ arrays[2])
        with pytest.raises(tg.ShapeError, match=r"tensors 0 and 1 of shapes \(3, 4\) and \(3, 4\) do not fit"):
            tg.linalg.multi_dot([tg.ones((3, 4)), tg.ones((3, 4))])
