"""What is public: the packages, the names in each, and the members of a class that its entry has to show."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_edu
from tinygrad_edu.ops.generator import Generator
from tinygrad_edu.sample_rules.rule import SampleRule

# Packages that no other package shows.
BESIDE = ("tinygrad_edu.samples.explanation", "tinygrad_edu.sample_rules.ids", "tinygrad_edu.testing.strategies")
# Values that cannot say where they come from: the file that defines and documents each.
DATA = {
    "Array": "dtypes",
    "DType": "dtypes",
    "PRIMITIVES": "engine.primitives",
    "LAWS": "testing.laws.example",
    "Contribution": "sample_rules.contributions",
    "Lettered": "sample_rules.contributions",
}


def packages(package: str = tinygrad_edu.__name__) -> Iterator[str]:
    """The names of all public packages, from the outermost inwards."""
    yield package
    module = importlib.import_module(package)
    for name in dir(module):
        if inspect.ismodule(getattr(module, name)):
            yield from packages(f"{package}.{name}")


def public_names(package: str) -> dict[str, Any]:
    """The public names of a package that are defined in this library, apart from its modules."""
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return {}
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: value for name, value in found.items() if not inspect.ismodule(value) and home(name, value)}


def home(name: str, value: Any) -> str | None:
    """The file that defines a value, such as "ops.reduce". None for what is not of this library."""
    if name in DATA:
        return DATA[name]
    if isinstance(value, np.dtype):
        return "dtypes"
    if isinstance(value, SampleRule):
        return "sample_rules.families"
    if isinstance(value, Generator):
        return "ops.generator"
    module = getattr(value, "__module__", None) or ""
    return module.removeprefix("tinygrad_edu.") if callable(value) and module.startswith("tinygrad_edu") else None


@functools.cache
def public_classes() -> frozenset[type]:
    """Every class that has an entry in the reference."""
    values = [value for package in (*packages(), *BESIDE) for value in public_names(package).values()]
    return frozenset(value for value in values if inspect.isclass(value))


def is_ours(kind: Any) -> bool:
    """Whether a class is defined in this library."""
    return str(getattr(kind, "__module__", "")).startswith("tinygrad_edu")


def members(kind: type) -> list[str]:
    """The members that the entry of a class shows: its own, and those of bases that have no entry.

    What a public base has as well is documented there, unless the class says more of it than one line.
    """
    bases = [base for base in kind.__mro__[1:] if base in public_classes()]
    found = []
    for owner in kind.__mro__:
        for name, value in vars(owner).items():
            if name.startswith("_") or name in found or not is_ours(owner) or owner in bases:
                continue
            more = owner is kind and "\n" in document_of(value)
            if document_of(value) and (more or not any(hasattr(base, name) for base in bases)):
                found.append(name)
    return found


def attributes(kind: type) -> dict[str, str]:
    """What the docstring of a class says of its attributes."""
    document = kind.__doc__ and inspect.cleandoc(kind.__doc__)
    section = re.search(r"^Attributes:\n((?:    .*\n?|\n)+)", document or "", re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section[1], re.MULTILINE) if section else []
    return {name: " ".join(text.split()) for name, text in found}


def inherited_attributes(kind: type) -> dict[str, str]:
    """What bases without an entry say of their attributes, where no class with an entry says it."""
    found: dict[str, str] = {}
    shown = [base for base in kind.__mro__ if base in public_classes()]
    for owner in kind.__mro__:
        if is_ours(owner) and owner not in shown:
            found = attributes(owner) | found
    return {name: text for name, text in found.items() if not any(name in attributes(base) for base in shown)}


def document_of(value: Any) -> str:
    """The docstring of a member; nothing for data, whose docstring is that of its type."""
    member = callable(value) or isinstance(value, property | classmethod | staticmethod | functools.cached_property)
    return (value.__doc__ or "") if member else ""


def summary(value: Any) -> str:
    """The first sentence of a docstring."""
    paragraph = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.) ", paragraph)[0]


def data_document(name: str) -> str:
    """The string below the assignment that defines a public value."""
    module = importlib.import_module(f"tinygrad_edu.{DATA[name]}")
    body = ast.parse(inspect.getsource(module)).body
    for statement, below in itertools.pairwise(body):
        target = getattr(statement, "target", None)
        text = getattr(below, "value", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(text, ast.Constant):
            return inspect.cleandoc(str(text.value))
    return ""
