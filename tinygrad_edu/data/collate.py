"""Collating: samples of the same structure combined into one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..dtypes import Array, get_default_dtype
from ..engine.graph import TensorBase
from ..engine.recording import make_tensor
from ..errors import ShapeError, refuse_mask
from ..tensors.conversion import as_array

__all__ = ["default_collate"]

NUMBERS = (bool, int, float, np.number, np.bool_)
REAL = "fiub"  # the kinds of dtypes that a tensor has


def default_collate(samples: Sequence[Any]) -> Any:
    """Make one batch of samples of the same structure.

    Args:
        samples: tensors, arrays, numbers, strings, or dicts, tuples, named tuples or lists of such.

    Returns:
        Tensors and arrays of shape s are stacked to (B, *s) and numbers to (B,); Python floats take the default dtype,
        integers int64. Strings become a list. Dicts and named tuples keep their type, with a batch in each place;
        tuples and lists become lists of batches.

    Raises:
        ShapeError: if shapes, or the lengths of tuples, differ.
        TypeError: for anything else, and for mixed types.
        DtypeError: for integers that fit no dtype.

    >>> import tinygrad_edu as tg
    >>> tg.data.default_collate([{"x": 0.5, "name": "a"}, {"x": 1.5, "name": "b"}])
    {'x': tensor([0.5, 1.5]), 'name': ['a', 'b']}
    """
    if not samples:
        raise ValueError("default_collate: there are no samples to make a batch of")
    first = samples[0]
    if isinstance(first, TensorBase):
        return _of_tensors(samples)
    if isinstance(first, np.ndarray | np.generic) and first.dtype.kind in REAL:
        return make_tensor(_of_arrays(samples), None)
    if isinstance(first, bool | int | float):
        return make_tensor(_of_numbers(samples), None)
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        return _of_dicts(samples)
    if isinstance(first, tuple | list):
        return _of_tuples(samples)
    raise TypeError(
        f"default_collate: a sample holds a {type(first).__name__}; it may hold tensors, arrays, numbers, "
        "strings, dicts, tuples and lists. Pass collate_fn= to make batches of anything else"
    )


# All that is asked of the samples is asked of all of them at once: a loader calls these for each column of each batch.


def _of_tensors(tensors: Sequence[Any]) -> Any:
    """The tensors along a new first axis, in the graph if one of them is."""
    _require_kind(tensors, TensorBase, "a tensor")
    stacked = _stacked([t.array for t in tensors])
    if any(t.source is not None for t in tensors):
        return np.stack(list(tensors))  # the op of this library
    return make_tensor(stacked, None)


def _of_arrays(samples: Sequence[Any]) -> Array:
    """Arrays and NumPy's numbers along a new first axis."""
    kinds = set(map(type, samples))
    if len(kinds) == 1 and issubclass(kinds.pop(), np.generic):
        return np.array(samples)
    for sample in samples:
        if type(sample) is not np.ndarray:
            refuse_mask(sample, "default_collate")
    return _stacked([sample if type(sample) is np.ndarray else np.asarray(sample) for sample in samples])


def _of_numbers(samples: Sequence[Any]) -> Array:
    """Python's numbers as an array, floats in the default dtype."""
    _require_kind(samples, NUMBERS, f"the number {samples[0]!r}")
    array = np.array(samples)
    return as_array(array, get_default_dtype() if array.dtype.kind == "f" else None, "default_collate")


def _of_dicts(samples: Sequence[Any]) -> Any:
    """A dict of the same kind, with a batch for each key of the first sample."""
    first = samples[0]
    _require_kind(samples, Mapping, f"a {type(first).__name__}")
    parts = {key: default_collate([_entry(sample, key, i) for i, sample in enumerate(samples)]) for key in first}
    try:
        return type(first)(parts)
    except TypeError:  # a kind of dict that is made in another way
        return parts


def _of_tuples(samples: Sequence[Any]) -> Any:
    """A batch for each place: a list of them, or a named tuple."""
    first = samples[0]
    _require_kind(samples, tuple | list, f"a {type(first).__name__}")
    if len(set(map(len, samples))) > 1:
        odd = next(i for i, sample in enumerate(samples) if len(sample) != len(first))
        raise ShapeError(
            f"default_collate: sample 0 has {len(first)} parts, sample {odd} of the batch {len(samples[odd])}"
        )
    columns = [default_collate(column) for column in zip(*samples)]
    return type(first)(*columns) if hasattr(first, "_fields") else columns


def _stacked(arrays: list[Array]) -> Array:
    """Arrays of one shape along a new first axis."""
    if len({a.shape for a in arrays}) > 1:
        odd = next(i for i, a in enumerate(arrays) if a.shape != arrays[0].shape)
        raise ShapeError(
            f"default_collate: sample 0 has shape {arrays[0].shape}, sample {odd} of the batch has "
            f"{arrays[odd].shape}. Make them the same size, or pass collate_fn= to pad them"
        )
    stacked = np.array(arrays)  # as np.stack, in half the time
    if stacked.dtype.kind not in REAL:
        odd = next(i for i, a in enumerate(arrays) if a.dtype.kind not in REAL)
        raise TypeError(
            f"default_collate: sample 0 has dtype {arrays[0].dtype}, sample {odd} of the batch {arrays[odd].dtype}: "
            "they cannot be in one batch"
        )
    return stacked


def _require_kind(samples: Sequence[Any], kind: Any, first: str) -> None:
    """Raise TypeError unless all samples are instances of `kind`, as the first one is, which is called `first`."""
    if all(issubclass(given, kind) for given in set(map(type, samples))):
        return
    odd = next(i for i, sample in enumerate(samples) if not isinstance(sample, kind))
    raise TypeError(
        f"default_collate: sample 0 is {first}, sample {odd} of the batch is a {type(samples[odd]).__name__}: "
        "they cannot be in one batch"
    )


def _entry(sample: Any, key: Any, index: int) -> Any:
    if key not in sample:
        raise KeyError(f"default_collate: sample {index} of the batch has no {key!r}, sample 0 has")
    return sample[key]
