"""Files of other kinds are named, with what to do."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import tinygrad_edu as tg


def safetensors(file: IO[bytes]) -> None:
    text = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    file.write(len(text).to_bytes(8, "little") + text + bytes(4))


def other_zip(file: IO[bytes], *names: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


# The line itself is run in tests/oracle/test_weights.py, where PyTorch is.
CONVERTED = r"It is a pickle, as torch\.save writes it, .*load_safetensors\('.*\.safetensors'\):.*torch\.load\('"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file: None, r"It is empty: writing it was not finished"),
        (lambda file: np.save(file, np.ones(3)), r"It is a \.npy file: read it with np\.load\(path\)"),
        (lambda file: np.savez(file, a=np.ones(3)), r"It is a \.npz file: read it with np\.load\(path\)"),
        (lambda file: np.savez_compressed(file, a=np.ones(3)), r"It is a \.npz file"),
        (safetensors, r"It is a safetensors file: read it with model\.load_safetensors\(path\)"),
        (lambda file: file.write(gzip.compress(b"abc")), r"compressed by gzip: open it with gzip\.open\(\) first"),
        (lambda file: file.write(b"\x89HDF\r\n\x1a\n" + bytes(90)), "It is an HDF5 file: read it with h5py"),
        (lambda file: other_zip(file, "run/data.pkl", "run/data/0"), CONVERTED),
        (lambda file: other_zip(file, "a.txt"), "It is a zip archive of something else"),
        (lambda file: other_zip(file), "It is an empty zip archive"),
        (lambda file: file.write(b"hello"), "Its type is not known"),
        *(
            (lambda file, p=protocol: pickle.dump({"a": 1}, file, p), CONVERTED)
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
)
def test_a_file_of_another_kind(write: Callable[[Any], Any], said: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    write(file)
    file.seek(0)
    with pytest.raises(tg.FileFormatError, match=rf"(?s)load: the file was not written by tinygrad_edu\. .*{said}"):
        tg.load(file)
    (tmp_path / "other").write_bytes(file.getvalue())
    with pytest.raises(tg.FileFormatError, match=rf"(?s)load: .*other was not written by tinygrad_edu\. .*{said}"):
        tg.load(tmp_path / "other")


class Trap:
    """What a pickle could do to whoever opens it."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('the pickle was opened')",)


def test_nothing_in_a_file_runs(tmp_path: Path) -> None:
    trap = pickle.dumps(Trap())
    with pytest.raises(SystemExit):
        pickle.loads(trap)
    with zipfile.ZipFile(tmp_path / "torch", "w") as archive:
        archive.writestr("archive/data.pkl", trap)
    (tmp_path / "plain").write_bytes(trap)
    np.save(tmp_path / "objects.npy", np.array([Trap()]), allow_pickle=True)
    for name in ("torch", "plain", "objects.npy"):
        with pytest.raises(tg.FileFormatError):
            tg.load(tmp_path / name)
