"""Linear algebra: solving, inverting, determinants, powers and norms of matrices.

Every function takes a stack of matrices as well, and works on each. Names and meanings are those of
`torch.linalg`. The rules of inverse, solution and determinant: Giles 2008, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation", section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import LinAlgError, ShapeError
from ..ops.einsum import einsum
from ..ops.matmul import _shape, matmul
from ..ops.shape import squeeze
from ..sample_rules.families import Custom, core
from ..sample_rules.ids import Use, collapse, fit

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "SlogdetResult",
    "det",
    "inv",
    "inverse",
    "logdet",
    "matrix_power",
    "multi_dot",
    "slogdet",
    "solve",
]


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


def check_matrix(op: str, x: Any, square: bool = True) -> None:
    """Raise unless `x` is a matrix or a stack of them."""
    shape = _shape(x)
    if len(shape) < 2:
        raise ShapeError(f"{op}: needs a matrix or a stack of them, (..., n, n), got shape {shape}")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(
            f"{op}: needs square matrices, got shape {shape}: axis -2 is {shape[-2]}, axis -1 is {shape[-1]}"
        )


def require_finite(op: str, a: Any) -> None:
    """Raise if `a` holds NaN or infinity, on which an iteration may hang or come to numbers that mean nothing."""
    finite = np.isfinite(a).all((-2, -1))
    if not finite.all():
        place = ", ".join(map(str, np.argwhere(~finite)[0]))
        where = f" (batch element {place} of shape {a.shape})" if place else ""
        raise LinAlgError(
            f"{op}: the matrix holds NaN or infinity{where}: it has no decomposition. "
            "tg.detect_anomaly() finds where the first one arose"
        )


def failing(op: str, problem: str, a: Any, works: Callable[[Any], Any]) -> LinAlgError:
    """The error for the first matrix of the stack `a` for which `works` raises."""
    for index in np.ndindex(*a.shape[:-2]):
        try:
            works(a[index])
        except np.linalg.LinAlgError:
            where = f" (batch element {', '.join(map(str, index))} of shape {a.shape})" if index else ""
            return LinAlgError(f"{op}: the matrix {problem}{where}")
    return LinAlgError(f"{op}: a matrix {problem}")


_SINGULAR = "is singular: its rows depend on each other. tg.linalg.pinv takes such matrices"


# Inverse and solution


def _inv_rule(g: Any, out: Any, a: Any) -> Any:
    return -(out.mT @ g @ out.mT)


@primitive(
    vjps=(_inv_rule,),
    saves=("out",),
    fresh=True,
    numpy=np.linalg.inv,
    cases=lambda draw: [
        (draw(3, 3) + 5 * np.eye(3),),
        (draw(2, 2, 2) + 5 * np.eye(2),),
        (draw(1, 1) + 5,),
        (draw(0, 2, 2),),
    ],
    samples=core(2, out=2),
)
def inv(a: Operand) -> Operand:
    """The inverse of a square matrix.

    Args:
        a: matrix (..., n, n).

    Returns:
        Tensor of the same shape. `solve(a, b)` is faster and more accurate than `inv(a) @ b`.

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: if one is singular.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    check_matrix("inv", a)
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise failing("inv", _SINGULAR, a, np.linalg.inv) from None


inverse = inv


def _solve_rule(g: Any, out: Any, a: Any, b: Any, needs: Sequence[Any]) -> tuple[Any, Any]:
    for_b = _solve(a.mT, g)
    return (None if needs[0] is None else -(for_b @ out.mT)), for_b


def _solve_owners(node: Any, ids: Any) -> list[Any]:
    """Each column of the right side has a solution of its own, for which every row is needed."""
    rows = len(node.shape) - 2
    single = collapse(ids, (rows,))
    if single is None:
        return [Use.MIXED, Use.MIXED]
    matrix, right = node.inputs
    by_matrix = None if matrix is None else collapse(single, (rows + 1,))
    return [
        None if matrix is None else Use.SHARED if by_matrix is None else fit(by_matrix, (*matrix.shape[:-2], 1, 1)),
        None if right is None else fit(single, (*right.shape[:-2], 1, right.shape[-1])),
    ]


@primitive(
    joint=_solve_rule,
    saves=("a out", "a"),
    cases=lambda draw: [
        (draw(3, 3) + 5 * np.eye(3), draw(3, 2)),
        (draw(2, 2, 2) + 5 * np.eye(2), draw(2, 1)),
        (draw(2, 2) + 5 * np.eye(2), draw(2, 2, 1)),
        (draw(2, 2) + 5 * np.eye(2), draw(2, 0)),
    ],
    samples=Custom(_solve_owners),
)
def _solve(a: Operand, b: Operand) -> Operand:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise failing("solve", _SINGULAR, a, np.linalg.inv) from None


def solve(a: Operand, b: Operand, *, left: bool = True) -> Tensor:
    """The solution X of a @ X = b.

    Args:
        a: square matrices (..., n, n).
        b: right sides: matrices (..., n, k), a vector (n,), or as many vectors as matrices, (..., n).
        left: False to solve X @ a = b instead, with `b` of shape (..., k, n).

    Returns:
        Tensor of the shape of `b`; the leading axes broadcast.

    Raises:
        ShapeError: if the shapes do not fit.
        LinAlgError: if a matrix is singular.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([0.5 , 0.25])
    """
    check_matrix("solve", a)
    matrix, right = _shape(a), _shape(b)
    vector = len(right) == 1 or (len(matrix) - 1 == len(right) and right == matrix[:-1])
    if not left:
        if vector:
            raise ShapeError(f"solve: left=False needs matrices as right sides (..., k, n), got shape {right}")
        turned: Tensor = _turn(solve(_turn(a), _turn(b)))
        return turned
    if not right or right[-1 if vector else -2] != matrix[-1]:
        axis = -1 if vector or not right else -2
        size = right[axis] if right else "missing"
        raise ShapeError(
            f"solve: shapes {matrix} and {right} do not fit: the matrices have {matrix[-1]} rows, "
            f"axis {axis} of the right sides is {size}"
        )
    a, b = (x if hasattr(x, "shape") else np.asarray(x) for x in (a, b))
    if vector:
        return squeeze(_solve(a, np.expand_dims(b, -1)), -1)
    return _solve(a, b)


@implements(np.linalg.solve)
def _np_solve(a: Operand, b: Operand) -> Any:
    """NumPy's solve: only a right side of one axis is a vector."""
    if len(_shape(b)) == 1:
        return solve(a, b)
    check_matrix("solve", a)
    check_matrix("solve", b, square=False)
    return _solve(a, b)


def _turn(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


# Determinants


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
    nan_if_negative: Any = np.where(sign < 0, np.nan, logabsdet)
    return cast("Tensor", nan_if_negative)


# Powers and products


@implements(np.linalg.matrix_power)
def matrix_power(a: Operand, n: int) -> Tensor:
    """The product of a square matrix with itself, n times.

    Args:
        a: square matrices (..., k, k).
        n: any integer; 0 gives the identity, a negative one the power of the inverse.

    Returns:
        Tensor of the shape of `a`.

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: for a negative power of a singular matrix.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.matrix_power(tg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    check_matrix("matrix_power", a)
    try:
        left = n.__index__()
    except AttributeError:
        raise TypeError(f"matrix_power: the exponent is an integer, got {n!r}") from None
    if left == 0:
        identity = np.eye(_shape(a)[-1], dtype=getattr(a, "dtype", None))
        powers: Tensor = a * 0 + identity
        return powers
    square: Any = a if left > 0 else inv(a)
    left = abs(left)
    result: Any = None
    while True:
        if left % 2:
            result = square if result is None else matmul(result, square)
        left //= 2
        if not left:
            break
        square = matmul(square, square)
    product: Tensor = result * 1 if result is a else result
    return product


@implements(np.linalg.multi_dot)
def multi_dot(tensors: Sequence[Operand]) -> Tensor:
    """The product of several matrices, multiplied in a cheap order.

    Args:
        tensors: matrices that fit one after the other; the first and the last may be vectors.

    Returns:
        Tensor, the same as ``t[0] @ t[1] @ …``.

    Raises:
        ShapeError: if there are fewer than two, or two neighbours do not fit.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[1.0, 1.0], [0.0, 1.0]])
    >>> tg.linalg.multi_dot([x, x, tg.tensor([0.0, 1.0])])
    tensor([2., 1.])
    """
    if len(tensors) < 2:
        raise ShapeError(f"multi_dot: needs at least two tensors, got {len(tensors)}")
    if len(tensors) > 50:
        return matmul(multi_dot(tensors[:50]), multi_dot(tensors[50:]) if len(tensors) > 51 else tensors[50])
    shapes = [_shape(t) for t in tensors]
    terms = [ascii_letters[i : i + 2] for i in range(len(tensors))]
    for i, shape in enumerate(shapes):
        end = i in (0, len(tensors) - 1)
        if not (len(shape) == 2 or (end and len(shape) == 1)):
            raise ShapeError(
                f"multi_dot: tensor {i} must be a matrix{' or a vector' if end else ''}, got shape {shape}"
            )
        if i and shape[0] != shapes[i - 1][-1]:
            raise ShapeError(f"multi_dot: tensors {i - 1} and {i} of shapes {shapes[i - 1]} and {shape} do not fit")
    if len(shapes[0]) == 1:
        terms[0] = terms[0][1]
    if len(shapes[-1]) == 1:
        terms[-1] = terms[-1][0]
    output = terms[0][:-1] + terms[-1][1:]
    return einsum(",".join(terms) + "->" + output, *tensors)
