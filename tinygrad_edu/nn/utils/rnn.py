"""Padded sequences: sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from ...errors import ShapeError
from ...ops.indexing import set_item
from ...ops.joining import cat
from ...tensors.tensor import Tensor
from ..checks import several

__all__ = ["pad_sequence"]


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: Literal["left", "right"] = "right",
) -> Tensor:
    """Sequences side by side, padded to the length of the longest.

    Args:
        sequences: tensors of shapes (L_0, *), (L_1, *) and so on; or one tensor, whose rows are the sequences.
        batch_first: whether the result has the shape (B, L, *) rather than (L, B, *).
        padding_value: the number to pad with.
        padding_side: where to pad: "right", after the sequence, or "left", before it.

    Returns:
        Tensor of shape (L, B, *), with L the largest length and B the number of sequences.

    Raises:
        ShapeError: if there are no sequences, or their shapes differ in more than the length.
        ValueError: for another `padding_side`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.utils.rnn.pad_sequence([tg.tensor([1.0, 2.0, 3.0]), tg.tensor([4.0])], batch_first=True)
    tensor([[1., 2., 3.],
            [4., 0., 0.]])
    """
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side is 'left' or 'right', got {padding_side!r}")
    parts = list(sequences) if isinstance(sequences, Tensor) else several("pad_sequence", sequences)
    if not parts:
        raise ShapeError("pad_sequence: there are no sequences")
    rest = parts[0].shape[1:]
    for i, part in enumerate(parts):
        if not part.shape or part.shape[1:] != rest:
            raise ShapeError(
                f"pad_sequence: sequence {i} has shape {part.shape}, sequence 0 {parts[0].shape}: they may differ in "
                "the first axis alone"
            )
    lengths = np.array([part.shape[0] for part in parts])
    longest = int(lengths.max())
    rows = np.repeat(np.arange(len(parts)), lengths)
    columns = np.concatenate([np.arange(n) for n in lengths])
    if padding_side == "left":
        columns = columns + np.repeat(longest - lengths, lengths)
    places, shape = (rows, columns), (len(parts), longest)
    if not batch_first:
        places, shape = places[::-1], shape[::-1]
    numbers = cat(parts)
    return set_item(Tensor(np.full((*shape, *rest), padding_value, numbers.dtype)), places, numbers)
