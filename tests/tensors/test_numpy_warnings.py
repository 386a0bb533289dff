"""NumPy's warnings about numbers name the op, and the user's line."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.tensors import numpy_warnings


@pytest.fixture
def seen() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings of a program in which the library was imported and then every warning shown."""
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        numpy_warnings.install()
        yield records


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def told(seen: list[warnings.WarningMessage]) -> list[tuple[str, str, int]]:
    result = [(str(w.message), w.filename, w.lineno) for w in seen]
    seen.clear()
    return result


def test_an_op_names_itself_and_the_line(seen: list[warnings.WarningMessage]) -> None:
    tg.log(tg.zeros(3)), (line := here())
    assert told(seen) == [("divide by zero encountered in log (in the op log)", __file__, line)]
    tg.ones(2) / tg.zeros(2), (line := here())
    assert told(seen) == [("divide by zero encountered in divide (in the op div)", __file__, line)]
    np.exp(1000 * tg.ones(2)), (line := here())
    assert told(seen) == [("overflow encountered in exp (in the op exp)", __file__, line)]
    tg.nn.Softmax(0)(tg.tensor([np.inf, np.inf])), (line := here())
    assert told(seen)[0][1:] == (__file__, line)


def test_a_warning_from_numpys_own_python_code(seen: list[warnings.WarningMessage]) -> None:
    tg.linalg.det(tg.tensor([[np.nan, 1.0], [1.0, 1.0]])), (line := here())
    assert told(seen) == [("invalid value encountered in det (in the op det)", __file__, line)]


def test_a_backward_pass_names_the_op_whose_rule_it_is(seen: list[warnings.WarningMessage]) -> None:
    x = tg.zeros(3, requires_grad=True)
    y = x.sqrt()
    y.backward(), (line := here())
    assert told(seen) == [("divide by zero encountered in divide (in the backward of sqrt)", __file__, line)]


def test_a_step_names_the_optimizer(seen: list[warnings.WarningMessage]) -> None:
    x = tg.ones(3, requires_grad=True)
    x.grad = 1e20 * tg.ones(3)
    optimizer = tg.optim.SGD([x], lr=1e30)
    optimizer.step(samples=1), (line := here())
    assert told(seen) == [("overflow encountered in multiply (in SGD.step())", __file__, line)]


def test_the_users_own_numpy_is_left_alone(seen: list[warnings.WarningMessage]) -> None:
    np.log(np.zeros(2)), (line := here())
    warnings.warn("divide by zero encountered in life", RuntimeWarning, stacklevel=1)
    assert told(seen) == [
        ("divide by zero encountered in log", __file__, line),
        ("divide by zero encountered in life", __file__, line + 1),
    ]
    with np.errstate(all="ignore"):
        tg.log(tg.zeros(2))
    assert told(seen) == []


def test_filters_that_are_made_later_are_obeyed() -> None:
    with warnings.catch_warnings(record=True) as records:
        numpy_warnings.install()
        numpy_warnings.install()
        warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)
        tg.log(tg.zeros(3))
        assert records == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numpy_warnings.install()
        with pytest.raises(RuntimeWarning, match=r"divide by zero encountered in log \(in the op log\)"):
            tg.log(tg.zeros(3))


def test_installing_again_brings_the_filter_to_the_front_and_keeps_one() -> None:
    with warnings.catch_warnings(record=True) as records:
        numpy_warnings.install()
        warnings.simplefilter("always")
        tg.log(tg.zeros(3))
        numpy_warnings.install()
        tg.log(tg.zeros(3)), (line := here())
        hooks = [entry for entry in warnings.filters if isinstance(entry[1], numpy_warnings._Hook)]
        assert len(hooks) == 1
        assert warnings.filters[0] is hooks[0]
    shadowed, told_of = records
    assert shadowed.filename != __file__
    assert str(shadowed.message) == "divide by zero encountered in log"
    assert (told_of.filename, told_of.lineno) == (__file__, line)


def test_a_program_is_warned_once_for_each_of_its_lines() -> None:
    program = "import tinygrad_edu as tg\nfor _ in range(3):\n    tg.log(tg.zeros(2))\ntg.log(tg.zeros(2))\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = [line for line in run.stderr.splitlines() if "RuntimeWarning" in line]
    assert lines == [f"<string>:{n}: RuntimeWarning: divide by zero encountered in log (in the op log)" for n in (3, 4)]
