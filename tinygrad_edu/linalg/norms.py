"""Vector and matrix norms, as in `torch.linalg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..engine.primitives import Operand, implements
from ..errors import ShapeError
from ..ops import norms
from ..ops.arguments import Axes, each_axis, some_axes
from .decompositions import svdvals

if TYPE_CHECKING:
    from ..engine.typing import Tensor


_ORDERS = "'fro', 'nuc', 1, -1, 2, -2, float('inf') and -float('inf')"


def vector_norm(
    x: Operand,
    ord: float = 2,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
) -> Tensor:
    """The norm (Σ |x|^ord)^(1/ord) over the given axes, or over all elements.

    Args:
        x: tensor of any shape.
        ord: any number; inf for the largest absolute value, -inf for the smallest, 0 for how many are nonzero.
        dim: the axis or axes; None for all.
        keepdim: keep the axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without the axes. At zero the gradient is zero.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.vector_norm(tg.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return norms.norm(x, ord, dim, keepdim, axis=axis, keepdims=keepdims)


def matrix_norm(
    x: Operand,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    axis: Sequence[int] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """A norm of matrices.

    Args:
        x: matrices (..., m, n).
        ord: "fro" for the square root of the sum of squares, "nuc" for the sum of the singular values, 2 and
            -2 for the largest and smallest singular value, 1 and -1 for the largest and smallest sum of absolute
            values of a column, inf and -inf for those of a row.
        dim: the two axes of the matrices.
        keepdim: keep the axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of shape (...).

    Raises:
        ShapeError: if `dim` is not two different axes of `x`.
        ValueError: for another `ord`.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([[3.0, 0.0], [4.0, 1.0]])
    >>> tg.linalg.matrix_norm(x, 1), tg.linalg.matrix_norm(x, float("inf"))
    (tensor(7.), tensor(5.))
    """
    axes = some_axes("matrix_norm", x, tuple(dim) if axis is None else None, axis)
    if not isinstance(axes, tuple) or len(axes) != 2:
        raise ShapeError(f"matrix_norm: a matrix has two axes, got dim={dim if axis is None else axis}")
    keep = keepdim or keepdims
    if ord == "fro":
        return vector_norm(x, 2, axes, keep)
    rows, columns = axes
    if ord in (1, -1, np.inf, -np.inf):
        summed, other = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums: Any = np.sum(np.abs(x), axis=summed, keepdims=True)
        result: Any = (np.max if ord in (1, np.inf) else np.min)(sums, axis=other, keepdims=True)
    elif ord in ("nuc", 2, -2):
        values: Any = svdvals(np.moveaxis(x, axes, (-2, -1)))
        result = np.sum(values, axis=-1) if ord == "nuc" else values[..., 0 if ord == 2 else -1]
        result = np.expand_dims(result, tuple(sorted(axes)))
    else:
        raise ValueError(f"matrix_norm: ord={ord!r} is unknown: there are {_ORDERS}")
    return cast("Tensor", result if keep else np.squeeze(result, axes))


def norm(
    x: Operand,
    ord: float | str | None = None,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    axis: Axes = None,
    keepdims: bool = False,
) -> Tensor:
    """A norm of vectors or of matrices: `vector_norm` along one axis, `matrix_norm` along two.

    Args:
        x: tensor.
        ord: which norm; None for the square root of the sum of squares, over any number of axes.
        dim: one axis for vectors, two for matrices; None for all axes.
        keepdim: keep the axes, with size 1.
        axis: the same as `dim`.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the shape of `x` without the axes.

    Raises:
        ShapeError: if an `ord` is given for neither one nor two axes.

    >>> import tinygrad_edu as tg
    >>> tg.linalg.norm(tg.tensor([[3.0, 4.0], [0.0, 0.0]]), dim=1)
    tensor([5., 0.])
    """
    axes = some_axes("norm", x, dim, axis)
    keep = keepdim or keepdims
    if ord is None:
        return vector_norm(x, 2, axes, keep)
    axes = each_axis(axes, len(x.shape))
    if len(axes) == 1 and not isinstance(ord, str):
        return vector_norm(x, ord, axes[0], keep)
    if len(axes) != 2:
        raise ShapeError(f"norm: ord={ord!r} needs a vector or a matrix, got {len(axes)} axes: choose with dim=")
    return matrix_norm(x, ord, axes, keep)


@implements(np.linalg.norm)
def _np_norm(x: Operand, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return norm(x, ord, axis, keepdims)


@implements(np.linalg.vector_norm)
def _np_vector_norm(x: Operand, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    return vector_norm(x, ord, axis, keepdims)


@implements(np.linalg.matrix_norm)
def _np_matrix_norm(x: Operand, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return matrix_norm(x, ord, (-2, -1), keepdims)
