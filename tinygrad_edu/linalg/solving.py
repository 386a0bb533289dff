"""Inverses and linear systems.

Every function takes a stack of matrices as well, and works on each. Names and meanings are those of
`torch.linalg`. The rules: Giles 2008, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation", section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError
from ..ops.arguments import shape_of
from ..ops.matmul import turned
from ..ops.shape import squeeze
from ..sample_rules.families import Custom, core
from ..sample_rules.ids import Use, collapse, fit
from .checks import check_matrix, tried

if TYPE_CHECKING:
    from ..engine.typing import Tensor


_SINGULAR = "is singular: its rows depend on each other. tg.linalg.pinv takes such matrices"


# Inverse and solution


@primitive(
    vjps=(lambda g, out, a: -(out.mT @ g @ out.mT),),
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
    return tried("inv", _SINGULAR, np.linalg.inv, a)


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
    return tried("solve", _SINGULAR, np.linalg.solve, a, b, works=np.linalg.inv)


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
    matrix, right = shape_of(a), shape_of(b)
    vector = len(right) == 1 or (len(matrix) - 1 == len(right) and right == matrix[:-1])
    if not left:
        if vector:
            raise ShapeError(f"solve: left=False needs matrices as right sides (..., k, n), got shape {right}")
        return cast("Tensor", turned(solve(turned(a), turned(b))))
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
    if len(shape_of(b)) == 1:
        return solve(a, b)
    check_matrix("solve", a)
    check_matrix("solve", b, square=False)
    return _solve(a, b)
