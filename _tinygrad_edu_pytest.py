"""The pytest plugin: the option --gradcheck-profile, the fixture `gradcheck`, a table of the checks at the end,
and NumPy's warnings with the line of the test.

pytest loads a plugin in every run, even if no gradient is tested. So it is outside of the package, which imports NumPy,
and imports the package only when a test uses the fixture. `tinygrad_edu.testing`, when it is imported, finds the list
of listeners to its checks here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

PROFILES = ("quick", "ci", "deep")

# Whichever of the two is imported first creates the list, and the other one uses it.
listeners: list[Callable[[Any, float], None]] = getattr(sys.modules.get("tinygrad_edu.testing.report"), "listeners", [])

profile: str | None = None
"""The profile of the current run."""

_FEW = 30  # lines of the table that are shown without -v


class Tally:
    """The checks of a run, function by function."""

    def __init__(self, before: str | None) -> None:
        self.rows: dict[str, list[Any]] = {}
        self.before = before

    def __call__(self, report: Any, seconds: float) -> None:
        self.add(str(report.name).replace(".<locals>", ""), [1, report.checked, report.inconclusive, seconds])

    def add(self, name: str, row: Sequence[Any]) -> None:
        """Count checks, elements and inconclusive elements, and keep the longest time."""
        checks, elements, inconclusive, seconds = self.rows.get(name, (0, 0, 0, 0.0))
        self.rows[name] = [
            checks + int(row[0]),
            elements + int(row[1]),
            inconclusive + int(row[2]),
            max(seconds, float(row[3])),
        ]

    def merge(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Add the counts of another process."""
        for name, row in rows.items():
            self.add(name, row)


_TALLY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tinygrad_edu").addoption(
        "--gradcheck-profile",
        choices=PROFILES,
        default=None,
        help="how many examples a gradient_property tries: quick (the default), ci (the default where the "
        "environment has CI set; always the same examples) or deep",
    )


def pytest_configure(config: pytest.Config) -> None:
    global profile
    tally = config.stash[_TALLY] = Tally(profile)
    profile = config.getoption("gradcheck_profile")
    listeners.append(tally)


def pytest_unconfigure(config: pytest.Config) -> None:
    global profile
    tally = config.stash.get(_TALLY, None)
    if tally is not None:
        listeners.remove(tally)
        profile = tally.before


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    _tell_numpys_warnings_of_the_tests_line()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    _tell_numpys_warnings_of_the_tests_line()


def _tell_numpys_warnings_of_the_tests_line() -> None:
    """Install the package's warning filter again, as pytest's filters for each test shadow it."""
    module = sys.modules.get("tinygrad_edu.tensors.numpy_warnings")
    if module is not None:
        module.install()


@pytest.fixture
def gradcheck() -> Callable[..., Any]:
    """`tinygrad_edu.testing.gradcheck`; the reports of the test's checks are in `gradcheck.reports`."""
    from tinygrad_edu.testing import GradcheckError
    from tinygrad_edu.testing import gradcheck as check

    reports = []

    @functools.wraps(check)
    def recorded(*args: Any, **options: Any) -> Any:
        try:
            report = check(*args, **options)
        except GradcheckError as error:
            reports.append(error.report)
            raise
        reports.append(report)
        return report

    vars(recorded)["reports"] = reports
    return recorded


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker of pytest-xdist
        output["tinygrad_edu"] = session.config.stash[_TALLY].rows


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Merge the rows of a worker that has ended."""
    node.config.stash[_TALLY].merge(getattr(node, "workeroutput", {}).get("tinygrad_edu", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[_TALLY].rows
    if not rows:
        return
    verbosity = config.get_verbosity()
    checks, elements, inconclusive = (sum([row[i] for row in rows.values()]) for i in range(3))
    total = f"{_count(checks, 'check')} of {_count(len(rows), 'function')}, {_count(elements, 'element')}"
    total += f", {inconclusive} inconclusive" if inconclusive else ""
    if verbosity < 0:
        terminalreporter.write_line(f"gradients: {total}")
        return
    terminalreporter.section("gradients checked", "-")
    for line in _table(rows, None if verbosity else _FEW):
        terminalreporter.write_line(line)
    terminalreporter.write_line(total)


def _table(rows: Mapping[str, Sequence[Any]], limit: int | None) -> list[str]:
    """The lines of the table: by name, or the slowest ones if there are too many."""
    shown = sorted(rows.items())
    if limit is not None and len(rows) > limit:
        shown = sorted(rows.items(), key=lambda row: -float(row[1][3]))[:limit]
    names = [name if len(name) <= 37 else f"…{name[-36:]}" for name, _ in shown]
    width = max(map(len, [*names, "function"]))
    lines = [f"{'function':{width}}  checks  elements  inconclusive    slowest"]
    for name, (_, (checks, elements, inconclusive, seconds)) in zip(names, shown, strict=True):
        lines.append(f"{name:{width}}  {checks:6}  {elements:8}  {inconclusive:12}  {seconds:7.3f} s")
    if len(shown) < len(rows):
        lines.append(f"… and {len(rows) - len(shown)} faster ones: -v shows all")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
