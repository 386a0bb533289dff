"""Writing a file: first all is looked through, and then it is written at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..dtypes import Array
from ..files import writing
from .members import CONTENTS, require_binary, write_members
from .npy import Layout, raw
from .tree import FORMAT, VERSION, Encoder


def write(obj: Any, path: Any, caller: str, root: str) -> None:
    """Save `obj`, which errors call `root`, for the function `caller`."""
    encoder = Encoder(caller, root)
    tree = encoder.encode(obj)
    contents = {
        "format": FORMAT,
        "version": VERSION,
        "arrays": [Layout.of(array).stated() for array in encoder.arrays],
        "tensors": encoder.tensors,
        "tree": tree,
    }
    text = json.dumps(contents, allow_nan=False).encode("ascii")
    if hasattr(path, "write"):
        require_binary(path, caller)
        write_members(path, _parts(text, encoder.arrays))
    else:
        with writing(path) as file:
            write_members(file, _parts(text, encoder.arrays))


def _parts(contents: bytes, arrays: list[Array]) -> Iterator[tuple[str, list[Any]]]:
    """The name and contents of each part, made when its turn comes: an array may have to be copied for it."""
    yield CONTENTS, [contents]
    for number, array in enumerate(arrays):
        yield f"{number}.npy", [Layout.of(array).header(), raw(array)]
