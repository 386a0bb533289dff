"""What packages show: `dir` of each lists what is public in it, and nothing else."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from public_names import names, packages

import tinygrad_edu as tg

PACKAGES = packages()
LISTED = """
    autograd bench bench.report data errors func linalg nn nn.functional nn.init nn.utils nn.utils.parametrizations
    nn.utils.rnn optim optim.lr_scheduler sample_rules samples testing viz
"""


def kind(value: Any) -> str:
    """What sort of thing it is that users are shown; empty for what is not of this library, or for none of them."""
    if isinstance(value, np.dtype) or typing.get_origin(value) is not None:
        return "dtype"  # or what to annotate arrays and dtypes with
    if isinstance(value, dict):
        return "table"
    if inspect.ismodule(value):
        return "package" if value in PACKAGES else ""
    named = inspect.isclass(value) or inspect.isroutine(value)
    home: str = (value if named else type(value)).__module__
    if home.partition(".")[0] != tg.__name__:
        return ""
    return "class or function" if named else "object"  # the default generator, the rules for ops


def test_the_public_packages_are_shown_and_no_others() -> None:
    assert {package.__name__ for package in PACKAGES} == {
        "tinygrad_edu",
        *(f"tinygrad_edu.{n}" for n in LISTED.split()),
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_that_is_shown_is_public(package: ModuleType) -> None:
    shown = names(package)
    assert [name for name, value in shown.items() if name.startswith("_") or not kind(value)] == []
    assert list(shown) == sorted(package.__all__)
    assert len(shown) == len(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_nothing_that_is_gathered_for_users_is_left_out(package: ModuleType) -> None:
    if hasattr(package, "__path__"):  # a single file has names that are for itself
        left_out = vars(package).keys() - set(dir(package))
        assert [name for name in left_out if not name.startswith("_") and kind(vars(package)[name])] == []


def test_a_star_gives_what_is_listed() -> None:
    scope: dict[str, Any] = {}
    exec("from tinygrad_edu import *", scope)
    del scope["__builtins__"]
    assert scope.keys() == set(tg.__all__) == set(dir(tg))


def test_parts_that_most_programs_do_without_are_imported_when_they_are_asked_for() -> None:
    program = """
import sys
import tinygrad_edu as tg
late = ["bench", "samples", "testing", "viz"]
assert set(late) <= set(dir(tg))
for name in late:
    assert f"tinygrad_edu.{name}" not in sys.modules, name
for name in late:
    assert getattr(tg, name) is sys.modules[f"tinygrad_edu.{name}"] is vars(tg)[name]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_derivatives_of_functions_stand_where_pytorch_has_them() -> None:
    assert tg.func.grad is tg.grad
    assert {"grad", "vjp", "jvp", "hessian"} <= set(dir(tg.func)) <= set(dir(tg))
