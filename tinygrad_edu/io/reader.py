"""Reading a file: its description is checked against its bytes before it is used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any

from .._version import __version__
from ..dtypes import Array
from ..errors import FileFormatError, describe
from .kinds import by_beginning, by_parts
from .members import CONTENTS, Member, Reading, directory, find_members, require_binary
from .npy import Layout, is_text, raw
from .tree import FORMAT, NONSENSE, VERSION, Decoder

_NO_WAY_BACK = "which cannot be read again from an earlier place: pass io.BytesIO(file.read())"


def read(path: Any, caller: str) -> Any:
    """Load what is in a file, for the function `caller`."""
    if not hasattr(path, "read"):
        if not isinstance(path, str | bytes | os.PathLike):
            raise TypeError(f"{caller}: {describe(path)} is neither a path nor a file open for reading")
        if Path(os.fsdecode(path)).is_fifo():  # opening one would wait for a writer
            raise ValueError(f"{caller}: {os.fsdecode(path)} is a pipe, {_NO_WAY_BACK}")
        with open(path, "rb") as file:
            return _read(file, os.fsdecode(path), caller)
    require_binary(path, caller)
    if not hasattr(path, "readinto") or not path.seekable():
        raise ValueError(f"{caller}: the open file is one {_NO_WAY_BACK}")
    return _read(path, str(getattr(path, "name", "the file")), caller)


def _read(file: IO[bytes], name: str, caller: str) -> Any:
    begin = file.tell()
    other = by_beginning(file.read(64), name)
    file.seek(begin)
    if other:
        raise FileFormatError(f"{caller}: {name} was not written by tinygrad_edu. {other}")
    try:
        listed = directory(file)
        names = [info.filename for info in listed.infos]
        if CONTENTS not in names:
            raise FileFormatError(f"{caller}: {name} was not written by tinygrad_edu. {by_parts(names, name)}")
        members = find_members(file, listed)
        contents = _contents(file, members[CONTENTS])
        if contents["version"] > VERSION:
            raise FileFormatError(
                f"{caller}: {name} has version {contents['version']} of the format, and tinygrad_edu {__version__} "
                f"supports none later than {VERSION}: update it, or save the file with this one"
            )
        return _object(file, members, contents)
    except FileFormatError:
        raise
    except NONSENSE as error:
        reason = str(error) if type(error) is ValueError else f"its description makes no sense ({error!r})"
        raise FileFormatError(
            f"{caller}: {name} is damaged: {reason}. Nothing was loaded: take another copy of the file"
        ) from error


def _contents(file: IO[bytes], member: Member) -> Any:
    """What the part in JSON says."""
    text = bytearray(member.size)
    reading = Reading(file, member)
    reading.into(text)
    reading.finish()
    contents = json.loads(text)
    if contents["format"] != FORMAT or type(contents["version"]) is not int or contents["version"] < 1:
        raise ValueError("it does not name its format and version")
    return contents


def _object(file: IO[bytes], members: dict[str, Member], contents: Any) -> Any:
    layouts = [Layout.from_stated(stated) for stated in contents["arrays"]]
    names = [f"{number}.npy" for number in range(len(layouts))]
    if list(members) != [CONTENTS, *names]:
        raise ValueError(f"{len(names)} arrays belong in it, but its parts are {describe(list(members))}")
    for name, layout in zip(names, layouts):  # all of them before there is memory for any
        if members[name].size != len(layout.header) + layout.size:
            raise ValueError(f"its part {name!r} has {members[name].size} bytes, which is not the size of {layout}")
    arrays = [_array(file, members[name], layout) for name, layout in zip(names, layouts)]
    return Decoder(arrays, contents["tensors"]).decode(contents["tree"])


def _array(file: IO[bytes], member: Member, layout: Layout) -> Array:
    reading = Reading(file, member)
    header = bytearray(len(layout.header))
    reading.into(header)
    if header != layout.header:
        raise ValueError(f"its part {member.name!r} does not begin as {layout} does")
    array = layout.empty()
    reading.into(raw(array))
    reading.finish()
    if not is_text(array):
        raise ValueError(f"its part {member.name!r} has invalid characters")
    return array
