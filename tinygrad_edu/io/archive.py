"""Saving and loading: nested containers of tensors, arrays, numbers and text in one file, which holds no code."""

from __future__ import annotations

import os
from os import PathLike
from typing import IO, Any

from ..dtypes import Array
from ..errors import FileFormatError, describe
from ..files import writing
from .kinds import by_beginning, by_parts
from .members import Member, Reading, find_members, write_members
from .npy import Layout, raw
from .tree import Decoder, Encoder

__all__ = ["load", "save"]

_FORMAT = "tinygrad_edu"
_VERSION = 1
_CONTENTS = "tinygrad_edu.json"  # the first part; the arrays follow

# What reading a description raises that was not written by `save`.
_NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def save(obj: Any, path: str | PathLike[str] | IO[bytes]) -> None:
    """Write an object into a file, from which `load` makes the same again.

    The object is made of dicts (whose keys are strings and integers), OrderedDicts, lists and tuples, nested as you
    like, of tensors and parameters, NumPy's arrays and scalars of all dtypes without objects, and of numbers,
    strings, booleans and None: a `state_dict()`, for example, or a dict of several with whatever else a run needs.

    The file is there whole or not at all: whoever is killed while saving leaves the former one. It is a zip archive
    of `.npy` files and one of JSON, and nothing in it can run.

    - Arrays and tensors that are the same memory are written once, and are one again when they are loaded. Those that
      overlap in part, as a view and its base, are written each by itself, and come back as copies.
    - Of a tensor its numbers and `requires_grad` are saved. Its graph, gradient and hooks are not: what was computed
      comes back as a leaf.
    - Arrays come back contiguous and writable.

    Args:
        obj: the object.
        path: the file, which is replaced if it exists; or a file that is open for writing in binary.

    Raises:
        TypeError: if something else is in it, a subclass of these types included. The message says where.
        ValueError: if a container contains itself, or more than 100 are nested.
        OSError: if the file cannot be written. In all these cases the former file is as it was.

    >>> import tempfile, tinygrad_edu as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"epoch": 3, "weights": [tg.tensor([1.0, 2.0])]}, f"{folder}/run.tg")
    ...     tg.load(f"{folder}/run.tg")
    {'epoch': 3, 'weights': [tensor([1., 2.])]}
    """
    if isinstance(obj, str | PathLike) and not isinstance(path, str | bytes | PathLike) and not hasattr(path, "write"):
        raise TypeError(f"save({describe(obj)}, …): the object comes first, and then the path, as in save(obj, path)")
    contents, arrays = _contents(obj)
    parts = [(_CONTENTS, [contents]), *((f"{i}.npy", [Layout.of(a).header(), raw(a)]) for i, a in enumerate(arrays))]
    if hasattr(path, "write"):
        write_members(path, parts)
    else:
        with writing(path) as file:
            write_members(file, parts)


def load(path: str | PathLike[str] | IO[bytes], map_location: Any = None, weights_only: bool = True) -> Any:
    """Read what `save` has written.

    Nothing that is in a file can run, whoever wrote it. A file that is not as it was written is an error.

    Args:
        path: the file; or one that is open for reading in binary.
        map_location: None or ``"cpu"``, the only device.
        weights_only: True: there is nothing else.

    Returns:
        The object. Arrays that were one are one.

    Raises:
        FileFormatError: if it is cut off, altered, of another kind, or of a later version.
        OSError: if it cannot be read.

    >>> import io, tinygrad_edu as tg
    >>> file = io.BytesIO()
    >>> tg.save((1.5, None), file)
    >>> position = file.seek(0)
    >>> tg.load(file)
    (1.5, None)
    """
    if map_location is not None and str(map_location) != "cpu":
        raise ValueError(f"load(map_location={describe(map_location)}): only the CPU is supported: leave it out")
    if weights_only is not True:
        raise ValueError(f"load(weights_only={weights_only!r}): a file holds data, and no pickle: leave it out")
    if hasattr(path, "read"):
        return _read(path, getattr(path, "name", "the file"))
    with open(path, "rb") as file:
        return _read(file, os.fsdecode(path))


def _contents(obj: Any) -> tuple[bytes, list[Array]]:
    """What the part in JSON says, and the arrays that it speaks of."""
    import json

    encoder = Encoder()
    tree = encoder.encode(obj, "obj")
    contents = {
        "format": _FORMAT,
        "version": _VERSION,
        "arrays": [Layout.of(array).stated() for array in encoder.arrays],
        "tensors": encoder.tensors,
        "tree": tree,
    }
    return json.dumps(contents, allow_nan=False).encode("ascii"), encoder.arrays


def _read(file: IO[bytes], name: str) -> Any:
    begin = file.tell()
    beginning = file.read(64)
    file.seek(begin)
    other = by_beginning(beginning)
    if other:
        raise FileFormatError(f"load: {name} is no file of tinygrad_edu's save. {other}")
    try:
        members = find_members(file)
        if _CONTENTS not in members:
            raise FileFormatError(f"load: {name} is no file of tinygrad_edu's save. {by_parts(members)}")
        return _object(file, members)
    except FileFormatError:
        raise
    except _NONSENSE as error:
        raise FileFormatError(
            f"load: {name} is damaged, and nothing was loaded: {error}. Take another copy of it, or save it again"
        ) from error


def _object(file: IO[bytes], members: dict[str, Member]) -> Any:
    import json

    text = bytearray(members[_CONTENTS].size)
    reading = Reading(file, members[_CONTENTS])
    reading.into(text)
    reading.finish()
    contents = json.loads(text)
    layouts = [Layout.from_stated(stated) for stated in contents["arrays"]]
    names = [f"{i}.npy" for i in range(len(layouts))]
    if members.keys() != {_CONTENTS, *names}:
        raise ValueError(f"it should have the parts {names}, and has {list(members)}")
    arrays = [_array(file, members[name], layout) for name, layout in zip(names, layouts)]
    return Decoder(arrays, contents["tensors"]).decode(contents["tree"])


def _array(file: IO[bytes], member: Member, layout: Layout) -> Array:
    header = layout.header()
    if member.size != len(header) + layout.size:
        raise ValueError(f"its part {member.name!r} has {member.size} bytes, an array of {layout} would have others")
    reading = Reading(file, member)
    start = bytearray(len(header))
    reading.into(start)
    if start != header:
        raise ValueError(f"its part {member.name!r} does not begin as an array of {layout} does")
    array = layout.empty()
    reading.into(raw(array))
    reading.finish()
    return array
