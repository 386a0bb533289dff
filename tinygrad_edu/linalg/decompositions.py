"""Matrix decompositions: singular values, QR, and the pseudo-inverse.

Every function takes a stack of matrices as well. A decomposition has no derivative where it is not unique,
such as the singular vectors of two equal singular values. That is an error here, not a NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.graph import array_of
from ..engine.primitives import Operand, implements, primitive
from ..errors import LinAlgError
from ..sample_rules.families import core
from .checks import check_matrix, require_finite, tried
from .solving import _solve
from .symmetric import on_diagonal, reciprocal_gaps

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class SVDResult(NamedTuple):
    """What `svd` returns.

    Attributes:
        U: tensor of shape (..., m, k), or (..., m, m), of orthonormal columns.
        S: tensor of shape (..., k), descending, with k = min(m, n).
        Vh: tensor of shape (..., k, n), or (..., n, n), of orthonormal rows.

    >>> import tinygrad_edu as tg
    >>> U, S, Vh = tg.linalg.svd(tg.ones(3, 2), full_matrices=False)
    >>> U.shape, S.shape, Vh.shape
    ((3, 2), (2,), (2, 2))
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


class QRResult(NamedTuple):
    """What `qr` returns.

    Attributes:
        Q: tensor of shape (..., m, k), or (..., m, m), of orthonormal columns.
        R: tensor of shape (..., k, n), or (..., m, n), upper triangular.

    >>> import tinygrad_edu as tg
    >>> Q, R = tg.linalg.qr(tg.ones(3, 2))
    >>> Q.shape, R.shape
    ((3, 2), (2, 2))
    """

    Q: Tensor
    R: Tensor


# Singular values


def _svd_rule(g: Any, out: Any, a: Any, full_matrices: bool, name: str) -> Any:
    """Townsend 2016, "Differentiating the singular value decomposition"."""
    u, s, vh = out
    by_u, by_s, by_vh = g.parts
    m, n, k = a.shape[-2], a.shape[-1], s.shape[-1]
    if full_matrices and m != n:
        for part in (None if by_u is None else by_u[..., k:], None if by_vh is None else by_vh[..., k:, :]):
            if part is not None and array_of(part).any():
                raise LinAlgError(
                    f"svd: of {m} x {n} matrices, the vectors after the first {k} are an arbitrary basis "
                    "and have no gradient: use full_matrices=False"
                )
        u, vh = u[..., :k], vh[..., :k, :]
        by_u = None if by_u is None else by_u[..., :k]
        by_vh = None if by_vh is None else by_vh[..., :k, :]
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    inner: Any = 0.0 if by_s is None else on_diagonal(by_s)
    if by_u is not None or by_vh is not None:
        gaps = reciprocal_gaps("svd", s * s, "singular values")
    if by_u is not None:
        turn = u.mT @ by_u
        inner = inner + gaps * (turn - turn.mT) * row
    if by_vh is not None:
        turn = vh @ by_vh.mT
        inner = inner + column * (gaps * (turn - turn.mT))
    result = u @ inner @ vh
    if by_u is not None and m > k:
        result = result + ((by_u - u @ (u.mT @ by_u)) / _positive(row)) @ vh
    if by_vh is not None and n > k:
        result = result + u @ ((by_vh - (by_vh @ vh.mT) @ vh) / _positive(column))
    return result


def _positive(s: Any) -> Any:
    if not array_of(s).all():
        raise LinAlgError("svd: a singular value is zero, and then its vectors are not unique and have no gradient")
    return s


def _tall(a: Any) -> Any:
    """A matrix with singular values well apart."""
    shape = a.shape[-2:]
    return a / 4 + np.eye(*shape) * (2.0 + 2.0 * np.arange(shape[-1]))


@primitive(
    vjps=(_svd_rule, None),
    saves=("out", ""),
    cases=lambda draw: [
        (_tall(draw(3, 3)), False),
        (_tall(draw(3, 2)), False),
        (_tall(draw(2, 3)), False),
        (_tall(draw(2, 2, 2)), True),
        (_tall(draw(1, 1)), False),
        (_tall(draw(0, 2, 3)), False),
    ],
    samples=core(2, out=(2, 1, 2)),
)
def _svd(a: Operand, full_matrices: bool, name: str = "svd") -> tuple[Any, Any, Any]:
    check_matrix(name, a, square=False)
    require_finite(name, a)
    u, s, vh = tried(name, "has no singular values that could be found", np.linalg.svd, a, full_matrices)
    return u, s, vh


def svd(a: Operand, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition, a = U @ diag(S) @ Vh.

    Args:
        a: matrices (..., m, n), with k = min(m, n).
        full_matrices: give all m columns of U and all n rows of Vh; those after the first k are an arbitrary
            basis without gradient. Else only the first k.

    Returns:
        Named tuple (U, S, Vh), S of shape (..., k), descending. U and Vh have a sign that is arbitrary: a
        cost should not depend on it.

    Raises:
        ShapeError: if `a` is not a matrix.
        LinAlgError: for NaN or infinity; in backward through U or Vh, if two singular values are equal (or one
            is zero and the matrix is not square).

    >>> import tinygrad_edu as tg
    >>> tg.linalg.svd(tg.tensor([[3.0, 0.0], [0.0, 2.0]])).S
    tensor([3., 2.])
    """
    return SVDResult(*_svd(a, full_matrices))


def svdvals(a: Operand) -> Tensor:
    """Singular values of matrices (..., m, n), descending, of shape (..., min(m, n)).

    Equal ones have gradients too. ShapeError for fewer than two axes, LinAlgError for NaN or infinity.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.svdvals(tg.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    return SVDResult(*_svd(a, False, "svdvals")).S


@implements(np.linalg.svd)
def _np_svd(a: Operand, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return svd(a, full_matrices) if compute_uv else svdvals(a)


implements(np.linalg.svdvals)(svdvals)


# QR


def _qr_rule(g: Any, out: Any, a: Any, mode: str) -> Any:
    """Roberts & Roberts 2020, "QR and LQ decomposition matrix backpropagation algorithms", eqs. 8 and 14."""
    q, r = out
    by_q, by_r = g.parts
    m, n = a.shape[-2:]
    if mode == "complete" and m > n:
        raise LinAlgError(
            f"qr: with mode='complete', of {m} x {n} matrices, the columns of Q after the first {n} are an "
            "arbitrary basis and have no gradient: use mode='reduced'"
        )
    if m >= n:
        return _qr_tall(q, r, by_q, by_r)
    # a = [X | Y] with X square: q and the left part of r decompose X, the right part is q' Y.
    by_left = None if by_r is None else by_r[..., :m]
    if by_r is None:
        by_y = 0 * r[..., m:]
    else:
        by_right = by_r[..., m:]
        y_part = q @ r[..., m:] @ by_right.mT
        by_q = y_part if by_q is None else by_q + y_part
        by_y = q @ by_right
    return np.concatenate([_qr_tall(q, r[..., :m], by_q, by_left), by_y], axis=-1)


def _qr_tall(q: Any, r: Any, by_q: Any, by_r: Any) -> Any:
    inner: Any = 0.0 if by_r is None else r @ by_r.mT
    if by_q is not None:
        inner = inner - by_q.mT @ q
    lower = np.tri(r.shape[-1], dtype=r.dtype)
    mirrored = inner * lower + (inner * (lower - np.eye(r.shape[-1], dtype=r.dtype))).mT
    total = q @ mirrored if by_q is None else by_q + q @ mirrored
    try:
        return _solve(r, total.mT).mT
    except LinAlgError:
        raise LinAlgError(
            "qr: the first columns of the matrix depend on each other: Q is not unique then and has no gradient"
        ) from None


@primitive(
    vjps=(_qr_rule, None),
    saves=("out", ""),
    cases=lambda draw: [
        (_tall(draw(3, 3)), "reduced"),
        (_tall(draw(3, 2)), "reduced"),
        (_tall(draw(2, 3)), "reduced"),
        (_tall(draw(2, 2, 3)), "complete"),
        (_tall(draw(1, 1)), "reduced"),
        (_tall(draw(0, 3, 2)), "reduced"),
    ],
    samples=core(2, out=(2, 2)),
)
def _qr(a: Operand, mode: str) -> tuple[Any, Any]:
    check_matrix("qr", a, square=False)
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: unknown mode {mode!r}: use 'reduced', 'complete' or 'r'")
    q, r = np.linalg.qr(a, "complete" if mode == "complete" else "reduced")
    return q, r


def qr(a: Operand, mode: str = "reduced") -> QRResult:
    """The decomposition a = Q @ R into orthonormal columns and an upper triangular matrix.

    Args:
        a: matrices (..., m, n), with k = min(m, n).
        mode: "reduced" for Q (..., m, k) and R (..., k, n); "complete" for Q (..., m, m) and R (..., m, n),
            which for m > n has no gradient; "r" for R alone, with an empty Q.

    Returns:
        Named tuple (Q, R). The sign of a column of Q, and row of R, has no meaning.

    Raises:
        ShapeError: if `a` is not a matrix.
        LinAlgError: in backward, if the first k columns depend on each other, or "complete" has no gradient.

    >>> import tinygrad_edu as tg
    >>> q, r = tg.linalg.qr(tg.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (q @ r - tg.tensor([[3.0, 1.0], [4.0, 2.0]])).abs().max() < 1e-6
    tensor(True)
    """
    if mode == "r":
        r = _qr(a, "reduced")[1]
        return QRResult(np.zeros(0, dtype=r.dtype), r)  # type: ignore[arg-type]
    return QRResult(*_qr(a, mode))


@implements(np.linalg.qr)
def _np_qr(a: Operand, mode: str = "reduced") -> Any:
    return qr(a, "r").R if mode == "r" else qr(a, mode)


# Pseudo-inverse


def _pinv_rule(g: Any, out: Any, a: Any, rcond: Any) -> Any:
    """Golub & Pereyra 1973, "The differentiation of pseudo-inverses", eq. 4.12."""
    result = -(out.mT @ g @ out.mT)
    tail, head = g.mT @ out @ out.mT, out.mT @ out @ g.mT
    return result + (tail - a @ (out @ tail)) + (head - (head @ out) @ a)


@primitive(
    vjps=(_pinv_rule, None),
    saves=("a out", ""),
    fresh=True,
    cases=lambda draw: [(_tall(draw(3, 2)), None), (_tall(draw(2, 3)), None), (_tall(draw(2, 2, 2)), None)],
    samples=core(2, out=2),
)
def _pinv(a: Operand, rcond: Any) -> Operand:
    check_matrix("pinv", a, square=False)
    require_finite("pinv", a)
    if rcond is None:
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype if a.dtype.kind == "f" else np.float64).eps
    return np.linalg.pinv(a, rcond=rcond)


def pinv(a: Operand, rtol: float | None = None, *, rcond: float | None = None) -> Tensor:
    """The pseudo-inverse: `pinv(a) @ b` is the shortest x for which a @ x comes closest to b.

    Args:
        a: matrices (..., m, n).
        rtol: singular values up to this fraction of the largest count as zero; default, the larger of m and n
            times the precision of the dtype. The gradient takes their number, the rank, as constant.
        rcond: the same as `rtol`, in NumPy's spelling.

    Returns:
        Tensor of shape (..., n, m).

    Raises:
        ShapeError: if `a` is not a matrix.
        LinAlgError: for NaN or infinity.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.pinv(tg.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    return _pinv(a, rtol if rcond is None else rcond)


pinverse = pinv


@implements(np.linalg.pinv)
def _np_pinv(a: Operand, rcond: Any = None, *, rtol: Any = None) -> Any:
    return _pinv(a, rtol if rcond is None else rcond)
