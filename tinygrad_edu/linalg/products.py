"""Matrix powers, and products of several matrices."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.primitives import Operand, implements
from ..errors import ShapeError
from ..ops.arguments import shape_of
from ..ops.einsum import einsum
from ..ops.matmul import matmul

if TYPE_CHECKING:
    from ..engine.typing import Tensor
from .checks import check_matrix
from .solving import inv


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
        identity = np.eye(shape_of(a)[-1], dtype=getattr(a, "dtype", None))
        return cast("Tensor", a * 0 + identity)
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
    return cast("Tensor", result * 1 if result is a else result)


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
    shapes = [shape_of(t) for t in tensors]
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
