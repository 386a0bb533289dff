"""The texts of errors: op, argument, shapes, axis, way out."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu import errors
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError, TinygradError


def test_they_are_also_the_builtin_errors_people_catch() -> None:
    for kind, builtin in [(ShapeError, ValueError), (DtypeError, TypeError), (GraphError, RuntimeError)]:
        assert issubclass(kind, TinygradError)
        assert issubclass(kind, builtin)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(2, 3), (3,)], ""),
        ([(2, 3), (2,)], "axis -1 is 3 against 2"),
        ([(4, 1, 3), (2, 1), (5, 1, 1)], "axis -3 is 4 against 5"),
        ([()], ""),
        ([], ""),
        ([(0, 3), (1, 3)], ""),
        ([(0,), (2,)], "axis -1 is 0 against 2"),
    ],
)
def test_broadcast_clash(shapes: list[tuple[int, ...]], said: str) -> None:
    text = errors.broadcast_clash(shapes)
    assert said in text
    assert bool(text) == bool(said)


def test_explain_names_op_and_arguments_and_keeps_the_kind() -> None:
    a = np.ones((2, 3), dtype=np.float32)
    assert isinstance(errors.explain("op", (a,), IndexError("far out")), IndexError)
    assert isinstance(errors.explain("op", (a,), TypeError("bad type")), DtypeError)
    text = str(errors.explain("op", (a, "x" * 100), ValueError("bad value")))
    assert text.startswith("op(float32[2, 3], 'xxxxxxx")
    assert "..." in text
    assert "bad value" in text
    own = ShapeError("already clear")
    assert errors.explain("op", (a,), own) is own
    other = errors.explain("op", (a,), MemoryError("full"))
    assert isinstance(other, MemoryError)
    assert "while computing op(float32[2, 3])" in other.__notes__


def test_axis_error() -> None:
    assert "use -2 to 1" in str(errors.axis_error("sum", 2, (3, 4)))
    assert "0-d tensor" in str(errors.axis_error("sum", 0, ()))
