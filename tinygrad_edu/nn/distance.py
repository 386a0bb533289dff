"""Distances and similarities: how far vectors are apart, and at which angle."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.primitives import Operand
from ..errors import ShapeError, broadcast_clash
from ..ops.broadcasting import broadcast_tensors
from ..ops.indexing import getitem
from ..ops.norms import norm
from ..ops.piecewise import maximum
from ..tensors.tensor import Tensor
from .module.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8, *, axis: int | None = None) -> Tensor:
    """The cosine of the angle between vectors along an axis; lengths below `eps` count as `eps`.

    Args:
        x1: floating tensor.
        x2: tensor whose shape broadcasts with that of `x1`.
        dim: the axis along which the vectors lie.
        eps: the smallest length, which makes the cosine with the zero vector 0.
        axis: the same as `dim`.

    Returns:
        Tensor of the broadcast shape without that axis.

    Raises:
        ShapeError: if the shapes do not broadcast, or there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.cosine_similarity(tg.tensor([[1.0, 0.0]]), tg.tensor([[3.0, 4.0]]))
    tensor([0.6])
    """
    _require_alike("cosine_similarity", x1, x2)
    dim = dim if axis is None else axis
    depth = max(len(x1.shape), len(x2.shape))
    from_end = dim - depth if 0 <= dim < depth else dim
    if x1.shape[from_end:][:1] != x2.shape[from_end:][:1] or len(x1.shape) != len(x2.shape):
        x1, x2 = broadcast_tensors(x1, x2)  # what is repeated along the axis counts in the lengths
    first = x1 / maximum(norm(x1, 2, dim, keepdim=True), eps)
    second = x2 / maximum(norm(x2, 2, dim, keepdim=True), eps)
    return (first * second).sum(dim)  # type: ignore[no-any-return]


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False, *, keepdims: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    Args:
        x1: floating tensor of shape (*, D).
        x2: tensor whose shape broadcasts with that of `x1`.
        p: the order of the norm.
        eps: added to each difference; keeps the derivative finite where they are equal.
        keepdim: keep the last axis, with size 1.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the broadcast shape without the last axis, or with it as size 1.

    Raises:
        ShapeError: if the shapes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pairwise_distance(tg.tensor([[3.0, 4.0]]), tg.zeros(1, 2), eps=0.0)
    tensor([5.])
    """
    _require_alike("pairwise_distance", x1, x2)
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim or keepdims)


def _require_alike(op: str, x1: Any, x2: Any) -> None:
    """Raise if the shapes do not broadcast."""
    clash = broadcast_clash((tuple(x1.shape), tuple(x2.shape)))
    if clash:
        raise ShapeError(f"{op}: {clash}")


def pdist(input: Operand, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of each pair of rows: the first and second, the first and third, and so on.

    Args:
        input: floating tensor of shape (N, D).
        p: the order of the norm.

    Returns:
        Tensor of shape (N (N - 1) / 2,). Where two rows are equal, the gradient is 0.

    Raises:
        ShapeError: if `input` is not a matrix.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pdist(tg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]))
    tensor([5., 4., 3.])
    """
    if len(input.shape) != 2:
        raise ShapeError(f"pdist expects (N, D), got {tuple(input.shape)}")
    first, second = np.triu_indices(input.shape[0], 1)
    return norm(getitem(input, first) - getitem(input, second), p, -1)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along an axis.

    Args:
        dim: the axis along which the vectors lie.
        eps: smaller lengths count as `eps`.

    Shape: two inputs whose shapes broadcast, to their broadcast shape without that axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.CosineSimilarity()(tg.tensor([[1.0, 0.0]]), tg.tensor([[3.0, 4.0]]))
    tensor([0.6])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines."""
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors along the last axis.

    Args:
        p: the order of the norm.
        eps: added to each difference; keeps the derivative finite where they are equal.
        keepdim: keep the last axis, with size 1.

    Shape: two inputs (*, D) whose shapes broadcast, to their broadcast shape without the last axis, or with size 1.

    >>> import tinygrad_edu as tg
    >>> tg.nn.PairwiseDistance(eps=0.0)(tg.tensor([[3.0, 4.0]]), tg.zeros(1, 2))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances."""
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
