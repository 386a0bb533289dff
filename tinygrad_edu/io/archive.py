"""Files of tensors: nested containers of tensors, arrays, numbers and text, in a file in which nothing runs."""

from __future__ import annotations

from os import PathLike
from typing import IO, Any

from ..errors import describe

__all__ = ["load", "save"]


def save(obj: Any, f: str | PathLike[str] | IO[bytes]) -> None:
    """Write an object into a file, from which `load` makes the same again.

    It may be made of dicts (whose keys are strings and integers), OrderedDicts, lists and tuples, one in another; of
    tensors and parameters, NumPy's arrays and scalars of all dtypes without objects; of numbers, strings, booleans
    and None. A `state_dict()` is, and a dict of several with whatever else a run needs.

    The file is there whole or not at all: a program that is killed while it saves leaves the former one. It is a zip
    archive of one part in JSON, and a `.npy` file for each array, which `np.load` reads as well.

    - Arrays and tensors that are the same memory are written once, and are one again when they are loaded. Those
      that overlap otherwise, as a view and its base do, are written each by itself, and come back as copies.
    - Of a tensor, its numbers and `requires_grad` are saved; its graph, gradient and hooks are not. What was
      computed comes back as a leaf.
    - Arrays come back contiguous, in C or Fortran order, and can be written to.

    Args:
        obj: the object.
        f: the path of the file, which is replaced if it exists; or a file that is open for writing in binary, which is
            written into as it is.

    Raises:
        TypeError: if there is anything else in it, a subclass of these types included: the message says where.
        ValueError: if a container contains itself, or more than 100 contain one another.
        OSError: if the file cannot be written. In all of these cases the former one is as it was.

    >>> import tempfile, tinygrad_edu as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"epoch": 3, "weights": [tg.tensor([1.0, 2.0])]}, f"{folder}/run.tg")
    ...     tg.load(f"{folder}/run.tg")
    {'epoch': 3, 'weights': [tensor([1., 2.])]}
    """
    from .writer import write  # most programs do without

    write(obj, f, "save", "obj")


def load(f: str | PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Read what `save` has written.

    Nothing in a file can run, whoever wrote it, and a file that is not as it was written is an error.

    Args:
        f: the path of the file; or one that is open for reading in binary, and begins here.
        map_location: for programs written for PyTorch: None, ``"cpu"`` or a function, which is not called. There is but
            one device.
        weights_only: for the same: it makes no difference, since no pickle is ever opened.

    Returns:
        The object. Arrays that were one are one.

    Raises:
        FileFormatError: if it is cut off, altered, of another kind, or of a later version.
        ValueError: if it is a pipe, or an open file that cannot go back.
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
