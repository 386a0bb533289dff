"""What the demo says about what it did."""

import io
import re

import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")

from rich.console import Console

from tinygrad_edu.demo import show
from tinygrad_edu.demo.digits import Epoch
from tinygrad_edu.demo.opened import OpenedGradient


def example(scale: float = 1.0) -> OpenedGradient:
    x, delta = np.array([1.5, 0.0, 2.0]) * scale, np.array([0.25, -0.5, -0.75])
    return OpenedGradient(
        output=8,
        unit=17,
        digits=np.array([3, 5, 8]),
        probabilities=np.array([0.25, 0.5, 0.25]),
        x=x,
        delta=delta,
        gradient=float(x @ delta),
    )


def printed(table: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table_has_a_row_per_sample_and_the_total() -> None:
    text = printed(show.gradient_table(example()))
    rows = [line.split() for line in text.splitlines() if re.search(r"\d", line)]
    assert rows[1:] == [
        ["3", "0.2500", "1.5000", "+0.2500", "+0.3750", "+0.3750"],
        ["5", "0.5000", "0.0000", "-0.5000", "+0.0000", "+0.3750"],
        ["8", "0.2500", "2.0000", "-0.7500", "-1.5000", "-1.1250"],
        ["sum", "of", "x·δ", "-1.1250"],
        ["weight.grad[8,", "17]", "-1.1250"],
    ]


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e12])
def test_table_fits_a_terminal_whatever_the_numbers(scale: float) -> None:
    text = printed(show.gradient_table(example(scale)))
    assert "…" not in text
    assert "nan" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("scale", [1.0, -1e12])
def test_a_narrow_table_has_fewer_columns_and_whole_numbers(scale: float) -> None:
    text = printed(show.gradient_table(example(scale), width=50), width=50)
    assert "…" not in text
    total = show._number(example(scale).total)
    assert [line.split() for line in text.splitlines() if "sum" in line or ".grad" in line] == [
        ["sum", total],
        [".grad", total],
    ]


@pytest.mark.parametrize(
    ("batch_size", "said"),
    [
        (64, "1437 = 22 × 64 + 29: the last batch of each epoch held 29 images, not 64."),
        (479, "1437 images make 3 batches of 479, the last one as full as the others."),
        (1437, "Each step used all 1437 images at once"),
        (5000, "Each step used all 1437 images at once"),
    ],
)
def test_last_batch_is_told_as_it_was(batch_size: int, said: str) -> None:
    assert said in " ".join(show.last_batch(1437, batch_size).split())


def test_a_gradient_of_zeros_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    show.Screen().open(example(scale=0.0))
    text = " ".join(capsys.readouterr().out.split())
    assert "Every term is zero" in text
    assert "Try a smaller --lr." in text


def test_the_largest_term_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    show.Screen().open(example())
    assert "The image of an 8 alone is 80% of the total pull." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("found", "started", "expected"),
    [
        ("/usr/bin/tinygrad-edu", "/elsewhere/tinygrad-edu", "tinygrad-edu"),
        (None, ".venv/bin/tinygrad-edu", ".venv/bin/tinygrad-edu"),
        (None, "/lib/tinygrad_edu/__main__.py", "python -m tinygrad_edu"),
    ],
)
def test_suggested_commands_can_be_typed(
    found: str | None, started: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.shutil, "which", lambda name: found)
    monkeypatch.setattr(show.sys, "argv", [started])
    assert show.program_name() == expected


def test_progress_gives_few_lines_with_the_first_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    with show.Screen().progress(30) as report:
        for number in range(1, 31):
            report(Epoch(number, 1 / number, 300, 360))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[0] for line in lines] == ["1", "6", "12", "18", "24", "30"]
    assert lines[-1] == ["30", "0.0333", "83.3%"]
