"""What `make portable` runs: which instruction sets can be switched off, and which Pythons there are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from portable import FEATURES, kernels, make, printed_by, pythons

GROUPS = ["X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR"]
SETS = ["SSSE3", "SSE41", "POPCNT", "SSE42", "AVX", "F16C", "FMA3", "AVX2", "AVX512F", "AVX512CD", "AVX512_SKX"]


@pytest.mark.parametrize(
    ("dispatch", "there", "haswell", "sandy_bridge"),
    [
        (GROUPS, ["X86_V2", "AVX", "AVX2", *GROUPS[:3]], "X86_V4 AVX512_ICL", "X86_V3 X86_V4 AVX512_ICL"),
        (GROUPS, ["X86_V2", "AVX", "AVX2", "X86_V3"], None, "X86_V3"),
        (SETS, ["SSE", *SETS], "AVX512F AVX512CD AVX512_SKX", "F16C FMA3 AVX2 AVX512F AVX512CD AVX512_SKX"),
    ],
)
def test_older_processors(dispatch: list[str], there: list[str], haswell: str | None, sandy_bridge: str) -> None:
    found = kernels(dispatch, there)
    assert list(found) == ["Haswell", "Sandy Bridge"]
    assert [k["OPENBLAS_CORETYPE"] for k in found.values()] == ["Haswell", "SANDYBRIDGE"]
    assert [k.get("NPY_DISABLE_CPU_FEATURES") for k in found.values()] == [haswell, sandy_bridge]


def test_no_processor_is_asked_for_what_it_lacks() -> None:
    assert list(kernels(GROUPS, ["X86_V2", "AVX"])) == ["Sandy Bridge"]
    (plain,) = kernels(["NEON_FP16", "ASIMDHP", "SVE"], ["NEON", "NEON_FP16", "ASIMDHP"]).values()
    assert plain == {"NPY_DISABLE_CPU_FEATURES": "NEON_FP16 ASIMDHP"}


def test_numpy_does_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES", raising=False)
    dispatch, there = json.loads(printed_by(sys.executable, FEATURES))
    for variables in kernels(dispatch, there).values():
        # A warning would be an error, and nothing would be printed.
        _, left = json.loads(printed_by(sys.executable, FEATURES, **variables))
        assert not set(left) & set(variables.get("NPY_DISABLE_CPU_FEATURES", "").split())


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a program of the shell, and gives its path."""

    def write(name: str, text: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return str(file)

    return write


def test_pythons_of_the_path_and_of_pyenv(
    program: Callable[[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = program("here/python3", "echo 3.12")
    program("bin/python3.12", "echo 3.12")
    program("bin/python3.11-config", "echo 3.11")
    program("bin/python3.14", "exit 127  # a shim of a version that is not chosen")
    newer = program("bin/python3.13", "echo 3.13")
    older = program("pyenv/versions/3.11.9/bin/python", "echo 3.11")
    program("pyenv/versions/3.9.1/bin/python", "true  # prints nothing: too old")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), str(tmp_path / "none")]))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert list(pythons(default).items()) == [("3.13", newer), ("3.12", default), ("3.11", older)]


def test_the_tests_do_not_get_the_arguments_of_this_program(
    program: Callable[[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    program("bin/make", f'echo "$@" "$ARGS" "$MAKEFLAGS" "$OPENBLAS_CORETYPE" > {seen}\nexit "$STATUS"')
    for name, value in {
        "PATH": f"{tmp_path}/bin:/bin:/usr/bin",
        "ARGS": "--one",
        "MAKEFLAGS": " -- ARGS=--one",
    }.items():
        monkeypatch.setenv(name, value)
    assert make("test", "python3.13", ".venv-3.13", {"STATUS": "0", "OPENBLAS_CORETYPE": "Haswell"})
    assert seen.read_text().split() == ["test", "PYTHON=python3.13", "VENV=.venv-3.13", "Haswell"]
    assert not make("test", "python3.13", ".venv-3.13", {"STATUS": "2"})
