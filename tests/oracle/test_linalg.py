"""Products, einsum and linear algebra against PyTorch: values and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

rng = np.random.default_rng(11)


def generic(*shape):
    k = min(shape[-2:])
    return rng.normal(size=shape) + 3 * np.eye(*shape[-2:]) * np.arange(1, shape[-1] + 1) / k


def definite(*shape):
    a = generic(*shape)
    return a @ a.swapaxes(-1, -2)


def compare(ours, theirs, *arrays, tolerance=1e-10):
    """Equal values, and equal gradients of a weighted sum of all results."""
    mine = [tg.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, expected = ours(tg, *mine), theirs(torch, *other)
    out, expected = ([r] if not isinstance(r, tuple) else list(r) for r in (out, expected))
    weights = [rng.normal(size=tuple(e.shape)) for e in expected]
    for a, b in zip(out, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
    sum((a * tg.tensor(w)).sum() for a, w in zip(out, weights, strict=True)).backward()
    sum((b * torch.tensor(w)).sum() for b, w in zip(expected, weights, strict=True)).backward()
    for a, b in zip(mine, other, strict=True):
        wanted = np.zeros(a.shape) if b.grad is None else b.grad.numpy()
        np.testing.assert_allclose(a.grad.numpy(), wanted, rtol=tolerance, atol=tolerance)


def same(function, *arrays, tolerance=1e-10):
    compare(function, function, *arrays, tolerance=tolerance)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (4, 3, 2)),
        ((4, 2, 3), (3, 5)),
        ((2, 3), (4, 3, 5)),
        ((4, 1, 2, 3), (5, 3, 2)),
    ],
)
def test_matmul(left, right):
    same(lambda lib, x, y: x @ y, rng.normal(size=left), rng.normal(size=right))


def test_relatives_of_matmul():
    a, b, c = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    same(lambda lib, x, y: lib.mm(x, y), a, b)
    same(lambda lib, x, y: lib.mv(x, y), a, b[:, 0])
    same(lambda lib, x, y: lib.dot(x, y), a[0], b[:, 0])
    same(lambda lib, x, y: lib.outer(x, y), a[0], b[0])
    same(lambda lib, x, y: lib.inner(x, y), a, a + 1)
    same(lambda lib, x, y: lib.kron(x, y), a, b)
    same(lambda lib, x, y, z: lib.addmm(z, x, y, beta=0.3, alpha=2), a, b, c)
    same(lambda lib, x, y: lib.bmm(x, y), a[None], b[None])
    same(lambda lib, x, y: lib.tensordot(x, y, dims=([1], [0])), a, b)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("...ij,...j->...i", [(4, 2, 3), (3,)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
        ("b,ba", [(3,), (3, 2)]),
        ("ij->ji", [(2, 3)]),
    ],
)
def test_einsum(subscripts, shapes):
    same(lambda lib, *tensors: lib.einsum(subscripts, *tensors), *[rng.normal(size=s) for s in shapes])


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "pinv", "svdvals"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3, 3)])
def test_of_one_matrix(name, shape):
    same(
        lambda lib, x: tuple(r) if isinstance(r := getattr(lib.linalg, name)(x), tuple) else r,
        generic(*shape),
        tolerance=1e-9,
    )


@pytest.mark.parametrize(("a", "b"), [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (3, 2))])
def test_solve(a, b):
    same(lambda lib, x, y: lib.linalg.solve(x, y), generic(*a), rng.normal(size=b))


def test_solve_from_the_right():
    same(lambda lib, x, y: lib.linalg.solve(x, y, left=False), generic(3, 3), rng.normal(size=(2, 3)))


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(upper):
    same(lambda lib, x: lib.linalg.cholesky(x, upper=upper), definite(2, 3, 3))


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigh_up_to_signs(triangle):
    def invariant(lib, x):
        values, vectors = lib.linalg.eigh(x, UPLO=triangle)
        return (
            values,
            (vectors**2) * values.unsqueeze(-2),
            vectors @ (vectors * values.exp().unsqueeze(-2)).mT,
        )

    same(invariant, definite(2, 3, 3) / 10, tolerance=1e-8)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 4, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_svd_up_to_signs(shape, full):
    def invariant(lib, x):
        u, s, vh = lib.linalg.svd(x, full_matrices=full)
        k = min(shape[-2:])
        u, vh = u[..., :k], vh[..., :k, :]
        return s, u**2, vh**2, (u * s.unsqueeze(-2) ** 2) @ vh

    same(invariant, generic(*shape), tolerance=1e-8)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 4, 3)])
def test_qr(shape):
    same(lambda lib, x: tuple(lib.linalg.qr(x)), generic(*shape), tolerance=1e-9)


@pytest.mark.parametrize("n", [-2, 0, 1, 3, 6])
def test_matrix_power(n):
    same(lambda lib, x: lib.linalg.matrix_power(x, n), generic(2, 3, 3) / 4, tolerance=1e-8)


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")])
def test_matrix_norm(ord):
    same(lambda lib, x: lib.linalg.matrix_norm(x, ord), generic(2, 3, 4))
    same(lambda lib, x: lib.linalg.norm(x, ord, dim=(0, 2), keepdim=True), rng.normal(size=(3, 2, 4)))


@pytest.mark.parametrize("ord", [0, 1, 2, 3, float("inf"), -float("inf")])
def test_vector_norm(ord):
    same(lambda lib, x: lib.linalg.vector_norm(x, ord, dim=1), rng.normal(size=(3, 4)))


@pytest.mark.parametrize("name", ["inv", "det", "cholesky"])
def test_second_derivative(name):
    def twice(lib, x):
        (first,) = lib.autograd.grad((getattr(lib.linalg, name)(x) ** 2).sum(), x, create_graph=True)
        return first**2

    same(twice, definite(3, 3) / 10, tolerance=1e-8)
