"""Matrices with NaN or infinity in them, and what is no matrix."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import GENERIC, close, leaf

import tinygrad_edu as tg


class TestNonFinite:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("name", ["svd", "svdvals", "pinv", "eigh", "eigvalsh", "cholesky"])
    def test_decompositions_say_so(self, name, bad):
        a = np.stack([np.eye(3), np.eye(3)])
        a[1, 2, 0] = bad
        with pytest.raises(tg.LinAlgError, match=rf"^{name}: the matrix holds NaN or infinity \(batch element 1"):
            getattr(tg.linalg, name)(tg.tensor(a))

    @pytest.mark.parametrize("name", ["svd", "svdvals", "eigh", "eigvalsh"])
    def test_a_vector_is_refused_in_the_name_that_was_called(self, name):
        with pytest.raises(tg.ShapeError, match=f"^{name}: needs a matrix"):
            getattr(tg.linalg, name)(tg.ones(3))

    @pytest.mark.parametrize("name", ["eigh", "eigvalsh"])
    def test_an_unknown_triangle_is_refused_in_the_name_that_was_called(self, name):
        with pytest.raises(ValueError, match=f"^{name}: UPLO='X': it is the triangle to read, 'L' or 'U'$"):
            getattr(tg.linalg, name)(tg.ones(2, 2), "X")

    def test_only_the_triangle_that_is_read_counts(self):
        a = np.diag([1.0, 2.0])
        a[0, 1] = np.nan
        close(tg.linalg.cholesky(tg.tensor(a)), np.diag([1.0, np.sqrt(2.0)]))
        close(tg.linalg.eigvalsh(tg.tensor(a)), [1.0, 2.0])
        close(tg.linalg.eigvalsh(tg.tensor(a.T), "U"), [1.0, 2.0])
        with pytest.raises(tg.LinAlgError, match="NaN or infinity"):
            tg.linalg.eigh(tg.tensor(a), "U")

    @pytest.mark.filterwarnings("ignore:invalid value")
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_the_gradient_of_their_determinant_is_nan(self, bad):
        array = np.stack([GENERIC[0], np.zeros((3, 3)), GENERIC[1]])
        array[2, 0, 1] = bad
        x = leaf(array)
        tg.det(x).backward()
        close(x.grad[0], np.linalg.det(GENERIC[0]) * np.linalg.inv(GENERIC[0]).T)
        close(x.grad[1], np.zeros((3, 3)))
        assert np.isnan(x.grad[2].numpy()).all()
