"""Every public name says what it does and shows it: its docstring has an example, which the test run executes."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from public_names import names, packages

import tinygrad_edu as tg

NUMBER = re.compile(r"\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+")

# Names without an example of their own, and why.
EXCEPTIONS = {
    "AnomalyError": "an exception: what raises it shows it",
    "DtypeError": "an exception",
    "FileFormatError": "an exception",
    "GradcheckError": "an exception",
    "GraphError": "an exception",
    "LinAlgError": "an exception",
    "ShapeError": "an exception",
    "StateError": "an exception",
    "TinygradError": "an exception",
}

# Where the docstrings need none: benchmarks take long, rules stand in the definitions of ops, checks return reports.
WITHOUT_EXAMPLES = ("tg.bench.", "tg.sample_rules.", "tg.testing.Report")


def public() -> dict[str, Any]:
    """Every public function and class of this library, by its longest name, under whichever names it has."""
    found = {}
    for package in packages():
        for name, value in names(package).items():
            home = getattr(value, "__module__", None) or ""
            if callable(value) and not inspect.ismodule(value) and home.startswith("tinygrad_edu"):
                found[f"{package.__name__}.{name}".replace("tinygrad_edu", "tg", 1)] = value
    return found


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring_with_an_example(name: str) -> None:
    doc = inspect.getdoc(PUBLIC[name]) or ""
    assert re.match(r"\S", doc), "there is no docstring"
    if name.rpartition(".")[2] in EXCEPTIONS:
        assert issubclass(PUBLIC[name], Exception)
    elif not name.startswith(WITHOUT_EXAMPLES):
        assert ">>> " in doc, "there is no example"


def test_the_list_of_names_is_not_empty_and_the_exceptions_are_names() -> None:
    assert len(PUBLIC) > 400
    assert {name.rpartition(".")[2] for name in PUBLIC} >= EXCEPTIONS.keys()


def doctests() -> Iterator[doctest.DocTest]:
    """Every docstring of the library that has an example."""
    for info in pkgutil.walk_packages(tg.__path__, "tinygrad_edu."):
        if not info.name.endswith("__main__"):
            found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(info.name))
            yield from (test for test in found if test.examples)


def test_the_examples_are_found_and_so_executed() -> None:
    # An example that doctest cannot see, behind a decorator for one, would be no more than a claim.
    seen = {test.docstring for test in doctests()}
    unseen = [name for name, value in PUBLIC.items() if ">>> " in (value.__doc__ or "") and value.__doc__ not in seen]
    assert not unseen


def test_the_examples_show_no_digits_that_another_processor_rounds_otherwise() -> None:
    # Numbers with few binary places may be exact results; of any others only a few digits are the same everywhere.
    wanted = [(test.name, number) for test in doctests() for e in test.examples for number in NUMBER.findall(e.want)]
    long = [(name, number) for name, number in wanted if len(digits(number)) > 5 and float(number) * 1024 % 1]
    assert len(wanted) > 400
    assert not long, "round these results, or choose inputs whose results are exact"


def digits(number: str) -> str:
    """The significant digits of a number."""
    return number.partition("e")[0].replace(".", "").strip("0")


def explained(value: Any) -> set[str]:
    """The arguments that a docstring lists under "Args:"."""
    listed = re.search(r"^Args:\n((?:    .*\n|\n)+)", (inspect.getdoc(value) or "") + "\n", re.MULTILINE)
    return set(re.findall(r"^    \*{0,2}(\w+):", listed[1], re.MULTILINE)) if listed else set()


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if explained(value)])
def test_where_arguments_are_listed_the_list_is_that_of_the_signature(name: str) -> None:
    assert explained(PUBLIC[name]) == inspect.signature(PUBLIC[name]).parameters.keys()


def test_files_named_by_their_paths_are_the_modules_that_the_package_has_imported() -> None:
    """pytest would import the first one a second time, and what checks for its classes would not know them."""
    paths = ["tinygrad_edu/samples/explanation.py", "tinygrad_edu/viz/sums.py"]
    root = Path(tg.__file__).parent.parent
    if not (root / "conftest.py").exists():
        pytest.skip("the package is tried as it is installed")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "sum_bars", *paths]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
