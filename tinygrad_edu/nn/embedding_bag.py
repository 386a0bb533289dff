"""EmbeddingBag: sums, means or maxima of the vectors of several things, such as the words of a text."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..dtypes import DType
from ..engine.graph import array_of
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError
from ..ops.arithmetic import mul
from ..ops.indexing import _put_add, getitem
from ..tensors.tensor import Tensor
from . import init
from .checks import count
from .embedding import checked_index, padding_place, refuse_options
from .layer import Layer
from .parameter import Parameter

__all__ = ["EmbeddingBag"]

Mode = Literal["sum", "mean", "max"]


def embedding_bag(
    input: Operand,
    weight: Operand,
    offsets: Operand = None,
    max_norm: None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: Mode = "mean",
    sparse: bool = False,
    per_sample_weights: Operand = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or largest number of the rows of `weight` at the indices of each bag; zeros for an empty one.

    Args:
        input: integers from 0 to num_embeddings - 1: of shape (B, L), one bag per row; or (T,), all bags in one line.
        weight: tensor of shape (num_embeddings, embedding_dim).
        offsets: integers of shape (B,): where in the line each bag begins; the first one at 0. None for one bag per
            row.
        max_norm: not supported, since it would change the weight in the forward pass; None.
        norm_type: accepted for compatibility with PyTorch, like `sparse`; without effect.
        scale_grad_by_freq: not supported; False.
        mode: "sum", "mean" or "max"; among tied maxima, the first gets the gradient.
        sparse: see `norm_type`; gradients are dense.
        per_sample_weights: with mode "sum", what each row is multiplied by: floating tensor of the shape of `input`.
        include_last_offset: whether `offsets` has one more entry, the end of the last bag.
        padding_idx: an index that is ignored.

    Returns:
        Tensor of shape (B, embedding_dim).

    Raises:
        DtypeError: if indices or offsets are not integers.
        IndexError: if an index is out of range; the message says which, and where.
        ShapeError: if shapes do not fit, or offsets do not go from 0 up to the number of indices at most.
        ValueError: for another mode, and for `per_sample_weights` with a mode other than "sum".
        NotImplementedError: for an option that is not supported.

    >>> import tinygrad_edu as tg
    >>> table = tg.tensor([[1.0, 0.0], [2.0, 5.0], [0.0, 3.0]])
    >>> tg.nn.functional.embedding_bag(tg.tensor([0, 1, 2]), table, tg.tensor([0, 2]), mode="sum")
    tensor([[3., 5.],
            [0., 3.]])
    """
    _check_options(mode, max_norm, scale_grad_by_freq)
    index = checked_index("EmbeddingBag", input, weight)
    scale = _check_scale(per_sample_weights, index.shape, mode)
    index, bag, bags = _bags(index, offsets, include_last_offset)
    used = bag >= 0
    if padding_idx is not None:
        used &= index != padding_idx % weight.shape[0]
    kept = slice(None) if used.all() else np.flatnonzero(used)
    index, bag = index[kept], bag[kept]
    if mode == "max":
        return _largest(weight, index, bag, bags)
    rows = getitem(weight, index)
    if scale is not None:
        rows = rows * scale.reshape(-1)[kept].reshape((-1, 1))
    out = _put_add(rows, (bags, weight.shape[1]), bag)
    if mode == "sum":
        return out
    counts = np.maximum(np.bincount(bag, minlength=bags), 1)[:, None]
    return mul(out, make_tensor((1 / counts).astype(weight.dtype), None))


def _largest(weight: Any, index: Any, bag: Any, bags: int) -> Tensor:
    """The largest number of each column in each bag: read from where it is, so that a gradient goes there."""
    width = weight.shape[1]
    starts = np.flatnonzero(np.diff(bag, prepend=-1))
    filled, lengths = bag[starts], np.diff(starts, append=len(bag))
    if not len(filled):
        return _put_add(getitem(weight, index), (bags, width), bag)
    rows = array_of(weight)[index]
    largest = np.repeat(np.maximum.reduceat(rows, starts, axis=0), lengths, axis=0)
    places = np.where((rows == largest) | np.isnan(rows), np.arange(len(index))[:, None], len(index))
    first = np.minimum.reduceat(places, starts, axis=0)
    return _put_add(getitem(weight, (index[first], np.arange(width))), (bags, width), filled)


def _check_options(mode: str, max_norm: Any, scale_grad_by_freq: bool) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode is 'sum', 'mean' or 'max', got {mode!r}")
    refuse_options("embedding_bag", max_norm, scale_grad_by_freq)


def _check_scale(scale: Any, shape: tuple[int, ...], mode: str) -> Any:
    if scale is None:
        return None
    if mode != "sum":
        raise ValueError(f"embedding_bag: per_sample_weights go with mode='sum' only, got mode={mode!r}")
    if tuple(scale.shape) != shape:
        raise ShapeError(f"embedding_bag: per_sample_weights has shape {tuple(scale.shape)}, the indices have {shape}")
    if scale.dtype.kind != "f":
        raise DtypeError(f"embedding_bag: per_sample_weights has dtype {scale.dtype}: use .float()")
    return scale


def _bags(index: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, Any, int]:
    """The indices in a line; for each the number of its bag, -1 if it is in none; and how many bags there are."""
    if index.ndim == 2:
        if offsets is not None:
            raise ShapeError(
                f"embedding_bag: indices of shape {index.shape} are a bag a row, and need no offsets: leave them out"
            )
        return index.reshape(-1), np.repeat(np.arange(index.shape[0]), index.shape[1]), index.shape[0]
    if index.ndim != 1:
        raise ShapeError(f"embedding_bag expects indices of shape (B, L), or (T,) and offsets, got {index.shape}")
    if offsets is None:
        raise ShapeError(
            f"embedding_bag: indices of shape {index.shape} need offsets, which say where each bag begins; "
            "for a single bag, x.unsqueeze(0)"
        )
    starts = np.asarray(array_of(offsets))
    if starts.dtype.kind not in "iu":
        raise DtypeError(f"embedding_bag: offsets has dtype {starts.dtype}: use .long()")
    if starts.ndim != 1 or (include_last_offset and not starts.size):
        raise ShapeError(f"embedding_bag: offsets has shape {starts.shape}, it needs (B,)")
    bounds = starts if include_last_offset else np.append(starts, len(index))
    if starts.size and starts[0] != 0:
        raise ShapeError(f"embedding_bag: the first bag begins at 0, but offsets[0] is {starts[0]}")
    lengths = np.diff(bounds)
    if (lengths < 0).any() or bounds[-1] > len(index):
        raise ShapeError(
            f"embedding_bag: offsets must neither decrease nor exceed the number of indices, {len(index)}; got "
            f"{starts.tolist()}"
        )
    bag = np.full(len(index), -1)
    bag[: lengths.sum()] = np.repeat(np.arange(len(lengths)), lengths)
    return index, bag, len(lengths)


class EmbeddingBag(Layer):
    """The sum, mean or largest number of the weight's rows at the indices of each bag; zeros for an empty one.

    The weight starts normally distributed with mean 0 and standard deviation 1, and 0 at `padding_idx`.

    Args:
        num_embeddings: the number of embeddings; indices go from 0 to num_embeddings - 1.
        embedding_dim: size of each vector.
        max_norm: not supported, since it would change the weight in the forward pass; None.
        norm_type: accepted for compatibility with PyTorch, like `sparse`; without effect.
        scale_grad_by_freq: not supported; False.
        mode: "sum", "mean" or "max"; among tied maxima, the first gets the gradient.
        sparse: see `norm_type`; gradients are dense.
        include_last_offset: whether offsets have one more entry, the end of the last bag.
        padding_idx: an index that is ignored, and whose vector stays 0.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.
        _weight: the initial weight, of shape (num_embeddings, embedding_dim); its memory is shared.

    Attributes:
        weight: Parameter of shape (num_embeddings, embedding_dim).

    Shape: integers (B, L), one bag per row, or (T,) with offsets (B,), to (B, embedding_dim).

    Raises:
        IndexError: when called with an index that is out of range; the message says which, and where.
        ShapeError: when called with shapes or offsets that do not fit.
        DtypeError: when called with indices or offsets that are not integers.
        ValueError: for another mode.
        NotImplementedError: for an option that is not supported.

    >>> import tinygrad_edu as tg
    >>> tg.nn.EmbeddingBag(10, 3)(tg.tensor([1, 2, 4, 9]), tg.tensor([0, 3])).shape
    (2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Mode = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        _check_options(mode, max_norm, scale_grad_by_freq)
        self.num_embeddings: int = count("EmbeddingBag", "num_embeddings", num_embeddings)
        self.embedding_dim: int = count("EmbeddingBag", "embedding_dim", embedding_dim)
        self.mode: Mode = mode
        self.include_last_offset = include_last_offset
        self.padding_idx: int | None = padding_place("EmbeddingBag", padding_idx, self.num_embeddings)
        shape = (self.num_embeddings, self.embedding_dim)
        if _weight is None:
            self._make_parameters(device, dtype, weight=shape)
        elif tuple(_weight.shape) != shape:
            raise ShapeError(f"EmbeddingBag: _weight has shape {tuple(_weight.shape)}, it needs {shape}")
        else:
            self.weight = Parameter(_weight)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Mode = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An EmbeddingBag with the given weight.

        Args:
            embeddings: floating tensor of shape (num_embeddings, embedding_dim); its memory is shared.
            freeze: whether to freeze the weight.
            max_norm: as in the constructor, like all that follow.
            norm_type: see there.
            scale_grad_by_freq: see there.
            mode: see there.
            sparse: see there.
            include_last_offset: see there.
            padding_idx: see there.

        Raises:
            ShapeError: if `embeddings` is not a matrix.

        >>> import tinygrad_edu as tg
        >>> table = tg.nn.EmbeddingBag.from_pretrained(tg.tensor([[0.0, 1.0], [2.0, 3.0]]))
        >>> table(tg.tensor([[1, 0]]))
        tensor([[1., 2.]])
        """
        if len(embeddings.shape) != 2:
            raise ShapeError(
                f"EmbeddingBag.from_pretrained needs (num_embeddings, embedding_dim), got shape {embeddings.shape}"
            )
        rows, width = embeddings.shape
        options = (max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx)
        module = cls(rows, width, *options)
        module.weight.requires_grad = not freeze
        return module

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """The sum, mean or maximum of each bag."""
        return embedding_bag(
            input,
            self.weight,
            offsets,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes, and the options."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}{padding}"
