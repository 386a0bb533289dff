"""The parts of a file: a zip archive that holds them one after the other, as they are.

Nothing is taken on trust. The position and length of each part must fit the actual file, so that no more memory is
allocated than there are bytes to read.
"""

from __future__ import annotations

import errno
import io
import struct
import zlib
from collections.abc import Iterable
from typing import IO, Any, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

CONTENTS = "tinygrad_edu.json"  # the part that says what is in the file; it comes first

_HEAD = struct.Struct("<4s22x2H")  # of a part: signature, the lengths of its name and of what else follows
_PLAIN_FLAGS = 0x8 | 0x800  # sizes stand behind the part; the name is UTF-8


class Member(NamedTuple):
    """One part: where its bytes begin in the file, how many there are, and their checksum."""

    name: str
    offset: int
    size: int
    checksum: int


def require_binary(file: Any, caller: str) -> None:
    """Raise TypeError, for the function `caller`, if a file is open for text."""
    if isinstance(file, io.TextIOBase):
        raise TypeError(f'{caller}: the file is open for text: open it in binary, with mode "rb" or "wb"')


def write_members(file: IO[bytes], members: Iterable[tuple[str, list[Any]]]) -> None:
    """Write an archive of parts, each a name and the pieces of its contents. The same parts give the same bytes."""
    with ZipFile(file, "w") as archive:
        for name, pieces in members:
            info = ZipInfo(name)
            info.file_size = sum(len(piece) for piece in pieces)  # whether it needs a header for large parts
            with archive.open(info, "w") as member:
                for piece in pieces:
                    member.write(piece)


class Directory(NamedTuple):
    """What an archive lists at its end: zip's own notes on each part. And where that begins."""

    infos: list[ZipInfo]
    end: int


def directory(file: IO[bytes]) -> Directory:
    """Read what the archive lists. Raises ValueError if that cannot be read; `file` stands where it stood."""
    begin = file.tell()
    try:
        with ZipFile(file) as archive:
            return Directory(archive.infolist(), archive.start_dir)
    except (BadZipFile, ArithmeticError, EOFError, LookupError, NotImplementedError, ValueError, struct.error) as error:
        raise ValueError(f"the list of its parts, at its end, cannot be read: it may be cut off ({error})") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is for places before the beginning of the file
            raise
        raise ValueError("the list of its parts is not where it should be") from None
    finally:
        file.seek(begin)


def find_members(file: IO[bytes], listed: Directory) -> dict[str, Member]:
    """The parts of the archive that begins where `file` stands, by their names.

    Raises:
        ValueError: if they do not lie there plainly, one after the other.
    """
    begin = file.tell()
    found: dict[str, Member] = {}
    for info in listed.infos:
        if info.header_offset < begin or (not found and info.header_offset != begin):
            raise ValueError("its parts do not follow one another")
        member = _member(file, info)
        begin = member.offset + member.size
        if member.name in found:
            raise ValueError(f"it has two parts called {member.name!r}")
        found[member.name] = member
    if begin > listed.end:
        raise ValueError("its parts overlap")
    return found


def _member(file: IO[bytes], info: ZipInfo) -> Member:
    name = info.orig_filename
    if info.compress_type != 0 or info.file_size != info.compress_size or info.flag_bits & ~_PLAIN_FLAGS:
        raise ValueError(f"its part {name!r} is compressed or encrypted")
    file.seek(info.header_offset)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise ValueError(f"its part {name!r} is not there")
    signature, name_length, more = _HEAD.unpack(head)
    if signature != b"PK\x03\x04" or file.read(name_length) != name.encode("utf8", "surrogateescape"):
        raise ValueError(f"its part {name!r} is not where it should be")
    return Member(name, info.header_offset + _HEAD.size + name_length + more, info.file_size, info.CRC)


class Reading:
    """Reads the bytes of one part in order, and checks them at the end."""

    def __init__(self, file: IO[bytes], member: Member) -> None:
        self._file, self._member, self._checksum = file, member, 0
        file.seek(member.offset)

    def into(self, buffer: Any) -> None:
        """Fill `buffer` with the next bytes."""
        view = memoryview(buffer)
        filled = 0
        while filled < len(view):
            count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise ValueError(f"its part {self._member.name!r} is cut off")
            filled += count
        self._checksum = zlib.crc32(view, self._checksum)

    def finish(self) -> None:
        """Raise ValueError if the bytes are not those that were written."""
        if self._checksum != self._member.checksum:
            raise ValueError(f"its part {self._member.name!r} was altered: the checksum is not that of its bytes")
