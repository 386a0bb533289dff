"""Determinants: also their logarithms, and derivatives at singular matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import LinAlgError
from ..sample_rules.families import core

if TYPE_CHECKING:
    from ..engine.typing import Tensor
from .checks import check_matrix
from .solving import inv


class SlogdetResult(NamedTuple):
    """What `slogdet` returns.

    Attributes:
        sign: tensor of shape (...) of -1, 0 and 1.
        logabsdet: tensor of shape (...), -inf where the determinant is 0.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.slogdet(tg.tensor([[2.0, 0.0], [0.0, -1.0]])).sign
    tensor(-1.)
    """

    sign: Tensor
    logabsdet: Tensor


def _cofactor_rule(g: Any, out: Any, a: Any) -> Any:
    try:
        inverse = inv(a).mT
    except LinAlgError as error:
        raise LinAlgError(f"det: the second derivative at a singular matrix is not available ({error})") from None
    along = np.sum(g * out, axis=(-2, -1), keepdims=True)
    return along * inverse - out @ g.mT @ inverse


@primitive(
    vjps=(_cofactor_rule,),
    saves=("a out",),
    fresh=True,
    cases=lambda draw: [(draw(3, 3) + 4 * np.eye(3),), (draw(2, 3, 3) + 4 * np.eye(3),), (draw(1, 1) + 4,)],
    samples=core(2, out=2),
)
def _cofactor(a: Operand) -> Operand:
    """The derivative of the determinant, also of a singular one: det(a) times the inverse, transposed.

    That of a matrix with NaN or infinity in it is NaN.
    """
    finite = np.isfinite(a).all((-2, -1), keepdims=True)
    if not finite.all():
        cofactors = _cofactors(np.where(finite, a, a.dtype.type(0)))
        return np.where(finite, cofactors, a.dtype.type(np.nan))
    return _cofactors(a)


def _cofactors(a: Any) -> Any:
    with np.errstate(all="ignore"):
        try:
            matrix = np.linalg.det(a)[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2)
            if np.isfinite(matrix).all():
                return matrix
        except np.linalg.LinAlgError:
            pass
    # With a = U diag(s) V': det(U) det(V) U diag(products of the other s) V'.
    u, s, vh = np.linalg.svd(a)
    others = np.stack([np.prod(np.delete(s, i, axis=-1), axis=-1) for i in range(s.shape[-1])], axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (sign[..., None] * others)[..., None, :]) @ vh


def _spread(g: Any) -> Any:
    return np.expand_dims(g, (-2, -1))


@primitive(
    vjps=(lambda g, out, a: _spread(g) * _cofactor(a),),
    saves=("a",),
    fresh=True,
    numpy=np.linalg.det,
    cases=lambda draw: [
        (draw(3, 3) + 4 * np.eye(3),),
        (draw(2, 2, 2) + 4 * np.eye(2),),
        (draw(1, 1),),
        (draw(0, 2, 2),),
    ],
    samples=core(2, out=0),
)
def det(a: Operand) -> Operand:
    """The determinant of square matrices (..., n, n), of shape (...).

    The derivative exists for singular matrices too; the second derivative is available for the others.

    Raises:
        ShapeError: if the matrices are not square.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.det(tg.tensor([[2.0, 1.0], [0.0, 4.0]]))
    tensor(8.)
    """
    check_matrix("det", a)
    return np.linalg.det(a)


def _slogdet_rule(g: Any, out: Any, a: Any) -> Any:
    if g.parts[1] is None:  # the sign alone, which is constant almost everywhere
        return None
    try:
        return _spread(g.parts[1]) * inv(a).mT
    except LinAlgError as error:
        raise LinAlgError(f"slogdet: a singular matrix has no gradient ({error})") from None


@primitive(
    vjps=(_slogdet_rule,),
    cases=lambda draw: [(draw(3, 3) + 4 * np.eye(3),), (draw(2, 2, 2) - 4 * np.eye(2),), (draw(0, 2, 2),)],
    samples=core(2, out=(0, 0)),
)
def _slogdet(a: Operand) -> tuple[Any, Any]:
    check_matrix("slogdet", a)
    sign, logabsdet = np.linalg.slogdet(a)
    return sign, logabsdet


def slogdet(a: Operand) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, which does not overflow.

    Args:
        a: square matrices (..., n, n).

    Returns:
        Named tuple (sign, logabsdet), each of shape (...); (0, -inf) for a singular matrix.

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: in backward, if one is singular.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.slogdet(tg.tensor([[0.0, 1.0], [1.0, 0.0]]))
    SlogdetResult(sign=tensor(-1.), logabsdet=tensor(0.))
    """
    return SlogdetResult(*_slogdet(a))


implements(np.linalg.slogdet)(slogdet)


def logdet(a: Operand) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative.

    Args:
        a: matrices (..., n, n).

    Returns:
        Tensor of shape (...).

    Raises:
        ShapeError: if the matrices are not square.

    >>> import tinygrad_edu as tg
    >>> tg.logdet(tg.tensor([[1.0, 5.0], [0.0, 1.0]]))
    tensor(0.)
    """
    sign, logabsdet = slogdet(a)
    return cast("Tensor", np.where(sign < 0, np.nan, logabsdet))
