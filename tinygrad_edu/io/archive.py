"""Saving and loading: nested containers of tensors, arrays, numbers and text in one file."""

from __future__ import annotations

from os import PathLike
from typing import IO, Any

__all__ = ["load", "save"]


def save(obj: Any, path: str | PathLike[str] | IO[bytes]) -> None:
    """Write `obj`, nested dicts, lists and tuples of tensors, arrays, numbers, strings and None, into a file."""
    raise NotImplementedError


def load(path: str | PathLike[str] | IO[bytes], map_location: Any = None, weights_only: bool = True) -> Any:
    """Read what `save` has written."""
    raise NotImplementedError
