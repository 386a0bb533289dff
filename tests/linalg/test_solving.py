"""Linear algebra: values, gradients where they exist, and errors where they do not."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

rng = np.random.default_rng(2)
GENERIC = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
DEFINITE = GENERIC @ GENERIC.swapaxes(-1, -2)


def leaf(array):
    return tg.tensor(np.array(array, dtype=np.float64), requires_grad=True)


def close(actual, expected, tolerance=1e-10):
    actual = actual.detach().numpy() if isinstance(actual, tg.Tensor) else actual
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigvalsh", "svdvals", "pinv"])
def test_values_are_numpys_under_both_names(name):
    for array in (DEFINITE, DEFINITE[0], DEFINITE.astype(np.float32)):
        expected = getattr(np.linalg, name)(array)
        for function in (getattr(tg.linalg, name), getattr(np.linalg, name)):
            out = function(tg.tensor(array))
            assert out.dtype == array.dtype
            close(out, expected, 1e-4 if array.dtype == np.float32 else 1e-10)


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
