"""Reading files that were cut off, altered or made up: an error of one kind, or what was saved, and nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from savable import check_same

import tinygrad_edu as tg
from tinygrad_edu import FileFormatError
from tinygrad_edu.io.members import write_members
from tinygrad_edu.io.npy import Layout, raw

SMALL = {"w": tg.ones(2, requires_grad=True), 1: (np.arange(3)[::-1], [0.5, "é"])}


def saved(obj: Any) -> bytes:
    file = io.BytesIO()
    tg.save(obj, file)
    return file.getvalue()


def loaded(data: Any) -> Any:
    return tg.load(io.BytesIO(data))


def check(data: Any) -> bool:
    """Whether it is loaded, as it was; False for the error. Anything else is a failure."""
    try:
        again = loaded(data)
    except FileFormatError:
        return False
    check_same(again, SMALL)
    return True


def test_a_file_that_is_cut_off() -> None:
    data = saved(SMALL)
    assert check(data)
    assert not any(check(data[:length]) for length in range(len(data)))
    with pytest.raises(
        FileFormatError, match="is damaged: the list of its parts, at its end, cannot be read: it may be"
    ):
        loaded(data[:-30])


def test_a_file_of_which_a_piece_is_missing_in_the_middle() -> None:
    data = saved(SMALL)
    assert not any(check(data[:begin] + data[begin + 1 :]) for begin in range(len(data) - 22))


@pytest.mark.parametrize("change", [1, 0x80, 0xFF], ids=hex)
def test_a_file_in_which_any_byte_was_altered(change: int) -> None:
    data = bytearray(saved(SMALL))
    passed = 0
    for place in range(len(data)):
        data[place] ^= change
        passed += check(data)
        data[place] ^= change
    assert passed < len(data) / 4  # dates, and what is said twice, in the headers of zip


def test_damage_is_the_same_in_a_file_on_disk(tmp_path: Path) -> None:
    data = bytearray(saved(SMALL))
    for place in range(len(data) - 22, len(data)):  # by these numbers zip finds the rest
        data[place] ^= 0x80
        (tmp_path / "run").write_bytes(data)
        data[place] ^= 0x80
        with contextlib.suppress(FileFormatError):
            check_same(tg.load(tmp_path / "run"), SMALL)


@given(st.data())
def test_a_file_that_was_altered_in_many_places(data: Any) -> None:
    contents = bytearray(saved(SMALL))
    for _ in range(data.draw(st.integers(1, 5))):
        begin = data.draw(st.integers(0, len(contents)))
        end = data.draw(st.integers(begin, min(len(contents), begin + 40)))
        contents[begin:end] = data.draw(st.binary(max_size=40))
    check(contents)


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00"]))
def test_bytes_that_mean_nothing(noise: bytes, begin: bytes) -> None:
    with pytest.raises(FileFormatError):
        loaded(begin + noise)


def test_much_noise() -> None:
    for seed in range(20):
        with pytest.raises(FileFormatError):
            loaded(random.Random(seed).randbytes(100_000))


# Files whose checksums are right, but that `save` would not have written


CONTENTS = {
    "format": "tinygrad_edu",
    "version": 1,
    "arrays": [{"dtype": "<f8", "shape": [3], "order": "C"}],
    "tensors": [],
    "tree": {"array": 0},
}
ARRAY = Layout.of(np.ones(3)).header + bytes(raw(np.ones(3)))


def made(parts: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """A file of these parts, and of a contents of which this is changed."""
    contents = json.dumps({**CONTENTS, **changes}).encode()
    file = io.BytesIO()
    everything = {"tinygrad_edu.json": contents, "0.npy": ARRAY, **(parts or {})}
    write_members(file, [(name, [part]) for name, part in everything.items() if part is not None])
    return file.getvalue()


def test_a_file_that_was_made_up_is_loaded_if_it_is_as_it_should_be() -> None:
    assert loaded(made()).tolist() == [1.0, 1.0, 1.0]


def test_a_later_version() -> None:
    with pytest.raises(
        FileFormatError, match=r"has version 2 of the format, and tinygrad_edu .* none later .* 1: update"
    ):
        loaded(made(version=2, arrays="something new", tree=None))


HUGE = {"dtype": "<f8", "shape": [10**6, 10**6, 10], "order": "C"}
HUGE_HEADER = Layout.from_stated(HUGE).header


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            made(arrays=[HUGE]),
            r"its part '0\.npy' has 152 bytes, which is not the size of an array of float64 and shape",
        ),
        (made({"0.npy": HUGE_HEADER + bytes(24)}), "does not begin as an array of float64"),
        (made({"0.npy": HUGE_HEADER + bytes(24)}, arrays=[HUGE]), "which is not the size of an array"),
        (made(arrays=[{**HUGE, "shape": [0, 2**62]}], parts={"0.npy": b""}), "which is not the size"),
        (made({"0.npy": ARRAY[:-1]}), "which is not the size"),
        (made({"0.npy": ARRAY + b"x"}), "which is not the size"),
        (made({"0.npy": None}), r"1 arrays belong in it, but its parts are \['tinygrad_edu\.json'\]"),
        (made({"1.npy": ARRAY}), "1 arrays belong in it"),
        (made({"0.npy": None, "../0.npy": ARRAY}), "1 arrays belong in it"),
        (made({"0.npy": None, "/etc/passwd": ARRAY}), "1 arrays belong in it"),
        (made(format="other"), "it does not name its format and version"),
        (made(version=0), "it does not name its format and version"),
        (made(version=True), "it does not name its format and version"),
        (made(version="1"), "it does not name its format and version"),
        (made(version=None), "it does not name its format and version"),
        (made(arrays=[{"dtype": "|O8", "shape": [3], "order": "C"}]), r"there is no dtype '\|O8'"),
        (made(arrays=[None]), "makes no sense"),
        (made(arrays=None), "makes no sense"),
        (made(tree={"array": 7}), "makes no sense"),
        (made(tree={"function": "print"}), "makes no sense"),
        (made(tensors=[{"array": 0}]), "makes no sense"),
        (made({"tinygrad_edu.json": b"[1, 2"}), "makes no sense"),
        (made({"tinygrad_edu.json": b"\xff\xfe\xfa"}), "makes no sense"),
        (made({"tinygrad_edu.json": b"[]"}), "makes no sense"),
        (made({"tinygrad_edu.json": b"{}"}), "makes no sense"),
        (made({"tinygrad_edu.json": b"[" * 200_000}), "makes no sense"),
        (made({"tinygrad_edu.json": json.dumps(CONTENTS)[:-15].encode() + b"[" * 99_999}), "makes no sense"),
        (made({"tinygrad_edu.json": b'{"format": 1' + b"0" * 5000 + b"}"}), ""),
    ],
    ids=lambda case: "",
)
def test_what_is_wrong_with_it_is_said(data: bytes, said: str) -> None:
    with pytest.raises(
        FileFormatError, match=rf"^load: the file is damaged: .*{said}.*Nothing was loaded: take another"
    ):
        loaded(data)


def test_no_memory_is_asked_for_that_the_file_does_not_fill() -> None:
    wide = [{"dtype": "<f8", "shape": [2**27], "order": "C"}]  # of which there would be enough
    tracemalloc.start()
    try:
        for data in (made(arrays=wide), made({"0.npy": HUGE_HEADER}, arrays=[HUGE])):
            with pytest.raises(FileFormatError):
                loaded(data)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_arrays_of_no_bytes_that_are_too_large_all_the_same() -> None:
    shape = {"dtype": "<f8", "shape": [0, 2**40, 2**40], "order": "C"}
    with pytest.raises(FileFormatError):
        loaded(made({"0.npy": Layout.from_stated(shape).header}, arrays=[shape]))


@pytest.mark.parametrize("dtype", ["<U1", ">U2", [["a", "<f4"], ["b", "<U1", [3]]]], ids=str)
def test_text_that_is_no_text(dtype: Any) -> None:
    stated = {"dtype": dtype, "shape": [2], "order": "C"}
    layout = Layout.from_stated(stated)
    file = made({"0.npy": layout.header + bytes(layout.size)}, arrays=[stated])
    assert loaded(file).dtype == layout.dtype
    file = made({"0.npy": layout.header + b"\xff" * layout.size}, arrays=[stated])
    with pytest.raises(FileFormatError, match=r"damaged: its part '0\.npy' has invalid characters"):
        loaded(file)


def test_a_file_is_read_once() -> None:
    class Counting(io.BytesIO):
        count = 0

        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            self.count += count
            return count

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    for arrays in (1, 4):
        file = Counting(saved([np.ones(100_000) + i for i in range(arrays)]))
        tg.load(file)
        assert file.count < len(file.getvalue()) + 70_000  # where zip looks for its end


def test_of_two_files_in_one_the_second_is_not_taken_for_the_first() -> None:
    file = io.BytesIO()
    tg.save("first", file)
    second = file.tell()
    tg.save("second", file)
    file.seek(second)
    assert tg.load(file) == "second"
    file.seek(0)
    with pytest.raises(FileFormatError, match="its parts do not follow one another"):
        tg.load(file)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, OSError])
def test_what_is_no_fault_of_the_file_is_not_said_of_it(kind: type[BaseException]) -> None:
    def fail(self: Any, buffer: Any) -> int:
        raise kind

    Failing: Callable[[bytes], Any] = type("Failing", (io.BytesIO,), {"readinto": fail})
    with pytest.raises(kind):
        tg.load(Failing(saved(SMALL)))
