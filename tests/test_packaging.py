"""What holds of the package as a whole: what it needs, what importing it loads, how it is started."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu

PACKAGE = Path(tinygrad_edu.__file__).parent
PYPROJECT = PACKAGE.parent / "pyproject.toml"
MAX_IMPORTED_MODULES = 280

# Prints what `import tinygrad_edu` loads beyond NumPy and the standard library (top-level names).
# (Modules without a file are made by extension modules at run time.)
ADDED_MODULES = """
import json, sys
import numpy
before = set(sys.modules)
import tinygrad_edu
added = {n.partition(".")[0] for n in set(sys.modules) - before if getattr(sys.modules[n], "__file__", None)}
print(json.dumps(sorted(added - set(sys.stdlib_module_names) - {"numpy"})))
"""

# Prints all modules that it loads beyond NumPy.
IMPORTED_MODULES = """
import json, sys
import numpy
before = set(sys.modules)
import tinygrad_edu
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def run(python: Path | str, *arguments: str, cwd: Path) -> str:
    """Run `python` isolated from the user's settings, and return what it printed."""
    done = subprocess.run(
        [str(python), "-I", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source, target_is_directory=True)
    except OSError:  # where links need rights that we do not have
        shutil.copytree(source, target)


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds NumPy and this package, not even pip."""
    home = tmp_path_factory.mktemp("clean") / "env"
    venv.EnvBuilder(with_pip=False).create(home)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())

    numpy_home = Path(np.__file__).parent
    libraries = numpy_home.parent / "numpy.libs"  # wheels for Linux and Windows keep BLAS there
    for source in (numpy_home, PACKAGE, *([libraries] if libraries.is_dir() else [])):
        put(source, site / source.name)
    return python


def test_import_needs_numpy_only(clean_python: Path, tmp_path: Path) -> None:
    assert json.loads(run(clean_python, "-c", ADDED_MODULES, cwd=tmp_path)) == ["tinygrad_edu"]


def test_import_loads_nothing_else_even_where_it_is_installed(tmp_path: Path) -> None:
    assert json.loads(run(sys.executable, "-c", ADDED_MODULES, cwd=tmp_path)) == ["tinygrad_edu"]


def test_import_loads_few_modules(clean_python: Path, tmp_path: Path) -> None:
    # How long that takes depends on the machine: benchmarks/import_time.py measures it.
    loaded = json.loads(run(clean_python, "-c", IMPORTED_MODULES, cwd=tmp_path))
    parts = {name.split(".")[1] for name in loaded if name.startswith("tinygrad_edu.")}
    assert {"nn", "ops", "optim"} <= parts
    assert not {"__main__", "bench", "cli", "demo", "samples", "testing", "viz"} & parts, (
        "these are loaded when they are asked for"
    )
    assert len(loaded) <= MAX_IMPORTED_MODULES, loaded


def test_help_is_shown_with_numpy_alone(clean_python: Path, tmp_path: Path) -> None:
    text = run(clean_python, "-m", "tinygrad_edu", "--help", cwd=tmp_path)
    assert "usage: tinygrad-edu" in text
    assert "demo" in text


def test_numpy_is_the_only_requirement() -> None:
    required = importlib.metadata.requires("tinygrad-edu") or []
    assert [r for r in required if "extra ==" not in r] == ["numpy>=2.2"]


@pytest.mark.skipif(not PYPROJECT.is_file(), reason="not run from a source tree")
def test_installed_metadata_is_that_of_the_source_tree() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    installed = importlib.metadata.metadata("tinygrad-edu")
    assert installed["Requires-Python"] == project["requires-python"] == ">=3.11"
    assert project["dependencies"] == ["numpy>=2.2"]
    assert set(installed.get_all("Provides-Extra") or []) == set(project["optional-dependencies"])


def test_version_is_that_of_the_metadata() -> None:
    assert tinygrad_edu.__version__ == importlib.metadata.version("tinygrad-edu")


def test_console_script() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="tinygrad-edu")
    assert script.value == "tinygrad_edu.cli:main"
    assert callable(script.load())


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
