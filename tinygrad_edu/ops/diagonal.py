"""Diagonals and triangular parts of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.primitives import Operand, implements, primitive
from ..engine.recording import make_tensor
from ..errors import ShapeError
from ..sample_rules.families import moving
from .arguments import Shaped, one_axis
from .casting import clone
from .kinds import pointwise

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["diag", "diag_embed", "diagonal", "trace", "tril", "tril_indices", "triu", "triu_indices"]


@pointwise(
    vjps=(lambda g, out, m, k: np.tril(g, k),),
    saves=("",),
    numpy=np.tril,
    cases=lambda draw: [(draw(3, 4), 0), (draw(2, 3, 3), -1), (draw(2, 3), 1), (draw(0, 2), 0)],
)
def _tril(m: Operand, k: int = 0) -> Operand:
    return np.tril(m, k)


@pointwise(
    vjps=(lambda g, out, m, k: np.triu(g, k),),
    saves=("",),
    numpy=np.triu,
    cases=lambda draw: [(draw(3, 4), 0), (draw(2, 3, 3), -1), (draw(2, 3), 1), (draw(0, 2), 0)],
)
def _triu(m: Operand, k: int = 0) -> Operand:
    return np.triu(m, k)


def _writable_diagonal(a: Any, offset: int, axis1: int, axis2: int) -> Any:
    """The diagonal as a view that may be written to where `a` may: NumPy's own may not."""
    view = np.diagonal(a, offset, axis1, axis2)
    view.flags.writeable = a.flags.writeable
    return view


@primitive(
    vjps=(lambda g, out, x, shape, offset, axis1, axis2: np.diagonal(g, offset, axis1, axis2),),
    saves=("",),
    cases=lambda draw: [
        (draw(3), (3, 3), 0, 0, 1),
        (draw(2, 2), (4, 2, 3), 1, 0, 2),
        (draw(0), (0, 2), 0, 0, 1),
    ],
    samples=moving,
)
def _put_diagonal(x: Operand, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Operand:
    """Zeros of `shape` with `x` on a diagonal."""
    out = np.zeros(shape, x.dtype)
    _writable_diagonal(out, offset, axis1, axis2)[...] = x
    return out


@primitive(
    vjps=(lambda g, out, a, offset, axis1, axis2: _put_diagonal(g, a.shape, offset, axis1, axis2),),
    saves=("",),
    fresh=True,
    numpy=np.diagonal,
    cases=lambda draw: [
        (draw(3, 3), 0, 0, 1),
        (draw(2, 4), 1, 0, 1),
        (draw(2, 3, 4), -1, 2, 0),
        (draw(0, 2), 0, 0, 1),
    ],
    samples=moving,
    view=True,
)
def _diagonal(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Operand:
    return _writable_diagonal(a, offset, axis1, axis2)


def tril(x: Operand, diagonal: int = 0) -> Tensor:
    """The lower triangle of the matrices in the last two axes: zero above diagonal number `diagonal`.

    Args:
        x: tensor of shape (..., m, n).
        diagonal: 0 for the main one, positive numbers above it, negative ones below.

    Returns:
        Tensor of the same shape.

    Raises:
        ShapeError: if `x` has fewer than two axes.

    >>> import tinygrad_edu as tg
    >>> tg.tril(tg.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _tril(_matrices("tril", x), diagonal)


def triu(x: Operand, diagonal: int = 0) -> Tensor:
    """The upper triangle of the matrices in the last two axes: zero below diagonal number `diagonal`.

    Raises:
        ShapeError: if `x` has fewer than two axes.

    >>> import tinygrad_edu as tg
    >>> tg.triu(tg.ones(2, 2), diagonal=1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return _triu(_matrices("triu", x), diagonal)


def diagonal(x: Operand, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the matrices in two axes, as the last axis of the result; a view.

    Args:
        x: tensor of at least two axes.
        offset: 0 for the main diagonal, positive above it, negative below.
        dim1: axis of the rows.
        dim2: axis of the columns.

    Returns:
        Tensor with one axis less.

    Raises:
        ShapeError: if there are fewer than two axes, or both are the same.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    rows, columns = _two_axes("diagonal", _matrices("diagonal", x), dim1, dim2)
    return _diagonal(x, offset, rows, columns)


def diag_embed(x: Operand, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last axis of `x` on a diagonal, and zeros elsewhere.

    Args:
        x: tensor of shape (..., n).
        offset: 0 for the main diagonal, positive above it, negative below.
        dim1: axis of the rows in the result.
        dim2: axis of the columns in the result.

    Returns:
        Tensor with one axis more.

    Raises:
        ShapeError: for a 0-d tensor, or if there are no such axes.

    >>> import tinygrad_edu as tg
    >>> tg.diag_embed(tg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if not x.shape:
        raise ShapeError("diag_embed: needs at least 1 axis, got a 0-d tensor")
    side = x.shape[-1] + abs(offset)
    depth = len(x.shape) + 1
    rows, columns = _two_axes("diag_embed", Shaped((0,) * depth), dim1, dim2)
    others = iter(x.shape[:-1])
    shape = tuple(side if i in (rows, columns) else next(others) for i in range(depth))
    return _put_diagonal(x, shape, offset, rows, columns)


def diag(x: Operand, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with the given vector on its diagonal.

    Raises:
        ShapeError: if `x` has neither one axis nor two.

    >>> import tinygrad_edu as tg
    >>> tg.diag(tg.tensor([[1, 2], [3, 4]])), tg.diag(tg.tensor([1]), 1).tolist()
    (tensor([1, 4]), [[0, 1], [0, 0]])
    """
    if len(x.shape) == 1:
        return diag_embed(x, diagonal)
    if len(x.shape) != 2:
        raise ShapeError(f"diag: needs a vector or a matrix, got shape {x.shape}. Use tg.diagonal or tg.diag_embed")
    return clone(_diagonal(x, diagonal, 0, 1))


@implements(np.diag)
def _np_diag(v: Operand, k: int = 0) -> Tensor:
    return diag(v, k)


def trace(x: Operand) -> Tensor:
    """The sum of the diagonal of a matrix.

    Raises:
        ShapeError: if `x` is not a matrix.

    >>> import tinygrad_edu as tg
    >>> tg.trace(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if len(x.shape) != 2:
        raise ShapeError(f"trace: needs a matrix, got shape {x.shape}. Use x.diagonal(0, -2, -1).sum(-1)")
    return _diagonal(x, 0, 0, 1).sum()


@implements(np.trace)
def _np_trace(a: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    return diagonal(a, offset, axis1, axis2).sum(-1)


def _matrices(op: str, x: Any) -> Any:
    if len(x.shape) < 2:
        raise ShapeError(f"{op}: needs at least 2 axes, got shape {x.shape}")
    return x


def _two_axes(op: str, x: Any, dim1: int, dim2: int) -> tuple[int, int]:
    rows, columns = one_axis(op, x, dim1), one_axis(op, x, dim2)
    if rows == columns:
        raise ShapeError(f"{op}: dim1={dim1} and dim2={dim2} are the same axis")
    return rows, columns


def tril_indices(row: int, col: int | None = None, offset: int = 0) -> Tensor:
    """The indices on and below diagonal `offset` of a (row, col) matrix: int64 of shape (2, count).

    >>> import tinygrad_edu as tg
    >>> tg.tril_indices(2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return make_tensor(np.stack(np.tril_indices(row, offset, col)), None)


def triu_indices(row: int, col: int | None = None, offset: int = 0) -> Tensor:
    """The indices on and above diagonal `offset` of a (row, col) matrix: int64 of shape (2, count).

    >>> import tinygrad_edu as tg
    >>> tg.triu_indices(2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return make_tensor(np.stack(np.triu_indices(row, offset, col)), None)
