"""Atomic files: written beside their place, and moved there when they are complete.

A program can be killed, and a disk can fill up, at any moment. A file that `writing` writes has either its former
contents or the new ones, never a part of them.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from typing import IO

# What a file is called while it is written.
_UNFINISHED = re.compile(r"\.tinygrad_edu-[0-9a-f]{16}\.part")


@contextmanager
def writing(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write in, which takes the place of the one at `path` if the block ends well.

    If it does not, the former file stays as it was. A writer that is killed leaves a hidden file
    ``.tinygrad_edu-….part`` behind, which the next one in that folder removes (not on Windows).

    Args:
        path: the file; links are followed. One that exists keeps its permissions.

    Raises:
        OSError: if it cannot be written there. The message says what to do.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with writing(f"{folder}/greeting") as file:
    ...         size = file.write(b"hello")
    ...     print(os.listdir(folder))
    ['greeting']
    """
    target, permissions = _resolved(path)
    folder = os.path.dirname(target)
    _remove_leftovers(folder)
    unfinished = os.path.join(folder, f".tinygrad_edu-{os.urandom(8).hex()}.part")
    try:
        with _new_file(unfinished, target) as file:
            if permissions is not None:
                os.chmod(unfinished, permissions)
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with the contents missing
            if os.name != "nt":  # while it is locked, or another writer might take it for a leftover
                _move(unfinished, target)
        if os.name == "nt":  # where no file is moved that is open
            _move(unfinished, target)
    except BaseException:  # Ctrl-C as well
        with suppress(OSError):
            os.unlink(unfinished)
        raise
    _sync(folder)


def _resolved(path: str | PathLike[str]) -> tuple[str, int | None]:
    """Where `path` leads to, and the permissions of the file that is there; None if there is none."""
    target = os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(target)
    try:
        found = os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.path.isdir(folder):
            return target, None
        raise _refusal(error.errno, target, f"there is no folder {folder}: make it with os.makedirs()") from None
    if stat.S_ISDIR(found):
        raise _refusal(errno.EISDIR, target, "that is a folder: add the name of a file in it")
    if not stat.S_ISREG(found):
        raise _refusal(errno.EINVAL, target, "that is a device or pipe: open it yourself, and pass the open file")
    if not os.access(target, os.W_OK):
        raise _refusal(errno.EACCES, target, "the file is write-protected: choose another name, or allow it")
    return target, stat.S_IMODE(found)


def _refusal(number: int | None, target: str, reason: str) -> OSError:
    """An error of the kind that belongs to that number, such as FileNotFoundError."""
    return OSError(number, f"cannot write {target}: {reason}")


def _new_file(unfinished: str, target: str) -> IO[bytes]:
    """The file to write in, with the permissions that `open` would give it, and locked while it is open."""
    while True:
        try:
            file = open(unfinished, "xb")  # noqa: SIM115 - the caller closes it
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            reason = f"no new file can be made beside it ({error.strerror}): choose a folder that you may write to"
            raise _refusal(error.errno, target, reason) from None
        if not _lock(file, wait=True) or _is_there(file, unfinished):
            return file
        file.close()  # another writer took it for a leftover just before it was locked


def _lock(file: IO[bytes], wait: bool) -> bool:
    """Lock an open file, unless it is locked or there are no locks here. The lock of a killed process is released."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # Windows has no fcntl
        return False
    return True


def _is_there(file: IO[bytes], name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except FileNotFoundError:
        return False


def _move(unfinished: str, target: str) -> None:
    """Put the complete file in its place."""
    try:
        os.replace(unfinished, target)
    except OSError as error:  # in a folder of all, the file of another user; on Windows, one that is being read
        reason = f"the file that is there cannot be replaced ({error.strerror}): choose another name"
        raise _refusal(error.errno, target, reason) from None


def _remove_leftovers(folder: str) -> None:
    """Remove unfinished files of writers that have ended: those that nobody has locked."""
    with suppress(OSError):  # whoever cannot look into a folder, or remove a file of others, can still write
        for name in filter(_UNFINISHED.fullmatch, os.listdir(folder)):
            path = os.path.join(folder, name)
            with suppress(OSError), open(path, "r+b") as file:
                if _lock(file, wait=False):
                    os.unlink(path)


def _sync(folder: str) -> None:
    """Write the new name to disk as well. The file is in place already: an error here does no harm."""
    if os.name != "nt":
        with suppress(OSError):
            number = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
