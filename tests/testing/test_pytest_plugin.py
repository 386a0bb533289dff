"""The plugin for pytest: its option, its fixture and its table, in runs of their own."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu.testing import report

pytest_plugins = ["pytester"]

ROOT = Path(tinygrad_edu.__file__).parent.parent

TESTS = """
import numpy as np
import pytest
import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck as check, gradient_property
from tinygrad_edu.testing.strategies import tensors

def test_fixture(gradcheck):
    assert gradcheck(tg.exp, np.array([1.0, 2.0])).ok
    with pytest.raises(GradcheckError):
        gradcheck(tg.relu, np.zeros(3))
    assert [report.name for report in gradcheck.reports] == ["exp", "relu"]

def test_direct():
    def square(x):
        return x * x
    check(square, np.array([1.0, 2.0, 3.0]))

test_tanh = gradient_property(given=tensors((2,)), laws=())(tg.tanh)

def test_no_gradient():
    pass
"""


@pytest.fixture(autouse=True)
def _nothing_of_the_outer_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A run in this process, with the plugin, whether the package is installed or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        return pytester.runpytest_inprocess(
            "-p", "tinygrad_edu.testing.pytest_plugin", "-p", "no:cacheprovider", "-W", "ignore", *arguments
        )


def lines_of_the_table(result: pytest.RunResult) -> list[list[str]]:
    lines = [line for line in result.outlines if not line.startswith("=")]
    start = next(i for i, line in enumerate(lines) if "gradients checked" in line)
    return [line.split() for line in lines[start + 1 :] if line.strip()]


def test_table(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    listeners = list(report.listeners)
    result = run(pytester)
    result.assert_outcomes(passed=4)
    table = lines_of_the_table(result)
    assert table[0] == ["function", "checks", "elements", "inconclusive", "slowest"]
    assert [row[:4] for row in table[1:3]] == [["exp", "1", "2", "0"], ["relu", "1", "3", "3"]]
    assert table[3][:4] == ["tanh", "25", "50", "0"]
    assert table[4][:4] == ["test_direct.square", "1", "3", "0"]
    assert all(row[5] == "s" for row in table[1:5])
    assert " ".join(table[5]) == "28 checks of 4 functions, 58 elements, 3 inconclusive"
    assert report.listeners == listeners


def test_profiles(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("CI", "true")
    result = run(pytester, "-k", "tanh", "-q")
    assert any(line == "gradients: 100 checks of 1 function, 200 elements" for line in result.outlines)
    result = run(pytester, "-k", "tanh", "-q", "--gradcheck-profile=quick")
    assert any(line == "gradients: 25 checks of 1 function, 50 elements" for line in result.outlines)
    result = run(pytester, "--gradcheck-profile=slow")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: 'slow'" in result.stderr.str()


def test_no_table_where_no_gradient_is_checked(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(TESTS)
    result = run(pytester, f"{path}::test_no_gradient")
    result.assert_outcomes(passed=1)
    assert "gradients" not in result.stdout.str()


def test_many_functions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import numpy as np
from tinygrad_edu.testing import gradcheck

def test_many():
    for i in range(32):
        f = lambda x: x * x
        f.__qualname__ = f"{'long_' * 10}name_{i:02}"
        gradcheck(f, np.array(1.0))
""")
    result = run(pytester)
    assert "… and 2 faster ones: -v shows all" in result.outlines
    assert {len(line) for line in result.outlines if "name_" in line} == {80}
    table = lines_of_the_table(run(pytester, "-v"))
    assert len(table) == 32 + 2
    assert table[1][0] == "…ong_long_long_long_long_long_name_00"


def test_workers_send_their_rows(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(
        "-p", "tinygrad_edu.testing.pytest_plugin", "-n", "2", "--gradcheck-profile=ci", "-k", "not fixture"
    )
    result.assert_outcomes(passed=3)
    table = lines_of_the_table(result)
    assert [row[:4] for row in table[1:3]] == [["tanh", "100", "200", "0"], ["test_direct.square", "1", "3", "0"]]


def test_without_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:tinygrad_edu", "-p", "no:cacheprovider", "-W", "ignore")
    result.assert_outcomes(passed=3, errors=1)
    assert "fixture 'gradcheck' not found" in result.stdout.str()
    assert "gradients checked" not in result.stdout.str()


def test_a_run_that_checks_nothing_does_not_even_import_numpy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import sys

def test_plain():
    assert "_tinygrad_edu_pytest" in sys.modules
    assert not {"numpy", "hypothesis", "tinygrad_edu"} & set(sys.modules)

def test_late(gradcheck):
    import numpy as np
    from tinygrad_edu.testing import gradcheck as check
    for f in (gradcheck, check):
        f(lambda x: x * x, np.array([1.0]))
""")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "_tinygrad_edu_pytest"],
        cwd=pytester.path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "gradients: 2 checks of 1 function, 2 elements" in done.stdout


DIVIDES = """
import warnings
import pytest
import tinygrad_edu as tg

@pytest.fixture
def logs():
    return tg.log(tg.zeros(2))  # in a fixture

def test_shown():
    tg.log(tg.zeros(2))  # in a test

def test_fixture(logs):
    pass

def test_caught():
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        tg.log(tg.zeros(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tg.log(tg.zeros(2))

def test_silent():
    import numpy as np
    with np.errstate(all="ignore"):
        tg.log(tg.zeros(2))
"""


def of_fresh_process(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In a process of its own, whose filters are those that pytest makes."""
    pytester.makepyfile(DIVIDES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess("-p", "_tinygrad_edu_pytest", "-p", "no:cacheprovider", *arguments)


def number_of(text: str) -> int:
    return next(i for i, line in enumerate(DIVIDES.strip().splitlines(), 1) if text in line)


@pytest.mark.parametrize("arguments", [(), ("-W", "always"), ("-W", "default::RuntimeWarning")])
def test_warnings_of_numpys_are_told_of_the_tests_line(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    result = of_fresh_process(pytester, *arguments)
    result.assert_outcomes(passed=4, warnings=2)
    text = "RuntimeWarning: divide by zero encountered in log (in the op log)"
    for comment in ("# in a test", "# in a fixture"):
        result.stdout.fnmatch_lines([f"*.py:{number_of(comment)}: {text}"])


def test_warnings_of_numpys_that_are_errors_name_the_op(pytester: pytest.Pytester) -> None:
    result = of_fresh_process(pytester, "-W", "error")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["E * RuntimeWarning: divide by zero encountered in log (in the op log)"])
    pytester.makeini("[pytest]\nfilterwarnings =\n    error")
    of_fresh_process(pytester).assert_outcomes(passed=2, failed=1, errors=1)


def test_a_filter_of_the_run_that_ignores_them_is_obeyed(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfilterwarnings =\n    error\n    ignore:divide by zero:RuntimeWarning")
    of_fresh_process(pytester).assert_outcomes(passed=4, warnings=0)


def test_entry_point() -> None:
    found = importlib.metadata.entry_points(group="pytest11", name="tinygrad_edu")
    if not found:
        pytest.skip("the package is not installed")
    assert {entry.value for entry in found} == {"_tinygrad_edu_pytest"}


BY_HAND = """
import numpy as np, pytest
from tinygrad_edu.testing import GradcheckError

def test_by_hand(gradcheck):
    x = np.array([1.0, 2.0])
    assert gradcheck(np.sin, x, vjp=lambda g, x: g * np.cos(x)).ok
    assert gradcheck(lambda x: ((x**2).sum(), 2 * x), x, jac=True).ok
    with pytest.raises(GradcheckError):
        gradcheck(np.sin, x, vjp=lambda g, x: g * np.sin(x))
    assert [report.ok for report in gradcheck.reports] == [True, True, False]
"""


def test_gradients_by_hand(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BY_HAND)
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert lines_of_the_table(result)[-1][:6] == ["3", "checks", "of", "2", "functions,", "6"]
