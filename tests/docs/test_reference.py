"""The reference has every public name, and every public member of every class: as written, and as built."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from public_names import names, packages

import tinygrad_edu as tg

DOCS = Path(tg.__file__).parent.parent / "docs"
BUILT = DOCS / "_build" / "html"


def ours(kind: Any) -> bool:
    return str(getattr(kind, "__module__", "")).startswith("tinygrad_edu")


PUBLIC = {
    f"{package.__name__}.{name}": value
    for package in packages()
    for name, value in names(package).items()
    if not inspect.ismodule(value)
}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value) and ours(value)}


def attributes(kind: type) -> set[str]:
    """What a docstring lists under "Attributes:"."""
    found = re.search(r"^Attributes:\n((?:    .*\n|\n)+)", inspect.cleandoc(kind.__doc__ or "") + "\n", re.MULTILINE)
    return set(re.findall(r"^    (\w+):", found[1], re.MULTILINE)) if found else set()


def shown(text: str) -> list[str]:
    """The full names of the entries in the source of a page."""
    return re.findall(r"^ *\.\. (?:auto\w+|py:\w+):: (\S+)", text, re.MULTILINE)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The pages of the reference, as the documentation's extension writes them."""
    sys.path.insert(0, str(DOCS / "_sphinx"))
    try:
        from _reference import writing
    finally:
        sys.path.remove(str(DOCS / "_sphinx"))
    return dict(writing.pages())


@pytest.fixture(scope="module")
def entries(pages: dict[str, str]) -> set[str]:
    """What Sphinx will make anchors of: entries, members that they name, and attributes in their docstrings."""
    text = "\n".join(pages.values())
    found = {*shown(text), *re.findall(r"{anchor}`(.+?)`", text)}
    for name, body in re.findall(r"^\.\. autoclass:: (\S+)\n((?:   .*\n|\n)*)", text, re.MULTILINE):
        found |= {f"{name}.{attribute}" for attribute in re.findall(r"\.\. attribute:: (\w+)", body)}
    return found | {f"{name}.{a}" for name in found & CLASSES.keys() for a in attributes(CLASSES[name])}


@pytest.fixture(scope="module")
def anchors() -> set[str]:
    """The Python objects in the index of the pages that `make docs` has built."""
    if not (BUILT / "objects.inv").exists():
        pytest.skip("the documentation is not built: make docs")
    data = (BUILT / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(data).decode().splitlines()
    return {line.split(" ")[0] for line in lines if " py:" in line}


def instance_attributes(kind: type) -> Iterator[str]:
    """The attributes that the constructor sets, as its source says."""
    if not (inspect.isfunction(init := vars(kind).get("__init__")) and ours(init)):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except OSError:  # made by `dataclass`
        return
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
            if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
                yield target.attr


def members(kind: type) -> set[str]:
    """The public attributes of a class: its own, and those of bases of this library."""
    found: set[str] = set()
    for owner in filter(ours, kind.__mro__):
        found |= vars(owner).keys()
        if not issubclass(kind, tg.nn.Module):  # which shows its options, parameters and parts itself
            found |= {*inspect.get_annotations(owner), *instance_attributes(owner)}
    return {name for name in found if not name.startswith("_")}


def options(kind: type) -> set[str]:
    """The arguments of the constructor: an entry shows them, and attributes have their names."""
    try:
        return set(inspect.signature(kind).parameters)
    except ValueError:  # a built-in exception's
        return set()


def undocumented(known: set[str]) -> list[str]:
    """The public names, and members of public classes, that a set of entries lacks."""
    missing = {name for name in PUBLIC if name not in known}
    for name, kind in CLASSES.items():
        owners = [owner for owner, base in CLASSES.items() if issubclass(kind, base)]
        needed = members(kind) - options(kind)
        missing |= {f"{name}.{m}" for m in needed if not any(f"{owner}.{m}" in known for owner in owners)}
    return sorted(missing)


def test_every_public_name_and_member_has_an_entry(entries: set[str]) -> None:
    assert len(PUBLIC) > 700
    assert not undocumented(entries)


def test_every_public_name_and_member_has_an_anchor_in_the_built_pages(anchors: set[str]) -> None:
    assert not undocumented(anchors)


def test_what_a_module_inherits_stands_in_its_entry(entries: set[str]) -> None:
    module = {"parameters", "named_parameters", "modules", "children", "buffers", "register_buffer", "add_module"}
    assert {f"tinygrad_edu.nn.Module.{name}" for name in module} <= entries
    assert {f"tinygrad_edu.nn.Sequential.{name}" for name in ("append", "extend", "insert", "pop")} <= entries


def test_a_member_that_no_entry_shows_is_named(entries: set[str]) -> None:
    for name in ("tinygrad_edu.nn.Module.parameters", "tinygrad_edu.relu", "tinygrad_edu.Tensor.abs"):
        assert name in undocumented(entries - {name})


def test_nothing_is_shown_twice(pages: dict[str, str]) -> None:
    found = shown("\n".join(pages.values()))
    assert len(found) == len(set(found))


def test_every_page_is_in_the_index_and_begins_with_a_table_of_its_names(pages: dict[str, str]) -> None:
    index = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    for name, text in pages.items():
        assert index.count(f"generated/{name}.md") == index.count(f"\ngenerated/{name}\n") == 1
        entries = re.findall(r"^\.\. auto(?:class|function):: (\S+)", text, re.MULTILINE)
        for entry in entries if len(entries) > 1 else []:
            row = re.search(rf"^\| {{py:obj}}`\w+ <{re.escape(entry)}>` \| (.*) \|$", text, re.MULTILINE)
            assert row is not None, entry
            assert row[1]


def test_pages_link_to_tutorials_and_these_back(pages: dict[str, str]) -> None:
    from _reference import writing

    assert "[](../../getting-started.md)" in pages["tensors"]
    source = ["# Getting started\n"]
    writing.link_back(None, "getting-started", source)
    assert "[](api/generated/tensors.md)" in source[0]
    for text in pages.values():
        assert text.count("\n## See also\n") == 1


def test_headings_are_short() -> None:
    from _reference import writing

    headings = [line for text in writing.pages().values() for line in text.splitlines() if line.startswith("## ")]
    assert all(len(heading) <= 60 for heading in headings)
