"""Functions with weights: linear, bilinear, embedding; and one_hot, the embedding of no weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.primitives import Operand
from ..engine.recording import TensorBase, make_tensor
from ..errors import DtypeError, ShapeError
from ..ops.einsum import einsum
from ..ops.indexing import getitem
from ..ops.linear import linear
from ..ops.piecewise import where
from ..tensors.tensor import Tensor

__all__ = ["bilinear", "embedding", "linear", "one_hot"]


def bilinear(input1: Operand, input2: Operand, weight: Operand, bias: Operand = None) -> Tensor:
    """input1 @ weight[k] @ input2 + bias[k], for each output feature k.

    Args:
        input1: tensor of shape (*, in1_features).
        input2: tensor of shape (*, in2_features).
        weight: tensor of shape (out_features, in1_features, in2_features).
        bias: tensor of shape (out_features,), or None.

    Returns:
        Tensor of shape (*, out_features).

    Raises:
        ShapeError: if the sizes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.bilinear(tg.ones(1, 2), tg.ones(1, 3), tg.ones(1, 2, 3))
    tensor([[6.]])
    """
    wanted = weight.shape[1:]
    have = (*input1.shape[-1:], *input2.shape[-1:])
    if len(weight.shape) != 3 or have != wanted or input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            f"bilinear: inputs of shapes {input1.shape} and {input2.shape} do not fit a weight of shape "
            f"{weight.shape}: it takes (*, weight.shape[1]) and (*, weight.shape[2]), with the same axes in front"
        )
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


def embedding(input: Operand, weight: Operand, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` at the given indices.

    Args:
        input: integers of shape (*), each from 0 to num_embeddings - 1.
        weight: tensor of shape (num_embeddings, embedding_dim).
        padding_idx: an index whose row gets no gradient.

    Returns:
        Tensor of shape (*, embedding_dim). A row that is read several times gets the sum of the gradients.

    Raises:
        DtypeError: if the indices are not integers.
        IndexError: if one is out of range; the message says which, and where.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.embedding(tg.tensor([1, 1]), tg.tensor([[0.0, 1.0], [2.0, 3.0]]))
    tensor([[2., 3.],
            [2., 3.]])
    """
    index = input.array if isinstance(input, TensorBase) else np.asarray(input)
    if index.dtype.kind not in "iu":
        raise DtypeError(f"Embedding takes integer indices, got dtype {index.dtype}: use .long()")
    if len(weight.shape) != 2:
        raise ShapeError(f"embedding: weight has shape {weight.shape}, not (num_embeddings, embedding_dim)")
    count = weight.shape[0]
    if index.size and (index.min() < 0 or index.max() >= count):
        place = tuple(int(i) for i in np.argwhere((index < 0) | (index >= count))[0])
        shown = f"[{', '.join(map(str, place))}]" if place else ""
        raise IndexError(
            f"Embedding has num_embeddings={count}, so indices go from 0 to {count - 1}, "
            f"but index{shown} is {int(index[place])}"
        )
    rows = getitem(weight, index)
    if padding_idx is not None and isinstance(rows, Tensor):
        is_padding = (index == padding_idx % count)[..., None]
        if is_padding.any():
            rows = where(make_tensor(is_padding, None), rows.detach(), rows)
    return rows


def one_hot(tensor: Operand, num_classes: int = -1) -> Tensor:
    """For each class index a vector of zeros with a one at that place.

    Args:
        tensor: integers of shape (*), each 0 or more.
        num_classes: size of the new last axis; -1 for one more than the largest index.

    Returns:
        Tensor of int64, of shape (*, num_classes).

    Raises:
        DtypeError: if the indices are not integers.
        ValueError: if one is out of range, or there is none to tell `num_classes` by.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.one_hot(tg.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index: Any = tensor.array if isinstance(tensor, TensorBase) else np.asarray(tensor)
    if index.dtype.kind not in "iu":
        raise DtypeError(f"one_hot takes integer class indices, got dtype {index.dtype}: use .long()")
    if num_classes == -1:
        if not index.size:
            raise ValueError("one_hot of no indices cannot tell how many classes there are: pass num_classes")
        num_classes = int(index.max()) + 1
    wrong = (index < 0) | (index >= num_classes)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"one_hot: the index at {list(place)} is {int(index[place])}, with num_classes={num_classes} "
            f"it must be from 0 to {num_classes - 1}"
        )
    out = np.zeros((*index.shape, num_classes), np.int64)
    np.put_along_axis(out, index[..., None], 1, axis=-1)
    return make_tensor(out, None)
