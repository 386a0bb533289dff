"""Collating: samples of the same make put together into one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..dtypes import get_default_dtype
from ..engine.graph import TensorBase
from ..engine.recording import make_tensor
from ..errors import ShapeError, refuse_mask

__all__ = ["default_collate"]

NUMBERS = (bool, int, float, np.number, np.bool_)


def default_collate(samples: Sequence[Any]) -> Any:
    """Make one batch of samples of the same make.

    Args:
        samples: tensors, arrays, numbers, strings, or dicts, tuples, named tuples or lists of such.

    Returns:
        Tensors and arrays of shape s are stacked to (B, *s) and numbers to (B,); Python floats take the
        default dtype, integers int64. Strings come as a list. Dicts and named tuples keep their kind, with
        a batch in each place; tuples and lists become lists of batches.

    Raises:
        ShapeError: if shapes, or the lengths of tuples, differ.
        TypeError: for anything else, and for a mixture.

    >>> import tinygrad_edu as tg
    >>> tg.data.default_collate([{"x": 0.5, "name": "a"}, {"x": 1.5, "name": "b"}])
    {'x': tensor([0.5, 1.5]), 'name': ['a', 'b']}
    """
    if not samples:
        raise ValueError("default_collate: there are no samples to make a batch of")
    first = samples[0]
    if isinstance(first, TensorBase):
        return _stack(samples)
    if isinstance(first, np.ndarray | np.generic) and first.dtype.kind in "fiub":
        for sample in samples:
            refuse_mask(sample, "default_collate")
        return _stack([make_tensor(np.asarray(sample), None) for sample in samples])
    if isinstance(first, bool | int | float):
        odd = next((i for i, sample in enumerate(samples) if not isinstance(sample, NUMBERS)), None)
        if odd is not None:
            raise TypeError(
                f"default_collate: sample 0 is the number {first!r}, sample {odd} of the batch is a "
                f"{type(samples[odd]).__name__}: they make no batch together"
            )
        array = np.array(samples)
        return make_tensor(array.astype(get_default_dtype()) if array.dtype.kind == "f" else array, None)
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        parts = {key: default_collate([_entry(sample, key, i) for i, sample in enumerate(samples)]) for key in first}
        try:
            return type(first)(parts)  # type: ignore[call-arg]
        except TypeError:  # a kind of dict that is made in another way
            return parts
    if isinstance(first, tuple | list):
        lengths = [len(sample) for sample in samples]
        if len(set(lengths)) > 1:
            odd = next(i for i, n in enumerate(lengths) if n != lengths[0])
            raise ShapeError(
                f"default_collate: sample 0 has {lengths[0]} parts, sample {odd} of the batch {lengths[odd]}"
            )
        columns = [default_collate(column) for column in zip(*samples)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise TypeError(
        f"default_collate: a sample holds a {type(first).__name__}; it may hold tensors, arrays, numbers, "
        "strings, dicts, tuples and lists. Pass collate_fn= to make batches of anything else"
    )


def _stack(tensors: Sequence[Any]) -> Any:
    """The tensors along a new first axis, in the graph if one of them is."""
    arrays = [t.array for t in tensors]
    odd = next((i for i, a in enumerate(arrays) if a.shape != arrays[0].shape), None)
    if odd is not None:
        raise ShapeError(
            f"default_collate: sample 0 has shape {arrays[0].shape}, sample {odd} of the batch has "
            f"{arrays[odd].shape}. Make them equally large, or pass collate_fn= to pad them"
        )
    if any(t.source is not None for t in tensors):
        return np.stack(list(tensors))  # the op of this library
    return make_tensor(np.stack(arrays), None)


def _entry(sample: Any, key: Any, index: int) -> Any:
    if key not in sample:
        raise KeyError(f"default_collate: sample {index} of the batch has no {key!r}, sample 0 has")
    return sample[key]
