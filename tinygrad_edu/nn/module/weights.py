"""A module's numbers as a safetensors file, which PyTorch reads as well, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...absent import installed
from ...dtypes import Array
from ...engine.graph import array_of
from ...errors import DtypeError, FileFormatError, ShapeError, describe
from ...files import writing
from ...tensors.tensor import Tensor
from ..uninitialized import Uninitialized
from .state import IncompatibleKeys, load_state_dict, state_dict
from .tree import ModuleTree


def save_safetensors(module: ModuleTree[Any], path: str | os.PathLike[str], metadata: Mapping[str, str] | None) -> None:
    """Write the state_dict of `module` to a file: the whole file, or (after an error) none."""
    package = installed("safetensors.numpy", "save_safetensors()", "weights")
    content = package.save(_arrays(module), metadata=_texts(metadata))
    with writing(path) as file:
        file.write(content)


def load_safetensors(module: ModuleTree[Any], path: str | os.PathLike[str], strict: bool) -> IncompatibleKeys:
    """Copy the numbers of a file into `module`: all of them, or (after an error) none."""
    caller = f"load_safetensors({os.fspath(path)!r})"
    own = state_dict(module, keep_vars=True)
    state = {
        name: _array(caller, name, **entry) if name in own else None  # entries that are not used may have any dtype
        for name, entry in _entries(caller, path)
    }
    return load_state_dict(module, _with_tied(state, own), strict, caller)


# Writing


def _arrays(module: ModuleTree[Any]) -> dict[str, Array]:
    """The numbers by their paths, C-contiguous: the package may write memory as it lies there, whatever the strides."""
    arrays = {}
    for name, tensor in state_dict(module).items():
        if isinstance(tensor, Uninitialized):
            raise ShapeError(
                f"save_safetensors(): {name} of {type(module).__name__} has no numbers before the first call: "
                "call the model once with a batch first. Nothing was written"
            )
        array = np.asarray(array_of(tensor))
        dtype = array.dtype.newbyteorder("=")
        if dtype not in _DTYPES.values():
            raise DtypeError(
                f"save_safetensors(): {name} has dtype {array.dtype}, which a safetensors file cannot hold: convert "
                "it, as with model.float(). Nothing was written"
            )
        arrays[name] = np.asarray(array, dtype, order="C")
    return arrays


def _texts(metadata: Any) -> dict[str, str] | None:
    """The metadata, if it is what such a file can hold. For an empty dict the package may write a broken file."""
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise TypeError(f"save_safetensors(metadata=…) takes a dict of strings, got {describe(metadata)}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(
                f"save_safetensors(metadata=…): a safetensors file maps strings to strings, got {describe(key)}: "
                f"{describe(value)}. Write str(value) or json.dumps(value), or use tg.save"
            )
    return dict(metadata) or None


# Reading


def _entries(caller: str, path: str | os.PathLike[str]) -> list[tuple[str, dict[str, Any]]]:
    """The names in a file, sorted, each with its dtype, shape and bytes.

    It is read as a whole: if it were mapped into memory, a program that cuts it short meanwhile would kill this one.
    """
    package = installed("safetensors", "load_safetensors()", "weights")
    with open(path, "rb") as file:
        content = file.read()
    try:
        return sorted(package.deserialize(content), key=lambda entry: str(entry[0]))
    except package.SafetensorError as error:
        raise FileFormatError(f"{caller}: nothing was loaded: {_what_it_is(content, path, error)}") from None


def _array(caller: str, name: str, dtype: str, shape: list[int], data: bytes) -> Array:
    """The numbers of one entry of a file; of a dtype that NumPy lacks, exactly the same ones in float32."""
    if dtype in _WIDENED:
        flat = _WIDENED[dtype](data)
    elif dtype in _DTYPES:
        flat = np.frombuffer(data, _DTYPES[dtype].newbyteorder("<"))
    else:
        raise DtypeError(
            f"{caller}: {name!r} has the dtype {dtype}, which is not a real dtype of NumPy: save it "
            "in PyTorch as float32, as with model.float(). Nothing was loaded"
        )
    try:
        return flat.reshape(shape)
    except ValueError as error:  # more axes, or longer ones, than an array has
        raise FileFormatError(f"{caller}: {name!r} has an impossible shape ({error}). Nothing was loaded") from error


# The dtypes that a file and a tensor can both have, by their names in the file.
_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32),
    "U64": np.dtype(np.uint64),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}


def _from_bfloat16(data: bytes) -> Array:
    """A bfloat16 is the first half of a float32."""
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)


def _from_float8_e5m2(data: bytes) -> Array:
    """A float8 with five bits of exponent is the first half of a float16."""
    return (np.frombuffer(data, np.uint8).astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def _from_float8_e4m3(data: bytes) -> Array:
    """One with four: put in the place of a float16's bits, it is 2⁸ times too small. There is NaN, and no infinity."""
    codes = np.frombuffer(data, np.uint8).astype(np.uint16)
    halves = ((codes & 0x80) << 8 | (codes & 0x7F) << 7).view(np.float16)
    return np.where(codes & 0x7F == 0x7F, np.float32(np.nan), halves.astype(np.float32) * 256)


_WIDENED: dict[str, Callable[[bytes], Array]] = {
    "BF16": _from_bfloat16,
    "F8_E5M2": _from_float8_e5m2,
    "F8_E4M3": _from_float8_e4m3,
}


def _with_tied(state: dict[str, Any], own: Mapping[str, Tensor]) -> dict[str, Any]:
    """`state`, completed by the names that it lacks of a tensor that it has under another name.

    `safetensors.torch.save_model` writes one that is used in several places once, under one of its names.
    """
    numbers = {_memory(tensor): state[name] for name, tensor in own.items() if name in state}
    tied = {name: numbers[_memory(tensor)] for name, tensor in own.items() if _memory(tensor) in numbers}
    return tied | state


def _memory(tensor: Tensor) -> Any:
    """What two names of the same numbers have in common."""
    if isinstance(tensor, Uninitialized):
        return id(tensor)
    layout = tensor.array.__array_interface__
    return layout["data"], layout["typestr"], tensor.shape, tensor.array.strides


# Saying what is wrong


def pickled(path: str | os.PathLike[str]) -> str:
    """The message for a pickle: why it is not opened, and a line of Python that converts it with PyTorch."""
    source = os.fspath(path)
    target = os.path.splitext(source)[0] + ".safetensors"
    return (
        "a pickle, as torch.save writes it, and opening one runs whatever it says. Convert it where PyTorch is (what "
        f"holds more than a state_dict needs that taken out), and use model.load_safetensors({target!r}):\n"
        "  import torch, safetensors.torch as st; st.save_file({name: t.contiguous().clone() for name, t in "
        f"torch.load({source!r}, map_location='cpu').items()}}, {target!r})"
    )


def _what_it_is(content: bytes, path: str | os.PathLike[str], error: Exception) -> str:
    """What a file is that the package could not read, and the way out, as far as its first bytes tell."""
    zipped = content.startswith(b"PK\3\4")
    old = (
        content.startswith(b"\x80") and int.from_bytes(content[:8], "little") > 10**8
    )  # the most that a header may have
    if old or (zipped and b"data.pkl" in content[:256]):
        return f"this is {pickled(path)}"
    if zipped:
        return (
            "this is a zip of arrays: model.load_state_dict(tg.load(path)), or dict(np.load(path)) for one of np.savez"
        )
    if content.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer, not the file itself: fetch that with git lfs pull"
    reason = str(error).removeprefix("Error while deserializing: ")
    return f"this is not a safetensors file, or it was cut short or altered, or is newer than the package ({reason})"
