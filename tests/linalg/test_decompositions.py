"""Decompositions of any matrix: values, gradients where they exist, and errors where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import DEFINITE, GENERIC, close, leaf

import tinygrad_edu as tg

rng = np.random.default_rng(2)


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigvalsh", "svdvals", "pinv"])
def test_values_are_numpys_under_both_names(name):
    for array in (DEFINITE, DEFINITE[0], DEFINITE.astype(np.float32)):
        expected = getattr(np.linalg, name)(array)
        for function in (getattr(tg.linalg, name), getattr(np.linalg, name)):
            out = function(tg.tensor(array))
            assert out.dtype == array.dtype
            close(out, expected, 1e-4 if array.dtype == np.float32 else 1e-10)


class TestSingularValues:
    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 4, 3)])
    @pytest.mark.parametrize("full", [True, False])
    def test_parts_rebuild_the_matrix(self, shape, full):
        a = rng.normal(size=shape)
        u, s, vh = tg.linalg.svd(tg.tensor(a), full_matrices=full)
        m, n = shape[-2:]
        assert (u.shape[-1], vh.shape[-2]) == ((m, n) if full else (min(m, n),) * 2)
        k = min(m, n)
        close(u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :], a)
        close(np.linalg.svd(tg.tensor(a), compute_uv=False), s.numpy())

    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
    def test_gradient_through_all_parts(self, shape):
        """The matrix itself, by way of its parts: its derivative is the identity."""
        x = leaf(rng.normal(size=shape))
        u, s, vh = tg.linalg.svd(x, full_matrices=False)
        seed = rng.normal(size=shape)
        (u * s.unsqueeze(-2) @ vh).backward(tg.tensor(seed))
        close(x.grad, seed, 1e-8)

    def test_full_matrices(self):
        x = leaf(rng.normal(size=(4, 2)))
        u, s, _ = tg.linalg.svd(x)
        (u[:, :2] * s).sum().backward()
        assert np.isfinite(x.grad.numpy()).all()
        with pytest.raises(
            tg.LinAlgError, match=r"svd: of 4 x 2 matrices, the vectors after the first 2.*full_matrices=False"
        ):
            tg.linalg.svd(x).U.backward()

    def test_equal_and_zero_values(self):
        x = leaf(np.eye(2))
        tg.linalg.svdvals(x).backward()
        close(x.grad, np.eye(2))
        with pytest.raises(tg.LinAlgError, match="two singular values are equal"):
            tg.linalg.svd(x).U.backward()
        y = leaf([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
        with pytest.raises(tg.LinAlgError, match="a singular value is zero"):
            tg.linalg.svd(y, full_matrices=False).U.backward()


class TestQR:
    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 4)])
    @pytest.mark.parametrize("mode", ["reduced", "complete"])
    def test_parts_rebuild_the_matrix(self, shape, mode):
        a = rng.normal(size=shape)
        for function in (tg.linalg.qr, np.linalg.qr):
            q, r = function(tg.tensor(a), mode)
            close(q @ r, a)
            assert q.shape == np.linalg.qr(a, mode).Q.shape
        close(tg.linalg.qr(tg.tensor(a), "r").R, np.linalg.qr(a, "r"))

    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
    def test_gradient_through_both_parts(self, shape):
        x = leaf(rng.normal(size=shape))
        q, r = tg.linalg.qr(x)
        seed = rng.normal(size=shape)
        (q @ r).backward(tg.tensor(seed))
        close(x.grad, seed, 1e-9)

    def test_errors(self):
        x = leaf(rng.normal(size=(4, 2)))
        with pytest.raises(tg.LinAlgError, match="qr: with mode='complete', of 4 x 2 matrices"):
            tg.linalg.qr(x, "complete").R.backward()
        with pytest.raises(tg.LinAlgError, match="qr: the first columns"):
            tg.linalg.qr(leaf(np.zeros((2, 2)))).R.backward()
        with pytest.raises(ValueError, match="qr: unknown mode 'raw'"):
            tg.linalg.qr(x, "raw")


def test_pinv_is_the_least_squares_solution():
    a, b = rng.normal(size=(5, 3)), rng.normal(size=5)
    close(tg.linalg.pinv(tg.tensor(a)) @ tg.tensor(b), np.linalg.lstsq(a, b)[0])
    x = leaf(GENERIC)
    (by_pinv,) = tg.autograd.grad(tg.linalg.pinv(x), x)
    (by_inv,) = tg.autograd.grad(tg.linalg.inv(x), x)
    close(by_pinv, by_inv.numpy(), 1e-9)
