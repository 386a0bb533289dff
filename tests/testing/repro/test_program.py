"""program: functions and values of the running program, written out."""

from __future__ import annotations

import functools
import linecache

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing.repro.program import Program

FACTOR = 2.5
TABLE = np.array([1.0, np.nan, -np.inf])
BIG = np.ones((20, 20))


def run(program, name):
    """What `name` means when the program is run."""
    scope = {"__name__": "elsewhere"}
    exec(compile(program.text(), "<program>", "exec", dont_inherit=True), scope)
    return scope[name]


def outer(k):
    def inner(x, y=FACTOR):
        return helper(x) * k + y

    def helper(x):
        return np.sin(x)

    return inner


def test_a_lambda_among_others():
    first, second = (lambda x: x + 1), (lambda x: x * FACTOR)
    for f in (first, second):
        program = Program()
        name = program.name_for(f, "f")
        assert run(program, name)(3.0) == f(3.0)
    assert "lambda x: x * FACTOR" in program.text()


def test_a_lambda_of_several_lines():
    f = lambda x: (
        x
        + FACTOR
    )  # fmt: skip
    program = Program()
    assert run(program, program.name_for(f, "f"))(1.0) == 3.5


def test_a_local_function_with_what_it_uses():
    program = Program()
    f = outer(3)
    assert program.name_for(f, "f") == "inner"
    assert run(program, "inner")(2.0) == f(2.0)
    assert not program.incomplete
    assert "import numpy as np" in program.text()
    assert "k = 3" in program.text()


def test_defaults_have_the_values_that_they_had():
    functions = [lambda x, k=k, *, m=[k]: x * k + m[0] for k in (2, 3)]

    def shifted(x, by=FACTOR * 2, *, names=("a",)):
        """Its defaults are computed."""
        return x + by + len(names)

    for f in (*functions, shifted):
        program = Program()
        assert run(program, program.name_for(f, "f"))(10) == f(10)


def same(f):
    """A decorator that changes nothing."""
    return f


def wrapped(f):
    """A decorator that leaves word of the function in the one that it makes."""

    @functools.wraps(f)
    def twice(x):
        return 2 * f(x)

    return twice


def test_a_function_within_decorators_is_written_without_them():
    made = []

    def other(f):
        made.append(f)
        return lambda x: 0.0

    @other
    @same
    def tripled(x):
        return x * 3

    program = Program()
    assert run(program, program.name_for(made[0], "f"))(2.0) == 6.0
    assert "@" not in program.text()

    @wrapped
    def added(x):
        return x + 1

    program = Program()
    assert run(program, program.name_for(added, "f"))(2.0) == 6.0


class Owner:
    factor = 3.0

    def __init__(self, shift=0.0):
        self.shift = shift

    def method(self, x):
        return x * self.factor + self.shift


def test_methods():
    program = Program()
    assert program.name_for(Owner().method, "f") == "Owner().method"
    program = Program()
    assert program.name_for(Owner(1.0).method, "f") == "method"
    assert "method = ...  # method: as in your program" in program.text()
    program = Program()
    layer = nn.Linear(2, 1)
    assert program.name_for(layer.forward, "f") == "model.forward"
    x = tg.tensor([1.0, 2.0])
    np.testing.assert_array_equal(run(program, "model").forward(x).array, layer.forward(x).array)


def test_what_can_be_imported_is_imported():
    program = Program()
    assert program.name_for(np.linalg.norm, "f") == "norm"
    assert "from numpy.linalg import norm" in program.text()
    assert program.name_for(tg.exp, "f") == "tg.exp"
    assert program.name_for(np.exp, "f") == "np.exp"
    assert program.name_for(nn.Linear, "f") == "Linear"
    assert run(program, "Linear") is nn.Linear


def test_a_class_of_the_user():
    class Cube(tg.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3 * FACTOR

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x * FACTOR

    program = Program()
    assert program.name_for(Cube.apply, "f") == "Cube.apply"
    cube = run(program, "Cube")
    assert cube.apply(tg.tensor([2.0])).item() == 20.0


def test_a_partial_function():
    program = Program()
    f = functools.partial(outer(3), y=0.5)
    assert run(program, program.name_for(f, "f"))(2.0) == f(2.0)


def test_arrays_and_tensors_that_a_function_uses():
    weight = tg.tensor([[0.1, 0.2]], dtype=tg.float32)
    f = lambda x: (TABLE, weight, x)
    program = Program()
    table, found, _ = run(program, program.name_for(f, "f"))(1.0)
    np.testing.assert_array_equal(table, TABLE)
    assert found.dtype == tg.float32
    np.testing.assert_array_equal(found.array, weight.array)


def test_what_cannot_be_written_is_left_to_be_filled_in():
    handle = object()
    f = lambda x: (BIG, handle, x)
    program = Program()
    program.name_for(f, "f")
    assert program.incomplete
    assert "BIG = ...  # float64 (20, 20): as in your program" in program.text()
    assert "handle = ...  # object: as in your program" in program.text()


@pytest.mark.parametrize("code", ["def g(x):\n    return x", "class g:\n    x = 1", "g = lambda x: x"])
@pytest.mark.parametrize(
    "other", ["", "import sys; exec(sys.argv[1])\n", "def g(x, y): return y\n", "h = lambda x: 1\n"]
)
def test_what_has_no_source(code, other, monkeypatch):
    """Python 3.13 keeps the program of `python -c` under the name that all code in strings has."""
    if other:
        monkeypatch.setitem(linecache.cache, "<string>", (len(other), None, [other], "<string>"))
    scope = {"__name__": __name__}
    exec(code, scope)
    program = Program()
    program.bind("g", scope["g"])
    assert "g = ...  # g, whose source code is not there" in program.text().replace("<lambda>", "g")


def test_names_that_are_taken_are_changed():
    program = Program()
    assert program.bind("x", 1) == "x"
    assert program.bind("x", 1) == "x"
    assert program.bind("x", 2.5) == "x_"
    assert run(program, "x_") == 2.5


@pytest.mark.parametrize(
    "value",
    [None, 3, 2.5, float("inf"), "a'b", (1, [2.0, "c"]), {"k": (1,)}, np.float32(0.1), np.int8(3), slice(1, None)],
)
def test_values(value):
    program = Program()
    text = program.inline(value, "v")
    assert eval(text, {"np": np, "slice": slice}) == value
    assert "v" not in program.bound


def test_a_module_with_few_parameters():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.25)).eval()
    program = Program()
    program.bind("model", model)
    found = run(program, "model")
    assert repr(found) == repr(model)
    assert not found.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(found.state_dict()[name].array, value.array)


def test_a_module_with_many_parameters_has_others():
    program = Program()
    program.bind("model", nn.Linear(20, 10))
    assert "tg.manual_seed(0)  # other parameters than yours\nmodel = tg.nn.Linear(" in program.text()


def test_a_module_of_the_user():
    class Net(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.inner = nn.Linear(n, n)

    program = Program()
    program.bind("model", Net(2))
    lines = program.text().splitlines()
    assert lines[0] == "model = ...  # Net, as in your program"
    assert lines[1:] == [
        "# Net(",
        "#   (inner): Linear(in_features=2, out_features=2, bias=True)",
        "# )",
    ]
