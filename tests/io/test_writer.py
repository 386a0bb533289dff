"""Writing: files that other programs can read, and what is left of a writer that is killed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import killed

import tinygrad_edu as tg


def saved(obj: Any) -> bytes:
    file = io.BytesIO()
    tg.save(obj, file)
    return file.getvalue()


def test_a_file_is_one_part_in_json_and_arrays_that_numpy_reads() -> None:
    w = tg.ones(2, 3, requires_grad=True)
    data = saved({"w": w, "again": w.detach(), "n": 3, "x": np.float64(0.5)})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["tinygrad_edu.json", "0.npy", "1.npy"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        said = json.loads(archive.read("tinygrad_edu.json"))
    assert (said["format"], said["version"]) == ("tinygrad_edu", 1)
    assert said["tree"] == {"dict": [["w", {"tensor": 0}], ["again", {"tensor": 1}], ["n", 3], ["x", {"scalar": 1}]]}
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert arrays["0"].tolist() == [[1, 1, 1], [1, 1, 1]]
        assert arrays["1"] == 0.5


def test_the_same_object_gives_the_same_bytes() -> None:
    obj = {"a": [np.arange(3.0), 1, tg.ones(2)], 5: "x"}
    assert saved(obj) == saved(obj)


def test_what_a_file_weighs() -> None:
    array = np.zeros(10_000)
    assert len(saved([array] * 100)) < 1.1 * array.nbytes + 3000
    assert len(saved(np.zeros((1000, 1000))[::100, ::100])) < 2000  # the part that is seen, not what it is a part of


def test_arrays_with_gaps_are_copied_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[Any] = []
    copy = np.ascontiguousarray

    def counted(array: Any) -> Any:
        assert file.tell() > 0  # writing has begun
        copied = copy(array)
        copies.extend([copied] if copied is not array else [])
        return copied

    monkeypatch.setattr(np, "ascontiguousarray", counted)
    file = io.BytesIO()
    tg.save([np.zeros((4, 4))[::2], np.zeros((4, 4))], file)
    assert len(copies) == 1


def test_nothing_is_written_into_an_open_file_before_all_is_looked_through() -> None:
    file = io.BytesIO()
    with pytest.raises(TypeError, match=r"obj\[1\]"):
        tg.save([np.ones(3), {1}], file)
    assert file.getvalue() == b""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    new = {"epoch": 2, "weights": tg.ones(40, 50)}
    program = """
import tinygrad_edu as tg
obj = {"epoch": 2, "weights": tg.ones(40, 50)}
def write():
    tg.save(obj, path)
"""
    path = tmp_path / "run"
    tg.save({"epoch": 1, "weights": tg.zeros(40, 50)}, path)
    old = path.read_bytes()
    report = killed(program, path, step=7, moments=10)
    assert report.found.keys() <= {hashlib.sha256(contents).hexdigest() for contents in (old, saved(new))}
    assert len(report.found) == 2
    assert report.most == 2
    tg.save([tg.load(path)["epoch"]], path)
    assert os.listdir(tmp_path) == ["run"]
