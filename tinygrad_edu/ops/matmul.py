"""Products of matrices and vectors: `@` and its relatives.

All of them are one op, `matmul`. A sum over samples happens in its rules and nowhere else: the gradient
of a weight is the product of the layer's inputs, transposed, with the gradients of its outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy import ndarray

from ..engine.primitives import Operand, implements, primitive
from ..errors import ShapeError, broadcast_clash, refuse_mask, require_own
from ..sample_rules.families import Contraction, Terms
from .arguments import ndim_of, rows_of, shape_of
from .arithmetic import mul, times
from .products import product
from .shape import reshape

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["addmm", "baddbmm", "bmm", "dot", "kron", "matmul", "mm", "mv", "outer", "vdot"]


def turned(x: Any) -> Any:
    """`x` with its last two axes swapped."""
    return x.mT if hasattr(x, "mT") else np.swapaxes(x, -1, -2)


def _left_rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    left, right = len(x.shape), ndim_of(y)
    if right == 1:
        return np.expand_dims(g, -1) * y
    if left == 1:
        return matmul(y, g) if right == 2 else np.squeeze(matmul(y, np.expand_dims(g, -1)), -1)
    if left == 2 < right:  # one matrix times a stack: all columns of the stack make one product
        return matmul(rows_of(np.moveaxis(g, -2, -1)).T, rows_of(np.moveaxis(y, -2, -1)))
    return matmul(g, turned(y))


def _right_rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    left, right = ndim_of(x), len(y.shape)
    if left == 1:
        return np.expand_dims(g, -1) * x if right == 1 else np.expand_dims(x, -1) * np.expand_dims(g, -2)
    if right == 1:
        return matmul(g, x) if left == 2 else matmul(g.reshape((math.prod(g.shape),)), rows_of(x))
    if right == 2 < left:  # a stack times one matrix, such as a layer's weight: all rows make one product
        return matmul(rows_of(x).T, rows_of(g))
    return matmul(turned(x), g)


@lru_cache
def _terms(x: int, y: int) -> Terms:
    """x[..., m, k] y[..., k, n] of so many axes, without m or n where an operand is a vector."""
    left = "".join([*ascii_lowercase[20 - max(x - 2, 0) : 20], "x" if x > 1 else "", "y"])
    right = "".join([*ascii_lowercase[20 - max(y - 2, 0) : 20], "y", "z" if y > 1 else ""])
    batch = ascii_lowercase[20 - max(x - 2, y - 2, 0) : 20]
    out = batch + ("x" if x > 1 else "") + ("z" if y > 1 else "")
    return Terms((left, right), out, ((1,), (0,)))


def _terms_of(node: Any) -> Terms:
    return _terms(*[ndim_of(link or value) for link, value in zip(node.inputs, node.args, strict=True)])


@primitive(
    vjps=(_left_rule, _right_rule),
    saves=("y", "x"),
    fresh=True,
    cases=lambda draw: [
        (draw(2, 3), draw(3, 4)),
        (draw(3), draw(3)),
        (draw(2, 3), draw(3)),
        (draw(3), draw(3, 2)),
        (draw(2, 2, 3), draw(3, 2)),
        (draw(2, 3), draw(2, 3, 2)),
        (draw(3), draw(2, 3, 2)),
        (draw(2, 2, 3), draw(3)),
        (draw(2, 1, 2, 3), draw(3, 3, 2)),
        (draw(0, 3), draw(3, 2)),
        (draw(2, 0), draw(0, 3)),
        (draw(0, 2, 3), draw(3, 2)),
        (draw(1, 1), draw(1, 1)),
    ],
    samples=Contraction(_terms_of),
)
def matmul(x: Operand, y: Operand) -> Operand:
    """The matrix product, `x @ y`.

    Args:
        x: vector (k,), matrix (m, k) or stack of matrices (..., m, k).
        y: vector (k,), matrix (k, n) or stack of matrices (..., k, n). The leading axes broadcast.

    Returns:
        Tensor of shape (..., m, n); without m where `x` is a vector, and without n where `y` is one.

    Raises:
        ShapeError: if the two axes of size k differ, or the leading axes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]) @ tg.tensor([1.0, 10.0])
    tensor([21., 43.])
    """
    if type(x) is not ndarray or type(y) is not ndarray:
        require_own("matmul", x, y)
        refuse_mask(x, "matmul")
        refuse_mask(y, "matmul")
        x, y = (value if hasattr(value, "shape") else np.asarray(value) for value in (x, y))
    left, right = len(x.shape), len(y.shape)
    try:
        if left == 0 or right == 0:
            raise ValueError
        return product(x, y)
    except ValueError:
        raise _misfit("matmul", x.shape, y.shape) from None


def _misfit(op: str, x: tuple[int, ...], y: tuple[int, ...]) -> ShapeError:
    """Why matrices of the shapes `x` and `y` have no product."""
    if not x or not y:
        which = "first" if not x else "second"
        return ShapeError(f"{op}: shapes {x} and {y}: the {which} is a 0-d tensor; multiply by a number with *")
    axis = -2 if len(y) > 1 else -1
    if x[-1] != y[axis]:
        return ShapeError(
            f"{op}: shapes {x} and {y} do not fit: axis -1 of the first is {x[-1]}, "
            f"axis {axis} of the second is {y[axis]}. Transpose one?"
        )
    return ShapeError(
        f"{op}: shapes {x} and {y} do not fit: of their leading axes, {broadcast_clash([x[:-2], y[:-2]])}"
    )


implements(np.matmul)(matmul)


def _check_ndim(op: str, operands: Sequence[Any], wanted: Sequence[int]) -> None:
    for index, (operand, ndim) in enumerate(zip(operands, wanted, strict=True)):
        if ndim_of(operand) != ndim:
            raise ShapeError(
                f"{op}: operand {index} must have {ndim} axes, got shape {shape_of(operand)}: "
                "tg.matmul takes any number of axes"
            )


def mm(x: Operand, y: Operand) -> Tensor:
    """The product of two matrices.

    Args:
        x: matrix (m, k).
        y: matrix (k, n).

    Returns:
        Tensor of shape (m, n).

    Raises:
        ShapeError: if an operand is not a matrix, or they do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.mm(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    _check_ndim("mm", (x, y), (2, 2))
    return matmul(x, y)


def bmm(x: Operand, y: Operand) -> Tensor:
    """The products of two stacks of matrices, pair by pair.

    Args:
        x: stack (b, m, k).
        y: stack (b, k, n).

    Returns:
        Tensor of shape (b, m, n).

    Raises:
        ShapeError: if an operand does not have three axes, the stacks differ in size, or they do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.bmm(tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[3.0], [4.0]]]))
    tensor([[[11.]]])
    """
    _check_ndim("bmm", (x, y), (3, 3))
    if shape_of(x)[0] != shape_of(y)[0]:
        raise ShapeError(f"bmm: shapes {shape_of(x)} and {shape_of(y)}: axis 0 must be of one size")
    return matmul(x, y)


def mv(x: Operand, y: Operand) -> Tensor:
    """The product of a matrix (m, k) with a vector (k,), of shape (m,).

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.mv(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    _check_ndim("mv", (x, y), (2, 1))
    return matmul(x, y)


def dot(x: Operand, y: Operand) -> Tensor:
    """The dot product of two vectors of the same size, a 0-d tensor.

    `np.dot` of tensors is NumPy's, which takes matrices as well.

    Raises:
        ShapeError: if an operand is not a vector, or they differ in size.

    >>> import tinygrad_edu as tg
    >>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor(11.)
    """
    _check_ndim("dot", (x, y), (1, 1))
    return matmul(x, y)


def vdot(x: Operand, y: Operand) -> Tensor:
    """The dot product of two vectors (of all elements, under the name `np.vdot`).

    Raises:
        ShapeError: if they are not two vectors of one length.

    >>> import tinygrad_edu as tg
    >>> tg.vdot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return dot(x, y)


def outer(x: Operand, y: Operand) -> Tensor:
    """The matrix of all products of an element of vector `x` (m,) with one of vector `y` (n,).

    Returns:
        Tensor of shape (m, n).

    Raises:
        ShapeError: if an operand is not a vector.

    >>> import tinygrad_edu as tg
    >>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    _check_ndim("outer", (x, y), (1, 1))
    return _outer(x, y)


def _outer(x: Operand, y: Operand) -> Tensor:
    return cast("Tensor", np.expand_dims(x, -1) * np.expand_dims(y, -2))


def kron(x: Operand, y: Operand) -> Tensor:
    """The Kronecker product: every element of `x` times all of `y`, block by block. Any two shapes.

    Args:
        x: tensor (m₁, …, mₙ); where one has fewer axes, it gets axes of size 1 in front.
        y: tensor (k₁, …, kₙ).

    Returns:
        Tensor of shape (m₁k₁, …, mₙkₙ).

    >>> import tinygrad_edu as tg
    >>> tg.kron(tg.tensor([1.0, 10.0]), tg.tensor([1.0, 2.0]))
    tensor([ 1.,  2., 10., 20.])
    """
    if not ndim_of(x) or not ndim_of(y):
        return mul(x, y)
    depth = max(ndim_of(x), ndim_of(y))
    left = (1,) * (depth - ndim_of(x)) + shape_of(x)
    right = (1,) * (depth - ndim_of(y)) + shape_of(y)
    x = reshape(x, tuple(size for m in left for size in (m, 1)))
    y = reshape(y, tuple(size for k in right for size in (1, k)))
    return reshape(x * y, tuple(m * k for m, k in zip(left, right, strict=True)))


def addmm(input: Operand, mat1: Operand, mat2: Operand, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · (mat1 @ mat2), for matrices; `input` broadcasts.

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.addmm(tg.tensor([1.0]), tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]), alpha=2)
    tensor([[23.]])
    """
    return _scaled(input, mm(mat1, mat2), beta, alpha)


def baddbmm(input: Operand, batch1: Operand, batch2: Operand, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · (batch1 @ batch2), for stacks of matrices; `input` broadcasts.

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.baddbmm(tg.tensor([1.0]), tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[3.0], [4.0]]]))
    tensor([[[12.]]])
    """
    return _scaled(input, bmm(batch1, batch2), beta, alpha)


def _scaled(x: Any, product: Tensor, beta: float, alpha: float) -> Tensor:
    total = times(product, alpha)
    ignored = type(beta) in (int, float) and beta == 0  # `x` may then hold anything, NaN included
    return cast("Tensor", total if ignored else times(x, beta) + total)


@implements(np.vdot)
def _np_vdot(a: Operand, b: Operand, /) -> Any:
    return matmul(np.ravel(a), np.ravel(b))


@implements(np.outer)
def _np_outer(a: Operand, b: Operand) -> Any:
    return _outer(np.ravel(a), np.ravel(b))


implements(np.kron)(kron)
