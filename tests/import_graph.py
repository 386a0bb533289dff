"""Which module of a package imports which other one: read from the source, so that nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

TOP, INSIDE, TYPES = "at the top", "inside a function", "for types"


class Import(NamedTuple):
    """One module of a package imports another."""

    importer: str
    imported: str
    where: str


def imports(package: Path) -> list[Import]:
    """Every import of a module of a package by another, wherever in the file it stands.

    `import package` alone, which gets all of it as a user does, is none of them.
    """
    files = {_name(package, path): path for path in package.rglob("*.py")}
    found = set()
    for name, path in files.items():
        folder = name if path.stem == "__init__" else name.rpartition(".")[0]
        for statement, where in _statements(ast.parse(path.read_text(encoding="utf-8")), TOP):
            modules = {_module(target, files) for target in _targets(statement, folder)}
            found |= {Import(name, module, where) for module in modules if module not in ("", name)}
    return sorted(found)


def _name(package: Path, path: Path) -> str:
    """The module that a file is."""
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def _statements(node: ast.AST, where: str) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """The imports below a node, and when they are run."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, where
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and where == TOP:
        where = INSIDE
    for child in ast.iter_child_nodes(node):
        unrun = isinstance(node, ast.If) and child in node.body and "TYPE_CHECKING" in ast.unparse(node.test)
        yield from _statements(child, TYPES if unrun else where)


def _targets(statement: ast.Import | ast.ImportFrom, folder: str) -> list[str]:
    """The full names that an import in a module of this folder may mean: modules, or what stands in them."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names if "." in alias.name]
    module = resolve_name("." * statement.level + (statement.module or ""), folder)
    return [f"{module}.{alias.name}" for alias in statement.names]


def _module(target: str, files: Container[str]) -> str:
    """The module that such a name is or is in; empty for one of another package."""
    while target and target not in files:
        target = target.rpartition(".")[0]
    return target


def circles(edges: Iterable[tuple[str, str]]) -> list[str]:
    """The shortest way from each module round to itself, each circle once: `a -> b -> a`."""
    graph: dict[str, set[str]] = {}
    for importer, imported in edges:
        graph.setdefault(importer, set()).add(imported)
    found: dict[frozenset[str], list[str]] = {}
    for module in sorted(graph):
        way = _way_round(graph, module)
        if way:
            found.setdefault(frozenset(way), way)
    return [" -> ".join(way) for way in found.values()]


def _way_round(graph: dict[str, set[str]], start: str) -> list[str]:
    """The shortest way along the edges from a module to itself; empty if there is none."""
    ways, seen = [[start]], {start}
    for way in ways:  # which grows
        for module in sorted(graph.get(way[-1], ())):
            if module == start:
                return [*way, module]
            if module not in seen:
                seen.add(module)
                ways.append([*way, module])
    return []
