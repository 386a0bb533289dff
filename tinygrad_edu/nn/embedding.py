"""Embedding: a learnt vector for each of a number of things."""

from __future__ import annotations

from typing import Any

from ..dtypes import DType
from ..errors import ShapeError
from ..ops.casting import check_device
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .checks import count
from .module.module import Module
from .parameter import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """Row `i` of the weight for each index `i`.

    The weight starts normally distributed with mean 0 and deviation 1, and 0 at `padding_idx`. PyTorch's
    `max_norm`, which changes the weight while it is read, is not offered.

    Args:
        num_embeddings: how many things there are; indices go from 0 to one less.
        embedding_dim: size of each vector.
        padding_idx: an index whose vector gets no gradient, so that it stays 0.
        device: accepted for the sake of programs that name it; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Attributes:
        weight: Parameter of shape (num_embeddings, embedding_dim).

    Shape: integers of shape (*) to (*, embedding_dim).

    Raises:
        IndexError: when called with an index that is out of range; the message says which, and where.
        DtypeError: when called with indices that are not integers.

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
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        check_device(device, "Embedding")
        self.num_embeddings: int = count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim: int = count("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx={padding_idx} is out of range for {num_embeddings} embeddings")
        self.padding_idx: int | None = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = init.new_parameter((self.num_embeddings, self.embedding_dim), dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """An Embedding with the given weight.

        Args:
            embeddings: floating tensor of shape (num_embeddings, embedding_dim); its memory is shared.
            freeze: whether the weight is to stay as it is.
            padding_idx: as in the constructor.

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
        module = cls(*embeddings.shape, padding_idx=padding_idx)
        module.weight = Parameter(embeddings, requires_grad=not freeze)
        return module

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, index: Tensor) -> Tensor:
        """The vectors of the indices."""
        return F.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
