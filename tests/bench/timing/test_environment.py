from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import environment as module
from tinygrad_edu.bench.timing.clock import Clock
from tinygrad_edu.bench.timing.environment import environment


def test_it_is_json_and_complete() -> None:
    found = environment(Clock(unit="CPU"), 3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["threads"], found["clock"]) == (3, "CPU")
    assert (found["numpy"], found["tinygrad_edu"]) == (np.__version__, tg.__version__)
    assert found["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    assert found["cores"] >= 1
    assert all(found[key] for key in ("processor", "os", "blas"))


def test_the_processor_of_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2 GHz\n\nmodel name : other\n")
    monkeypatch.setattr(module, "CPUINFO", info)
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    assert environment(Clock(), 1)["processor"] == "Some CPU @ 2 GHz"


@pytest.mark.parametrize(("name", "expected"), [("", "arm64"), ("Named", "Named")])
def test_the_processor_elsewhere(name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CPUINFO", tmp_path / "missing")
    monkeypatch.setattr(module.platform, "system", lambda: "Windows")
    monkeypatch.setattr(module.platform, "processor", lambda: name)
    monkeypatch.setattr(module.platform, "machine", lambda: "arm64")
    assert environment(Clock(), 1)["processor"] == expected


def test_the_processor_of_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "Some M\n", "")

    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.subprocess, "run", answers)
    assert environment(Clock(), 1)["processor"] == "Some M"


def test_the_blas_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"internal_api": "openblas", "version": "0.3.30", "architecture": "Zen"}
    monkeypatch.setattr(module, "blas_pools", lambda: [pool])
    found = environment(Clock(), 1)
    assert (found["blas"], found["blas_version"], found["blas_core"]) == ("openblas", "0.3.30", "Zen")


def test_the_blas_that_numpy_was_built_with(monkeypatch: pytest.MonkeyPatch) -> None:
    built = {"Build Dependencies": {"blas": {"name": "scipy-openblas", "version": "0.3.29"}}}
    monkeypatch.setattr(module, "blas_pools", list)
    monkeypatch.setattr(module, "np", SimpleNamespace(show_config=lambda mode: built, __version__="2"))
    found = environment(Clock(), 1)
    assert (found["blas"], found["blas_version"], found["blas_core"]) == ("openblas", "0.3.29", None)
    built.clear()
    assert environment(Clock(), 1)["blas"] == "unknown"


def test_more_than_one_thread_is_timed_on_the_wall() -> None:
    assert Clock.for_threads(2).unit == "wall"
    assert Clock.for_threads(1).unit in ("CPU", "wall")
