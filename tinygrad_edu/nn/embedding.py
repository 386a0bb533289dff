"""Embedding: a learnt vector for each index; and one-hot encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import DType
from ..engine.graph import array_of
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError
from ..ops.indexing import getitem
from ..ops.piecewise import where
from ..tensors.tensor import Tensor
from . import init
from .checks import count, first_place
from .layer import Layer
from .parameter import Parameter

__all__ = ["Embedding"]


def embedding(
    input: Operand,
    weight: Operand,
    padding_idx: int | None = None,
    max_norm: None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` at the given indices.

    Args:
        input: integers of shape (*), each from 0 to num_embeddings - 1.
        weight: tensor of shape (num_embeddings, embedding_dim).
        padding_idx: an index whose row gets no gradient.
        max_norm: not supported, since it would change the weight in the forward pass; None.
        norm_type: accepted for compatibility with PyTorch, like `sparse`; without effect.
        scale_grad_by_freq: not supported; False.
        sparse: see `norm_type`; gradients are dense.

    Returns:
        Tensor of shape (*, embedding_dim). A row that is read several times gets the sum of the gradients.

    Raises:
        DtypeError: if the indices are not integers.
        IndexError: if one is out of range; the message says which, and where.
        NotImplementedError: for an option that is not supported.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.embedding(tg.tensor([1, 1]), tg.tensor([[0.0, 1.0], [2.0, 3.0]]))
    tensor([[2., 3.],
            [2., 3.]])
    """
    refuse_options("embedding", max_norm, scale_grad_by_freq)
    index = checked_index("Embedding", input, weight)
    rows = getitem(weight, index)
    if padding_idx is not None and isinstance(rows, Tensor):
        is_padding = (index == padding_idx % weight.shape[0])[..., None]
        if is_padding.any():
            rows = where(make_tensor(is_padding, None), rows.detach(), rows)
    return rows


def refuse_options(function: str, max_norm: Any, scale_grad_by_freq: bool) -> None:
    """Raise NotImplementedError for PyTorch options that are not supported."""
    if max_norm is not None:
        raise NotImplementedError(
            f"{function}: max_norm, which changes the weight while it is read, is not supported: use None"
        )
    if scale_grad_by_freq:
        raise NotImplementedError(
            f"{function}: scale_grad_by_freq is not supported: a gradient is the sum over all uses"
        )


def checked_index(module: str, input: Operand, weight: Operand) -> Any:
    """The indices as an array, if they are integers that are in range for a table."""
    index = _integers(input, f"{module} takes integer indices")
    if len(weight.shape) != 2:
        raise ShapeError(f"{module}: weight has shape {weight.shape}, not (num_embeddings, embedding_dim)")
    size = weight.shape[0]
    if index.size and (index.min() < 0 or index.max() >= size):
        place = first_place((index < 0) | (index >= size))
        shown = f"[{', '.join(map(str, place))}]" if place else ""
        raise IndexError(
            f"{module} has num_embeddings={size}, so indices go from 0 to {size - 1}, "
            f"but index{shown} is {int(index[place])}"
        )
    return index


def one_hot(tensor: Operand, num_classes: int = -1) -> Tensor:
    """For each class index, a vector of zeros with a one at that index.

    Args:
        tensor: integers of shape (*), each 0 or more.
        num_classes: size of the new last axis; -1 for one more than the largest index.

    Returns:
        Tensor of int64, of shape (*, num_classes).

    Raises:
        DtypeError: if the indices are not integers.
        ValueError: if one is out of range, or there are none to infer `num_classes` from.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.one_hot(tg.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = _integers(tensor, "one_hot takes integer class indices")
    if num_classes == -1:
        if not index.size:
            raise ValueError("one_hot of no indices cannot tell how many classes there are: pass num_classes")
        num_classes = int(index.max()) + 1
    wrong = (index < 0) | (index >= num_classes)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(
            f"one_hot: the index at {list(place)} is {int(index[place])}, with num_classes={num_classes} "
            f"it must be from 0 to {num_classes - 1}"
        )
    out = np.zeros((*index.shape, num_classes), np.int64)
    np.put_along_axis(out, index[..., None], 1, axis=-1)
    return make_tensor(out, None)


def _integers(given: Operand, what: str) -> Any:
    index: Any = np.asarray(array_of(given))
    if index.dtype.kind not in "iu":
        raise DtypeError(f"{what}, got dtype {index.dtype}: use .long()")
    return index


def padding_place(module: str, padding_idx: int | None, size: int) -> int | None:
    """The index of the padding, counted from 0, if it is in range for a table of this size."""
    if padding_idx is not None and not -size <= padding_idx < size:
        raise ValueError(f"{module}: padding_idx={padding_idx} is out of range for {size} embeddings")
    return None if padding_idx is None else padding_idx % size


class Embedding(Layer):
    """Row `i` of the weight for each index `i`.

    The weight starts normally distributed with mean 0 and standard deviation 1, and 0 at `padding_idx`.

    Args:
        num_embeddings: the number of embeddings; indices go from 0 to num_embeddings - 1.
        embedding_dim: size of each vector.
        padding_idx: an index whose vector gets no gradient, so that it stays 0.
        max_norm: not supported, since it would change the weight in the forward pass; None.
        norm_type: accepted for compatibility with PyTorch, like `sparse`; without effect.
        scale_grad_by_freq: not supported; False.
        sparse: see `norm_type`; gradients are dense.
        _weight: floating tensor of shape (num_embeddings, embedding_dim) to begin with; its memory is shared.
        _freeze: whether to freeze the weight.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Attributes:
        weight: Parameter of shape (num_embeddings, embedding_dim).

    Shape: integers of shape (*) to (*, embedding_dim).

    Raises:
        IndexError: when called with an index that is out of range; the message says which, and where.
        DtypeError: when called with indices that are not integers.
        ShapeError: if `_weight` has another shape.
        NotImplementedError: for an option that is not supported.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Embedding(10, 3)(tg.tensor([[1, 2], [4, 9]])).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        refuse_options("Embedding", max_norm, scale_grad_by_freq)
        self.num_embeddings: int = count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim: int = count("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx: int | None = padding_place("Embedding", padding_idx, self.num_embeddings)
        shape = (self.num_embeddings, self.embedding_dim)
        if _weight is None:
            self._make_parameters(device, dtype, weight=shape)
        elif tuple(_weight.shape) != shape:
            raise ShapeError(f"Embedding: _weight has shape {tuple(_weight.shape)}, it needs {shape}")
        else:
            self.weight = Parameter(_weight)
        if _freeze:
            self.weight.requires_grad = False

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding with the given weight.

        Args:
            embeddings: floating tensor of shape (num_embeddings, embedding_dim); its memory is shared.
            freeze: whether to freeze the weight.
            padding_idx: as in the constructor, like all that follow.
            max_norm: see there.
            norm_type: see there.
            scale_grad_by_freq: see there.
            sparse: see there.

        Raises:
            ShapeError: if `embeddings` is not a matrix.

        >>> import tinygrad_edu as tg
        >>> table = tg.nn.Embedding.from_pretrained(tg.tensor([[0.0, 1.0], [2.0, 3.0]]))
        >>> table(tg.tensor([1]))
        tensor([[2., 3.]])
        """
        if len(embeddings.shape) != 2:
            raise ShapeError(
                f"Embedding.from_pretrained needs (num_embeddings, embedding_dim), got shape {embeddings.shape}"
            )
        rows, width = embeddings.shape
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, index: Tensor) -> Tensor:
        """The vectors of the indices."""
        return embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
