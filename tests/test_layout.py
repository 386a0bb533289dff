"""The table of packages in ARCHITECTURE.md is complete, imports go the way it says, and none goes round."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from import_graph import INSIDE, TOP, TYPES, Import, circles, imports

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinygrad_edu"
FREE = {"_version", "py"}  # what anybody may read
GATHERING = {"__init__", "__main__"}  # what imports the rooms, and is imported by none of them
DECLARED = "engine.typing"  # whose imports for types may go down


def rows() -> list[list[str]]:
    """The names in each line of the table, without `.py` and `/`."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("| package or file | what it contains |")[1].split("\n\n")[0]
    return [re.findall(r"`(\w+)(?:\.py|/)`", line.split("|")[1]) for line in table.splitlines()[2:]]


def parts(package: Path) -> set[str]:
    """The files and folders right below a package."""
    return {path.stem for path in package.iterdir() if path.name != "__pycache__"}


def room(module: str) -> str:
    """The file or folder, right below its package, that a module is or is in."""
    return f"{module}.__init__".split(".")[1]


def declared(edge: Import) -> bool:
    return edge.importer.partition(".")[2] == DECLARED and edge.where == TYPES


def wrong_ways(package: Path, table: Sequence[Sequence[str]]) -> list[str]:
    """The imports of what stands below in the table, or gathers the rooms."""
    level = {name: i for i, row in enumerate(table) for name in row} | dict.fromkeys(GATHERING, len(table))
    return [
        f"{edge.importer} imports {edge.imported} {edge.where}"
        for edge in imports(package)
        if room(edge.imported) not in FREE and not declared(edge)
        if level[room(edge.imported)] > level[room(edge.importer)]
    ]


def round_trips(package: Path) -> list[str]:
    """The circles of files, the declared imports left out."""
    return circles((edge.importer, edge.imported) for edge in imports(package) if not declared(edge))


def hidden(package: str) -> Iterator[str]:
    """The modules that are no attributes of their package, because that has something else of their name."""
    for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        try:
            module = importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if f"{error.name}.".startswith(f"{package}."):
                raise
            continue  # it needs an extra that is not installed
        parent, _, name = info.name.rpartition(".")
        if getattr(sys.modules[parent], name) is not module:
            yield info.name


def advice(text: str, found: Iterable[object]) -> str:
    """The message of a failure: all that was found, which pytest would cut short, and what to do."""
    return "\n".join([*map(str, found), text])


def test_every_file_and_folder_has_its_line() -> None:
    named = [name for row in rows() for name in row]
    here = parts(PACKAGE) - FREE - GATHERING
    assert sorted(named) == sorted(here), "give each one place in the table of ARCHITECTURE.md"


def test_imports_go_one_way() -> None:
    found = wrong_ways(PACKAGE, rows())
    assert not found, advice(
        "These imports go down the table of ARCHITECTURE.md. Move what is needed up, or what needs it down, or let the "
        "caller pass it; an annotation such as Tensor comes from engine/typing.py.",
        found,
    )


def test_no_import_goes_round() -> None:
    found = round_trips(PACKAGE)
    assert not found, advice(
        "These files import each other, at the top, inside functions or for types. Move what both need to a file of "
        "its own, or let the caller pass it.",
        found,
    )


def test_samples_know_neither_tensors_nor_modules() -> None:
    below = {("samples", "tensors"), ("samples", "nn")}
    found = [edge for edge in imports(PACKAGE) if (room(edge.importer), room(edge.imported)) in below]
    assert not found, advice("An op, or a Protocol of what is read, will do.", found)


def test_no_module_is_hidden_by_what_its_package_exports() -> None:
    found = list(hidden(PACKAGE.name))
    assert not found, advice("Rename these files, or what their packages export under these names.", found)


# What follows shows that these tests find what they look for, in a package made up for it.

TABLE = [["tools"], ["attic"], ["cellar"]]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package without fault: two rooms, and a file above them."""
    house = tmp_path / "house"
    write(house / "__init__.py", "from .attic.roof import tiles as tiles\nfrom .cellar import wine\n")
    write(house / "tools.py", "hammer = 1\n")
    write(house / "attic/__init__.py", "")
    write(house / "attic/roof.py", "from ..tools import hammer\ntiles = 3\n")
    write(house / "cellar/__init__.py", "")
    write(house / "cellar/wine.py", "import house\nfrom .. import attic\n")
    write(house / "cellar/shelf.py", "from . import wine\nfrom house.tools import hammer\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield house
    for name in [name for name in sys.modules if name.partition(".")[0] == "house"]:
        del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_nothing_is_found_in_a_house_without_fault(house: Path) -> None:
    assert parts(house) - GATHERING == {"tools", "attic", "cellar"}
    assert wrong_ways(house, TABLE) == round_trips(house) == list(hidden("house")) == []
    assert imports(house) == [
        Import("house", "house.attic.roof", TOP),
        Import("house", "house.cellar.wine", TOP),
        Import("house.attic.roof", "house.tools", TOP),
        Import("house.cellar.shelf", "house.cellar.wine", TOP),
        Import("house.cellar.shelf", "house.tools", TOP),
        Import("house.cellar.wine", "house.attic", TOP),
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("from ..cellar.wine import red\n", TOP),
        ("from house.cellar import wine\n", TOP),
        ("import house.cellar.wine\n", TOP),
        ("try:\n    from ..cellar import wine\nexcept ImportError:\n    pass\n", TOP),
        ("class Roof:\n    def leak(self):\n        from ..cellar import wine\n", INSIDE),
        ("import typing\nif typing.TYPE_CHECKING:\n    from ..cellar.wine import red\n", TYPES),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..cellar import wine\n", TYPES),
    ],
)
def test_an_import_that_goes_the_wrong_way_is_found(house: Path, text: str, where: str) -> None:
    write(house / "attic/window.py", text)
    assert wrong_ways(house, TABLE) == [f"house.attic.window imports house.cellar.wine {where}"]


def test_what_gathers_the_rooms_is_imported_by_none_of_them(house: Path) -> None:
    write(house / "cellar/door.py", "from .. import tiles\n")
    assert wrong_ways(house, TABLE) == ["house.cellar.door imports house at the top"]


def test_one_file_alone_may_import_downwards_and_for_types_alone(house: Path) -> None:
    table = [["engine"], *TABLE]
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..cellar.wine import red\n"
    write(house / "engine/typing.py", typing)
    write(house / "cellar/wine.py", "def pour():\n    from ..engine import typing\n")
    assert wrong_ways(house, table) == round_trips(house) == []
    write(house / "engine/typing.py", f"{typing}else:\n    from ..cellar.wine import red\n")
    assert wrong_ways(house, table) == ["house.engine.typing imports house.cellar.wine at the top"]
    assert round_trips(house) == ["house.cellar.wine -> house.engine.typing -> house.cellar.wine"]


def test_a_circle_is_found_whatever_its_imports_are_for(house: Path) -> None:
    write(house / "cellar/wine.py", "def drink():\n    from . import rack\n")
    write(
        house / "cellar/rack.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .shelf import wine\n"
    )
    assert round_trips(house) == ["house.cellar.rack -> house.cellar.shelf -> house.cellar.wine -> house.cellar.rack"]


def test_each_circle_is_reported_once_by_its_shortest_way() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("x", "y"), ("y", "x"), ("c", "x"), ("z", "a")]
    assert circles(edges) == ["a -> b -> c -> a", "b -> c -> b", "x -> y -> x"]


def test_a_hidden_module_is_found(house: Path) -> None:
    write(house / "attic/__init__.py", "from .roof import tiles as roof\n")
    assert list(hidden("house")) == ["house.attic.roof"]


def test_a_module_that_lacks_an_extra_is_passed_over_but_none_that_lacks_its_own(house: Path) -> None:
    write(house / "cellar/tap.py", "import surely_not_installed\n")
    assert list(hidden("house")) == []
    write(house / "cellar/tap.py", "import house.no_such_file\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_file"):
        list(hidden("house"))
