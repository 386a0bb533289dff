"""Recognizing other kinds of files by their first bytes, and what to do with them."""

from __future__ import annotations

from collections.abc import Collection

from ..nn.module.weights import pickled

_BEGINNINGS = {
    b"\x93NUMPY": "It is a .npy file: read it with np.load(path)",
    b"\x89HDF": "It is an HDF5 file: read it with h5py",
    b"\x1f\x8b": "It is compressed by gzip: open it with gzip.open() first",
}


def by_beginning(beginning: bytes, name: str) -> str:
    """A sentence on the file of that name that begins so; empty for what is a zip archive."""
    if not beginning:
        return "It is empty: writing it was not finished"
    if beginning.startswith(b"PK\x03\x04"):
        return ""
    if beginning.startswith(b"PK\x05\x06"):
        return "It is an empty zip archive"
    for start, text in _BEGINNINGS.items():
        if beginning.startswith(start):
            return text
    if beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return f"It is {pickled(name)}"
    if beginning[8:10] == b'{"':  # after the length of this header
        return "It is a safetensors file: read it with model.load_safetensors(path)"
    return "Its type is not known"


def by_parts(parts: Collection[str], name: str) -> str:
    """A sentence on the zip archive of that name, in which there are these parts."""
    if any(part.endswith("data.pkl") for part in parts):
        return f"It is {pickled(name)}"
    if parts and all(part.endswith(".npy") for part in parts):
        return "It is a .npz file: read it with np.load(path)"
    return "It is a zip archive of something else"
