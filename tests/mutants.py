"""Would the tests notice? Puts small faults into the engine, one at a time, and runs the tests beside the file.

    make mutants                                    every file; takes a quarter of an hour of two cores
    make mutants ARGS="engine/recording.py optim/adam.py"  these files

Cosmic Ray knows the faults and puts them in, each into a copy of the project. (Of mutmut 3, the mutants of what
`@primitive` makes would never run: it chooses a mutant when a function is called, and ours have been called when
the package is imported.) A mutant that no test notices must stand in `mutants.toml`, with the reason why it is no
fault. It is an error if one does not, and also if one stands there that is noticed or no longer exists.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import difflib
import importlib
import itertools
import multiprocessing
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinygrad_edu"
LISTED = Path(__file__).with_suffix(".toml")
ENGINE = ("graph", "backprop", "observing", "recording", "op", "primitives", "promotion", "versions", "broadcasting")
FILES = [*(f"engine/{name}.py" for name in ENGINE), "autograd/running.py"] + [
    path.relative_to(PACKAGE).as_posix()
    for path in sorted((PACKAGE / "optim").rglob("*.py"))
    if path.name != "__init__.py"
]
COPIED = ("tinygrad_edu", "tests", "pyproject.toml", "_tinygrad_edu_pytest.py")
MEMORY = 4 << 30  # a mutant may loop for ever, and collect

_BEFORE_TYPES = (("annassign", ":"), ("tfpdef", ":"), ("funcdef", "->"))

# One way to replace each operator would do; comparisons are replaced by their neighbour and by their opposite.
OPERATORS = [
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_Mul", "Pow_Mul", "BitOr_BitAnd",
        "BitAnd_BitOr", "LShift_RShift", "RShift_LShift",
    )),
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE",
        "GtE_Gt", "GtE_Lt",
    )),
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub", "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
]  # fmt: skip


class Mutant(NamedTuple):
    """A file with a fault in it, and how the fault is named: where it is, and which text became which."""

    file: str
    where: str
    change: str
    code: str


# ---- the faults ------------------------------------------------------------------------------------------------------


class DropStatement:
    """A statement is left out: a call, an assignment, a return, a raise."""

    kept = ("import_name", "import_from", "global_stmt", "nonlocal_stmt", "string", "strings")

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type == "simple_stmt" and node.children[0].type not in self.kept:
            text = node.children[0].get_code()
            bare = node.children[0].type == "expr_stmt" and "=" not in text
            if not bare and text.strip() not in ("pass", "...") and not text.lstrip().startswith("__all__"):
                yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[0] = _parsed(node.children[0].get_first_leaf().prefix + "pass")
        return node


class NegateCondition:
    """A condition is turned round: that of if, elif, while, of a conditional expression or a comprehension."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        return ((node.children[at].start_pos, node.children[at].end_pos) for at in self.conditions(node))

    def mutate(self, node: Any, index: int) -> Any:
        at = self.conditions(node)[index]
        node.children[at] = _parsed(f" not ({node.children[at].get_code().strip()})")
        return node

    def conditions(self, node: Any) -> list[int]:
        """Where in a node's children; where another fault does the same, it is left to that."""
        if node.type == "test":
            places = [2]
        elif node.type in ("if_stmt", "while_stmt", "comp_if", "sync_comp_if"):
            places = [at + 1 for at, child in enumerate(node.children) if child in ("if", "elif", "while")]
        else:
            places = []
        others = {"not_test", "keyword"}
        return [at for at in places if node.children[at].type not in others and not _is_reversed(node.children[at])]


def _is_reversed(node: Any) -> bool:
    """Whether it is one comparison for which there is an opposite."""
    return node.type == "comparison" and len(node.children) == 3 and node.children[1].get_code().strip() in (
        "==", "!=", "<", "<=", ">", ">=", "is", "is not"
    )  # fmt: skip


def _parsed(code: str) -> Any:
    import parso

    return parso.parse(code)


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of a file, in the order of its lines; what is never evaluated is left alone."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = (PACKAGE / file).read_text(encoding="utf-8")
    tree = get_ast(source)
    found = []
    for operator in (*(get_operator(f"core/{name}")() for name in OPERATORS), DropStatement(), NegateCondition()):
        places = [(node, start) for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(places):
            code = None if _is_never_evaluated(node) else mutate_code(source, operator, occurrence)
            if code is not None and code != source:
                found.append((start, Mutant(file, _definition(source, start[0]), _change(source, code), code)))
    found.sort(key=lambda pair: pair[0])
    seen: dict[tuple[str, str], int] = {}
    numbered = []
    for mutant in dict.fromkeys(
        mutant for _, mutant in found
    ):  # of a line that a function has twice, the second is (2)
        times = seen[mutant.where, mutant.change] = seen.get((mutant.where, mutant.change), 0) + 1
        numbered.append(mutant if times == 1 else mutant._replace(change=f"{mutant.change} ({times})"))
    return numbered


def _is_never_evaluated(node: Any) -> bool:
    """Whether it is part of an annotation, of an alias that only annotations use, or the * among parameters."""
    if node.parent is not None and node.parent.type == "parameters":
        return True
    while node is not None:
        parent = node.parent
        if node.type == "simple_stmt" and ": TypeAlias =" in node.get_code():
            return True
        if parent is not None and (parent.type, node.get_previous_sibling()) in _BEFORE_TYPES:
            return True
        node = parent
    return False


def _definition(source: str, line: int) -> str:
    """The functions and classes around a line, as "Adam.update"; empty at the top of the file."""
    names, body = [], ast.parse(source).body
    while True:
        inside = [s for s in _statements(body) if s.lineno <= line <= (s.end_lineno or 0)]
        if not inside:
            return ".".join(names)
        names.append(inside[0].name)
        body = inside[0].body


def _statements(body: Iterable[ast.stmt]) -> Iterator[Any]:
    """The definitions in a body, also those inside of its branches."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement
        else:
            yield from _statements(child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt))


def _change(before: str, after: str) -> str:
    """The lines that differ, as "old → new"."""
    old, new = before.splitlines(), after.splitlines()
    changes = [c for c in difflib.SequenceMatcher(None, old, new, False).get_opcodes() if c[0] != "equal"]
    (_, a, _, c, _), (_, _, b, _, d) = changes[0], changes[-1]  # of a statement that is left out, a line may look kept
    return " → ".join(" ".join(" ".join(line.split()) for line in lines).strip() for lines in (old[a:b], new[c:d]))


# ---- the runs --------------------------------------------------------------------------------------------------------


def _enter_copy(folder: str) -> None:
    """Make the process work in a copy of the project of its own, and load what every run of the tests needs."""
    import resource

    for name in ("hypothesis", "numpy", "pytest"):
        importlib.import_module(name)
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    # Bytecode goes by what is in the file, not by its time: a mutant is younger than its original by moments.
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir("tinygrad_edu", quiet=1, invalidation_mode=by_content)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _try(task: tuple[Mutant, int]) -> tuple[bool, float]:
    """Whether the tests pass in spite of the fault, within a number of seconds; and how many they took."""
    import resource

    mutant, seconds = task
    path = Path("tinygrad_edu", mutant.file)
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.code, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    try:
        return _passes(mutant.file, seconds), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    finally:
        path.write_text(original, encoding="utf-8")


def _passes(file: str, seconds: int) -> bool:
    """Run the tests beside a file, and the examples in it, in a fork: that spares each run the same imports."""
    import resource

    import pytest

    beside = Path("tests", file)
    options = "-x -q -p no:cacheprovider -p no:xdist --hypothesis-seed=0 -W ignore::pytest.PytestAssertRewriteWarning"
    child = os.fork()
    if child == 0:
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # what else the machine does is no matter
            signal.alarm(60 * seconds)
            paths = [f"tinygrad_edu/{file}", str(beside.with_name(f"test_{beside.name}"))]
            os._exit(pytest.main([*options.split(), *paths]))
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(pool: Any, file: str, listed: set[tuple[str, str]]) -> bool:
    """Try the mutants of one file; say which survive that are not listed, and which are listed in vain."""
    source = (PACKAGE / file).read_text(encoding="utf-8")
    passes, cost = pool.apply(_try, ((Mutant(file, "", "", source), 600),))
    if not passes:
        print(f"{file}: its tests fail without any fault in it")
        return False
    mutants = mutants_of(file)
    outcomes = pool.imap(_try, zip(mutants, itertools.repeat(10 + 5 * int(cost))))
    unnoticed = [(m.where, m.change) for m, (passes, _) in zip(mutants, outcomes, strict=True) if passes]
    new, vain = set(unnoticed) - listed, listed - set(unnoticed)
    count = len(mutants)
    print(
        f"{file}: {count} mutants, {count - len(unnoticed)} noticed, {len(unnoticed)} not, {len(new)} of these new",
        flush=True,
    )
    for title, changes in (("not noticed", new), ("listed in vain", vain)):
        for where, change in sorted(changes):
            print(f"  {title}: {where or '(top)'}: {change}")
    return not new and not vain


def _listed(file: str) -> set[tuple[str, str]]:
    """The mutants of a file that are known to be no faults, as (where, change)."""
    entries = tomllib.loads(LISTED.read_text(encoding="utf-8")).get(file, [])
    return {(entry["in"], change) for entry in entries for change in entry["changes"]}


def main() -> int:
    parser = argparse.ArgumentParser(description="Put faults into files of the package, and run the tests beside them.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="such as optim/adam.py; default, all")
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants are tried at the same time")
    options = parser.parse_args()
    unknown = [file for file in options.files if file not in FILES]
    if unknown:
        parser.error(f"{', '.join(unknown)}: the files are {', '.join(FILES)}")
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("fork").Pool(options.jobs, _enter_copy, (folder,)) as pool,
    ):
        results = [run(pool, file, _listed(file)) for file in options.files or FILES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
