"""Turn the user's data into a dataset of pairs, or raise an error that says what to do."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)
from ...dtypes import Array
from ...engine.graph import array_of
from ...errors import TinygradError, describe, foreign, refuse_mask, type_name
from ...tensors.creation import as_tensor
from ...tensors.tensor import Tensor
from ..errors import BenchError

Reader = tuple[Any, Callable[[list[Any]], Any] | None, int]

GIVE = "give (x, y), a dataset of such pairs or a DataLoader"
NAMES = "For names of classes use y = np.unique(names, return_inverse=True)[1]"
# What to give instead, by the kind of the dtype.
CONVERT = {
    "O": f"Numbers kept as objects: {{part}}.astype(np.float32); fill in missing ones first. {NAMES}",
    "U": NAMES,
    "S": NAMES,
    "T": NAMES,
    "c": "Use both parts as inputs: np.stack([x.real, x.imag], -1)",
    "M": "Use the time since a moment: ({part} - {part}.min()) / np.timedelta64(1, 'D')",
    "m": "Use it in a unit: {part} / np.timedelta64(1, 'D')",
    "V": "Use its fields as columns: np.lib.recfunctions.structured_to_unstructured({part})",
}


def read(data: Any, name: str) -> Reader:
    """The dataset, the function that makes batches (None: the default), and the number of threads that read ahead.

    Arrays are checked for NaN. Datasets that consist of arrays become one `TensorDataset`; others are copied, so that
    the user's random numbers and caches do not change.

    Raises:
        BenchError: if it is not ``(x, y)``, a dataset of such pairs or a `DataLoader`.
    """
    if isinstance(data, DataLoader):
        return _of_loader(data, name)
    if isinstance(data, tuple) or _is_pair_of_arrays(data):
        data = _pair(data, name)
    _refuse(data, name)
    arrays = _flat(data)
    if arrays is None:
        return _own(data), None, 0
    if len(arrays.tensors) != 2:
        raise BenchError(f"{name}: its samples have {len(arrays.tensors)} parts: give it two tensors, x and y")
    _check_finite(arrays, name)
    return arrays, None, 0


def _is_pair_of_arrays(data: Any) -> bool:
    return isinstance(data, list) and len(data) == 2 and all(hasattr(part, "shape") for part in data)


def _of_loader(loader: DataLoader, name: str) -> Reader:
    if isinstance(loader.dataset, IterableDataset):
        _refuse(loader.dataset, name)
    batches = loader.batch_sampler
    if batches is None and loader.collate_fn is not None:
        raise BenchError(f"{name}: a DataLoader with batch_size=None makes no batches: give one with a batch_size")
    order: Any = loader.sampler
    if batches is not None and type(batches) is not BatchSampler:
        order = batches
    elif isinstance(batches, BatchSampler):
        order = batches.sampler
    dataset = loader.dataset
    if type(order) is SubsetRandomSampler:
        try:
            dataset = Subset(dataset, order.indices)
        except IndexError as error:
            raise BenchError(f"{name}: the sampler returns numbers of samples that do not exist: {error}") from error
    elif type(order) not in (RandomSampler, SequentialSampler):
        raise BenchError(
            f"{name}: the DataLoader has its own sampler ({type(order).__name__}), and here batches are drawn at "
            "random. Give the dataset instead; for a part of it, data.Subset(dataset, numbers)"
        )
    found = read(dataset, name)[0]
    own = None if loader.collate_fn is default_collate else _own(loader.collate_fn)
    return found, own, loader.num_workers


def _refuse(data: Any, name: str) -> None:
    """Raise an error unless it is a dataset that is read by number."""
    way_out = ""
    if isinstance(data, IterableDataset):
        way_out = (
            f"a stream, the IterableDataset {type_name(data)}, and here batches are drawn at random: give a dataset "
            "whose samples have numbers, such as list(stream)"
        )
    elif inspect.isclass(data):
        way_out = f"the class {data.__name__}: make an instance, {data.__name__}(…)"
    elif isinstance(data, Mapping):
        keys = ", ".join(map(repr, list(data)[:5]))
        way_out = f"a {type(data).__name__} of {keys}: give two of its entries, (data[…], data[…])"
    elif isinstance(data, str | bytes):
        way_out = f"{describe(data)}: load it first, and {GIVE}"
    elif isinstance(data, Tensor | np.ndarray) or hasattr(data, "toarray") or hasattr(data, "to_numpy"):
        way_out = f"a {type_name(data)} of shape {tuple(data.shape)} alone: give inputs and targets, (x, y)"
    elif not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        called = ". Is it a function that makes data? Call it" if inspect.isroutine(data) else ""
        way_out = foreign(data) or f"{describe(data)}: {GIVE}{called}"
    if way_out:
        raise BenchError(f"{name} is {way_out}")
    try:
        len(data)
    except (TypeError, NotImplementedError) as error:
        raise BenchError(f"{name}: the number of its samples must be known: {error}") from error


def _pair(data: Any, name: str) -> TensorDataset:
    if len(data) != 2:
        raise BenchError(f"{name} is a tuple of {len(data)} things: {GIVE}")
    x, y = (_array(value, part, name) for part, value in zip("xy", data))
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise BenchError(
            f"{name}: x has shape {x.shape} and y {y.shape}: axis 0 is that of the samples, and must have the same "
            "length in both"
        )
    return TensorDataset(x, y)


def _array(value: Any, part: str, name: str) -> Array:
    """x or y as an array of numbers; not copied if it already is one."""
    where = f"{name}: {part}"
    if foreign(value):
        raise BenchError(f"{where} is {foreign(value)}")
    if hasattr(value, "toarray"):
        raise BenchError(f"{where} is a sparse {type_name(value)}, but layers take dense arrays: {part}.toarray()")
    value = array_of(value)
    if hasattr(value, "to_numpy"):  # such as a pandas table
        value = value.to_numpy()
    try:
        refuse_mask(value, where)
        kind = value.dtype.kind if isinstance(value, np.ndarray) else "f"
        if kind in CONVERT:
            raise BenchError(
                f"{where} has dtype {value.dtype}, but numbers are needed. {CONVERT[kind].format(part=part)}"
            )
        found: Array = as_tensor(value).array
        return found
    except BenchError:
        raise
    except TinygradError as error:
        raise BenchError(
            f"{where}: {error}. Give an array of numbers. {NAMES if part == 'y' else ''}".strip()
        ) from error


def _flat(data: Any) -> TensorDataset | None:
    """A dataset as arrays, if it consists of arrays only."""
    if type(data) is TensorDataset:
        return TensorDataset(*[t.array for t in data.tensors])
    if type(data) is Subset:
        inner = _flat(data.dataset)
        numbers = np.asarray(data.indices, dtype=np.intp)
        return None if inner is None else TensorDataset(*[t.array[numbers] for t in inner.tensors])
    if type(data) is ConcatDataset:
        parts = [_flat(part) for part in data.datasets]
        alike = {tuple([(t.shape[1:], t.dtype) for t in part.tensors]) if part else None for part in parts}
        if len(alike) == 1 and None not in alike:
            columns = zip(*[[t.array for t in part.tensors] for part in parts if part])
            return TensorDataset(*[np.concatenate(column) for column in columns])
    return None


def _check_finite(data: TensorDataset, name: str) -> None:
    for part, tensor in zip("xy", data.tensors):
        array = tensor.array
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        rows = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(1))
        count = f"{len(rows)} of {len(array)} rows of {part} have" if len(rows) > 1 else f"a row of {part} has"
        raise BenchError(
            f"{name}: {count} NaN or infinity, the first is row {rows[0]}. Fill them in, or drop them: "
            f"keep = np.isfinite({part}).reshape(len({part}), -1).all(1); x, y = x[keep], y[keep]"
        )


def _own(thing: Any) -> Any:
    """A copy that shares memory-mapped arrays, which may be larger than memory; the original if it cannot be copied."""
    mapped = [value for value in getattr(thing, "__dict__", {}).values() if isinstance(value, np.memmap)]
    try:
        return copy.deepcopy(thing, {id(value): value for value in mapped})
    except Exception:  # an open file, a lock
        return thing
