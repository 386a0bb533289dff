"""Which line of the user's code made a call: found, kept cheaply, and put into words."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.callsite import call_site, line_of, users_frame


def line_number() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def node_of(tensor: Any) -> Any:
    return tensor.source


def test_the_site_is_the_line_that_called() -> None:
    site, number = call_site(), line_number()
    assert line_of(site) == f"{__file__}:{number}: site, number = call_site(), line_number()"


def test_an_op_in_which_samples_may_meet_keeps_its_line() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    y, number = x @ x, line_number()
    assert line_of(node_of(y).where) == f"{__file__}:{number}: y, number = x @ x, line_number()"


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.mean(0),
        lambda x: np.mean(x, axis=0),
        lambda x: np.matmul(x, x),
        lambda x: x.sort(0).values,
        lambda x: tg.nn.functional.normalize(x, dim=1).norm(),
        lambda x: tg.nn.Softmax(0)(x),
        lambda x: tg.nn.Sequential(tg.nn.LayerNorm(2))(x),
        lambda x: x.chunk(2)[0].source.inputs[0] and x.split(1)[1].T,
    ],
)
def test_the_librarys_own_frames_and_numpys_are_passed_over(call: Any) -> None:
    where = line_of(node_of(call(tg.ones(2, 2, requires_grad=True))).where)
    code = call.__code__
    assert where.startswith(f"{code.co_filename}:{code.co_firstlineno}: lambda x: ")


def test_a_node_with_several_results_keeps_its_line() -> None:
    x = tg.ones(4, requires_grad=True)
    halves, number = x.split(2), line_number()
    (node,) = {id(half.source.inputs[0]): half.source.inputs[0] for half in halves}.values()
    assert line_of(node.where).startswith(f"{__file__}:{number}: ")


def test_elementwise_ops_keep_no_line_and_constants_no_node() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    assert not hasattr(node_of(x * x), "where")
    assert not hasattr(node_of(x.exp()), "where")
    assert node_of(x.detach() @ x.detach()) is None
    with tg.no_grad():
        assert node_of(x @ x) is None


def test_the_line_within_an_expression_over_several() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    # fmt: off
    y = (
        x.exp()
        @ x.T
    )
    # fmt: on
    number, text = line_of(node_of(y).where).removeprefix(f"{__file__}:").split(": ", 1)
    first = inspect.getsource(inspect.currentframe()).split("\n").index("    y = (")  # type: ignore[arg-type]
    start = inspect.currentframe().f_code.co_firstlineno  # type: ignore[union-attr]
    assert start + first < int(number) <= start + first + 2
    assert text in ("x.exp()", "@ x.T")


def test_no_frame_is_kept_alive() -> None:
    class Big:
        pass

    def compute() -> tuple[Any, Any]:
        big = Big()
        x = tg.ones(2, 2, requires_grad=True)
        return x @ x, weakref.ref(big)

    gc.disable()
    try:
        y, reference = compute()
        assert reference() is None
        assert "return x @ x" in line_of(node_of(y).where)
    finally:
        gc.enable()


def test_code_without_a_source_is_named_by_its_number() -> None:
    names: dict[str, Any] = {"tg": tg}
    exec(compile("x = tg.ones(2, 2, requires_grad=True)\ny = x @ x\n", "<no such file>", "exec"), names)
    assert line_of(node_of(names["y"]).where) == "<no such file>:2"


def test_frames_texts_and_nothing_have_lines_too() -> None:
    frame, number = sys._getframe(), line_number()
    assert line_of(frame) == f"{__file__}:{number + 1}: assert line_of(frame) == " + _rest_of(number + 1)
    assert line_of("model.py:3: h @ h.T") == "model.py:3: h @ h.T"
    assert line_of(None) == "an unknown line"


def _rest_of(number: int) -> str:
    with open(__file__, encoding="utf-8") as source:
        return source.read().split("\n")[number - 1].strip().removeprefix("assert line_of(frame) == ")


def test_where_no_frame_is_the_users_there_is_no_site() -> None:
    assert users_frame(None) is None
    frame = sys._getframe()
    assert users_frame(frame) is frame


def test_an_instruction_without_a_line_gives_that_of_its_function() -> None:
    code = line_number.__code__
    nowhere = bytes([0x80 | 15 << 3 | 0] * (len(code.co_code) // 2))  # an entry without a line for each instruction
    code = code.replace(co_linetable=nowhere)
    assert line_of((code, 0)) == f"{__file__}:{code.co_firstlineno}: def line_number() -> int:"
