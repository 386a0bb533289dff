"""Writing a file: everything is checked first, then written in one go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from ..dtypes import Array
from ..errors import describe
from ..files import writing
from .members import CONTENTS, require_binary, write_members
from .npy import Layout, raw
from .tree import FORMAT, VERSION, Encoder


def write(obj: Any, path: Any, caller: str, root: str) -> None:
    """Save `obj`, which errors call `root`, for the function `caller`."""
    is_file = hasattr(path, "write")
    if not is_file and not isinstance(path, str | bytes | os.PathLike):
        swapped = ": the object comes first, then the path" if isinstance(obj, str | os.PathLike) else ""
        raise TypeError(f"{caller}: {describe(path)} is neither a path nor a file open for writing{swapped}")
    encoder = Encoder(caller, root)
    tree = encoder.encode(obj)
    layouts = [Layout.of(array) for array in encoder.arrays]
    contents = {
        "format": FORMAT,
        "version": VERSION,
        "arrays": [layout.stated() for layout in layouts],
        "tensors": encoder.tensors,
        "tree": tree,
    }
    text = json.dumps(contents, allow_nan=False).encode("ascii")
    parts = _parts(text, encoder.arrays, layouts)
    if is_file:
        require_binary(path, caller)
        write_members(path, parts)
    else:
        with writing(path) as file:
            write_members(file, parts)


def _parts(contents: bytes, arrays: list[Array], layouts: list[Layout]) -> Iterator[tuple[str, list[Any]]]:
    """The name and contents of each part, made when its turn comes: an array may have to be copied for it."""
    yield CONTENTS, [contents]
    for number, (array, layout) in enumerate(zip(arrays, layouts)):
        yield f"{number}.npy", [layout.header, raw(array)]
