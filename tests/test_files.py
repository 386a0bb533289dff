"""Files that are there whole or not at all, whatever happens to whoever writes them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from killing import killed

from tinygrad_edu import files
from tinygrad_edu.files import writing

OLD, NEW = b"old" * 1000, b"new" * 2000
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, permissions and locks of POSIX")
NOBODY = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
LEFT = ".tinygrad_edu-0123456789abcdef.part"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


def only(path: Path) -> bytes:
    """The contents of a file that is alone in its folder."""
    assert os.listdir(path.parent) == [path.name]
    return path.read_bytes()


def test_a_new_file_and_one_in_the_place_of_another(tmp_path: Path) -> None:
    for contents in (OLD, NEW, b""):
        with writing(tmp_path / "file") as file:
            file.write(contents)
        assert only(tmp_path / "file") == contents


def test_nobody_sees_a_part_of_it(path: Path) -> None:
    with writing(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert only(path) == NEW


def test_the_path_may_be_text_bytes_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("file", b"file", "./file", os.fsencode(tmp_path / "file")):
        with writing(path) as file:  # type: ignore[arg-type]
            file.write(repr(path).encode())
        assert only(tmp_path / "file") == repr(path).encode()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit, MemoryError])
def test_if_the_block_does_not_end_well_the_old_file_stays(path: Path, error: type[BaseException]) -> None:
    def write() -> None:
        with writing(path) as file:
            file.write(NEW)
            raise error

    with pytest.raises(error):
        write()
    assert only(path) == OLD


@pytest.mark.parametrize("name", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "no space left")])
def test_if_the_system_fails_or_ctrl_c_comes_late_the_old_file_stays(
    path: Path, name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(type(error)), writing(path) as file:
        file.write(NEW)
    assert only(path) == OLD


@POSIX
def test_a_full_disk_leaves_the_old_file(path: Path) -> None:
    program = """
import resource, sys
from tinygrad_edu.files import writing
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    with writing(sys.argv[1]) as file:
        file.write(b"new" * 2000)
except OSError as error:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
    assert only(path) == OLD


def test_it_is_on_the_disk_before_it_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    fsync, replace = os.fsync, os.replace

    def synced(number: int) -> None:
        found = os.fstat(number)
        done.append("folder" if stat.S_ISDIR(found.st_mode) else found.st_size)
        fsync(number)

    def replaced(source: str, target: str) -> None:
        done.append("moved")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with writing(path) as file:
        file.write(NEW)
    assert done == [len(NEW), "moved", *(["folder"] if os.name != "nt" else [])]


# Killed


@POSIX
def test_a_kill_at_any_call_leaves_the_old_or_the_new_file(path: Path) -> None:
    program = f"""
import runpy
writing = runpy.run_path({files.__file__!r})["writing"]  # without NumPy: processes that are soon there
def write():
    with writing(path) as file:
        for _ in range(4):
            file.write({NEW[: len(NEW) // 4]!r})
"""
    report = killed(program, path, moments=15)
    assert report.found.keys() == {hashlib.sha256(contents).hexdigest() for contents in (OLD, NEW)}
    assert report.calls > 30
    assert report.most == 2  # the file, and what the last one that was killed has left


def test_what_a_killed_writer_left_is_removed_and_nothing_else(path: Path) -> None:
    others = [".tinygrad_edu-notes.part", f"x{LEFT}", f"{LEFT}.bak", ".part"]
    for name in (LEFT, LEFT.replace("0", "f"), *others):
        (path.parent / name).write_bytes(b"part")
    with writing(path) as file:
        file.write(NEW)
    left = {LEFT, LEFT.replace("0", "f")} if os.name == "nt" else set()
    assert set(os.listdir(path.parent)) == {path.name, *others, *left}


@POSIX
def test_what_another_is_still_writing_is_not_removed(path: Path) -> None:
    with writing(path) as file:
        file.write(NEW)
        with writing(path.parent / "other") as other:
            other.write(OLD)
        program = "import sys\nfrom tinygrad_edu.files import writing\nwith writing(sys.argv[1]): pass"
        subprocess.run([sys.executable, "-c", program, str(path.parent / "third")], check=True)
    assert path.read_bytes() == NEW
    assert sorted(os.listdir(path.parent)) == ["file", "other", "third"]


@POSIX
def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flock = fcntl.flock
    meddled = []

    def late(file: Any, how: int) -> None:
        if not meddled:
            meddled.append(file)
            os.unlink(file.name)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with writing(path) as file:
        file.write(NEW)
    assert meddled
    assert only(path) == NEW


@POSIX
def test_where_there_are_no_locks_files_are_written_and_leftovers_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def none(file: Any, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    (path.parent / LEFT).write_bytes(b"part")
    with writing(path) as file:
        file.write(NEW)
    assert path.read_bytes() == NEW
    assert sorted(os.listdir(path.parent)) == [LEFT, "file"]


def test_many_who_write_the_same_file_do_not_mix(path: Path) -> None:
    problems: list[BaseException] = []

    def write(letter: bytes) -> None:
        try:
            for _ in range(20):
                with writing(path) as file:
                    file.write(letter * 5000)
                    file.write(letter * 5000)
                assert len(set(path.read_bytes())) == 1
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(set(only(path))) == 1


# Whose it is, and where


@POSIX
def test_permissions_are_those_that_open_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with writing(tmp_path / "file"):
            pass
        open(tmp_path / "plain", "wb").close()
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "file").chmod(0o604)
    with writing(tmp_path / "file"):
        pass
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o604


@POSIX
def test_links_are_followed(tmp_path: Path, path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link"
    link.symlink_to("../file")
    with writing(link) as file:
        file.write(NEW)
    assert link.is_symlink()
    assert path.read_bytes() == NEW
    assert os.listdir(tmp_path / "links") == ["link"]
    link.unlink()
    link.symlink_to(tmp_path / "not there yet")
    with writing(link) as file:
        file.write(OLD)
    assert (tmp_path / "not there yet").read_bytes() == OLD
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OSError, match="symbolic links"), writing(link):
        pass
    assert link.is_symlink()


def refused(path: Any, kind: type[OSError], said: str) -> None:
    with pytest.raises(kind, match=said), writing(path):
        raise AssertionError("the block is not entered")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    refused(tmp_path, IsADirectoryError, "that is a folder: add the name of a file in it")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path: Path, path: Path) -> None:
    refused(tmp_path / "runs" / "file", FileNotFoundError, r"there is no folder .*runs: make it with os\.makedirs\(\)")
    refused(path / "runs" / "file", NotADirectoryError, r"there is no folder .*file.runs")
    assert only(path) == OLD


@POSIX
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    refused("/dev/null", OSError, "that is a device or pipe: open it yourself")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", OSError, "that is a device or pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_protected_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to any
    refused(path, PermissionError, "the file is write-protected: choose another name, or allow it")
    assert only(path) == OLD


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_to(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "open", fail, raising=False)
    with pytest.raises(OSError, match="choose a folder that you may write to") as caught, writing(path):
        pass
    assert caught.value.errno == number
    assert only(path) == OLD


@POSIX
def test_a_file_that_cannot_be_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "of another user", source, None, target)

    monkeypatch.setattr(os, "replace", fail)
    said = r"cannot write .*file: the file that is there cannot be replaced \(of another user\): choose another name"
    with pytest.raises(PermissionError, match=said), writing(path) as file:
        file.write(NEW)
    assert only(path) == OLD


@NOBODY
def test_a_real_folder_that_cannot_be_written_to(path: Path) -> None:
    path.parent.chmod(0o555)
    try:
        refused(path, PermissionError, "choose a folder that you may write to")
    finally:
        path.parent.chmod(0o755)
    assert only(path) == OLD
