"""`tinygrad-edu check`: which inputs it finds, what it prints, how it ends, and that mistakes take one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tinygrad_edu.cli import command as cli

FILE = """
import sys
from typing import Annotated

import numpy as np
import neighbour
import tinygrad_edu as tg


def product(x, w):
    return tg.tanh(x @ w)


def power(x: float, k: int = 2):
    return x**k


def annotated(x: Annotated[tg.Tensor, (2, 3)], y=np.ones(3)):
    return x * y


def total(*xs):
    return sum(x * x for x in xs)


def beside(x, k):
    return x * neighbour.FACTOR * k


def beside_inputs():
    return np.ones((2, 2)), 3


def attached(x):
    return x + 1.0


attached.inputs = np.ones(4)


def shifted(x, w):
    return np.tanh(x @ w)


def shifted_vjp(g, x, w):
    g = g * (1 - shifted(x, w) ** 2)
    return g @ w.T, x.T @ g


def shifted_wrong(g, x, w):
    return g @ w.T, x.T @ g


def cubes(x, k):
    return k * (x**3).sum()


def cubes_jac(x, k):
    return 3 * k * x**2 * (1 + 1e-6)


def both(x):
    return (x**3).sum(), 3 * x**2


class Flipped(tg.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return -2 * g


def flipped(x):
    return Flipped.apply(x)


class Net(tg.nn.Module):
    inputs = np.ones((2, 3))

    def __init__(self, width=3):
        super().__init__()
        self.layer = tg.nn.Linear(width, 2)

    def forward(self, x):
        return self.layer(x)


class Sized(Net):
    def __init__(self, width):
        super().__init__(width)


class Plain:
    pass


class ByHand:
    def forward(self, x):
        return x

    def backward(self, g):
        return g


by_hand = ByHand()


net = Net()
number = 3


def failing(x):
    raise KeyError("no such thing")


def failing_inputs():
    return [1.0]


def unready(x):
    return x


def unready_inputs():
    raise OSError("not\\nthere")


def undated(x: "Missing"):
    return x
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("FACTOR = 2.0\n", encoding="utf-8")
    path = tmp_path / "some_losses.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_right_gradients(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.path)
    assert cli.main(["check", f"{file}:product", "--shape", "3,4", "4,2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("product: the gradient is right (20 elements; ")
    assert text.count("\n") == 1
    assert sys.path == before
    assert "some_losses" not in sys.modules


@pytest.mark.parametrize(
    ("words", "elements"),
    [
        (["power"], 1),
        (["annotated"], 9),
        (["annotated", "--shape", "4,3"], 12),
        (["total", "--shape", "2", "()", "3,1"], 6),
        (["total", "--shape", "2", "--shape", "2"], 4),
        (["beside"], 4),
        (["attached"], 4),
        (["net"], 14),
        (["Net"], 14),
        (["net.layer", "--shape", "5,3"], 23),
    ],
)
def test_where_inputs_come_from(
    words: list[str], elements: int, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", f"{file}:{words[0]}", *words[1:]]) == 0
    assert f"the gradient is right ({elements} element" in capsys.readouterr().out


def test_options(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"{file}:total"
    assert cli.main(["check", target, "--shape", "2", "--order", "2"]) == 0
    assert "total: the second derivative is right" in capsys.readouterr().out
    assert cli.main(["check", target, "--shape", "50,50", "--mode", "project"]) == 0
    assert "(2500 elements" in capsys.readouterr().out
    texts = []
    for seed in ("1", "1", "2"):
        assert cli.main(["check", f"{file}:flipped", "--shape", "2", "--seed", seed]) == 1
        texts.append(capsys.readouterr().out.split("to reproduce")[0])
    assert texts[0] == texts[1] != texts[2]


def test_wrong_gradients(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", f"{file}:flipped", "--shape", "3"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("flipped: the gradient is wrong\n")
    assert "the sign is wrong" in text


def test_nothing_shown_is_not_right(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", f"{file}:total", "--shape", "0,2"]) == 1
    assert "nothing to check" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["product"],
            "product needs inputs: give --shape 3,4 3,4, or put a function product_inputs, which returns them, beside",
        ),
        (["product", "--shape", "3,4"], "product takes (x, w): --shape needs 2 shapes, got 1"),
        (["power", "--shape", "2", "2", "2"], "power takes (x, k): --shape needs 1 shapes, got 3"),
        (["product", "--shape", "3", "4"], "product: called with ((3,), (4,)) it raised ShapeError: matmul: "),
        (["failing"], "failing: called with (1.0) it raised KeyError: 'no such thing' (line 116)"),
        (["unready"], "the inputs of unready raised OSError: not there (line 128)"),
        (["undated"], "undated needs inputs: give --shape 3,4, or put"),
        (
            ["Sized"],
            "Sized() raised TypeError: Sized.__init__() missing 1 required positional argument: 'width': a class ",
        ),
        (["Plain"], "Plain is a class, but not a subclass of Module: name a function or a module"),
        (["ByHand"], "ByHand is a layer written by hand, with its own backward: check it from Python, with gradch"),
        (["by_hand"], "by_hand is a layer written by hand"),
        (["shifted", "--vjp", "shifted_vjp", "--order", "2", "--shape", "3,4", "4,2"], "--order 2 is for functions of"),
        (["number"], "number is of type int: name a function or a module"),
        (["net.bias"], "has no 'net.bias': it has product, power, annotated, total, beside, "),
    ],
)
def test_mistakes_take_one_line(words: list[str], message: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", f"{file}:{words[0]}", *words[1:]]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("tinygrad-edu check: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (
            "a.py",
            "import no_such_module\n",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module' (line 1)",
        ),
        ("b.py", "x = 1\nraise SystemExit(0)\n", "cannot be imported: SystemExit: 0 (line 2)"),
        ("c.py", "def f(:\n", "cannot be imported: SyntaxError: "),
        ("d.txt", "", "is not a Python file: its name must end in .py"),
        ("e.py", "from math import sin\n", "has no 'f': it defines no function or module"),
    ],
)
def test_files_that_cannot_be_used(
    name: str, code: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(code, encoding="utf-8")
    assert cli.main(["check", f"{tmp_path / name}:f"]) == 2
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("losses.py", "'losses.py' names no function: write it as path.py:name"),
        ("losses.py:", "'losses.py:' names no function"),
        ("no_such_file.py:f", "there is no file no_such_file.py"),
    ],
)
def test_targets_that_are_none(target: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", target]) == 2
    assert capsys.readouterr().err.startswith(f"tinygrad-edu check: {message}")


@pytest.mark.parametrize("shape", ["3,x", "3,-4", "a.py:f"])
def test_shapes_that_are_none(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", "a.py:f", "--shape", shape])
    assert end.value.code == 2
    assert f"argument --shape: {shape!r} is not a shape: give sizes such as 3,4" in capsys.readouterr().err


def test_a_property_is_checked_as_the_function_that_it_is_made_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "test_mine.py"
    path.write_text(
        "from tinygrad_edu.testing import gradient_property\n"
        "from tinygrad_edu.testing.strategies import tensors\n"
        "@gradient_property(given=tensors())\n"
        "def test_square(x):\n    return x * x\n",
        encoding="utf-8",
    )
    assert cli.main(["check", f"{path}:test_square", "--shape", "3"]) == 0
    assert "test_square: the gradient is right (3 elements" in capsys.readouterr().out


def test_help_says_where_inputs_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "--shape 3,4",
        "NAME_inputs",
        "the attribute `inputs`",
        "Annotated[Tensor, (3, 4)]",
        "--order",
        "--mode",
    ):
        assert words in text


class TestByHand:
    """`--vjp` and `--jac`: gradients in plain NumPy."""

    def run(self, file: Path, *words: str) -> int:
        return cli.main(["check", f"{file}:{words[0]}", *words[1:]])

    def test_a_vjp(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        sized = ("--shape", "4,3", "3,2")
        for where in ("shifted_vjp", f"{file}:shifted_vjp"):
            assert self.run(file, "shifted", "--vjp", where, *sized) == 0
            assert "shifted: the gradient is right (18 elements" in capsys.readouterr().out
        assert self.run(file, "shifted", "--vjp", "shifted_wrong", *sized) == 1
        assert "gradcheck(shifted, (x, w), vjp=shifted_wrong, seed=0)" in capsys.readouterr().out

    def test_in_a_file_of_its_own(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        other = file.with_name("gradients.py")
        other.write_text(
            "import some_losses\n\n\ndef backward(g, x, w):\n    return some_losses.shifted_vjp(g, x, w)\n"
        )
        assert self.run(file, "shifted", "--shape", "4,3", "3,2", "--vjp", f"{other}:backward") == 0
        assert "gradients" not in sys.modules

    def test_a_jacobian_without_a_name_before_the_target(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check", "--shape", "4", "--jac", f"{file}:both"]) == 0
        assert "both: the gradient is right (4 elements" in capsys.readouterr().out
        assert cli.main(["check", "--shape", "4"]) == 2
        assert "which function or module? Write it as path.py:name" in capsys.readouterr().err

    def test_a_jacobian(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("cubes", "--jac", "cubes_jac", "--shape", "5", "()")
        assert self.run(file, *words) == 1
        assert "they agree to 6 digits" in capsys.readouterr().out
        assert self.run(file, *words, "--rtol", "1e-5") == 0

    def test_value_and_gradient(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(file, "both", "--shape", "5", "--jac") == 0
        assert "both: the gradient is right (5 elements" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("shifted", "--vjp", "shifted_vjp", "--jac"), "--vjp and --jac are two ways to give the gradient"),
            (("net", "--vjp", "shifted_vjp"), "--vjp is for a function of arrays: a module computes its own gradients"),
            (("shifted", "--vjp", "nowhere"), "has no 'nowhere': it has product, power"),
            (("shifted", "--vjp", "no_such.py:f"), "there is no file no_such.py"),
        ],
    )
    def test_mistakes(
        self, words: tuple[str, ...], message: str, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(file, *words, "--shape", "2,3", *["3,2"] * (words[0] != "net")) == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("rtol", ["much", "-1", "nan", "2"])
    def test_tolerances_that_are_none(self, rtol: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as end:
            cli.main(["check", "a.py:f", f"--rtol={rtol}"])
        assert end.value.code == 2
        assert f"argument --rtol: {rtol!r} is not allowed: give a number" in capsys.readouterr().err

    def test_a_property(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "test_mine.py"
        path.write_text(
            "import numpy as np\n"
            "from tinygrad_edu.testing import gradient_property\n"
            "from tinygrad_edu.testing.strategies import tensors\n"
            "test_sin = gradient_property(given=tensors(), vjp=lambda g, x: g * np.cos(x))(lambda x: np.sin(x))\n",
            encoding="utf-8",
        )
        assert cli.main(["check", f"{path}:test_sin", "--shape", "3"]) == 0
