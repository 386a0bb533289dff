"""Reading results from files and folders."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from bench.made_results import advice, speed_result

import tinygrad_edu.bench
from tinygrad_edu.bench import results
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.loading import KINDS, load


def kinds() -> dict[str, str]:
    """All kinds of results in the package, and where they are."""
    for found in pkgutil.walk_packages(tinygrad_edu.bench.__path__, "tinygrad_edu.bench."):
        import_module(found.name)
    return {
        kind: found.__module__ for kind, found in results._KINDS.items() if found.__module__.startswith("tinygrad_edu.")
    }


def test_a_folder_with_one_result_is_read(tmp_path: Path) -> None:
    saved = speed_result()
    saved.save(tmp_path)
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    assert load(tmp_path).to_json() == saved.to_json()
    assert load(str(tmp_path)).kind == "speed"


def test_a_folder_with_several_results_or_none_names_the_files(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no result in it, such as advise\.json, speed\.json, train\.json$"):
        load(tmp_path)
    speed_result().save(tmp_path)
    advice().save(tmp_path)
    with pytest.raises(BenchError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: there are several results: name one of advise.json, speed.json"


def test_a_damaged_file_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text("[]", encoding="utf-8")
    with pytest.raises(BenchError, match=r"speed\.json: not a result"):
        load(tmp_path)


def test_every_kind_is_among_those_that_are_looked_for_in_a_folder() -> None:
    assert {kind.kind: kind.__module__ for kind in KINDS} == kinds()


def test_a_fresh_process_reads_every_kind() -> None:
    """Where nothing but `results` was imported: what a file needs is found by its kind."""
    program = (
        "import sys\n"
        "from tinygrad_edu.bench import results\n"
        "for kind in sys.argv[1:]:\n"
        "    print(results._class_of(kind).kind)\n"
    )
    names = sorted(kinds())
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == names
