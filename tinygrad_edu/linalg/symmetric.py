"""Symmetric matrices: Cholesky decomposition, eigenvalues and eigenvectors.

Every function takes a stack of matrices as well. As in `torch.linalg`, one triangle of the matrix is read,
and the gradient is that of the symmetric matrix, itself symmetric.

Eigenvectors have no derivative where they are not unique: those of an eigenvalue that occurs twice can be
rotated into each other without a change of the matrix. That is an error here, not a NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, implements, primitive
from ..errors import LinAlgError
from ..ops.matmul import turned
from ..ops.transpose import matrix_transpose
from ..sample_rules.families import core
from .checks import check_matrix, require_finite, tried
from .solving import _solve

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class EighResult(NamedTuple):
    """What `eigh` returns.

    Attributes:
        eigenvalues: tensor of shape (..., n), ascending.
        eigenvectors: tensor of shape (..., n, n), one per column.

    >>> import tinygrad_edu as tg
    >>> values, vectors = tg.linalg.eigh(tg.tensor([[1.0, 0.0], [0.0, 3.0]]))
    >>> values.shape, vectors.shape
    ((2,), (2, 2))
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


def _symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def on_diagonal(x: Any) -> Any:
    """Matrices with the last axis of `x` on their diagonals, and zeros beside them."""
    return np.expand_dims(x, -1) * np.eye(x.shape[-1], dtype=x.dtype)


def reciprocal_gaps(op: str, values: Any, what: str) -> Any:
    """The matrix of 1 / (values[j] - values[i]), with zeros on the diagonal."""
    gaps = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    identity = np.eye(values.shape[-1], dtype=values.dtype)
    if not (array_of(gaps) + identity).all():
        raise LinAlgError(
            f"{op}: two {what} are equal, and then their vectors are not unique and have no gradient. "
            f"Use the {what} alone, or make the matrix generic with a little noise"
        )
    return (1 - identity) / (gaps + identity)


# Cholesky


def _cholesky_rule(g: Any, out: Any, a: Any) -> Any:
    """Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10."""
    n = out.shape[-1]
    lower = np.tri(n, dtype=out.dtype)
    inner = (out.mT @ (g * lower)) * (lower - np.eye(n, dtype=out.dtype) / 2)
    half = _solve(out.mT, inner)
    return _symmetric(_solve(out.mT, half.mT))


def _definite(a: Any) -> Any:
    return a @ a.swapaxes(-1, -2) + 2 * np.eye(a.shape[-1])


@primitive(
    vjps=(_cholesky_rule,),
    saves=("out",),
    fresh=True,
    symmetric=True,
    cases=lambda draw: [
        (_definite(draw(3, 3)),),
        (_definite(draw(2, 2, 2)),),
        (draw(1, 1, low=1.0, high=2.0),),
    ],
    samples=core(2, out=2),
)
def _cholesky(a: Operand) -> Operand:
    check_matrix("cholesky", a)
    require_finite("cholesky", np.tril(a))
    problem = "is not positive definite: it needs positive eigenvalues. Add a small multiple of the identity?"
    return tried("cholesky", problem, np.linalg.cholesky, a)


def cholesky(a: Operand, *, upper: bool = False) -> Tensor:
    """The triangular matrix L with positive diagonal and L @ L.T = a.

    Args:
        a: symmetric positive definite matrices (..., n, n); the lower triangle is read.
        upper: give L.T instead.

    Returns:
        Tensor of the shape of `a`. The gradient with respect to `a` is symmetric. Its formula: Murray 2016,
        "Differentiation of the Cholesky decomposition" (arXiv:1602.07527).

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: if one is not positive definite, or has NaN or infinity in that triangle.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    factor = _cholesky(a)
    return matrix_transpose(factor) if upper else factor


@implements(np.linalg.cholesky)
def _np_cholesky(a: Operand, /, *, upper: bool = False) -> Any:
    # With upper=True NumPy reads the upper triangle.
    return turned(_cholesky(turned(a))) if upper else _cholesky(a)


# Eigenvalues of symmetric matrices


def _eigh_rule(g: Any, out: Any, a: Any, triangle: str, name: str) -> Any:
    """Giles 2008, section 3.1."""
    values, vectors = out
    by_values, by_vectors = g.parts
    inner = 0.0 if by_values is None else on_diagonal(by_values)
    if by_vectors is not None:
        inner = inner + reciprocal_gaps("eigh", values, "eigenvalues") * (vectors.mT @ by_vectors)
    return _symmetric(vectors @ inner @ vectors.mT)


def _apart(a: Any) -> Any:
    """A symmetric matrix with eigenvalues well apart."""
    return (a + a.swapaxes(-1, -2)) / 4 + np.diag(3.0 * np.arange(a.shape[-1]))


@primitive(
    vjps=(_eigh_rule, None),
    saves=("out", ""),
    symmetric=True,
    cases=lambda draw: [
        (_apart(draw(3, 3)), "L"),
        (_apart(draw(2, 2, 2)), "U"),
        (_apart(draw(1, 1)), "L"),
        (_apart(draw(0, 2, 2)), "L"),
    ],
    samples=core(2, out=(1, 2)),
)
def _eigh(a: Operand, triangle: str, name: str = "eigh") -> tuple[Any, Any]:
    check_matrix(name, a)
    require_finite(name, np.triu(a) if triangle == "U" else np.tril(a))
    values, vectors = tried(name, "has no eigenvalues that could be found", np.linalg.eigh, a, triangle)
    return values, vectors


def eigh(a: Operand, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices.

    Args:
        a: symmetric matrices (..., n, n).
        UPLO: the triangle that is read, "L" or "U".

    Returns:
        Named tuple of eigenvalues (..., n), ascending, and eigenvectors (..., n, n), one per column, of
        length 1 and with a sign that is arbitrary: a cost should not depend on it.

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: for NaN or infinity in that triangle; in backward through the eigenvectors, if two
            eigenvalues are equal.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.eigh(tg.tensor([[1.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([1., 3.])
    """
    return _eigh_named("eigh", a, UPLO)


def eigvalsh(a: Operand, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric matrices (..., n, n), ascending, of shape (..., n). ShapeError if they are not square.

    Equal ones have gradients too. LinAlgError for NaN or infinity in the triangle that is read.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.eigvalsh(tg.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor([-1.,  1.])
    """
    return _eigh_named("eigvalsh", a, UPLO).eigenvalues


def _eigh_named(name: str, a: Operand, triangle: str) -> EighResult:
    """The decomposition for the function `name`, which errors mention."""
    if triangle not in ("L", "U"):
        raise ValueError(f"{name}: UPLO={triangle!r}: it is the triangle to read, 'L' or 'U'")
    return EighResult(*_eigh(a, triangle, name))


implements(np.linalg.eigh)(eigh)
implements(np.linalg.eigvalsh)(eigvalsh)
