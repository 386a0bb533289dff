"""The table of rooms in ARCHITECTURE.md is complete, and imports go the way it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinygrad_edu"
OUTSIDE = {"__init__", "__main__", "_version", "py"}  # what gathers, starts or is read by anybody


def rows() -> list[list[str]]:
    """The names in each line of the table, without `.py` and `/`."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("| room | what is there |")[1].split("\n\n")[0]
    return [re.findall(r"`(\w+)(?:\.py|/)`", line.split("|")[1]) for line in table.splitlines()[2:]]


def parts() -> set[str]:
    """The files and folders of the package."""
    return {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"} - OUTSIDE


def imported(path: Path) -> set[str]:
    """The files and folders of the package that a file imports when it is imported itself."""
    package = path.relative_to(PACKAGE).parts[:-1]
    found = set()
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            above = package[: len(package) - statement.level + 1]
            for alias in statement.names:
                found.add((*above, *(statement.module or alias.name).split("."))[0])
    return found - OUTSIDE


def test_every_file_has_its_line() -> None:
    named = [name for row in rows() for name in row]
    assert sorted(named) == sorted(parts())


def test_imports_go_one_way() -> None:
    level = {name: i for i, row in enumerate(rows()) for name in row}
    upwards = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in PACKAGE.rglob("*.py")
        if (own := path.relative_to(PACKAGE).parts[0].removesuffix(".py")) in level
        for name in imported(path)
        if level[name] > level[own]
    ]
    assert upwards == []
