"""Tables and answers on a terminal and in a file."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.report.table import Answer, Table, fitting, plain, show

ANSWER = Answer("Take 128", ["Because [red]of[/red] this. " * 12, "And that."])
TABLE = Table("Steps", ("size", "steps"), [("8", "1,200"), ("4096", "not reached")], "A note.")
LONG = Table("Checkpoints", ("step",), [("1",)] * 50, long=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_of_numbers_stand_to_the_right() -> None:
    assert plain(TABLE).splitlines() == [
        "Steps",
        "size        steps",
        "   8        1,200",
        "4096  not reached",
        "A note.",
    ]


def test_a_column_of_words_stands_to_the_left() -> None:
    table = Table("", ("model", "steps"), [("mlp", "1"), ("transformer", "2")])
    assert "mlp              1" in plain(table)


def test_a_table_without_rows_has_its_headings() -> None:
    assert plain(Table("Steps", ("size", "steps"), [])).splitlines() == ["Steps", "size  steps"]


def test_a_file_gets_plain_text_in_short_lines() -> None:
    file = io.StringIO()
    show([ANSWER], [TABLE, LONG], file)
    text = file.getvalue()
    assert text.startswith("Take 128\n\nBecause [red]of[/red] this.")
    assert plain(TABLE) in text
    assert "Checkpoints" not in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 96


def test_a_terminal_gets_the_same_words_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    file = Terminal()
    show([ANSWER], [TABLE, LONG], file)
    text = file.getvalue()
    assert "\x1b[" in text
    assert "[red]of[/red]" in text  # brackets are no markup
    for words in ("Take 128", "And that.", "not reached", "1,200", "A note."):
        assert words in text
    assert "Checkpoints" not in text


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()])
def test_what_all_results_are_warned_of_stands_first(file: io.StringIO) -> None:
    show([ANSWER], [TABLE], file, ["[b]nothing[/b] fits. " * 9])
    assert "Warning: [b]nothing[/b] fits." in file.getvalue()
    assert file.getvalue().index("Warning: ") < file.getvalue().index("Take 128")


def test_a_terminal_without_rich_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_edu.bench.report.table.find_spec", lambda name: None)
    file = Terminal()
    show([ANSWER], [TABLE], file)
    assert plain(TABLE) in file.getvalue()
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_no_number_is_cut_off_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    table = Table("T", [f"heading of {k}" for k in range(12)], [[f"{k * 12345.678:,.3f}" for k in range(12)]])
    file = Terminal()
    show([], [table], file)
    text = file.getvalue()
    assert "…" not in text
    assert all(cell in text for cell in table.rows[0])


@given(st.lists(st.text("abc ", min_size=1, max_size=9), min_size=1, max_size=9, unique=True), st.integers(1, 60))
def test_parts_have_every_column_in_order_and_the_first_one_each(headings: list[str], width: int) -> None:
    table = Table("T", headings, [[str(k) * (k + 1) for k in range(len(headings))]] * 2)
    parts = fitting(table, width)
    assert [heading for part in parts for heading in part.headings[1:]] == headings[1:]
    assert {part.headings[0] for part in parts} == {headings[0]}
    assert all(len(part.headings) <= 2 or len(part.rows[0]) == len(part.headings) for part in parts)
