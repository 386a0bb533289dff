"""Files of tensors: nested containers of tensors, arrays, numbers and text, in a file in which nothing runs."""

from __future__ import annotations

from os import PathLike
from typing import IO, Any

from ..errors import describe

__all__ = ["load", "save"]


def save(obj: Any, f: str | PathLike[str] | IO[bytes]) -> None:
    """Write an object to a file, from which `load` restores it.

    It may consist of nested dicts (whose keys are strings and integers), OrderedDicts, lists and tuples; tensors and
    parameters; NumPy arrays and scalars of all dtypes without objects; numbers, strings, booleans and None. A
    `state_dict()` does, and so does a dict of several with whatever else a run needs.

    The file is written completely or not at all: a program that is killed while saving leaves the old file. It is a zip
    archive of one part in JSON, and a `.npy` file for each array, which `np.load` reads as well.

    - Arrays and tensors that share the same memory are written once, and share memory again when they are loaded. Those
      that overlap in another way, such as a view and its base, are written separately, and come back as copies.
    - For a tensor, its numbers and `requires_grad` are saved; its graph, gradient and hooks are not. A computed tensor
      comes back as a leaf.
    - Arrays come back contiguous, in C or Fortran order, and can be written to.

    Args:
        obj: the object.
        f: the path of the file, which is replaced if it exists; or a file that is open for writing in binary mode.

    Raises:
        TypeError: if it contains anything else, including subclasses of these types: the message says where.
        ValueError: if a container contains itself, or more than 100 are nested.
        OSError: if the file cannot be written. In all of these cases an existing file is unchanged.

    >>> import tempfile, tinygrad_edu as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"epoch": 3, "weights": [tg.tensor([1.0, 2.0])]}, f"{folder}/run.tg")
    ...     tg.load(f"{folder}/run.tg")
    {'epoch': 3, 'weights': [tensor([1., 2.])]}
    """
    from .writer import write  # most programs do without

    write(obj, f, "save", "obj")


def load(f: str | PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Read a file that `save` has written.

    No file can execute code, whoever wrote it, and a file that was altered is an error.

    Args:
        f: the path of the file; or a file that is open for reading in binary mode, at its current position.
        map_location: accepted for compatibility with PyTorch: None, ``"cpu"`` or a function, which is not called. There
            is only one device.
        weights_only: likewise: it makes no difference, since no pickle is ever opened.

    Returns:
        The object. Arrays that shared memory share it again.

    Raises:
        FileFormatError: if it is truncated, altered, of another type, or of a later version.
        ValueError: if it is a pipe, or an open file that cannot seek.
        OSError: if it cannot be read.

    >>> import io, tinygrad_edu as tg
    >>> file = io.BytesIO()
    >>> tg.save((1.5, None), file)
    >>> position = file.seek(0)
    >>> tg.load(file)
    (1.5, None)
    """
    if not (map_location is None or callable(map_location) or str(map_location) == "cpu"):
        raise ValueError(f"load(map_location={describe(map_location)}): only the CPU is supported: leave it out")
    from .reader import read

    return read(f, "load")
