"""The parts of a file: an archive that other programs read, and what is wrong with one that was tampered with."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tinygrad_edu.io.members import Member, Reading, directory, find_members, write_members

PARTS = [("a", [b"first"]), ("b", [b"se", b"cond"]), ("c", [])]


def archive(parts: Any = PARTS) -> bytearray:
    file = io.BytesIO()
    write_members(file, parts)
    return bytearray(file.getvalue())


def found(data: bytes) -> dict[str, Member]:
    file = io.BytesIO(data)
    return find_members(file, directory(file))


def contents(data: bytes, member: Member) -> bytes:
    reading = Reading(io.BytesIO(data), member)
    buffer = bytearray(member.size)
    reading.into(buffer)
    reading.finish()
    return bytes(buffer)


def test_parts_come_back_in_their_order() -> None:
    data = archive()
    members = found(data)
    assert list(members) == ["a", "b", "c"]
    assert [contents(data, member) for member in members.values()] == [b"first", b"second", b""]


def test_the_same_parts_give_the_same_bytes() -> None:
    assert archive() == archive()


def test_other_programs_read_it() -> None:
    with zipfile.ZipFile(io.BytesIO(archive())) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == {"a": b"first", "b": b"second", "c": b""}


def test_archives_larger_than_the_first_kind_of_zip_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    parts = [(str(i), [bytes([i]) * size]) for i, size in enumerate((10, 200, 90, 1000))]
    data = archive(parts)
    members = found(data)
    assert [contents(data, member) for member in members.values()] == [piece for _, (piece,) in parts]


def test_more_parts_than_the_first_kind_of_zip_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    assert list(found(archive([(str(i), []) for i in range(5)]))) == list("01234")


def zipped(write: Callable[[zipfile.ZipFile], Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        write(archive)
    return file.getvalue()


def compressed(archive: zipfile.ZipFile) -> None:
    archive.writestr("bomb", b"0" * 10**6, zipfile.ZIP_DEFLATED)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_parts_that_have_one_name() -> None:
    def twice(archive: zipfile.ZipFile) -> None:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")

    with pytest.raises(ValueError, match="it has two parts called 'a'"):
        found(zipped(twice))


def test_parts_that_would_grow_when_they_are_read() -> None:
    data = zipped(compressed)
    assert len(data) < 2000
    with pytest.raises(ValueError, match="its part 'bomb' is compressed or encrypted"):
        found(data)


def listing(data: bytes) -> int:
    """Where the list of the parts begins."""
    return bytes(data).index(b"PK\x01\x02")


def changed(at: int, form: str, value: int) -> bytearray:
    """An archive with one number in the first line of its list of parts changed."""
    data = archive()
    struct.pack_into(form, data, listing(data) + at, value)
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (changed(8, "<H", 1), "compressed or encrypted"),
        (changed(10, "<H", 8), "compressed or encrypted"),
        (changed(20, "<I", 4), "compressed or encrypted"),
        (changed(24, "<I", 2**31), "compressed or encrypted"),
        (changed(42, "<I", 1), "do not follow one another"),
        (changed(42, "<I", 2**31), "do not follow one another"),
        (b"xx" + archive(), "do not follow one another"),
        (archive()[:-1], "it may be cut off"),
        (archive()[:40], "it may be cut off"),
        (b"", "it may be cut off"),
        (b"PK\x05\x06" + bytes(18), ""),
    ],
    ids=str,
)
def test_what_is_no_archive_of_parts_one_after_the_other(data: bytes, said: str) -> None:
    if not said:
        assert found(data) == {}
        return
    with pytest.raises(ValueError, match=said):
        found(data)


def test_parts_that_overlap() -> None:
    data = archive()
    first = listing(data)
    for at in (20, 24):  # the first one is said to reach into the second
        struct.pack_into("<I", data, first + at, 50)
    with pytest.raises(ValueError, match="do not follow one another"):
        found(data)
    data = archive([("a", [b"only"])])
    for at in (20, 24):  # the last one is said to reach to the end of the file, or far beyond it
        struct.pack_into("<I", data, listing(data) + at, 2**31)
    with pytest.raises(ValueError, match="its parts overlap"):
        found(data)


def test_a_part_that_is_not_where_the_list_says() -> None:
    data = archive()
    data[30:31] = b"x"  # its name
    with pytest.raises(ValueError, match="its part 'a' is not where it should be"):
        found(data)
    data = archive()
    data[0:2] = b"KP"
    with pytest.raises(ValueError, match="its part 'a' is not where it should be"):
        found(data)


def test_bytes_that_were_altered_or_are_gone() -> None:
    data = archive()
    member = found(data)["b"]
    data[member.offset] ^= 1
    with pytest.raises(ValueError, match="its part 'b' was altered"):
        contents(data, member)
    with pytest.raises(ValueError, match="its part 'b' is cut off"):
        contents(data[: member.offset + 3], member)


def test_reading_goes_on_where_a_file_gives_a_part_of_what_is_asked_for() -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:2])

    data = archive()
    reading = Reading(Slow(data), found(data)["b"])
    buffer = bytearray(6)
    reading.into(buffer)
    reading.finish()
    assert buffer == b"second"
